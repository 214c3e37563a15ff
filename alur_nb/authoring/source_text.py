"""Writes Python source in the layout that `ruff format` would leave, whatever the project's line length."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WIDTH = 88
"""What fits stays on one line; the rest is exploded with trailing commas, which formatters keep."""

INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class Name:
    """A name, or any other expression that is written as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call expression: `name(*arguments, **keywords)`."""

    name: str
    arguments: Sequence[Expression] = ()
    keywords: Mapping[str, Expression] = field(default_factory=dict)


Expression = Name | Call | str | int | float | bool | Sequence["Expression"] | Mapping[str, "Expression"]


def render(expression: Expression, *, indent: int = 0, used: int = 0, explode: bool = False) -> str:
    """Write an expression that starts after `used` characters of a line indented by `indent` levels.

    `explode` asks for one item per line even where one line would do.
    """
    line = _on_one_line(expression)
    # One column is left for the comma or bracket that may follow.
    if not explode and used + len(line) < WIDTH:
        return line
    opening, items, closing = _parts(expression)
    if not items:
        return line
    inner = INDENT * (indent + 1)
    rows = [
        f"{inner}{prefix}{render(item, indent=indent + 1, used=len(inner) + len(prefix))},"
        for prefix, item in items
    ]
    return "\n".join([opening, *rows, INDENT * indent + closing])


def literal(text: str) -> str:
    """Write text as a string literal with the quotes that `ruff format` prefers."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    body = "".join("\\" + mark if mark == quote else _escaped(mark) for mark in text)
    return f"{quote}{body}{quote}"


def block_literal(text: str) -> str:
    """Write text that spans lines as a triple-quoted literal; its own lines stay as they are typed."""
    body = "".join(mark if mark in "\n\t" else _escaped(mark) for mark in text)
    # Ruff drops escapes that are not needed, so only the quotes that would end the literal are escaped.
    body = re.sub(r'"{3,}', lambda quotes: '\\"' * len(quotes.group()), body)
    if body.endswith('"'):
        trailing = len(body) - len(body.rstrip('"'))
        body = body[:-trailing] + '\\"' * trailing
    return f'"""{body}"""'


def _escaped(mark: str) -> str:
    return mark if mark == "'" else repr(mark)[1:-1]


def _on_one_line(expression: Expression) -> str:
    match expression:
        case str():
            return literal(expression)
        case Name(text):
            return text
        case bool() | int() | float():
            return repr(expression)
        case _:
            opening, items, closing = _parts(expression)
            return opening + ", ".join(prefix + _on_one_line(item) for prefix, item in items) + closing


def _parts(expression: Expression) -> tuple[str, list[tuple[str, Expression]], str]:
    match expression:
        case Call(name, arguments, keywords):
            positional: list[tuple[str, Expression]] = [("", item) for item in arguments]
            named = [(f"{key}=", value) for key, value in keywords.items()]
            return f"{name}(", positional + named, ")"
        case Mapping():
            return "{", [(f"{literal(key)}: ", value) for key, value in expression.items()], "}"
        case str() | Name() | bool() | int() | float():
            return "", [], ""
        case _:
            return "[", [("", item) for item in expression], "]"

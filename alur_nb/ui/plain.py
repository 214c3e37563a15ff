"""Plain text that fits a page: what every object's text reading shares."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

COLUMNS = 100
_PART = 60
_HELD = "\0"
"""Stands for a space at which no line is cut."""


def page(lines: Iterable[str]) -> str:
    """Return lines as one text of at most 100 columns; what is longer goes on below, further in."""
    return "\n".join(wrapped for line in lines for wrapped in _wrapped(line))


def paged(value: object) -> str:
    """Return an object's own text on a page."""
    return page(str(value).splitlines())


def _wrapped(line: str) -> list[str]:
    if len(line) <= COLUMNS:
        return [line]
    inner = line.lstrip()
    indent = line[: len(line) - len(inner)]
    parts = inner.split(", ")
    if max(map(len, parts)) <= _PART:
        # A list is cut between its parts, so that a number stays beside what it counts.
        inner = ", ".join(part.replace(" ", _HELD) for part in parts)
    wrapped = textwrap.wrap(
        inner, COLUMNS, initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    )
    return [text.replace(_HELD, " ") for text in wrapped]

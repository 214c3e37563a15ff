"""Semantic HTML from plain values: it reads well when a sanitizer takes style, script and svg away.

No colours, no classes to rely on: states are words, tables have captions and scopes, depth is `<details>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from alur_nb.authoring.query import cell_text


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is already escaped; plain text beside it is escaped when the two are joined."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the user's data, written as it is and set to the right."""

    text: str


Content = Html | Number | str | int | float | None


def markup(content: Content) -> str:
    """Return content as markup: text is escaped, None is empty, numbers get their thousands separated."""
    if isinstance(content, Html):
        return content.text
    if content is None:
        return ""
    if isinstance(content, Number):
        return escape(content.text)
    if isinstance(content, int) and not isinstance(content, bool):
        return f"{content:,}"
    return escape(str(content))


def tag(name: str, *contents: Content, **attributes: str) -> Html:
    """Return one element."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{written}>{''.join(map(markup, contents))}</{name}>")


def joined(*contents: Content) -> Html:
    """Return contents one after the other."""
    return Html("".join(map(markup, contents)))


def card(*contents: Content) -> Html:
    """Return one output as a section."""
    return tag("section", *contents)


def paragraph(*contents: Content) -> Html:
    """Return a paragraph; its parts are joined by nothing."""
    return tag("p", *contents)


def code(text: str) -> Html:
    """Return text as code within a line."""
    return tag("code", text)


def unbroken(text: str) -> Html:
    """Return text that stays in one line, as a path does; a narrow table is scrolled instead."""
    return tag("span", text, style="white-space:nowrap")


def block(text: str) -> Html:
    """Return text as a block of code, its lines kept."""
    return tag("pre", code(text))


def strong(text: Content) -> Html:
    """Return text that matters."""
    return tag("strong", text)


def details(summary: str, *contents: Content, is_open: bool = False) -> Html:
    """Return contents that open on a click or a key."""
    inner = f"<summary>{escape(summary)}</summary>{''.join(map(markup, contents))}"
    return Html(f"<details{' open' if is_open else ''}>{inner}</details>")


def meter(done: int, total: int) -> Html:
    """Return a bar; the words beside it say the same, and in its place where a reader has no bars."""
    return tag("progress", f"{done:,} of {total:,}", value=str(done), max=str(max(total, 1)))


def items(contents: Iterable[Content], *, ordered: bool = False) -> Html:
    """Return a list; nothing where there are no items."""
    entries = [tag("li", content) for content in contents]
    return tag("ol" if ordered else "ul", *entries) if entries else Html("")


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[Content]]) -> Html:
    """Return a table with a caption; columns of numbers stand to the right, the first cell of a row is its header."""
    body = [tuple(row) for row in rows]
    sides = [_side([row[index] for row in body]) for index in range(len(headers))]
    head = [_cell("th", "col", side, text) for side, text in zip(sides, headers, strict=True)]
    return tag(
        "table",
        tag("caption", caption, style=_CAPTION),
        tag("thead", tag("tr", *head)),
        tag("tbody", *(_row(row, sides) for row in body)),
    )


# Jupyter centres captions, and sets them close to what stands above.
_CAPTION = "text-align:left;padding:0.5em 0"
_NOTHING = ("", None, "null", "NULL")


def _side(column: Sequence[Content]) -> str:
    values = [cell for cell in column if cell not in _NOTHING]
    return "right" if values and all(map(_is_number, values)) else "left"


def _is_number(content: Content) -> bool:
    return isinstance(content, int | float | Number) and not isinstance(content, bool)


def _row(cells: Sequence[Content], sides: Sequence[str]) -> Html:
    # In a column of words and numbers each cell stands as it is; one without a value stands as its column.
    own = [side if cell in _NOTHING else _side([cell]) for cell, side in zip(cells, sides, strict=True)]
    first, *others = zip(own, cells, strict=True)
    return tag("tr", _cell("th", "row", *first), *(_cell("td", "", *other) for other in others))


def _cell(name: str, scope: str, side: str, content: Content) -> Html:
    scoped = f' scope="{scope}"' if scope else ""
    return Html(f'<{name}{scoped} style="text-align:{side}">{markup(content)}</{name}>')


def data_cell(value: object) -> Content:
    """Return a value of the user's data as a cell: numbers as they are, texts cut with a mark."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return Number(cell_text(value)) if is_number else cell_text(value)

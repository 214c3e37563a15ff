"""Semantic HTML from plain values: it reads well when a sanitizer takes style, script and svg away.

No colours, no classes to rely on: states are words, tables have captions and scopes, depth is `<details>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """Return a table with a caption; numbers stand to the right, the first cell of a row is its header."""
    head = tag(
        "tr", *(Html(f'<th scope="col" style="text-align:left">{escape(text)}</th>') for text in headers)
    )
    body = [_row(row) for row in rows]
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))


def _row(cells: Sequence[Content]) -> Html:
    return tag("tr", *(_cell(cell, is_header=index == 0) for index, cell in enumerate(cells)))


def _cell(content: Content, *, is_header: bool) -> Html:
    is_number = isinstance(content, int | float | Number) and not isinstance(content, bool)
    side = "right" if is_number else "left"
    name, scope = ("th", ' scope="row"') if is_header else ("td", "")
    return Html(f'<{name}{scope} style="text-align:{side}">{markup(content)}</{name}>')


def data_cell(value: object) -> Content:
    """Return a value of the user's data as a cell: numbers as they are, texts cut with a mark."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Number(str(value)) if is_number else cell_text(value)

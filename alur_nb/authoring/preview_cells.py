"""Values as a preview's text and card show them, and how much of each part is shown: a card stays below 200 KB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from alur_nb.authoring.preview_facts import ColumnProfile, Preview
from alur_nb.runtime.errors import plural

MAX_BYTES = 200_000
"""Of one reading of a preview, text or HTML, in UTF-8."""
_CELL = 60
_NAMES = 5
_BLOCKS = "▁▂▃▄▅▆▇█"
# They join letters and pictures, and move nothing: Persian and family emoji need them.
_JOINERS = "\u200c\u200d"
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of each are shown, before "and N more"."""

    cells: int = 1_200
    """Rows times columns of a table of rows."""
    columns: int = 60
    files: int = 100
    rejected: int = 100
    raw: int = 500
    """Characters of a rejected row."""
    lines: int = 50
    """Problems, warnings, checks, and whatever else is a line each."""
    sentence: int = 2_000
    """Characters of one of them."""

    def less(self, part: int) -> Limits:
        """Return limits that are so many times smaller."""
        return Limits(
            max(20, self.cells // part),
            max(8, self.columns // part),
            max(5, self.files // part),
            max(5, self.rejected // part),
            max(60, self.raw // part),
            max(5, self.lines // part),
            max(200, self.sentence // part),
        )


FULL = Limits()
_STEPS = (1, 2, 4, 8, 16)


def fitted(render: Callable[[Limits], str]) -> str:
    """Return what is rendered with the widest limits that keep it below MAX_BYTES, else with the narrowest."""
    text = ""
    for step in _STEPS:
        text = render(FULL.less(step))
        if len(text.encode("utf-8", "replace")) <= MAX_BYTES:
            break
    return text


def value_text(value: object, width: int = _CELL) -> str:
    """Return one value as a cell shows it: null is a word, and a text that could be taken for it is quoted."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _text(value, width)
    if isinstance(value, bytes):
        return _cut(f"0x{value[:width].hex()}", width)
    return _cut(printable(_plain(value, width)), width)


def _text(value: str, width: int) -> str:
    is_null_word = len(value) == len("null") and value.lower() == "null"
    blank = not value or is_null_word or value[0].isspace() or value[-1].isspace()
    cut = _cut(printable(value[: width + 1]), width)
    return f"'{cut}'" if blank else cut


def _plain(value: object, width: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {value_text(inner, width)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_text(inner, width) for inner in value[:width])}]"
    return str(value)


def printable(text: str) -> str:
    """Return a text in one line that can move neither a terminal's cursor nor the direction of what follows."""
    return "".join(one if one.isprintable() or one in _JOINERS else ascii(one)[1:-1] for one in text)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def sentence(text: str, limits: Limits) -> str:
    """Return a message, its lines kept and printable, cut in words where it is too long."""
    shown = "\n".join(map(printable, text[: limits.sentence].split("\n")))
    rest = len(text) - limits.sentence
    return shown if rest <= 0 else f"{shown}… (and {rest:,} more characters)"


def is_number(value: object) -> bool:
    """Whether a value stands to the right."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_numeric(ddl: str) -> bool:
    """Whether values of a type stand to the right."""
    return ddl.partition("(")[0] in _NUMERIC


def first(
    items: Sequence[T], count: int, noun: str, name: Callable[[T], str] = str
) -> tuple[Sequence[T], str]:
    """Return the first items, and "and 3 more files: a, b, c" about the others; an empty text where there are none."""
    rest = items[count:]
    if not rest:
        return items, ""
    return (
        items[:count],
        f"and {len(rest):,} more {plural(len(rest), noun).partition(' ')[2]}: {named(map(name, rest[: _NAMES + 1]))}",
    )


def named(names: Iterable[str]) -> str:
    """Return a few names, each cut to a cell."""
    found = [value_text(name) for name in names]
    return ", ".join(found[:_NAMES]) + (", ..." if len(found) > _NAMES else "")


def shown_columns(value: Preview, limits: Limits) -> int:
    """How many columns of the result a table of its rows shows."""
    return min(len(value.columns), limits.columns)


def more_columns(value: Preview, limits: Limits) -> str:
    """Say which columns of the result are not shown, and how to see them."""
    rest = value.columns[limits.columns :]
    if not rest:
        return ""
    said = f"and {len(rest):,} more columns: {named(rest[: _NAMES + 1])}"
    return f'{said} (.only("{value_text(rest[0])}") shows this one; all are in .rows and --json)'


def shown_rows(value: Preview, limits: Limits) -> int:
    """How many rows of the result a table shows."""
    width = max(1, shown_columns(value, limits))
    return min(len(value.rows), max(1, limits.cells // width))


def more_rows(value: Preview, limits: Limits) -> str:
    """Say how many fetched rows are not shown, and how to see them."""
    rest = len(value.rows) - shown_rows(value, limits)
    return f"and {rest:,} more of the rows that were asked for: all are in .rows and --json" if rest else ""


def profile_facts(one: ColumnProfile) -> tuple[str, str, str]:
    """Return nulls, different values, and how the values are spread, in words."""
    share = f" ({_share(one.nulls / one.rows)})" if one.nulls and one.rows else ""
    about = "about " if one.about else ""
    return f"{one.nulls:,}{share}", f"{about}{one.distinct:,}", _spread(one)


def _share(part: float) -> str:
    return "under 0.1%" if part < 0.001 else f"{part:.1%}"


def _spread(one: ColumnProfile) -> str:
    """Return a histogram as blocks and its numbers, or the most frequent values with theirs."""
    if not one.bins:
        return "all different" if one.distinct > 1 and one.distinct == one.rows - one.nulls else ""
    if not one.is_range:
        rest = one.distinct - len(one.bins)
        values = ", ".join(f"{value_text(found.label, 40)} {found.rows:,}" for found in one.bins)
        return values + (f", {rest:,} more values" if rest > 0 else "")
    highest = max(found.rows for found in one.bins)
    blocks = "".join(
        _BLOCKS[(found.rows * len(_BLOCKS) - 1) // highest] if found.rows else "·" for found in one.bins
    )
    counts = ", ".join(f"{found.rows:,}" for found in one.bins)
    low, high = one.bins[0].label.partition(" to ")[0], one.bins[-1].label.partition(" to ")[2]
    apart = one.rows - one.nulls - sum(found.rows for found in one.bins)
    outside = f"; {plural(apart, 'row')} with NaN or infinity in none of them" if apart else ""
    return f"{blocks} {counts} in {len(one.bins)} equal parts from {low} to {high}{outside}"


def cut_out(reason: str) -> str | None:
    """Return the value that a reason begins with, between its marks; None where it is of something else."""
    parts = reason.split("`")
    return parts[1] if len(parts) > 2 and not parts[0] else None

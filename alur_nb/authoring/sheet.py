"""A report as plain values: a head, lines and tables, from which both the text and the card are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """One table of a report; every cell is text already."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """Return the table as aligned text; nothing where it has no rows."""
        if not self.rows:
            return []
        shown = [self.headers, *self.rows]
        widths = [max(len(row[index]) for row in shown) for index in range(len(self.headers))]
        return [self.caption, *(f"  {_aligned(row, widths)}" for row in shown)]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole report."""

    head: str
    lines: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be known of the numbers: formulas, assumptions, the next step."""

    def __str__(self) -> str:
        tables = [line for grid in self.grids for line in grid.lines()]
        return "\n".join([self.head, *(f"  {line}" for line in self.lines), *tables, *self.notes])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()

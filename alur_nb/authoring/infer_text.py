"""An inference as plain text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from alur_nb.authoring.infer_facts import ColumnEvidence, Inference
from alur_nb.authoring.infer_types import quoted
from alur_nb.authoring.sizes import size_text
from alur_nb.runtime.errors import plural

_WIDTH = 100
HEADERS = ("column", "type", "empty", "different", "evidence")

STATES = {
    "": "the cell",
    "written": "the cell, written below this one; where the front end cannot, copy it",
    "written before": "the cell; this line wrote it before, so it is not written again",
    "differs": "the cell; it differs from what this line wrote before, so nothing is written",
    "declared": "the cell; {table} is declared already, so nothing is written",
    "saved": "the cell; the saved notebook has one for {table} already, so nothing is written",
}


def headline(value: Inference) -> str:
    """Return what was inferred, and from how much."""
    count = sum(column.wanted is not None for column in value.columns)
    return f"table {value.table} inferred from {value.pattern} ({value.format}): {plural(count, 'column')}"


def read_text(value: Inference) -> str:
    """Return how much of the files was looked at."""
    files = value.files
    found = f"at least {files.found:,}" if files.capped else f"{files.found:,}"
    rows = plural(files.rows, "row")
    if files.complete:
        return f"read: all {rows} of {plural(files.found, 'file')}, {size_text(files.bytes_found)}"
    read = f"{size_text(files.bytes_read)} of {size_text(files.bytes_found)}"
    return f"read: the first {rows} of {len(files.opened):,} of {found} files, {read}; the rest was not seen"


def share(count: int, total: int) -> str:
    """Return a share in whole percents; what is neither none nor all never looks so."""
    if total == 0 or count == 0:
        return "0 %"
    if count == total:
        return "100 %"
    return f"{min(max(round(100 * count / total), 1), 99)} %"


def evidence_text(column: ColumnEvidence) -> str:
    """Return what speaks for the column's type and against it."""
    parts = [f"spelled {quoted(column.header)}"] if column.header != column.name else []
    parts += [f'source="{column.header}" needed'] if column.wanted is not None and column.needs_source else []
    parts += column.notes
    parts += [f"doubt: {doubt}" for doubt in column.doubts]
    if column.wanted is not None and not column.wanted.nullable:
        parts.append("never empty on the sample")
    return "; ".join(parts)


def cells(column: ColumnEvidence) -> tuple[str, str, str, str, str]:
    """Return the row of a column in the table of evidence."""
    values = column.rows - column.empty
    return (
        column.name,
        column.type_text,
        share(column.empty, column.rows),
        share(column.distinct, values),
        evidence_text(column),
    )


def state_text(value: Inference) -> str:
    """Return what became of the cell."""
    return STATES[value.state].format(table=value.table)


def difference_text(value: Inference) -> str:
    """Return the words above the difference; empty where there is none to tell of."""
    if value.state not in ("differs", "declared", "saved"):
        return ""
    return "the difference" if value.difference else "no difference: the sample says the same"


def to_text(value: Inference) -> str:
    """Return the inference as text."""
    if not value.table:
        return "Nothing was inferred."
    lines = [headline(value), f"  {read_text(value)}"]
    if value.options:
        lines.append(f"  options: {', '.join(f'{key}={text}' for key, text in value.options.items())}")
    lines += _table([HEADERS, *map(cells, value.columns)])
    lines.append(f"  candidate keys, on the sample: {', '.join(value.keys) or 'none'}")
    for doubt in value.doubts:
        lines += _wrapped(f"doubt: {doubt}", "  ")
    if difference_text(value):
        lines.append(f"  {difference_text(value)}{':' if value.difference else ''}")
        lines += [f"    {line}" for line in value.difference.splitlines()]
    lines += [f"  {state_text(value)}:", *(f"    {line}" for line in value.cell.splitlines())]
    lines += ["  next: run that cell, then:", f"    {value.next_step}"]
    return "\n".join(line.rstrip() for line in lines)


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Lay rows out in columns; the last column gets lines of its own where it does not fit."""
    widths = [min(max(len(row[index]) for row in rows), 40) for index in range(len(HEADERS) - 1)]
    for row in rows:
        start = "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False))
        if len(start) + 2 + len(row[-1]) <= _WIDTH:
            yield f"{start}  {row[-1]}"
        else:
            yield from _wrapped(start.rstrip(), "  ")
            yield from _wrapped(row[-1], "      ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text.strip(), _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )

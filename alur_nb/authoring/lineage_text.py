"""Lineage in words, a line a step: for the terminal, and for what a saved notebook keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alur_nb.authoring.lineage import EVERY, ColumnReport, LineageReport, Step
from alur_nb.runtime.lineage import ColumnEdge, ColumnRef, PipelineLineage

NOTHING = "nothing that is known"


def to_text(report: LineageReport) -> str:
    """Return the report: of one column every step, of a table the next step of each column."""
    if not report.table:
        return "Nothing was asked."
    lines = _table(report) if report.whole else [line for one in report.columns for line in _column(one)]
    if report.deciding:
        named = [f"{ref} ({kind}, by {pipeline})" for ref, kind, pipeline in report.deciding]
        lines.append(f"rows of {report.table} are decided by:")
        lines += [f"  {one}" for one in named]
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)


def _table(report: LineageReport) -> list[str]:
    width = max((len(one.ref.column) for one in report.columns), default=0)
    lines = [f"{report.table}, column by column"]
    for one in report.columns:
        made = ", ".join(map(near_text, _nearest(one.feeds))) or NOTHING
        lines.append(f"  {one.ref.column.ljust(width)}  made of {made}")
        if one.depends:
            goes = ", ".join(map(near_text, _nearest(one.depends)))
            lines.append(f"  {' ' * width}  goes into {goes}")
    return lines


def _column(report: ColumnReport) -> Iterator[str]:
    yield f"{report.ref}"
    yield "  is made of" if report.feeds else f"  is made of {NOTHING}"
    yield from _tree(report.feeds, report.ref, "    ")
    if report.depends:
        yield "  goes into"
        yield from _tree(report.depends, report.ref, "    ")


def _tree(steps: Sequence[Step], via: ColumnRef, indent: str) -> Iterator[str]:
    for step in steps:
        if step.via == via:
            yield f"{indent}{step_text(step)}"
            yield from _tree(steps, step.ref, indent + "  ")


def _nearest(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.depth == 1]


def ref_text(ref: ColumnRef) -> str:
    """Return a column, or what stands for a whole table."""
    return f"the table {ref.table}" if ref.column == EVERY else str(ref)


def near_text(step: Step) -> str:
    """Return a step as a part of a sentence."""
    what = f"the rows of {step.ref.table}" if step.kind in _ROWS else ref_text(step.ref)
    return f"{what} ({step.kind})" if step.kind not in ("direct", "table") else what


def step_text(step: Step) -> str:
    """Return a step as a line: what, in which way, by whom."""
    what = f"the rows of {step.ref.table}" if step.kind in _ROWS else ref_text(step.ref)
    how = "table level" if step.kind == "table" else step.kind
    return f"{what}  {how}, by {step.pipeline}"


def pipeline_lines(lineage: PipelineLineage) -> list[str]:
    """Return one pipeline's lineage: what is taken as it is, by source; a line for each other column; its rows."""
    if lineage.level == "table":
        return [f"table level: {lineage.reason}; reads {', '.join(lineage.reads) or 'nothing declared'}"]
    edges: dict[str, list[ColumnEdge]] = {}
    for edge in lineage.columns:
        edges.setdefault(edge.target.column, []).append(edge)
    same: dict[str, list[str]] = {}
    made = []
    for column, found in edges.items():
        first = found[0]
        if len(found) == 1 and first.kind == "direct" and first.source.column == column:
            same.setdefault(first.source.table, []).append(column)
        else:
            ways = (f"{one.source}{'' if one.kind == 'direct' else f' ({one.kind})'}" for one in found)
            made.append(f"{column} from {', '.join(ways)}")
    lines = [f"as in {table}: {', '.join(columns)}" for table, columns in same.items()]
    rows = dict.fromkeys(f"{edge.source} ({edge.kind})" for edge in lineage.rows)
    return [*lines, *made, *([f"its rows by {', '.join(rows)}"] if rows else [])]


_ROWS = ("filter", "join", "group", "sort")

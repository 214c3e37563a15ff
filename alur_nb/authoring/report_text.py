"""How the project stands, as text: what needs a look first."""

from __future__ import annotations

from collections.abc import Iterator

from alur_nb.authoring.batch_cost import ASSUMPTIONS, Cost
from alur_nb.authoring.report_facts import Status, TableStatus


def to_text(status: Status) -> str:
    """Return the status of every table, and what it has cost."""
    if not status.at:
        return "Nothing was looked at."
    lines = [f"{status.project}, environment {status.environment}, {moment(status.at)}: {status.head}"]
    for one in status.tables:
        lines += _table(one)
    if status.cost is not None:
        lines += [f"cost of these batches: {cost_text(status.cost)}", f"  {ASSUMPTIONS}"]
    return "\n".join(lines)


def _table(one: TableStatus) -> Iterator[str]:
    yield f"  {one.name}: {', '.join(filter(None, (one.freshness_text, one.rows_text)))}"
    if one.batches:
        yield f"       last batch: {one.batches[0].lines()[0]}"
    yield from (f"       {line.strip()}" for line in (one.batches[0].below() if one.batches else ()))
    yield from (f"       check {check.name}: {check.text}" for check in one.checks)


def cost_text(cost: Cost) -> str:
    """Return an estimate in words."""
    return f"about ${cost.dollars:,.2f} ({cost.dpu_hours:,.2f} DPU-hours)"


def moment(iso: str) -> str:
    """Return a moment as one reads it, to the minute."""
    return f"{iso[:16].replace('T', ' ')} UTC" if iso else ""

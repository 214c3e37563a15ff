"""The card of a run: one row a pipeline, and below it what each has to say."""

from __future__ import annotations

from alur_nb.authoring.preview_cells import first
from alur_nb.runtime.examples import MAX_EXAMPLES, plain_rows
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui.html import (
    Content,
    Html,
    block,
    card,
    code,
    data_cell,
    details,
    items,
    paragraph,
    table,
)

_COLUMNS = 20
"""Columns of the rows that fail a check; the others are named."""


def run_card(value: RunReport) -> Html:
    """Show a run, its failed pipelines unfolded."""
    if not value.runs:
        return card(paragraph("Nothing was run."))
    rows = [(run.name, run.table, run.state, run.rows, run.rejected, run.files) for run in value.runs]
    headers = ("pipeline", "table", "state", "rows", "rejected", "files")
    told = (_run_details(run) for run in value.runs)
    return card(table("run", headers, rows), *told, paragraph(value.elapsed_text))


def _run_details(run: PipelineRun) -> Html | None:
    parts: list[Content] = []
    if run.batch_id:
        parts.append(paragraph("batch ", code(run.batch_id)))
    if run.reject_reasons:
        parts.append(table("rejected rows by reason", ("reason", "rows"), list(run.reject_reasons.items())))
    if run.checks:
        rows = [(c.name, _outcome(c), c.metric, c.message) for c in run.checks]
        parts.append(table("checks", ("check", "result", "metric", "message"), rows))
    parts += [_failing_rows(check) for check in run.checks if check.examples]
    parts.append(items(f"skipped {text}" for text in run.skipped_files))
    parts.append(items(f"note: {text}" for text in run.warnings))
    if run.error_text:
        parts.append(block(run.error_text))
    if not any(str(part) for part in parts):
        return None
    return details(f"{run.name}: {run.state}", *parts, is_open=run.state == "failed")


def _outcome(check: CheckResult) -> str:
    return "passed" if check.passed else f"failed: {check.severity}"


def _failing_rows(check: CheckResult) -> Html:
    """Return the rows that the report holds; a report that is full says that there may be others."""
    found = plain_rows(check.examples)
    headers, more = first(list(dict.fromkeys(name for row in found for name in row)), _COLUMNS, "column")
    count = f"the first {len(found):,} rows" if len(found) >= MAX_EXAMPLES else "rows"
    rows = [[data_cell(row.get(name)) for name in headers] for row in found]
    shown = table(f"{count} that fail {check.name}", headers, rows)
    return details(f"{count} that fail {check.name}", shown, paragraph(more) if more else None, is_open=True)

"""The preview's card: verdict first, then what was not seen, the sources, the result, rejects, checks and lineage."""

from __future__ import annotations

from collections.abc import Sequence

from alur_nb.authoring.preview_facts import (
    CheckPreview,
    FileFact,
    Obstacle,
    Preview,
    SourcePreview,
    Step,
)
from alur_nb.authoring.preview_notes import size_text
from alur_nb.authoring.preview_text import source_facts
from alur_nb.runtime.errors import plural
from alur_nb.ui.html import (
    Content,
    Html,
    card,
    code,
    data_cell,
    details,
    items,
    joined,
    paragraph,
    strong,
    table,
)


def preview_card(value: Preview) -> Html:
    """Show a preview."""
    if not value.pipeline:
        return card(paragraph("Nothing was previewed."))
    return card(
        paragraph(strong(f"preview of {value.pipeline} -> {value.target}: {value.verdict}")),
        items(_obstacle(problem) for problem in value.problems),
        items(joined(strong("warning: "), text) for text in value.warnings),
        items(joined(strong("not seen: "), text) for text in value.notes),
        *(_source(source) for source in value.sources),
        _rows(value),
        _columns(value),
        _rejected(value),
        _checks(value.checks),
        _lineage(value.lineage),
    )


def _obstacle(problem: Obstacle) -> Html:
    fix = joined(" Next: ", problem.fix) if problem.fix else None
    return joined(strong("problem: "), problem.message, fix)


def _source(source: SourcePreview) -> Html:
    facts: list[Content] = [
        joined(strong(source.parameter), f": {source.kind} ", code(source.reads), f", {source.state}")
    ]
    facts += source_facts(source)
    return joined(items(facts), _files(source), _contract(source))


def _files(source: SourcePreview) -> Html | None:
    if not source.files:
        return None
    rows = [_file(one) for one in source.files]
    headers = ("file", "status", "size", "why", "next", "opened")
    return details(
        f"{len(rows):,} files of {source.parameter}", table(f"files of {source.parameter}", headers, rows)
    )


def _file(one: FileFact) -> tuple[Content, ...]:
    opened = "yes" if one.opened else "no"
    return (one.path, one.status, size_text(one.bytes), one.reason or "", one.fix or "", opened)


def _contract(source: SourcePreview) -> Html | None:
    if not source.columns:
        return None
    rows = [
        (one.name, one.ddl or "", one.state, f"{one.found} of {one.files}", one.header or "")
        for one in source.columns
    ]
    caption = f"columns of {source.parameter} against the contract"
    listed = table(caption, ("column", "declared", "state", "in files", "spelled"), rows)
    return details(caption, listed, is_open=any(one.state != "in files" for one in source.columns))


def _rows(value: Preview) -> Html | None:
    if not value.columns:
        return None
    of = f"{value.sample_rows:,} rows" if value.exact else f"a sample of {value.sample_rows:,} rows"
    headers = [f"{name} {kind}" for name, kind in zip(value.columns, value.types, strict=True)]
    rows = [[data_cell(cell) for cell in row] for row in value.rows]
    return table(f"the first {len(rows):,} of {of}", headers, rows)


def _columns(value: Preview) -> Html | None:
    if not value.result_columns:
        return None
    rows = [(one.name, one.declared or "", one.given or "", one.state) for one in value.result_columns]
    caption = f"the result's columns against {value.target}"
    is_open = any(one.state in ("missing", "surplus", "differs") for one in value.result_columns)
    return details(caption, table(caption, ("column", "declared", "given", "state"), rows), is_open=is_open)


def _rejected(value: Preview) -> Html | None:
    if not value.rejected_rows:
        return None
    reasons = table(
        f"{plural(value.rejected_rows, 'rejected row')} by reason",
        ("reason", "rows"),
        list(value.reject_reasons.items()),
    )
    rows = [
        (one.source_file or "", one.line, one.column or "", one.reason, code(one.raw))
        for one in value.rejected
    ]
    shown = table("rejected rows", ("file", "line", "column", "reason", "raw"), rows)
    return joined(reasons, details(f"the first {plural(len(rows), 'rejected row')}", shown))


def _checks(checks: Sequence[CheckPreview]) -> Html | None:
    if not checks:
        return None
    rows = [
        (
            one.result.name,
            one.outcome,
            str(one.result.severity),
            one.result.metric,
            one.result.message,
            one.note or ("judged on a sample" if one.on_sample else ""),
        )
        for one in checks
    ]
    listed = table("checks", ("check", "outcome", "severity", "metric", "message", "note"), rows)
    return joined(listed, *(_examples(one) for one in checks))


def _examples(one: CheckPreview) -> Html | None:
    if not one.result.examples:
        return None
    headers = list(one.result.examples[0])
    rows = [[data_cell(example.get(name)) for name in headers] for example in one.result.examples]
    caption = f"rows that fail {one.result.name}"
    return details(caption, table(caption, headers, rows))


def _lineage(steps: Sequence[Step]) -> Html | None:
    if not steps:
        return None
    lines = [
        joined(
            strong(step.pipeline),
            f": {', '.join(step.reads) or 'no source'} -> {step.writes}",
            "" if step.previewed else " (its committed rows)",
        )
        for step in steps
    ]
    return details("lineage", items(lines, ordered=True))

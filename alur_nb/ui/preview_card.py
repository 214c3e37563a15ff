"""The preview's card: verdict first, then what was not seen, the sources, the result, rejects, checks and lineage."""

from __future__ import annotations

from collections.abc import Sequence

from alur_nb.authoring.preview_cells import (
    Limits,
    first,
    fitted,
    is_number,
    more_columns,
    more_rows,
    printable,
    profile_facts,
    sentence,
    shown_columns,
    shown_rows,
    value_text,
)
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ColumnProfile,
    ContractColumn,
    FileFact,
    Obstacle,
    Preview,
    ResultColumn,
    SourcePreview,
)
from alur_nb.authoring.preview_notes import size_text
from alur_nb.authoring.preview_text import (
    accepted_rows,
    by_concern,
    loaded_text,
    more_files,
    profiles_caption,
    rows_caption,
    source_facts,
)
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import plural
from alur_nb.ui.html import (
    Content,
    Html,
    Number,
    card,
    code,
    details,
    items,
    joined,
    paragraph,
    strong,
    table,
    unbroken,
)

FAILING = {
    Severity.ERROR: "nothing is published",
    Severity.WARN: "it is reported",
    Severity.DROP: "its rows are rejected",
}
"""What a failed check does, by its severity."""


def preview_card(value: Preview) -> Html:
    """Show a preview, each part as far as the card's size allows; what is left out is told."""
    if not value.pipeline:
        return card(paragraph("Nothing was previewed."))
    return Html(fitted(lambda limits: _card(value, limits).text))


def _card(value: Preview, limits: Limits) -> Html:
    return card(
        paragraph(strong(f"preview of {value.pipeline} -> {value.target}: {value.verdict}")),
        _more(loaded_text(value)),
        _since(value.since, limits),
        _listed([_obstacle(problem, limits) for problem in value.problems], "problem", limits),
        _listed([_said("warning: ", text, limits) for text in value.warnings], "warning", limits),
        _listed([_said("not seen: ", text, limits) for text in value.notes], "note", limits),
        *(_source(source, limits) for source in value.sources),
        _rows(value, limits),
        _profiles("the result", value.profiles, value.sample_rows, limits),
        _columns(value, limits),
        _rejected(value, limits),
        _checks(value.checks, limits),
        _lineage(value, limits),
    )


def _since(changes: Sequence[str], limits: Limits) -> Html | None:
    if not changes:
        return None
    return paragraph(strong("since the last preview: "), sentence("; ".join(changes), limits))


def _listed(contents: Sequence[Html], noun: str, limits: Limits) -> Html:
    rest = len(contents) - limits.lines
    more = [f"and {plural(rest, f'more {noun}')}"] if rest > 0 else []
    return items([*contents[: limits.lines], *more])


def _said(kind: str, text: str, limits: Limits) -> Html:
    return joined(strong(kind), sentence(text, limits))


def _obstacle(problem: Obstacle, limits: Limits) -> Html:
    fix = joined(" Next: ", sentence(problem.fix, limits)) if problem.fix else None
    return joined(_said("problem: ", problem.message, limits), fix)


def _more(text: str) -> Html | None:
    return paragraph(text) if text else None


def _source(source: SourcePreview, limits: Limits) -> Html:
    reads = code(sentence(source.reads, limits))
    facts: list[Content] = [joined(strong(source.parameter), f": {source.kind} ", reads, f", {source.state}")]
    facts += source_facts(source)
    return joined(
        items(facts),
        _files(source, limits),
        _contract(source, limits),
        _profiles(source.parameter, source.profiles, accepted_rows(source), limits),
    )


def _files(source: SourcePreview, limits: Limits) -> Html | None:
    if not source.files:
        return None
    rows = [_file(one, limits) for one in by_concern(source.files)[: limits.files]]
    headers = ("file", "status", "size", "why", "next", "opened")
    listed = table(f"files of {source.parameter}", headers, rows)
    more = _more(more_files(by_concern(source.files), limits.files))
    return details(f"{len(source.files):,} files of {source.parameter}", listed, more)


def _file(one: FileFact, limits: Limits) -> tuple[Content, ...]:
    why, fix = (sentence(text or "", limits) for text in (one.reason, one.fix))
    return (printable(one.path), one.status, size_text(one.bytes), why, fix, "yes" if one.opened else "no")


def _contract(source: SourcePreview, limits: Limits) -> Html | None:
    if not source.columns:
        return None
    ordered = sorted(source.columns, key=lambda one: one.state == "in files")
    shown, more = first(ordered, limits.columns, "column", lambda one: one.name)
    caption = f"columns of {source.parameter} against the contract"
    headers = ("column", "declared", "state", "in files", "spelled", "to declare it")
    listed = table(caption, headers, [_contract_row(one, limits) for one in shown])
    is_open = any(one.state != "in files" for one in source.columns)
    return details(caption, listed, _more(more), is_open=is_open)


def _contract_row(one: ContractColumn, limits: Limits) -> tuple[Content, ...]:
    proposed = code(sentence(one.proposed, limits)) if one.proposed else ""
    spelled = value_text(one.header) if one.header else ""
    found = f"{one.found} of {one.files}"
    return (value_text(one.name), one.ddl or "", one.state, found, spelled, proposed)


def _rows(value: Preview, limits: Limits) -> Html | None:
    if not value.columns:
        return None
    width, height = shown_columns(value, limits), shown_rows(value, limits)
    names = zip(value.columns[:width], value.types[:width], strict=True)
    headers = [f"{value_text(name)} {sentence(kind, limits)}" for name, kind in names]
    rows = [[_cell(cell) for cell in row[:width]] for row in value.rows[:height]]
    listed = table(rows_caption(value, height), headers, rows)
    return joined(listed, _more(more_rows(value, limits)), _more(more_columns(value, limits)))


def _cell(value: object) -> Content:
    text = value_text(value)
    return Number(text) if is_number(value) else text


def _profiles(of: str, profiles: Sequence[ColumnProfile], rows: int, limits: Limits) -> Html | None:
    if not profiles:
        return None
    caption = profiles_caption(of, profiles, rows)
    shown, more = first(profiles, limits.columns, "column", lambda one: one.name)
    headers = ("column", "type", "nulls", "distinct", "least", "greatest", "values")
    return details(caption, table(caption, headers, [_profile(one, limits) for one in shown]), _more(more))


def _profile(one: ColumnProfile, limits: Limits) -> tuple[Content, ...]:
    nulls, distinct, spread = profile_facts(one)
    ends = ["" if one.least is None else _cell(end) for end in (one.least, one.greatest)]
    kind = sentence(one.type, limits)
    return (value_text(one.name), kind, Number(nulls), Number(distinct), *ends, spread)


def _columns(value: Preview, limits: Limits) -> Html | None:
    if not value.result_columns:
        return None
    # What is not as it was declared comes first, where not all are shown.
    ordered = sorted(value.result_columns, key=lambda one: one.state == "ok")
    shown, more = first(ordered, limits.columns, "column", lambda one: one.name)
    caption = f"the result's columns against {value.target}"
    headers = ("column", "declared", "given", "state", "a run", "to declare it")
    listed = table(caption, headers, [_result_row(one, limits) for one in shown])
    is_open = any(one.fate in ("refused", "added") for one in value.result_columns)
    return details(caption, listed, _more(more), is_open=is_open)


def _result_row(one: ResultColumn, limits: Limits) -> tuple[Content, ...]:
    declared, given = (sentence(text or "nothing", limits) for text in (one.declared, one.given))
    proposed = code(sentence(one.proposed, limits)) if one.proposed else ""
    return (value_text(one.name), declared, given, one.state, one.fate, proposed)


def _rejected(value: Preview, limits: Limits) -> Html | None:
    if not value.rejected_rows:
        return None
    reasons = list(value.reject_reasons.items())
    shown, more = first(reasons, limits.lines, "reason", lambda item: item[0])
    counted = table(
        f"{plural(value.rejected_rows, 'rejected row')} by reason",
        ("reason", "rows"),
        [(sentence(reason, limits), count) for reason, count in shown],
    )
    rows = [
        (
            unbroken(printable(one.source_file or "made by the pipeline")),
            one.line,
            one.column or "",
            "" if one.value is None else code(value_text(one.value)),
            sentence(one.reason, limits),
            code(value_text(one.raw, limits.raw)),
        )
        for one in value.rejected[: limits.rejected]
    ]
    headers = ("file", "line", "column", "value", "reason", "raw")
    listed = table("rejected rows", headers, rows)
    return joined(counted, _more(more), details(f"the first {len(rows):,} rejected rows", listed))


def _checks(checks: Sequence[CheckPreview], limits: Limits) -> Html | None:
    if not checks:
        return None
    shown, more = first(checks, limits.lines, "check", lambda one: one.result.name)
    rows = [
        (
            sentence(one.result.name, limits),
            one.outcome,
            sentence(one.result.metric, limits),
            sentence(one.result.message, limits),
            one.note or ("judged on a sample" if one.on_sample else ""),
            f"{one.result.severity}: {FAILING[one.result.severity]}",
        )
        for one in shown
    ]
    listed = table("checks", ("check", "outcome", "metric", "message", "note", "if it fails"), rows)
    return joined(listed, _more(more), *(_examples(one, limits) for one in shown))


def _examples(one: CheckPreview, limits: Limits) -> Html | None:
    if not one.result.examples:
        return None
    headers, more = first(list(one.result.examples[0]), limits.columns, "column")
    rows = [[_cell(example.get(name)) for name in headers] for example in one.result.examples]
    caption = f"rows that fail {sentence(one.result.name, limits)}"
    return details(caption, table(caption, list(map(value_text, headers)), rows), _more(more))


def _lineage(value: Preview, limits: Limits) -> Html | None:
    steps = value.lineage
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
    columns = _listed([joined(sentence(text, limits)) for text in value.columns_from], "column", limits)
    return details("lineage", items(lines, ordered=True), columns)

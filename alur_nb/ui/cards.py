"""Cards: an object as static HTML with the facts of its plain text, and nothing that a widget would have to hold.

Pure functions from a value to markup; `register` hands them to IPython's formatters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.history import History
from alur_nb.authoring.listing import source_text
from alur_nb.authoring.query import QueryResult
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import current_project
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table, TableType
from alur_nb.ui import memory
from alur_nb.ui.declaring import Declaration, pipeline_text, table_text, write_facts
from alur_nb.ui.display import show
from alur_nb.ui.form_facts import Form, form_card
from alur_nb.ui.glance import Glance
from alur_nb.ui.glance_card import around_pipeline, around_table, drawn, glance_card
from alur_nb.ui.help import Help
from alur_nb.ui.history_card import history_card
from alur_nb.ui.html import (
    Content,
    Html,
    block,
    card,
    code,
    data_cell,
    details,
    items,
    joined,
    paragraph,
    strong,
    table,
    tag,
)
from alur_nb.ui.next_steps import NextStep
from alur_nb.ui.plain import page, paged
from alur_nb.ui.run_card import run_card
from alur_nb.ui.sheet_card import SHEETS, sheet_card
from alur_nb.ui.table_states_card import STATE_CARDS

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from alur_nb.authoring.bundle import Bundle
    from alur_nb.authoring.infer_facts import Inference
    from alur_nb.authoring.lineage import LineageReport
    from alur_nb.authoring.operate import CheckReport
    from alur_nb.authoring.preview_facts import Preview
    from alur_nb.authoring.rejects import RejectsReport
    from alur_nb.authoring.report_facts import Status
    from alur_nb.ui.export_panel import ExportPanel

log = logging.getLogger(__name__)

WIDTH = 100
_DEFAULTS = FileSource(())


def table_card(value: Table) -> Html:
    """Show a table: its columns, keys and partitions, and the pipelines around it."""
    near = around_table(value)
    rows = [
        (name, field.ddl, "yes" if field.nullable else "no", field.description or "")
        for name, field in value.columns.items()
    ]
    facts = _facts(
        ("class", code(value.class_name)),
        ("primary key", ", ".join(value.primary_key)),
        ("partitioned by", ", ".join(map(str, value.partition_by))),
        ("format", value.format),
        *write_facts(value),
        *near.facts,
    )
    return card(
        paragraph(strong(f"table {value.qualified_name}")),
        paragraph(value.description) if value.description else None,
        facts,
        drawn(near.graph),
        table(
            f"the {len(value.columns):,} columns of {value.qualified_name}",
            ("column", "type", "nullable", "comment"),
            rows,
        ),
    )


def table_plain(value: Table) -> str:
    """Return a table as text: the facts of its card."""
    lines = [table_text(value)]
    lines += [f"  {value.description}"] if value.description else []
    lines += [f"  primary key: {', '.join(value.primary_key)}"] if value.primary_key else []
    lines += [f"  partitioned by: {', '.join(map(str, value.partition_by))}"] if value.partition_by else []
    lines += [f"  format: {value.format}"]
    lines += [f"  {name}: {said}" for name, said in write_facts(value) if said]
    lines += [*around_table(value).lines]
    width = max(map(len, value.columns), default=0)
    for name, field in value.columns.items():
        note = f"{field.ddl}{'' if field.nullable else ' not null'}"
        lines.append(f"  {name.ljust(width)}  {note}{f'  {field.description}' if field.description else ''}")
    return page(lines)


def pipeline_card(value: Pipeline) -> Html:
    """Show a pipeline: sources, target, schedule and checks, and the pipelines around it."""
    near = around_pipeline(value)
    sources = [(name, source_text(source), _rules(source)) for name, source in value.sources.items()]
    schedule = f"{value.schedule.cron} {value.schedule.timezone}" if value.schedule else ""
    return card(
        paragraph(strong(f"pipeline {value.name}")),
        paragraph(value.description) if value.description else None,
        _facts(
            ("writes", value.target.qualified_name),
            ("schedule", schedule),
            ("profile", value.resource_profile),
            *near.facts,
        ),
        items(stale_texts(value)),
        drawn(near.graph),
        table(f"sources of {value.name}", ("parameter", "source", "rules"), sources) if sources else None,
        table(
            f"checks of {value.name}",
            ("check", "severity"),
            [(expected.name, str(expected.severity)) for expected in value.expectations],
        )
        if value.expectations
        else None,
    )


def pipeline_plain(value: Pipeline) -> str:
    """Return a pipeline as text: the facts of its card."""
    lines = [pipeline_text(value)]
    lines += [f"  {value.description}"] if value.description else []
    lines += [f"  schedule: {value.schedule.cron} {value.schedule.timezone}"] if value.schedule else []
    lines += [f"  profile: {value.resource_profile}"] if value.resource_profile else []
    for name, source in value.sources.items():
        rules = _rules(source)
        line = f"  source {name}: {source_text(source)}{f' ({rules})' if rules else ''}"
        lines += wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    lines += [f"  check {expected.name}: {expected.severity}" for expected in value.expectations]
    lines += around_pipeline(value).lines
    return page([*lines, *(f"  {text}" for text in stale_texts(value))])


def stale_texts(value: Pipeline) -> tuple[str, ...]:
    """Return what has changed since the pipeline's last preview and its last run in this session."""
    known = memory.current()
    return known.stale(value, current_project()) if known else ()


def _rules(source: object) -> str:
    """Return what differs from the defaults of `files()`, in its own words."""
    if not isinstance(source, FileSource):
        return ""
    rules = [f"source_system {source.source_system}"] if source.source_system else []
    rules += [] if source.strict else ["not strict"]
    rules += (
        [f"reject_limit {source.reject_limit:g}"] if source.reject_limit != _DEFAULTS.reject_limit else []
    )
    rules += [f"extra_columns {source.extra_columns}"] if source.extra_columns != "error" else []
    rules += [f"format {source.format}"] if source.format != "csv" else []
    rules += [f"schema_mode {source.schema_mode}"] if source.schema_mode != "contract" else []
    rules += [f"on_changed {source.on_changed}"] if source.on_changed != "error" else []
    rules += [f"same_content {source.same_content}"] if source.same_content != "warn" else []
    return ", ".join([*rules, *(f"{key}={value!r}" for key, value in source.options.items())])


def declaration_card(value: Declaration) -> Html:
    """Show what a cell declared, and the Python it stands for."""
    lines = [f"declared {table_text(one)}" for one in value.tables]
    lines += [f"declared {pipeline_text(one)}" for one in value.pipelines]
    return card(
        items(lines) if lines else paragraph("The cell declares nothing."),
        details("the Python that runs and is exported", block(value.source)) if value.source else None,
    )


def help_card(value: Help) -> Html:
    """Show the magics, each with an example."""
    rows = [(code(e.name), e.summary, _example(e.example)) for e in value.entries]
    listed = table("magics", ("magic", "what it does", "example"), rows) if rows else None
    return card(paragraph(value.title), listed)


def _example(text: str) -> Html:
    """Return an example in a cell of a table, a line of code each: a block would have a box and margins there."""
    lines = text.splitlines()
    return code(text) if len(lines) < 2 else joined(*(tag("div", code(line)) for line in lines))


def query_card(value: QueryResult) -> Html:
    """Show the first rows of a query, and say whether there are more."""
    if not value.columns:
        return card(paragraph("No query was run."))
    rows = [[data_cell(cell) for cell in row] for row in value.rows]
    headers = [f"{name} {kind}" for name, kind in zip(value.columns, value.types, strict=True)]
    return card(table(value.count_text, headers, rows))


def _preview_card(value: Preview) -> Html:
    from alur_nb.ui.preview_card import preview_card

    return preview_card(value)


def check_card(value: CheckReport) -> Html:
    """Show what a check found."""
    rows = [(p.severity, p.subject, p.message, p.place, p.fix) for p in value.problems]
    found = table("findings", ("severity", "subject", "what", "where", "next"), rows) if rows else None
    return card(paragraph(strong(value.head)), found)


def _bundle_card(value: Bundle) -> Html:
    from alur_nb.ui.bundle_card import bundle_card

    return bundle_card(value)


def _panel_card(value: ExportPanel) -> Html:
    from alur_nb.ui.export_panel_card import facts_card

    return facts_card(value.facts)


def _rejects_card(value: RejectsReport) -> Html:
    from alur_nb.ui.rejects_card import rejects_card

    return rejects_card(value)


def _facts(*facts: tuple[str, Content]) -> Html:
    """Return the facts that there are as a description list."""
    found = [joined(tag("dt", name), tag("dd", value)) for name, value in facts if value]
    return tag("dl", *found) if found else Html("")


def table_class_card(value: TableType) -> Html:
    """Show a table class as its table."""
    return table_card(value.__table__)


def table_class_plain(value: TableType) -> str:
    """Return a table class as its table's text."""
    return table_plain(value.__table__)


def _inference_card(value: Inference) -> Html:
    from alur_nb.ui.inference_card import inference_card

    return inference_card(value)


def _lineage_card(value: LineageReport) -> Html:
    from alur_nb.ui.lineage_card import lineage_card

    return lineage_card(value)


def _status_card(value: Status) -> Html:
    from alur_nb.ui.status_card import status_card

    return status_card(value)


Card = Callable[[Any], Html]

CARDS: dict[type, Card] = {
    Table: table_card,
    TableType: table_class_card,
    Pipeline: pipeline_card,
    RunReport: run_card,
    QueryResult: query_card,
    Declaration: declaration_card,
    Glance: glance_card,
    History: history_card,
    Help: help_card,
    Form: form_card,
}

# Known by module and name: importing them here would load more than `%load_ext` may.
LATE_CARDS: dict[tuple[str, str], Card] = {
    ("alur_nb.authoring.lineage", "LineageReport"): _lineage_card,
    ("alur_nb.authoring.report_facts", "Status"): _status_card,
    ("alur_nb.authoring.preview_facts", "Preview"): _preview_card,
    ("alur_nb.authoring.infer_facts", "Inference"): _inference_card,
    ("alur_nb.authoring.operate", "CheckReport"): check_card,
    ("alur_nb.authoring.rejects", "RejectsReport"): _rejects_card,
    **STATE_CARDS,
    ("alur_nb.authoring.bundle", "Bundle"): _bundle_card,
    ("alur_nb.ui.export_panel", "ExportPanel"): _panel_card,
}

LATE_CARDS |= dict.fromkeys(SHEETS, sheet_card)

# The objects whose own `str` is not what a reader wants.
TEXTS: dict[type, Callable[[Any], str]] = {
    Table: table_plain,
    TableType: table_class_plain,
    Pipeline: pipeline_plain,
    History: paged,
    RunReport: paged,
    Declaration: paged,
}
LATE_TEXTS: dict[tuple[str, str], Callable[[Any], str]] = {
    ("alur_nb.authoring.lineage", "LineageReport"): paged,
    ("alur_nb.authoring.report_facts", "Status"): paged,
    ("alur_nb.authoring.preview_facts", "Preview"): str,
    ("alur_nb.authoring.operate", "CheckReport"): paged,
    ("alur_nb.authoring.rejects", "RejectsReport"): paged,
    **dict.fromkeys(SHEETS, paged),
    **dict.fromkeys(STATE_CARDS, paged),
}


def to_html(value: object) -> Html | None:
    """Return an object's card; None where it has none, or where making it fails: its text is shown then."""
    kind = type(value)
    make = CARDS.get(kind) or LATE_CARDS.get((kind.__module__, kind.__qualname__))
    try:
        if make is None:
            return None
        changed, step = items(_since(value)), _step(value)
        return joined(changed, make(value), step.html if step else None)
    # A formatter that raises would fail the cell; the plain text holds the same facts.
    except Exception:
        log.debug("no card for %s", kind, exc_info=True)
        return None


def to_text(value: object) -> str:
    """Return an object's plain text."""
    kind = type(value)
    make = TEXTS.get(kind) or LATE_TEXTS.get((kind.__module__, kind.__qualname__), str)
    try:
        step = _step(value)
        return "\n".join([*_since(value), make(value), *([str(step)] if step else [])])
    # As above: a class that declares no table is shown as Python shows it.
    except Exception:
        log.debug("no text for %s", kind, exc_info=True)
        return repr(value)


def _since(value: object) -> tuple[str, ...]:
    """Return what has changed since a preview or a run was made; for a card that is shown again later."""
    known = memory.current()
    return known.since(value, current_project()) if known else ()


def _step(value: object) -> NextStep | None:
    known = memory.current()
    return known.advice.below(value) if known else None


def publish(value: object) -> None:
    """Show an object in the running cell, as its result would be shown."""
    show(to_text(value), to_html(value) or Html(""))


def register(shell: InteractiveShell) -> None:
    """Let IPython show our objects by these functions."""
    formatter = shell.display_formatter
    if formatter is None:
        return

    def html_of(value: object) -> str | None:
        made = to_html(value)
        return str(made) if made is not None else None

    def text_of(value: object, printer: Any, cycle: bool) -> None:
        printer.text(to_text(value))

    html, plain = formatter.formatters["text/html"], formatter.formatters["text/plain"]
    for kind in CARDS:
        html.for_type(kind, html_of)
    for module, name in LATE_CARDS:
        html.for_type_by_name(module, name, html_of)
    for kind in TEXTS:
        plain.for_type(kind, text_of)
    for module, name in LATE_TEXTS:
        plain.for_type_by_name(module, name, text_of)

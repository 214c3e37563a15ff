"""What the forms write: their values to the text of a cell, and the problems that the real parser finds in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alur_nb.authoring.commands import PIPELINE, TABLE
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.project import Project

if TYPE_CHECKING:
    from alur_nb.authoring.source_text import Expression

KINDS = ("ingestion of files", "SQL query", "Python function")
LAYERS = ("bronze", "silver", "gold")
EXAMPLE_COLUMNS = (
    "order_id string not null comment 'the shop''s number'\namount decimal(10,2)\ncreated_at timestamp\n"
)


@dataclass(frozen=True, slots=True)
class TableValues:
    """What the form for a table holds."""

    name: str = ""
    layer: str = "bronze"
    columns: str = ""
    """A column body, or a table class."""
    primary_key: str = ""
    sequence_by: str = ""
    delete_when: str = ""
    history: bool = False
    partition_by: str = ""
    freshness: str = ""
    description: str = ""

    @property
    def merges(self) -> bool:
        """Whether rows take each other's place: elsewhere what is said of it would be an error."""
        return self.layer == "silver" and bool(self.primary_key.strip())


@dataclass(frozen=True, slots=True)
class PipelineValues:
    """What the form for a pipeline holds."""

    kind: str = KINDS[0]
    name: str = ""
    target: str = ""
    sources: str = ""
    """One a line: patterns of files; for a function `parameter = pattern or table`."""
    query: str = ""
    source_system: str = ""
    strict: bool = True
    schedule: str = ""
    timezone: str = ""
    expectations: str = ""
    """One SQL rule a line."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a cell as it stands, and what is wrong with it in words."""

    cell: str
    problem: str = ""
    fix: str = ""


def table_draft(values: TableValues, project: Project) -> Draft:
    """Return the cell that declares the table."""
    from alur_nb.authoring.parse import body_kind

    words = ["%%alur_table", values.name.strip()]
    # A class says the rest itself.
    if body_kind(values.columns) != "python":
        words += ["--layer", values.layer]
        words += _options(("--primary-key", values.primary_key))
        if values.merges:
            words += _options(
                ("--sequence-by", values.sequence_by),
                ("--delete-when", values.delete_when),
                ("--scd-type", "2" if values.history else ""),
            )
        words += _options(
            ("--partition-by", values.partition_by),
            ("--freshness", values.freshness),
            ("--description", values.description),
        )
    return _checked(TABLE, _line(words), values.columns, project)


def pipeline_draft(values: PipelineValues, project: Project) -> Draft:
    """Return the cell that declares the pipeline."""
    if values.kind == KINDS[2]:
        return _function(values, project)
    words = ["%%alur_pipeline" if values.kind == KINDS[1] else "%alur_pipeline", values.name.strip()]
    if values.kind == KINDS[0]:
        words += _options(*(("--from", pattern) for pattern in _lines(values.sources)))
        words += _options(("--format", _format(_lines(values.sources))))
        words += _options(("--source-system", values.source_system))
        words += [] if values.strict else ["--no-strict"]
    words += _options(
        ("--target", values.target), ("--schedule", values.schedule), ("--timezone", values.timezone)
    )
    words += _options(*(("--expect", rule) for rule in _lines(values.expectations)))
    body = values.query if values.kind == KINDS[1] else None
    draft = _checked(PIPELINE, _line(words), body, project)
    return draft if draft.problem else _timed(draft, values)


def _function(values: PipelineValues, project: Project) -> Draft:
    from alur_nb.authoring.parse import Terms, function_to_python

    terms = Terms(
        values.target.strip(),
        values.schedule.strip() or None,
        values.timezone.strip() or None,
        tuple(_lines(values.expectations)),
    )
    line = f"%%alur_pipeline {values.name.strip()}"
    try:
        sources = dict(_source(text, project) for text in _lines(values.sources))
        source = function_to_python(values.name.strip(), sources, terms, project)
    except AlurError as error:
        return Draft(f"{line}\n", error.message, error.fix or "")
    draft = _checked(PIPELINE, line, source, project)
    return draft if draft.problem else _timed(draft, values)


def _source(text: str, project: Project) -> tuple[str, Expression]:
    """Read `orders = orders/*.csv`, `orders = new(bronze.orders)` or `orders = bronze.orders`."""
    from alur_nb.authoring.parse import class_of, find_table
    from alur_nb.authoring.parse_columns import PACKAGE
    from alur_nb.authoring.source_text import Call, Name
    from alur_nb.runtime.errors import NotebookError

    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier() or not value:
        raise NotebookError(
            f"`{text}` is no source.",
            fix="Write one a line: orders = orders/*.csv, or orders = new(bronze.orders)",
        )
    if value.startswith("new(") and value.endswith(")"):
        known = Name(class_of(find_table(value[4:-1].strip(), project), project))
        return name, Call(f"{PACKAGE}.new", [known])
    if any(mark in value for mark in "/*?"):
        kind = _format([value])
        return name, Call(f"{PACKAGE}.files", [value], {"format": kind} if kind else {})
    return name, Name(class_of(find_table(value, project), project))


def _format(patterns: Iterable[str]) -> str:
    """Return the files' format where it has to be said: all of one, which is not CSV."""
    from alur_nb.authoring.infer_files import format_of_name

    formats = {format_of_name(pattern) for pattern in patterns} - {"csv"}
    return formats.pop() if len(formats) == 1 else ""


def _checked(magic: str, line: str, body: str | None, project: Project) -> Draft:
    """Return the cell with what the parser says of it; it is what reads the cell when it runs."""
    from alur_nb.authoring.unfold import unfold

    text = line if body is None else f"{line}\n{body.rstrip()}\n"
    try:
        unfold(magic, line.partition(" ")[2], None if body is None else f"{body.rstrip()}\n", project)
    except AlurError as error:
        where = f"{error.place}: " if body and error.place is not None and str(error.place) else ""
        return Draft(text, f"{where}{error.message}", error.fix or "")
    return Draft(text)


def _timed(draft: Draft, values: PipelineValues) -> Draft:
    """Add what is wrong with the schedule: the parser leaves that to the run of the cell."""
    from alur_nb.runtime.schedules import Schedule

    if not values.schedule.strip():
        return draft
    try:
        Schedule(values.schedule.strip(), values.timezone.strip() or "UTC")
    except AlurError as error:
        return Draft(draft.cell, error.message, error.fix or "")
    return draft


def _line(words: Sequence[str]) -> str:
    return " ".join(word for word in words if word)


def _options(*pairs: tuple[str, str]) -> list[str]:
    """Return each flag with its value, where it has one; a line holds no line ends."""
    return [
        part
        for flag, value in pairs
        if value.strip()
        for part in (flag, shlex.quote(" ".join(value.split())))
    ]


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip())

"""What a test gives a pipeline to read: rows become landing files, or a committed batch of the table that is read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.errors import DeclarationError, SourceError, suggest
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.globs import glob_regex
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Rows = Sequence[Mapping[str, Any]]
Given = Rows | str | bytes
"""Rows by their columns' names, or a landing file's content as it is."""

_CHOICE = re.compile(r"\{([^{},/]*)[^{}/]*\}|\[([^\]/])[^\]/]*\]")


def give(place: Workspace, pipeline: Pipeline, parameter: str, given: Given) -> None:
    """Give one source of the pipeline what the next run finds there.

    Raises DeclarationError for a source that the pipeline does not have, or rows that its table cannot hold, and
    SourceError for a pattern that no file's name could be made of.
    """
    source = pipeline.sources.get(parameter)
    if source is None:
        raise DeclarationError(
            f"{pipeline.name} has no source `{parameter}`{suggest(parameter, pipeline.sources)}.",
            fix=f"Its sources are: {', '.join(pipeline.sources) or 'none; land files with lake.land(..)'}.",
        )
    if isinstance(source, FileSource):
        _land(place, source, source.contract or pipeline.target, given)
    elif isinstance(given, str | bytes):
        raise DeclarationError(
            f"The source `{parameter}` of {pipeline.name} is the table {source.table.qualified_name}, not a file.",
            fix=f'Give rows: {{"{parameter}": [{{"{next(iter(source.table.columns), "id")}": ...}}]}}',
        )
    else:
        commit(place, source.table, given)


def commit(place: Workspace, table: Table, rows: Rows) -> None:
    """Load rows into a table by a run of the whole protocol, as a pipeline without sources does.

    Raises DeclarationError for rows that the table's columns cannot hold.
    """
    from alur_nb.runtime.runner import run_pipelines

    def given() -> DataFrame:
        return frame_of(table, rows)

    project, name = Project(), f"given_{table.name}"
    project.declare_table(table)
    project.declare_pipeline(Pipeline(name, given, {}, table))
    error = run_pipelines(place, project, [name]).runs[0].error
    if error is not None:
        raise error


def frame_of(table: Table, rows: Rows) -> DataFrame:
    """Return rows as a frame of the table's columns; a column that a row lacks is null in it."""
    from pyspark.errors import PySparkTypeError, PySparkValueError

    from alur_nb.runtime.context import get_spark_session

    for row in rows:
        if unknown := [name for name in row if name not in table.columns]:
            raise DeclarationError(
                f"{table.qualified_name} has no column `{unknown[0]}`{suggest(unknown[0], table.columns)}.",
                fix=f"Its columns are {', '.join(table.columns)}.",
            )
    values = [tuple(row.get(name) for name in table.columns) for row in rows]
    try:
        return get_spark_session().createDataFrame(values, table.schema())
    except (PySparkTypeError, PySparkValueError) as error:
        raise DeclarationError(
            f"{table.qualified_name} cannot hold a given row: {error}",
            fix=f"Its columns are {table.ddl}; Decimal and datetime are Python's own.",
        ) from error


def _land(place: Workspace, source: FileSource, contract: Table, given: Given) -> None:
    path = _free_path(Path(str(place.environment.landing)), source.patterns[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(given, str | bytes):
        path.write_bytes(given.encode() if isinstance(given, str) else given)
    elif source.format == "parquet":
        # Spark writes a folder; a hidden one is nobody's landing file, and its one part is moved out of it.
        parts = path.with_name(f".{path.name}")
        frame_of(contract, given).coalesce(1).write.parquet(str(parts))
        next(parts.glob("part-*")).rename(path)
    elif source.format == "jsonl":
        path.write_text("".join(json.dumps(row, default=_text) + "\n" for row in given), encoding="utf-8")
    else:
        path.write_text(_csv(source, contract, given), encoding=source.options.get("encoding", "utf-8"))


def _csv(source: FileSource, contract: Table, rows: Rows) -> str:
    """Return the rows as the source's files are written; without rows, the header that the contract expects."""
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(contract.columns)
    # The name that a column has in the files, where it has another one there.
    names = [getattr(contract.columns.get(name), "source", None) or name for name in columns]
    options, out = source.options, io.StringIO()
    writer = csv.writer(out, delimiter=options.get("sep", options.get("delimiter", ",")), lineterminator="\n")
    if options.get("header") != "false":
        writer.writerow(names)
    writer.writerows([_text(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def _text(value: object) -> str:
    """Return a value as the reader takes it where the column has no format of its own."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def _free_path(landing: Path, pattern: str) -> Path:
    """Return a file that the pattern matches; the next one at every call, where the pattern leaves a choice."""
    for number in range(1, 1_000):
        name = _CHOICE.sub(lambda found: found[1] or found[2] or "", pattern.replace("**/", ""))
        name = name.replace("*", f"given-{number}").replace("?", str(number % 10))
        is_outside = "://" in name or name.startswith("/") or ".." in Path(name).parts
        if is_outside or not re.fullmatch(glob_regex(pattern), name):
            break
        if name == pattern or not (landing / name).exists():
            return landing / name
    raise SourceError(
        f"No name of a file can be made of the pattern `{pattern}`.",
        fix='Land the file by its name: lake.land("orders/monday.csv", text).',
    )

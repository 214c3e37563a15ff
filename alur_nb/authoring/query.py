"""One SELECT over what the lake's tables hold now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.rows import first_rows
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import NotebookError, Place, plural, suggest
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import NewSource
from alur_nb.runtime.tables import REJECTS_SUFFIX, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from alur_nb.runtime.workspace import Workspace


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The first rows of a query, as text; `frame` is the whole result, not read yet."""

    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    is_complete: bool = True
    """Whether these are all rows."""
    frame: DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def count_text(self) -> str:
        """How many rows there are, and how to see more where some were left unread."""
        count = plural(len(self.rows), "row")
        return count if self.is_complete else f"the first {count}; there are more (-n shows more)"

    def __str__(self) -> str:
        if not self.columns:
            return "No query was run."
        cells = [self.columns, *[[cell_text(value) for value in row] for row in self.rows]]
        widths = [max(len(line[index]) for line in cells) for index in range(len(self.columns))]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:], self.count_text])

    def __repr__(self) -> str:
        return str(self)


def cell_text(value: object) -> str:
    """Return one value as a table shows it: SQL's NULL is a word, long texts are cut with a mark."""
    # Python writes small decimals with an exponent, and nobody declares them so.
    plain = format(value, "f") if isinstance(value, Decimal) else value
    text = "NULL" if plain is None else str(plain)
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


MAX_CELL = 60


def query(text: str, project: Project, workspace: Workspace, *, rows: int = 20) -> QueryResult:
    """Run one SELECT over the committed rows of the tables that it names; `orders__rejects` is one beside each.

    Raises NotebookError for what is not one SELECT, a table that is not declared, or `new(..)`.
    """
    from alur_nb.authoring.parse_sql import resolve_sql

    resolved = resolve_sql(text, project, with_rejects=True)
    for parameter, source in resolved.sources.items():
        if isinstance(source, NewSource):
            raise NotebookError(
                f"new({source.table.name}) says what a pipeline's target has not taken; a query has no target.",
                place=Place(line=2),
                fix=f"Read {source.table.qualified_name} itself, or preview the pipeline ({parameter}).",
            )
    frames: dict[str, Any] = {
        name: _rows(source.table, project, workspace) for name, source in resolved.sources.items()
    }
    frame = _frame(text, resolved.text, frames)
    found = first_rows(frame, rows + 1)
    return QueryResult(
        columns=tuple(frame.columns),
        types=tuple(kind.simpleString() for kind in (item.dataType for item in frame.schema)),
        rows=found[:rows],
        is_complete=len(found) <= rows,
        frame=frame,
    )


def _rows(table: Table, project: Project, workspace: Workspace) -> DataFrame:
    from alur_nb.runtime.reading import read, read_rejects

    if table.name.endswith(REJECTS_SUFFIX):
        base = project.table(table.qualified_name.removesuffix(REJECTS_SUFFIX))
        return read_rejects(base, workspace=workspace)
    return read(table, workspace=workspace)


def _frame(text: str, resolved: str, frames: dict[str, Any]) -> DataFrame:
    from pyspark.errors import AnalysisException, ParseException

    spark = get_spark_session()
    try:
        # Without a table there is nothing to put in, and braces are just braces.
        return spark.sql(resolved, **frames) if frames else spark.sql(text)
    except (AnalysisException, ParseException) as error:
        columns = {name: frame.columns for name, frame in frames.items()}
        raise refused(text, str(error), columns) from error


# `...; line 1 pos 7;` where a query is analyzed, `...(line 1, pos 7)` where it is parsed.
_POSITION = re.compile(r"[;.]?\s*\(?line (\d+),? pos (\d+)\)?[;.]?")
_CONDITION = re.compile(r"^\[([A-Z_.]+)\]\s*")
_WORD = re.compile(r"`[^`]+`(?:\.`[^`]+`)*|'[^']+'")


def refused(text: str, message: str, columns: Mapping[str, Sequence[str]]) -> NotebookError:
    """Return Spark's refusal of a query as an error of ours, with its place in the cell.

    Spark counts in the text in which the tables' names are replaced: its lines are the query's, its positions are
    not, so that the word which the message names is looked for.
    """
    first = message.strip().splitlines()[0]
    position = _POSITION.search(first)
    condition = _CONDITION.match(first)
    said = _CONDITION.sub("", first[: position.start()] if position else first).rstrip(".; ")
    found = _WORD.search(said)
    names = [part.strip("`'") for part in re.split(r"(?<=`)\.(?=`)", found[0])] if found else []
    told = f"Spark refuses the query: {said}."
    if condition and names and condition[1].startswith("UNRESOLVED_COLUMN"):
        known = [column for each in columns.values() for column in each]
        # In some places, LIMIT for one, a column that is there cannot be used.
        is_there = names[-1].lower() in (column.lower() for column in known)
        no_column = f"The query's tables have no column `{names[-1]}`{suggest(names[-1], known)}."
        told = f"`{names[-1]}` cannot be used here." if is_there else no_column
    line, before = (int(position[1]), int(position[2])) if position else (1, 0)
    return NotebookError(
        told,
        place=_place(text, line, before, names),
        fix="; ".join(f"{name}: {', '.join(each)}" for name, each in columns.items()) or None,
    )


def _place(text: str, line: int, before: int, names: Sequence[str]) -> Place:
    """Return where the word stands in its line, the last time at or before the position that Spark gives."""
    rows = text.split("\n")
    row = rows[line - 1] if line <= len(rows) else ""
    if not names:
        return Place(line=line + 1)
    word = r"\s*\.\s*".join(f"`?{re.escape(name)}`?" for name in names)
    starts = [found.start() for found in re.finditer(rf"(?<![\w`.]){word}(?![\w`])", row, re.IGNORECASE)]
    reached = [start for start in starts if start <= before] or starts[:1]
    return Place(line=line + 1, column=reached[-1] + 1 if reached else None)

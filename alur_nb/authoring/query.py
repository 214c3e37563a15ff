"""One SELECT over what the lake's tables hold now."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import NotebookError, Place
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
        """How many rows there are, and whether more were left unread."""
        count = f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'}"
        return count if self.is_complete else f"the first {count}; there are more"

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
    text = "NULL" if value is None else str(value)
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
    found = frame.limit(rows + 1).collect()
    return QueryResult(
        columns=tuple(frame.columns),
        types=tuple(kind.simpleString() for kind in (item.dataType for item in frame.schema)),
        rows=tuple(tuple(row) for row in found[:rows]),
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
        message = str(error).strip().splitlines()[0]
        line = re.search(r"line (\d+)", message)
        place = Place(line=int(line[1]) + 1 if line else 2)
        columns = "; ".join(f"{name}: {', '.join(frame.columns)}" for name, frame in frames.items())
        raise NotebookError(
            f"Spark refuses the query: {message}", place=place, fix=columns or None
        ) from error

"""From which columns a pipeline's columns are made, as plain values: the same from SQL, from Spark's plan, in a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, cast

from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.sources import FileSource, Source
from alur_nb.runtime.tables import Table

ColumnKind = Literal["direct", "derived", "aggregated", "window"]
"""`direct`: the very value. `window`: the value says which rows stand together, or in which order."""
RowKind = Literal["filter", "join", "group", "sort"]
Level = Literal["column", "table"]

SourceColumn = tuple[str, str]
"""A source's parameter, and a column of its frame."""
Origins = Mapping[SourceColumn, ColumnKind]

_STRENGTH: tuple[ColumnKind, ...] = ("window", "direct", "derived", "aggregated")


@dataclass(frozen=True, slots=True, order=True)
class ColumnRef:
    """A column of a table, or of files: these are called `files(orders/*.csv)`, and their columns as in the header."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """One column goes into another."""

    source: ColumnRef
    target: ColumnRef
    kind: ColumnKind


@dataclass(frozen=True, slots=True, order=True)
class RowEdge:
    """A column decides which rows of a table there are, or with which others they are joined."""

    source: ColumnRef
    table: str
    kind: RowKind


@dataclass(frozen=True, slots=True)
class Traced:
    """What was found out about one call of a pipeline's function, in terms of its parameters."""

    columns: Mapping[str, Origins]
    rows: Mapping[SourceColumn, frozenset[RowKind]] = field(default_factory=dict)


class PlainEdge(TypedDict):
    """An edge as JSON; `column` is the target's, None where the whole table is meant."""

    source: str
    source_column: str
    column: str | None
    kind: str


class PlainLineage(TypedDict):
    """A pipeline's lineage as a manifest holds it."""

    level: str
    reason: str | None
    reads: list[str]
    edges: list[PlainEdge]


@dataclass(frozen=True, slots=True)
class PipelineLineage:
    """What one pipeline makes of what; at table level only what it reads is known, and `reason` says why."""

    pipeline: str
    target: str
    reads: tuple[str, ...]
    level: Level
    columns: tuple[ColumnEdge, ...] = ()
    rows: tuple[RowEdge, ...] = ()
    reason: str | None = None

    def to_dict(self) -> PlainLineage:
        """Return what JSON can hold, the same bytes for the same lineage."""
        edges = [
            PlainEdge(
                source=e.source.table, source_column=e.source.column, column=e.target.column, kind=e.kind
            )
            for e in self.columns
        ]
        edges += [
            PlainEdge(source=e.source.table, source_column=e.source.column, column=None, kind=e.kind)
            for e in self.rows
        ]
        return PlainLineage(level=self.level, reason=self.reason, reads=list(self.reads), edges=edges)


def lineage_from(pipeline: str, target: str, plain: Mapping[str, Any]) -> PipelineLineage:
    """Read `to_dict` back."""
    columns, rows = [], []
    for edge in plain["edges"]:
        source = ColumnRef(edge["source"], edge["source_column"])
        if edge["column"] is None:
            rows.append(RowEdge(source, target, edge["kind"]))
        else:
            columns.append(ColumnEdge(source, ColumnRef(target, edge["column"]), edge["kind"]))
    level = cast(Level, plain["level"])
    return PipelineLineage(
        pipeline, target, tuple(plain["reads"]), level, tuple(columns), tuple(rows), plain["reason"]
    )


def at_table_level(
    pipeline: Pipeline, reason: str, loads: Mapping[str, FileSource] | None = None
) -> PipelineLineage:
    """Return what is known without looking into the function: what it reads, and what it writes."""
    reads = _reads(pipeline, loads or {})
    return PipelineLineage(pipeline.name, pipeline.target.qualified_name, reads, "table", reason=reason)


def at_column_level(
    pipeline: Pipeline, traced: Traced, loads: Mapping[str, FileSource] | None = None
) -> PipelineLineage:
    """Put tables in the place of parameters; `loads` are the files of each `load_to_bronze` that was traced."""
    loads = loads or {}
    target = pipeline.target
    sources: dict[str, Source] = {**pipeline.sources, **loads}
    columns = {
        ColumnEdge(_named(sources[parameter], name, target), ColumnRef(target.qualified_name, column), kind)
        for column, origins in traced.columns.items()
        if column in target.columns
        for (parameter, name), kind in origins.items()
    }
    rows = {
        RowEdge(_named(sources[parameter], name, target), target.qualified_name, kind)
        for (parameter, name), kinds in traced.rows.items()
        for kind in kinds
    }
    reads = _reads(pipeline, loads)
    return PipelineLineage(
        pipeline.name, target.qualified_name, reads, "column", tuple(sorted(columns)), tuple(sorted(rows))
    )


def source_name(source: Source) -> str:
    """Return what a source is called in lineage: its table, or its files by their patterns."""
    if isinstance(source, FileSource):
        return f"files({', '.join(source.patterns)})"
    return source.table.qualified_name


def merged(found: Iterable[Origins]) -> Origins:
    """Return all origins; a column that comes in two ways is said to come in the one that changes more."""
    together: dict[SourceColumn, ColumnKind] = {}
    for origins in found:
        for column, kind in origins.items():
            together[column] = _stronger(together.get(column, kind), kind)
    return together


def through(origins: Origins, kind: ColumnKind) -> Origins:
    """Return the origins of a value that is made of another one in the way that `kind` says."""
    if kind == "window":
        return dict.fromkeys(origins, kind)
    return {
        column: known if known == "window" else _stronger(known, kind) for column, known in origins.items()
    }


def _stronger(one: ColumnKind, other: ColumnKind) -> ColumnKind:
    return max(one, other, key=_STRENGTH.index)


def _reads(pipeline: Pipeline, loads: Mapping[str, FileSource]) -> tuple[str, ...]:
    sources: list[Source] = [*pipeline.sources.values(), *loads.values()]
    return tuple(dict.fromkeys(map(source_name, sources)))


def _named(source: Source, column: str, target: Table) -> ColumnRef:
    if isinstance(source, FileSource):
        field = (source.contract or target).columns.get(column)
        column = field.source or column if field else column
    return ColumnRef(source_name(source), column)

"""Who feeds a column, and what depends on it, through all pipelines of the project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alur_nb.authoring.lineage_found import found_lineage
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.lineage import ColumnRef, PipelineLineage, source_name
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.write_modes import read_columns

EVERY = "*"
"""In place of a column: the table as a whole, which is all that is known of it."""

Side = Literal["feeds", "depends"]


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """A step up or down from the column that was asked for: what is there, in which way, by which pipeline."""

    depth: int
    ref: ColumnRef
    kind: str
    """A `ColumnKind`; `filter`, `join`, `group`, `sort` for what decides on rows; `table` where no more is known."""
    pipeline: str
    via: ColumnRef
    """The column one step nearer to the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The lineage of all pipelines, and the questions that it answers."""

    pipelines: tuple[PipelineLineage, ...] = ()

    def upstream(self, ref: ColumnRef) -> tuple[Step, ...]:
        """Return what a column is made of, through all pipelines before it; each column once, the nearest way."""
        return self._walk(ref, self._into)

    def downstream(self, ref: ColumnRef) -> tuple[Step, ...]:
        """Return what a column goes into, or decides on, through all pipelines after it."""
        return self._walk(ref, self._out_of)

    def deciding(self, table: str) -> tuple[tuple[ColumnRef, str, str], ...]:
        """Return the columns that decide which rows a table has: with the way, and the pipeline."""
        found = [
            (edge.source, edge.kind, one.pipeline)
            for one in self.pipelines
            if one.target == table
            for edge in one.rows
        ]
        return tuple(sorted(found))

    def _walk(self, start: ColumnRef, near: Any) -> tuple[Step, ...]:
        found: dict[ColumnRef, Step] = {}
        waiting, depth = [start], 0
        while waiting:
            depth += 1
            reached: list[ColumnRef] = []
            for via in waiting:
                for ref, kind, pipeline in sorted(near(via)):
                    if ref == start or ref in found:
                        continue
                    found[ref] = Step(depth, ref, kind, pipeline, via)
                    # Rows are decided on there, the columns are not made of it.
                    if kind not in ("filter", "join", "group", "sort"):
                        reached.append(ref)
            waiting = reached
        return tuple(found.values())

    def _into(self, ref: ColumnRef) -> Iterator[tuple[ColumnRef, str, str]]:
        for one in self.pipelines:
            if one.target != ref.table:
                continue
            if one.level == "table":
                yield from ((ColumnRef(read, EVERY), "table", one.pipeline) for read in one.reads)
            for edge in one.columns:
                if ref.column in (edge.target.column, EVERY):
                    yield edge.source, edge.kind, one.pipeline

    def _out_of(self, ref: ColumnRef) -> Iterator[tuple[ColumnRef, str, str]]:
        for one in self.pipelines:
            if one.level == "table" and ref.table in one.reads:
                yield ColumnRef(one.target, EVERY), "table", one.pipeline
            for edge in one.columns:
                if edge.source.table == ref.table and ref.column in (edge.source.column, EVERY):
                    yield edge.target, edge.kind, one.pipeline
            for row in one.rows:
                if row.source.table == ref.table and ref.column in (row.source.column, EVERY):
                    yield ColumnRef(row.table, EVERY), row.kind, one.pipeline


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One column: what it is made of, and what depends on it."""

    ref: ColumnRef
    feeds: tuple[Step, ...]
    depends: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class LineageReport:
    """What was asked: one column, or all of a table, with who decides on its rows."""

    table: str = ""
    columns: tuple[ColumnReport, ...] = ()
    deciding: tuple[tuple[ColumnRef, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Pipelines of which only the tables are known, and why."""
    whole: bool = field(default=True, compare=False)
    """Whether the table was asked for, and not one column: then only the next step of each column is told."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "columns": [
                {
                    "column": one.ref.column,
                    "feeds": [_plain(step) for step in one.feeds],
                    "depends": [_plain(step) for step in one.depends],
                }
                for one in self.columns
            ],
            "rows": [
                {"table": ref.table, "column": ref.column, "kind": kind, "pipeline": pipeline}
                for ref, kind, pipeline in self.deciding
            ],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        from alur_nb.authoring.lineage_text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return str(self)


def _plain(step: Step) -> dict[str, Any]:
    return {
        "depth": step.depth,
        "table": step.ref.table,
        "column": step.ref.column,
        "kind": step.kind,
        "pipeline": step.pipeline,
        "via": str(step.via),
    }


def project_lineage(project: Project, *, may_call: bool, around: str | None = None) -> Lineage:
    """Return the lineage of a project's pipelines, or of those that can reach the table `around`.

    With `may_call` each Python function among them is called once with empty frames.
    """
    names = sorted(project.pipelines) if around is None else _reaching(project, around)
    return Lineage(tuple(found_lineage(project.pipelines[name], may_call=may_call) for name in names))


def _reaching(project: Project, table: str) -> list[str]:
    known = project.pipelines
    touching = [
        name for name, one in known.items() if table == one.target.qualified_name or _reads(one, table)
    ]
    names = set(touching)
    for name in touching:
        is_writer = known[name].target.qualified_name == table
        names |= set(project.upstream(name) if is_writer else project.downstream(name))
    return sorted(names)


def _reads(pipeline: Pipeline, name: str) -> bool:
    return name in pipeline.upstream_tables or name in map(source_name, pipeline.sources.values())


def lineage(project: Project, name: str, *, may_call: bool = True) -> LineageReport:
    """Tell of `TABLE`, `TABLE.COLUMN`, a pipeline's target, or `files(PATTERN).COLUMN` what it is made of and feeds.

    Raises DeclarationError for a name that is neither.
    """
    table, column = _asked(project, name)
    known = project_lineage(project, may_call=may_call, around=table)
    columns = [column] if column else _columns(project, table)
    reports = []
    for one in columns:
        ref = ColumnRef(table, one)
        reports.append(ColumnReport(ref, known.upstream(ref), known.downstream(ref)))
    notes = [f"{one.pipeline}: table level, {one.reason}" for one in known.pipelines if one.level == "table"]
    return LineageReport(table, tuple(reports), known.deciding(table), tuple(notes), whole=column is None)


def _asked(project: Project, name: str) -> tuple[str, str | None]:
    """Return the table and the column that a name means."""
    if name in project.pipelines:
        return project.pipelines[name].target.qualified_name, None
    if name.startswith("files("):
        return _asked_files(project, name)
    head, _, last = name.rpartition(".")
    for table, column in ((name, None), (head, last)):
        try:
            found = project.table(table) if table else None
        except DeclarationError:
            continue
        if found is None:
            continue
        if column is None:
            return found.qualified_name, None
        return found.qualified_name, _column(
            found.qualified_name, column, _columns(project, found.qualified_name)
        )
    project.table(head if head else name)
    raise DeclarationError(f"There is no table or column `{name}`.", fix="alur list shows what is declared.")


def _asked_files(project: Project, name: str) -> tuple[str, str | None]:
    known = {source_name(source) for one in project.pipelines.values() for source in one.sources.values()}
    files = sorted(one for one in known if one.startswith("files("))
    for one in files:
        if name == one:
            return one, None
        if name.startswith(f"{one}."):
            return one, _column(one, name.removeprefix(f"{one}."), _columns(project, one))
    raise DeclarationError(
        f"No pipeline reads `{name}`{suggest(name, files)}.",
        fix=f"Files that are read: {', '.join(files) or 'none'}.",
    )


def _columns(project: Project, name: str) -> list[str]:
    """Return the columns of a table, or of files by their names in the header."""
    if name in project.tables:
        return list(read_columns(project.tables[name]))
    for one in project.pipelines.values():
        if one.target.qualified_name == name:
            return list(read_columns(one.target))
        for source in one.sources.values():
            if isinstance(source, FileSource) and source_name(source) == name:
                contract = source.contract or one.target
                return [column.source or key for key, column in contract.file_columns.items()]
    return []


def _column(table: str, column: str, known: Sequence[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    if column.lower() not in by_lower:
        raise DeclarationError(
            f"{table} has no column `{column}`{suggest(column, known)}.",
            fix=f"Its columns: {', '.join(known)}.",
        )
    return by_lower[column.lower()]

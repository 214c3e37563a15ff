"""The project at a glance: what is declared, what feeds what, what the lake holds, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alur_nb.authoring.listing import source_text
from alur_nb.runtime.errors import AlurError, DeclarationError
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import SETTINGS_FILE, load_settings
from alur_nb.runtime.tables import Table


@dataclass(frozen=True, slots=True)
class TableLine:
    """One table: its columns, and what the lake holds of it."""

    name: str
    columns: int
    holds: str
    description: str


@dataclass(frozen=True, slots=True)
class PipelineLine:
    """One pipeline, with the pipelines that must run before it."""

    name: str
    reads: tuple[str, ...]
    writes: str
    after: tuple[str, ...]
    schedule: str
    checks: int


@dataclass(frozen=True, slots=True)
class Glance:
    """Tables by name, pipelines in the order of a run, and the next steps."""

    tables: tuple[TableLine, ...] | None = None
    """None where they were not asked for."""
    pipelines: tuple[PipelineLine, ...] | None = None
    problems: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines: list[str] = []
        if self.tables is not None:
            lines.append(_count(len(self.tables), "table"))
            lines += [f"  {t.name}: {_count(t.columns, 'column')}, {t.holds}" for t in self.tables]
        if self.pipelines is not None:
            lines.append(f"{_count(len(self.pipelines), 'pipeline')}, in the order of a run")
            lines += [f"  {n}. {step_text(p)}" for n, p in enumerate(self.pipelines, start=1)]
        lines += [f"problem: {problem}" for problem in self.problems]
        lines += [f"next: {step}" for step in self.next_steps]
        return "\n".join(lines) or "Nothing was looked at."

    def __repr__(self) -> str:
        return str(self)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def step_text(line: PipelineLine) -> str:
    """Return one pipeline as a sentence."""
    text = f"{line.name}: {', '.join(line.reads) or 'no source'} -> {line.writes}"
    text += f", after {', '.join(line.after)}" if line.after else ""
    text += f", at {line.schedule}" if line.schedule else ""
    return text + (f", {_count(line.checks, 'check')}" if line.checks else "")


def glance(project: Project, *, tables: bool = True, pipelines: bool = True) -> Glance:
    """Look at the project; reads the ledger where there is one, and starts no Spark."""
    found = [problem for problem in project.problems() if problem.severity == "error"]
    return Glance(
        tables=tuple(_table_lines(project)) if tables else None,
        pipelines=tuple(_pipeline_lines(project)) if pipelines else None,
        problems=tuple(problem.message for problem in found),
        next_steps=tuple(_next_steps(project)) if tables and pipelines else (),
    )


def _table_lines(project: Project) -> list[TableLine]:
    holds = _holdings(list(project.tables.values()))
    return [
        TableLine(name, len(table.columns), holds[name], table.description)
        for name, table in project.tables.items()
    ]


def _holdings(tables: Sequence[Table]) -> dict[str, str]:
    """Return in words what the embedded lake holds of each table."""
    from alur_nb.runtime.ledger import live
    from alur_nb.runtime.workspace import LAKE_FOLDER, open_workspace

    # Looking makes nothing: without a lake there is no ledger to open.
    if not (load_settings().root / LAKE_FOLDER / "state.db").is_file():
        return {table.qualified_name: "never loaded" for table in tables}
    try:
        ledger = open_workspace().ledger
        batches = {table.qualified_name: live(ledger.batches(table.qualified_name)) for table in tables}
    except AlurError as error:
        return {table.qualified_name: f"unknown: {error.message}" for table in tables}
    return {
        name: f"{_count(sum(b.counts.get('rows', 0) for b in found), 'row')} in {_count(len(found), 'batch')}".replace(
            "batchs", "batches"
        )
        if found
        else "never loaded"
        for name, found in batches.items()
    }


def _pipeline_lines(project: Project) -> list[PipelineLine]:
    try:
        names = project.order()
    except DeclarationError:
        # The cycle is among the problems; the pipelines are shown all the same.
        names = tuple(project.pipelines)
    return [_pipeline_line(project.pipeline(name), project) for name in names]


def _pipeline_line(pipeline: Pipeline, project: Project) -> PipelineLine:
    return PipelineLine(
        name=pipeline.name,
        reads=tuple(source_text(source) for source in pipeline.sources.values()),
        writes=pipeline.target.qualified_name,
        after=tuple(writer for writer, reader in project.edges() if reader == pipeline.name),
        schedule=f"{pipeline.schedule.cron} {pipeline.schedule.timezone}" if pipeline.schedule else "",
        checks=len(pipeline.expectations),
    )


def _next_steps(project: Project) -> list[str]:
    """Return what to type next, the most urgent first."""
    if not project.tables:
        return ["declare a table: %%alur_table orders, then lines such as order_id string not null"]
    if not project.pipelines:
        table = next(iter(project.tables.values()))
        line = f"%alur_pipeline ingest_{table.name} --from '{table.name}/*.csv' --target {table.class_name}"
        return [f"declare a pipeline: {line}"]
    steps = ["%alur_check"] if any(p.severity == "error" for p in project.problems()) else []
    first = _pipeline_lines(project)[0].name
    steps += [f"%alur_preview {first}", "%alur_run --all"]
    deployed = [name for name in load_settings().environments if name != "local"]
    steps.append(
        f"%alur_export --env {deployed[0]}"
        if deployed
        else f"for AWS add [env.dev] to {SETTINGS_FILE}, then export"
    )
    return steps

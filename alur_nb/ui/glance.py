"""The project at a glance: what is declared, what feeds what, what the lake holds, what is stale, what to do next."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alur_nb.authoring.dag_graph import whole
from alur_nb.authoring.dag_picture import Graph
from alur_nb.authoring.listing import source_text
from alur_nb.runtime.errors import DeclarationError, SourceError, plural
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.globs import pattern_of
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import SETTINGS_FILE, load_settings
from alur_nb.ui.last_batches import FAILED, INTERRUPTED, NEVER_RUN, TableState, table_states
from alur_nb.ui.memory import Memory
from alur_nb.ui.plain import page

_IN_SESSION = "in this session"
# Landing files that are looked at for a next step.
_LOOK = 200


@dataclass(frozen=True, slots=True)
class TableLine:
    """One table: its columns, what the lake holds of it, and its last batch in words."""

    name: str
    columns: int
    holds: str
    description: str
    last: str = ""


@dataclass(frozen=True, slots=True)
class PipelineLine:
    """One pipeline, with the pipelines that must run before it."""

    name: str
    reads: tuple[str, ...]
    writes: str
    after: tuple[str, ...]
    schedule: str
    checks: int
    last: str = ""
    """How its last run ended, and when."""
    stale: tuple[str, ...] = ()
    """What has changed since it was previewed or run."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Tables by name, pipelines in the order of a run, and the next steps."""

    tables: tuple[TableLine, ...] | None = None
    """None where they were not asked for."""
    pipelines: tuple[PipelineLine, ...] | None = None
    problems: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Where the kernel and the saved notebook differ."""
    graph: Graph = Graph()  # noqa: RUF009 - it is frozen
    """What the list of pipelines says, to be drawn."""

    def __str__(self) -> str:
        lines: list[str] = []
        if self.tables is not None:
            lines.append(plural(len(self.tables), "table"))
            lines += [text for line in self.tables for text in _table_text(line)]
        if self.pipelines is not None:
            lines.append(f"{plural(len(self.pipelines), 'pipeline')}, in the order of a run")
            for number, line in enumerate(self.pipelines, start=1):
                lines += [f"  {number}. {step_text(line)}", *(f"       {text}" for text in state_texts(line))]
        lines += [f"problem: {problem}" for problem in self.problems]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"next: {step}" for step in self.next_steps]
        return page(lines) or "Nothing was looked at."

    def __repr__(self) -> str:
        return str(self)


def _table_text(line: TableLine) -> Iterator[str]:
    yield f"  {line.name}: {plural(line.columns, 'column')}, {line.holds}"
    if line.last:
        yield f"       last batch: {line.last}"
    if line.description:
        yield f"       {' '.join(line.description.split())}"


def step_text(line: PipelineLine) -> str:
    """Return one pipeline as a sentence."""
    text = f"{line.name}: {', '.join(line.reads) or 'no source'} -> {line.writes}"
    text += f", after {', '.join(line.after)}" if line.after else ""
    text += f", at {line.schedule}" if line.schedule else ""
    return text + (f", {plural(line.checks, 'check')}" if line.checks else "")


def state_texts(line: PipelineLine) -> tuple[str, ...]:
    """Return how the pipeline's last run ended, and what is stale."""
    last = line.last if line.last in ("", NEVER_RUN) else f"last run: {line.last}"
    return (*([last] if last else []), *line.stale)


def glance(
    project: Project,
    *,
    tables: bool = True,
    pipelines: bool = True,
    memory: Memory | None = None,
    notes: Sequence[str] = (),
) -> Glance:
    """Look at the project; reads the ledger where there is one, and starts no Spark.

    `memory` tells what was looked at in this session, `notes` what else is to be said of the notebook.
    """
    problems = tuple(problem.message for problem in project.problems() if problem.severity == "error")
    known = project.pipelines
    states = table_states({*project.tables, *(one.target.qualified_name for one in known.values())})
    order = _order(project, known)
    listed = _pipeline_lines(project, known, order, states, memory)
    drawn = {line.name: re.split(r",| \(", line.last)[0] for line in listed}
    return Glance(
        tables=tuple(_table_lines(project, states)) if tables else None,
        pipelines=listed if pipelines else None,
        problems=problems,
        next_steps=tuple(_next_steps(project, listed, problems)) if tables and pipelines else (),
        notes=tuple(notes),
        graph=whole(known, order, drawn) if pipelines else Graph(),
    )


def _table_lines(project: Project, states: Mapping[str, TableState]) -> Iterator[TableLine]:
    for name, table in project.tables.items():
        yield TableLine(name, len(table.columns), states[name].holds, table.description, states[name].last)


def _order(project: Project, known: Mapping[str, Pipeline]) -> tuple[str, ...]:
    try:
        return project.order()
    except DeclarationError:
        # The cycle is among the problems; the pipelines are shown all the same.
        return tuple(known)


def _pipeline_lines(
    project: Project,
    known: Mapping[str, Pipeline],
    order: Sequence[str],
    states: Mapping[str, TableState],
    memory: Memory | None,
) -> tuple[PipelineLine, ...]:
    writers: dict[str, list[str]] = {}
    for writer, reader in project.edges():
        writers.setdefault(reader, []).append(writer)
    return tuple(
        PipelineLine(
            name=name,
            reads=tuple(source_text(source) for source in known[name].sources.values()),
            writes=known[name].target.qualified_name,
            after=tuple(writers.get(name, ())),
            schedule=schedule_text(known[name]),
            checks=len(known[name].expectations),
            last=_last_run(name, states[known[name].target.qualified_name], memory),
            stale=memory.stale(known[name], project) if memory else (),
        )
        for name in order
    )


def schedule_text(pipeline: Pipeline) -> str:
    """Return when a pipeline runs: its cron and its time zone; an empty text without a schedule."""
    return f"{pipeline.schedule.cron} {pipeline.schedule.timezone}" if pipeline.schedule else ""


def _last_run(name: str, state: TableState, memory: Memory | None) -> str:
    """Return how the last run ended: by the ledger, unless this session knows of a later one that left no batch."""
    noted = (state.runs or {}).get(name, NEVER_RUN)
    here = memory.state(name) if memory else ""
    if not here or noted.startswith(here):
        return noted
    before = f"; before that {noted}" if noted != NEVER_RUN else ""
    return f"{here}, {_IN_SESSION}{before}"


def _next_steps(project: Project, listed: Sequence[PipelineLine], problems: Sequence[str]) -> list[str]:
    """Return what to type next, the most urgent first."""
    if not project.tables:
        found = [f"infer a table: %alur_table {name} --from '{what}'" for name, what in _landed().items()]
        return [
            *(found[:1] or [f"to begin with files: put some into {_landing_text()}, then %alur again"]),
            "declare a table: %%alur_table orders, then lines such as order_id string not null",
        ]
    if not listed:
        table = next(iter(project.tables.values()))
        pattern = _landed().get(table.name, f"{table.name}/*.csv")
        line = f"%alur_pipeline ingest_{table.name} --from '{pattern}' --target {table.class_name}"
        return [f"declare a pipeline: {line}"]
    steps = ["%alur_check"] if problems else []
    failed = next((line.name for line in listed if line.last.startswith(FAILED)), None)
    steps += [f"%alur_history {failed}"] if failed else []
    cut = next((line.name for line in listed if line.last.startswith(INTERRUPTED)), None)
    steps += [f"%alur_run {cut}"] if cut else []
    stale = next((line.name for line in listed if line.stale), listed[0].name)
    steps += [f"%alur_preview {stale}", "%alur_run --all"]
    deployed = [name for name in load_settings().environments if name != "local"]
    steps.append(
        f"%alur_export --env {deployed[0]}"
        if deployed
        else f"for AWS add [env.dev] to {SETTINGS_FILE}, then export"
    )
    return steps


def _landed() -> dict[str, str]:
    """Return a table's name for each folder of landing files, or file, with its pattern; no more than a look."""
    # Where the look costs nothing: not at each import of the front end.
    from alur_nb.authoring.infer import landing_files

    files, _ = landing_files()
    try:
        paths = sorted(file.path for file in itertools.islice(files.scan("**/*"), _LOOK))
    # No landing folder yet.
    except SourceError:
        return {}
    found: dict[str, str] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        word = re.sub(r"\W+", "_", folder.rpartition("/")[2] or name.partition(".")[0]).lower()
        if word.isidentifier():
            found.setdefault(word, pattern_of(path) if folder else path)
    return found


def _landing_text() -> str:
    """Return the landing folder as seen from the project, where it is inside of it: else paths differ by machine."""
    from alur_nb.authoring.infer import landing_files

    root, folder = load_settings().root, Path(landing_files()[1])
    return f"the folder {folder.relative_to(root)}" if folder.is_relative_to(root) else "the landing folder"

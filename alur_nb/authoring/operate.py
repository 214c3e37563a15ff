"""The operations, one function each: notebook, terminal and scripts call these and nothing below them."""

from __future__ import annotations

import builtins
import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from alur_nb.authoring.fingerprint import fingerprint
from alur_nb.authoring.which_notebook import kernel_notebook, project_notebooks
from alur_nb.runtime.errors import SettingsError, plural, suggest
from alur_nb.runtime.project import Problem, Project, current_project
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.selection import Selection, day
from alur_nb.runtime.settings import LOCAL, Settings, load_settings
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from alur_nb.authoring.bundle import Bundle
    from alur_nb.authoring.following import Following
    from alur_nb.authoring.job_runs import DeployedRun
    from alur_nb.authoring.preview import Preview
    from alur_nb.runtime.calling import Event

Names = str | Sequence[str] | Callable[..., object]
"""A pipeline's name, several, or `all` (the builtin, or the word)."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found: problems that stop a run or an export, warnings, and parts of a later release."""

    pipelines: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing of severity `error` was found."""
        return not any(problem.severity == "error" for problem in self.problems)

    @property
    def head(self) -> str:
        """How much was checked, and how it came out."""
        checked = f"{plural(len(self.tables), 'table')}, {plural(len(self.pipelines), 'pipeline')}"
        return f"{checked}: {'ok' if self.ok else 'not ok'}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        problems = [
            {
                "severity": p.severity,
                "subject": p.subject,
                "message": p.message,
                "place": p.place,
                "fix": p.fix,
            }
            for p in self.problems
        ]
        return {
            "ok": self.ok,
            "tables": list(self.tables),
            "pipelines": list(self.pipelines),
            "problems": problems,
        }

    def __str__(self) -> str:
        return "\n".join([self.head, *map(str, self.problems)])

    def __repr__(self) -> str:
        return str(self)


class Inputs(TypedDict, total=False):
    """The options of a run that say which inputs it loads."""

    since: str | date | None
    until: str | date | None
    files: str | Sequence[str]
    max_files: int | None
    full: bool
    drop_missing: bool
    retry: bool


class RunOptions(Inputs, total=False):
    """The options of `run`; its signature has their defaults."""

    upstream: bool
    downstream: bool
    follow: bool
    project: Project | None
    workspace: Workspace | None
    run_id: str | None
    cancelled: threading.Event | None
    on_event: Callable[[Event], None] | None


@overload
def run(name: Names = ..., env: Literal["local"] = ..., **options: Unpack[RunOptions]) -> RunReport: ...
@overload
def run(name: Names, env: str, **options: Unpack[RunOptions]) -> RunReport | DeployedRun: ...
def run(
    name: Names = builtins.all,
    env: str = LOCAL,
    *,
    upstream: bool = False,
    downstream: bool = False,
    since: str | date | None = None,
    until: str | date | None = None,
    files: str | Sequence[str] = (),
    max_files: int | None = None,
    full: bool = False,
    drop_missing: bool = False,
    retry: bool = False,
    follow: bool = True,
    project: Project | None = None,
    workspace: Workspace | None = None,
    run_id: str | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RunReport | DeployedRun:
    """Run one pipeline, several, or `all`, each loading only what its table has not taken in yet.

    `since` and `until` are days, both included, `files` globs over files' paths, `max_files` takes the oldest; what
    is left out stays pending. `full` loads everything in place of what is there, `retry` also the skipped files.

    With the `env` of a deployment it starts the job of one pipeline, with `downstream` its workflow, and follows it
    to its end; an interrupt, or `follow=False`, leaves it running.

    A failed pipeline is in the report, and skips what depends on it; raises DeclarationError for an unknown name
    or a cycle, SettingsError for an unknown environment or for options that contradict each other, DeployError for
    a job that cannot be started.
    """
    chosen: Inputs = {
        "since": since,
        "until": until,
        "files": files,
        "max_files": max_files,
        "full": full,
        "drop_missing": drop_missing,
        "retry": retry,
    }
    if env != LOCAL and not load_settings().environment(env).is_local:
        from alur_nb.authoring.deployed_runs import run_function, watch_by_events

        watch = watch_by_events(on_event, cancelled)
        given = {"upstream": upstream, **chosen}
        return run_function(name, env, given, downstream=downstream, is_followed=follow, watch=watch)
    return run_here(
        name,
        upstream=upstream,
        downstream=downstream,
        project=project,
        workspace=workspace,
        run_id=run_id,
        cancelled=cancelled,
        on_event=on_event,
        **chosen,
    )


def run_here(
    name: Names = builtins.all,
    *,
    upstream: bool = False,
    downstream: bool = False,
    project: Project | None = None,
    workspace: Workspace | None = None,
    run_id: str | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
    **chosen: Unpack[Inputs],
) -> RunReport:
    """Run on the embedded lake; `chosen` says what is loaded, as the options of `run` do."""
    from alur_nb.runtime.runner import run_pipelines

    selection = _selection(**chosen)
    known = project or current_project()
    place = workspace or open_workspace()
    names = selected(known, name, upstream=upstream, downstream=downstream)
    declared = known.pipelines
    fingerprints = {one: fingerprint(declared[one]) for one in names}
    report = run_pipelines(
        place,
        known,
        names,
        run_id=run_id or uuid.uuid4().hex,
        cancelled=cancelled,
        on_event=on_event,
        selection=selection,
    )
    return replace(report, fingerprints=fingerprints)


def _selection(
    *,
    since: str | date | None = None,
    until: str | date | None = None,
    files: str | Sequence[str] = (),
    max_files: int | None = None,
    full: bool = False,
    drop_missing: bool = False,
    retry: bool = False,
) -> Selection:
    return Selection(
        full=full,
        drop_missing=drop_missing,
        retry=retry,
        since=_day(since),
        until=_day(until),
        files=(files,) if isinstance(files, str) else tuple(files),
        max_files=max_files,
    )


def replay(
    table: str,
    batch: str,
    *,
    drop_missing: bool = False,
    project: Project | None = None,
    workspace: Workspace | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RunReport:
    """Load the inputs of one batch again, in its place: after the declaration was mended, or a file corrected.

    `table` is a table or the pipeline that writes it, `batch` an id or its number. Raises DeclarationError for an
    unknown table, LedgerError for an unknown batch; a batch that cannot be replayed is in the report.
    """
    from alur_nb.authoring.batch_names import batch_named, pipeline_named
    from alur_nb.runtime.runner import run_pipelines

    known, place = project or current_project(), workspace or open_workspace()
    pipeline = pipeline_named(known, table)
    found = batch_named(place.ledger, pipeline.target, batch)
    selection = Selection(replay=found.id, drop_missing=drop_missing)
    return run_pipelines(place, known, [pipeline.name], on_event=on_event, selection=selection)


def _day(value: str | date | None) -> date | None:
    return day(value) if isinstance(value, str) else value


def selected(
    project: Project, name: Names, *, upstream: bool = False, downstream: bool = False
) -> tuple[str, ...]:
    """Return the pipelines that a name, several names or `all` stand for, in the DAG's order."""
    if name is builtins.all or name == "all":
        return project.order()
    if callable(name):
        name = project.pipeline(getattr(name, "name", getattr(name, "__name__", str(name)))).name
    names = [name] if isinstance(name, str) else list(name)
    wanted = set(names)
    for one in names:
        project.pipeline(one)
        wanted |= set(project.upstream(one)) if upstream else set()
        wanted |= set(project.downstream(one)) if downstream else set()
    return project.order(wanted)


def preview(
    name: str,
    rows: int = 20,
    sample_rows: int = 10_000,
    files: int = 3,
    *,
    project: Project | None = None,
    workspace: Workspace | None = None,
) -> Preview:
    """Show what a run of the pipeline would do, from samples of its sources; nothing is written.

    Raises DeclarationError, SourceError, LedgerError; bad rows and bad files are in the preview, never raised.
    """
    from alur_nb.authoring import preview as previewing

    known = project or current_project()
    parts = fingerprint(known.pipeline(name))
    found = previewing.preview(
        workspace or open_workspace(), known, name, rows=rows, sample_rows=sample_rows, files=files
    )
    return replace(found, fingerprint=parts)


def check(*, project: Project | None = None) -> CheckReport:
    """Check names, contracts, the DAG, crons, row rules and profiles; reads no data and starts no Spark."""
    from alur_nb.authoring.term_problems import term_problems

    known = project or current_project()
    wrong = sorted(term_problems(known, load_settings()), key=lambda problem: problem.subject)
    problems = sorted([*known.problems(), *wrong], key=lambda problem: problem.severity != "error")
    return CheckReport(tuple(sorted(known.pipelines)), tuple(sorted(known.tables)), tuple(problems))


def export(
    notebook: str | Path | None = None,
    env: str | None = None,
    out: str | Path | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    following: Following | None = None,
    cell_ids: Collection[str] = (),
) -> Bundle:
    """Write the notebook's pipelines as Glue job scripts with their Terraform; the same input gives the same bytes.

    Without `notebook` the project's only one, or the one that this kernel belongs to: it holds one of `cell_ids`, or
    has the name that the kernel was started with. `following` is told of each cell and step, and can stop it. Raises
    ExportError with the cell to mend, SettingsError where the environment lacks what the bundle needs,
    RunCancelledError where it was stopped: the bundle on disk is then as it was.
    """
    from alur_nb.authoring import bundle

    path = find_notebook(load_settings(), notebook, cell_ids)
    return bundle.export(
        path,
        env=env,
        out=Path(out) if out else None,
        parameters=dict(parameters or {}),
        following=following,
    )


def export_differences(
    notebook: str | Path | None = None,
    env: str | None = None,
    out: str | Path | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> Bundle:
    """Return the bundle that the saved notebook gives, its changes against the one on disk; for CI, nothing is written."""
    from alur_nb.authoring import bundle

    path = find_notebook(load_settings(), notebook)
    return bundle.check_bundle(path, env=env, out=Path(out) if out else None, parameters=parameters)


def find_notebook(
    settings: Settings, notebook: str | Path | None = None, cell_ids: Collection[str] = ()
) -> Path:
    """Return the notebook that is meant: the named one, this kernel's, or the project's only one.

    `cell_ids` are of the cells that ran in this kernel, where there are any.
    """
    if notebook is not None:
        path = Path(notebook).resolve()
        if not path.is_file():
            known = [one.relative_to(settings.root).as_posix() for one in project_notebooks(settings)]
            raise SettingsError(
                f"There is no notebook {notebook}{suggest(str(notebook), known)}.",
                fix="Give the path of a saved .ipynb file.",
            )
        return path
    kernels = kernel_notebook(settings, cell_ids)
    if kernels is not None:
        return kernels
    found = project_notebooks(settings)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            "The project has no saved notebook.",
            fix="Save the notebook beside alur.toml or in the folder `notebooks`, or name it: --notebook PATH.",
        )
    listed = ", ".join(path.relative_to(settings.root).as_posix() for path in found)
    raise SettingsError(
        f"It is not clear which notebook is meant; the project has: {listed}.",
        fix="Name it: --notebook PATH, or export('PATH').",
    )

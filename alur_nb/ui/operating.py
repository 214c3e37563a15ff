"""What the acting magics do: preview, run, query, check, export; each returns an object.

While a notebook is executed for an export they do nothing, and return an empty object of their usual type.
"""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.history import History
from alur_nb.authoring.option_spelling import in_options
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.saved import refuse_unsaved, unsaved_notes
from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import AlurError, CheckError, NotebookError, Place
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.settings import load_settings
from alur_nb.ui import deploying
from alur_nb.ui.arguments import (
    alur_command,
    check_command,
    export_command,
    history_command,
    preview_command,
    rejects_command,
    run_command,
    split_sql_line,
    sql_command,
)
from alur_nb.ui.cards import publish
from alur_nb.ui.glance import Glance, glance
from alur_nb.ui.help import Help, help_page
from alur_nb.ui.parameter_run import with_parameters
from alur_nb.ui.session import Session
from alur_nb.ui.work import Task, in_background, wait_for_cancelled

if TYPE_CHECKING:
    from alur_nb.authoring.bundle import Bundle
    from alur_nb.authoring.job_runs import DeployedRun
    from alur_nb.authoring.operate import CheckReport
    from alur_nb.authoring.preview_facts import Preview
    from alur_nb.authoring.rejects import RejectsReport
    from alur_nb.ui.export_panel import ExportPanel


def preview(session: Session, line: str, body: str | None) -> Preview:
    """Preview one pipeline."""
    if is_export_mode():
        from alur_nb.authoring.preview_facts import Preview

        return Preview("", "", "nothing new")
    options = preview_command().parse(line, session.names)
    return previewed(session, options.name, options.rows, options.sample, options.files)


def previewed(
    session: Session, name: str, rows: int = 20, sample_rows: int = 10_000, files: int = 3
) -> Preview:
    """Preview a pipeline in the background of the running cell."""
    from alur_nb.authoring import operate
    from alur_nb.authoring.option_spelling import preview_in_options

    session.project.pipeline(name)

    def work(task: Task[Preview]) -> Preview:
        in_job_group(task)
        found = operate.preview(name, rows, sample_rows, files, project=session.project)
        return preview_in_options(found, session.by_options.__contains__)

    return in_background(session.shell, Task(f"preview of {name}", work))


def in_job_group(task: Task[Any]) -> None:
    """Let an interrupt of the cell cancel the Spark jobs of this thread."""
    from alur_nb.runtime.context import get_spark_session

    get_spark_session().sparkContext.setJobGroup(task.group, f"alur {task.title}", interruptOnCancel=True)


_RUN_OPTIONS = (
    "upstream", "downstream", "full", "drop_missing", "retry", "since", "until", "files", "max_files"
)  # fmt: skip
"""What `operate.run_here` takes from the line as it is."""


def run(session: Session, line: str, body: str | None) -> RunReport | DeployedRun:
    """Run pipelines, here or as deployed jobs; a failed one ends the cell after its report is shown."""
    if is_export_mode():
        return RunReport("")
    from alur_nb.authoring import operate

    command = run_command()
    options = command.parse(line, session.names)
    if deploying.is_deployed(options):
        return deploying.run_deployed(session, options)
    if bool(options.names) == options.all:
        raise NotebookError("%alur_run: name pipelines, or --all.", place=Place(line=1), fix=command.advice)
    wanted: operate.Names = builtins.all if options.all else options.names
    names = operate.selected(
        session.project, wanted, upstream=options.upstream, downstream=options.downstream
    )

    session.name_process()
    chosen = {name: getattr(options, name) for name in _RUN_OPTIONS}
    title = "run of all pipelines" if options.all else f"run of {', '.join(options.names)}"
    if options.parameter:
        given = dict(options.parameter)
        work = with_parameters(session, "all" if options.all else options.names, given, chosen)
        title += f" with {', '.join(f'{name}={value}' for name, value in given.items())}"
    else:

        def work(task: Task[RunReport]) -> RunReport:
            wait_for_cancelled(task)
            return operate.run_here(
                wanted,
                **chosen,
                project=session.project,
                run_id=task.group,
                cancelled=task.cancelled,
                on_event=task.follow,
            )

    report = in_background(session.shell, Task(title, work, total=len(names)))
    failed = [one for one in report.runs if one.state == "failed"]
    if failed:
        session.memory.note(report)
        # The report is what was done; the error behind it is what stops the notebook, and tells itself.
        error = _error_of(failed[0])
        if isinstance(error, AlurError) and error.fix and failed[0].name in session.by_options:
            error.fix = in_options(error.fix)
        publish(_without_error(report, failed[0]))
        raise error
    return report


def _error_of(run: PipelineRun) -> BaseException:
    error = run.error
    if isinstance(error, CheckError) and any(not one.passed for one in error.checks):
        # Each check is in the report with its rows.
        said = error.message.partition("\n")[0].rstrip(":")
        message = f"{run.name}: {said}; the report above has the rows."
        shorter = CheckError(message, checks=error.checks, fix=error.fix)
        shorter.__cause__ = error
        return shorter
    return error or NotebookError(f"Pipeline `{run.name}` failed.", fix="The report above says why.")


def _without_error(report: RunReport, told: PipelineRun) -> RunReport:
    """Return the report with the error left out that ends the cell below it."""
    note = "why it failed ends this cell, below"
    shown = replace(told, error=None, warnings=(*told.warnings, note))
    return replace(report, runs=tuple(shown if run is told else run for run in report.runs))


def history(session: Session, line: str, body: str | None) -> History:
    """Show what became of each batch of a table; reads the ledger, and starts no Spark."""
    from alur_nb.authoring import history as reading

    if is_export_mode():
        return History({})
    command = history_command()
    options = command.parse(line, session.names)
    if options.last < 1:
        raise NotebookError(
            f"%alur_history: -n/--last: {options.last} is not at least 1.",
            place=Place(line=1),
            fix=command.advice,
        )
    return reading.history(session.project, options.name, last=options.last)


def rejects(session: Session, line: str, body: str | None) -> RejectsReport:
    """Show what was rejected; counted by reason it reads the ledger alone."""
    from alur_nb.authoring import rejects as reading

    if is_export_mode():
        return reading.RejectsReport("", 0, {})
    options = rejects_command().parse(line, session.names)

    def report(rows: int) -> RejectsReport:
        csv_file = Path(options.csv) if options.csv else None
        return reading.rejects(session.project, options.name, last=options.last, rows=rows, csv_file=csv_file)

    if options.by_reason and not options.csv:
        return report(0)

    def work(task: Task[RejectsReport]) -> RejectsReport:
        in_job_group(task)
        return report(0 if options.by_reason else options.rows)

    # A name that is not there, or nothing to show, is told without Spark.
    if not reading.rejects(session.project, options.name, last=options.last, rows=0).total:
        return report(0)
    return in_background(session.shell, Task(f"rejected rows of {options.name}", work))


def sql(session: Session, line: str, body: str | None) -> QueryResult:
    """Run one SELECT over committed rows."""
    if is_export_mode():
        return QueryResult()
    from alur_nb.authoring.query import query
    from alur_nb.runtime.workspace import open_workspace

    command = sql_command()
    text, select = (line, body) if body is not None else split_sql_line(line)
    options = command.parse(text, session.names)
    if not select.strip():
        raise NotebookError("%alur_sql: the query is missing.", place=Place(line=1), fix=command.advice)
    if options.out is not None and not options.out.isidentifier():
        raise NotebookError(f"--out: `{options.out}` is not a name.", place=Place(line=1), fix=command.advice)
    project, workspace = session.project, open_workspace()

    def work(task: Task[QueryResult]) -> QueryResult:
        in_job_group(task)
        return query(select, project, workspace, rows=options.rows)

    try:
        result = in_background(session.shell, Task("query", work))
    except NotebookError as error:
        if body is None and error.place is not None:
            error.place = _place_in_line(session.cell.source, select, error.place)
        raise
    if options.out is not None:
        session.shell.user_ns[options.out] = result.frame
    return result


def _place_in_line(cell: str, select: str, place: Place) -> Place | None:
    """Return the place of an error in a query that stands behind its magic, not below it; None where it is not seen."""
    for number, row in enumerate(cell.split("\n"), 1):
        if row.rstrip().endswith(select.rstrip()):
            column = None if place.column is None else row.rindex(select.rstrip()) + place.column
            return Place(line=number, column=column)
    return None


def check(session: Session, line: str, body: str | None) -> CheckReport:
    """Check what is declared; an error among the findings ends the cell after the report is shown."""
    from alur_nb.authoring import operate

    if is_export_mode():
        return operate.CheckReport()
    check_command().parse(line)
    report = operate.check(project=session.project)
    wrong = [problem for problem in report.problems if problem.severity == "error"]
    if wrong:
        publish(report)
        more = f" (and {len(wrong) - 1} more above)" if len(wrong) > 1 else ""
        raise NotebookError(wrong[0].message + more, fix=wrong[0].fix)
    return report


def export(session: Session, line: str, body: str | None) -> Bundle | ExportPanel:
    """Export the saved notebook; alone, show what an export would do, with the controls that start one."""
    is_alone = not line.strip()
    if is_export_mode():
        from alur_nb.authoring.bundle import Bundle
        from alur_nb.ui.export_panel import ExportPanel

        return ExportPanel() if is_alone else Bundle()
    if is_alone:
        from alur_nb.ui.export_panel import export_panel

        return export_panel(session)
    from alur_nb.authoring import operate
    from alur_nb.authoring.following import Following
    from alur_nb.ui.export_panel_work import in_own_loop

    options = export_command().parse(line, session.names)
    ran = session.ran_cells() or ()

    def notebook() -> Path:
        settings = load_settings()
        found = operate.find_notebook(settings, options.notebook, session.cell_ids)
        if options.env is not None:
            settings.environment(options.env)  # a name that is not there is told first
        if options.notebook is None or found == session.saved_notebook():
            # Another notebook than this kernel's own is nothing that ran here.
            refuse_unsaved(found, ran)
        return found

    def work(task: Task[Bundle]) -> Bundle:
        following = Following(
            lambda number, total, label: task.tell("now", f"cell {number} of {total}, {label}"),
            lambda stage: task.tell("now", stage),
            task.cancelled,
        )
        return in_own_loop(
            lambda: operate.export(
                notebook(),
                options.env,
                options.out,
                parameters=dict(options.parameter or ()),
                following=following,
            )
        )

    return in_background(session.shell, Task("export", work))


def alur(session: Session, line: str, body: str | None) -> Glance | Help:
    """Show the project, or the magics; switch whole tracebacks on and off."""
    if is_export_mode():
        return Glance()
    command = alur_command()
    options = command.parse(line)
    if options.debug:
        session.is_debugging = not session.is_debugging
        return Help(f"Whole tracebacks are {'on' if session.is_debugging else 'off'}.")
    if options.topic == "help":
        return help_page()
    notes = unsaved_notes(session.saved_notebook(), session.ran_cells() or ())
    return glance(session.project, memory=session.memory, notes=notes)

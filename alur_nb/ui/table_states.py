"""`%alur_diff` and `%alur_maintain`: two states of a table compared, and Iceberg tables looked after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import NotebookError, Place
from alur_nb.ui.arguments import diff_command, maintain_command
from alur_nb.ui.operating import in_job_group
from alur_nb.ui.work import Task, in_background

if TYPE_CHECKING:
    from alur_nb.authoring.diffing import DiffReport
    from alur_nb.authoring.maintaining import MaintenanceReport
    from alur_nb.ui.session import Session


def diff(session: Session, line: str, body: str | None) -> DiffReport:
    """Compare two states of a table in the background of the running cell."""
    from alur_nb.authoring import diffing

    if is_export_mode():
        return diffing.DiffReport("", "", "", (), 0, 0, 0, 0)
    command = diff_command()
    options = command.parse(line, session.names)
    if options.rows < 0:
        raise NotebookError(
            f"%alur_diff: -n/--rows: {options.rows} is not at least 0.",
            place=Place(line=1),
            fix=command.advice,
        )
    project = session.project

    def work(task: Task[DiffReport]) -> DiffReport:
        in_job_group(task)
        return diffing.diff(project, options.name, options.before, options.after, examples=options.rows)

    return in_background(session.shell, Task(f"comparison of {options.name}", work))


def maintain(session: Session, line: str, body: str | None) -> MaintenanceReport:
    """Look after Iceberg tables in the background of the running cell."""
    from alur_nb.authoring import maintaining

    if is_export_mode():
        return maintaining.MaintenanceReport()
    options = maintain_command().parse(line, session.names)
    project = session.project

    def work(task: Task[MaintenanceReport]) -> MaintenanceReport:
        in_job_group(task)
        return maintaining.maintain(project, options.name)

    return in_background(session.shell, Task("maintenance", work))

"""What the watching magics do: lineage and status; each returns an object, and an empty one during an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.settings import LOCAL
from alur_nb.ui import deploying
from alur_nb.ui.session import Session
from alur_nb.ui.watch_arguments import lineage_command, status_command
from alur_nb.ui.work import Task, in_background

if TYPE_CHECKING:
    from alur_nb.authoring.lineage import LineageReport
    from alur_nb.authoring.report_facts import Status
    from alur_nb.authoring.status import Status as DeployedStatus


def lineage(session: Session, line: str, body: str | None) -> LineageReport:
    """Tell of a table or a column; Python functions are called once with empty frames."""
    from alur_nb.authoring import lineage as looking

    if is_export_mode():
        return looking.LineageReport()
    options = lineage_command().parse(line, session.names)
    # What a name means is told at once, without Spark.
    found = looking.lineage(session.project, options.name, may_call=False)
    if options.no_call or not found.notes:
        return found

    def work(task: Task[LineageReport]) -> LineageReport:
        return looking.lineage(session.project, options.name, may_call=True)

    return in_background(session.shell, Task(f"lineage of {options.name}", work))


def status(session: Session, line: str, body: str | None) -> Status | DeployedStatus:
    """Look at the embedded lake's ledger, or at a deployed environment; starts no Spark."""
    from alur_nb.authoring import report_facts

    if is_export_mode():
        return report_facts.Status()
    options = status_command().parse(line, session.names)
    environment = options.env or session.environment or LOCAL
    if environment == LOCAL:
        return report_facts.status(session.project, env=LOCAL)
    return deploying.status(session, environment)

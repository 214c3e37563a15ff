"""`%alur_run -p name=value`: the saved notebook runs in a process of its own, where the parameter has this value.

In this kernel the parameter is bound already, and the declarations were made with it: to change it here is to run its
cell, and theirs, again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alur_nb.runtime import owners
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.settings import load_settings
from alur_nb.ui.session import Session
from alur_nb.ui.work import Task, wait_for_cancelled


def with_parameters(
    session: Session, name: str | Sequence[str], given: Mapping[str, str], options: Mapping[str, Any]
) -> Callable[[Task[RunReport]], RunReport]:
    """Return the work of such a run, once it is known that it can begin.

    Raises SettingsError for a parameter that the notebooks do not have or a value of another type, ExportError where
    the notebook on disk is not what ran here.
    """
    from alur_nb.authoring.notebook import read_notebook
    from alur_nb.authoring.operate import find_notebook
    from alur_nb.authoring.parameters import typed_by_notebook
    from alur_nb.authoring.run_apart import run_apart
    from alur_nb.authoring.saved import refuse_unsaved
    from alur_nb.authoring.which_notebook import project_notebooks

    settings = load_settings()
    try:
        own = find_notebook(settings, cell_ids=session.cell_ids)
    except SettingsError as error:
        error.fix = "Save this notebook: with -p it runs as it is saved. Or in a terminal: alur run NAME -p NAME=VALUE"
        raise
    typed_by_notebook([read_notebook(path) for path in project_notebooks(settings)], given)
    refuse_unsaved(own, session.ran_cells() or (), again="run again")
    values = ", ".join(f"{key}={value}" for key, value in given.items())
    note = f"ran with {values}, as the notebook is saved, in a process of its own"

    def work(task: Task[RunReport]) -> RunReport:
        wait_for_cancelled(task)
        report = run_apart(
            name,
            given,
            options,
            cancelled=task.cancelled,
            on_event=task.follow,
            works_for=owners.working_for(),
        )
        return replace(
            report, runs=tuple(replace(run, warnings=(*run.warnings, note)) for run in report.runs)
        )

    return work

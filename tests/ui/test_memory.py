"""What a session remembers of previews and runs, and what it makes of it when something is declared again."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb import BronzeTable, IntegerField, files, pipeline
from alur_nb.authoring.fingerprint import fingerprint
from alur_nb.authoring.preview_facts import Preview
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport, RunState
from alur_nb.ui.memory import Memory


def declare(pattern: str) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files(pattern)}, target=OrdersBronze)
    def ingest(orders: Any) -> Any:
        return orders


def run_of(project: Project, state: RunState) -> RunReport:
    return RunReport(
        "r",
        (PipelineRun("ingest", "bronze.orders", state),),
        {"ingest": fingerprint(project.pipeline("ingest"))},
    )


def preview_of(project: Project) -> Preview:
    return Preview(
        "ingest", "bronze.orders", "would load", fingerprint=fingerprint(project.pipeline("ingest"))
    )


def test_a_preview_and_a_run_are_told_together_where_they_saw_the_same(project: Project) -> None:
    memory = Memory()
    declare("a/*")
    assert memory.stale(project.pipeline("ingest"), project) == ()
    memory.note(preview_of(project))
    memory.note(run_of(project, "loaded"))
    assert memory.stale(project.pipeline("ingest"), project) == ()
    declare("b/*")
    (said,) = memory.stale(project.pipeline("ingest"), project)
    assert said.startswith("declared again since its last preview and its last run: pipeline ingest in ")
    memory.note(preview_of(project))
    (said,) = memory.stale(project.pipeline("ingest"), project)
    assert said.startswith("declared again since its last run: ")


@pytest.mark.parametrize("state", ["skipped", "cancelled"])
def test_a_run_that_did_not_begin_makes_nothing_stale_and_nothing_fresh(
    project: Project, state: RunState
) -> None:
    memory = Memory()
    declare("a/*")
    memory.note(run_of(project, state))
    declare("b/*")
    assert memory.stale(project.pipeline("ingest"), project) == ()
    memory.note(run_of(project, "loaded"))
    declare("c/*")
    never = run_of(project, state)
    memory.note(never)
    assert len(memory.stale(project.pipeline("ingest"), project)) == 1
    assert memory.state("ingest") == state
    declare("d/*")
    assert memory.since(never, project) == ()


def test_other_values_and_pipelines_that_are_gone_are_nothing_to_tell(project: Project) -> None:
    memory = Memory()
    declare("a/*")
    report = run_of(project, "loaded")
    for value in (None, 3, "text", Preview("", "", "nothing new")):
        memory.note(value)
        assert memory.since(value, project) == ()
    assert memory.since(report, Project()) == ()
    memory.bound("x = (", "cell [1]")

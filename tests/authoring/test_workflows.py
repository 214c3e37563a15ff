"""Workflows: one pipeline with what comes after it, from start to whichever end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.job_runs import Watch
from alur_nb.authoring.workflows import run_workflow, stop_workflow
from alur_nb.runtime.errors import DeployError
from tests.authoring.clouds import Slept, cloud, refused
from tests.authoring.test_jobs import run, watched


def node(pipeline: str, *states: str) -> dict[str, Any]:
    runs = [run(state, Id=f"jr_{pipeline}_{number}")["JobRun"] for number, state in enumerate(states)]
    return {"Type": "JOB", "Name": f"shop-dev-{pipeline}", "JobDetails": {"JobRuns": runs}}


def look(status: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"Run": {"Status": status, "Graph": {"Nodes": [{"Type": "TRIGGER", "Name": "x"}, *nodes]}}}


def answers(*looks: Any) -> dict[str, Any]:
    return {
        "glue.start_workflow_run": {"RunId": "wr_1"},
        "glue.get_workflow_run": list(looks),
        "logs.filter_log_events": {"events": []},
    }


def test_a_workflow_is_followed_job_by_job(tmp_path: Path) -> None:
    clock = Slept()
    there, clients = cloud(
        tmp_path,
        answers(
            look("RUNNING", node("a", "RUNNING"), node("b")),
            look("RUNNING", node("a", "SUCCEEDED"), node("b", "STARTING")),
            look("COMPLETED", node("a", "SUCCEEDED"), node("b", "SUCCEEDED")),
        ),
        clock=clock,
    )
    watch, told = watched(clock)
    report = run_workflow(there, "a", watch=watch)
    assert report.ok
    assert [one.pipeline for one in report.runs] == ["a", "b"]
    assert told == [
        "a: workflow shop-dev-a started, run wr_1",
        "a: RUNNING: running",
        "a: SUCCEEDED: succeeded",
        "b: STARTING: starting",
        "b: SUCCEEDED: succeeded",
    ]
    assert clients.requests("glue.start_workflow_run") == [{"Name": "shop-dev-a"}]


@pytest.mark.parametrize(
    ("status", "state"), [("COMPLETED", "FAILED"), ("STOPPED", "STOPPED"), ("ERROR", "ERROR")]
)
def test_a_workflow_whose_job_failed_has_failed_though_it_completed(
    tmp_path: Path, status: str, state: str
) -> None:
    there, _ = cloud(tmp_path, answers(look(status, node("a", state), node("b"))))
    report = run_workflow(there, "a", watch=Watch(wait=lambda seconds: False))
    assert not report.ok
    assert report.not_run == ("b",)
    assert "b: not run, since what it depends on failed" in str(report)


def test_glues_retry_within_a_workflow_decides(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, answers(look("COMPLETED", node("a", "FAILED", "SUCCEEDED"))))
    assert run_workflow(there, "a").ok


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        ("EntityNotFoundException", "no workflow that starts with `a`", "alur list"),
        ("ConcurrentRunsExceededException", "runs already", "--downstream --stop"),
    ],
)
def test_a_workflow_that_cannot_start(tmp_path: Path, code: str, message: str, fix: str) -> None:
    there, _ = cloud(tmp_path, {"glue.start_workflow_run": refused(code)})
    with pytest.raises(DeployError, match=message) as caught:
        run_workflow(there, "a")
    assert fix in str(caught.value)


def test_stop_stops_every_run_that_is_under_way(tmp_path: Path) -> None:
    runs = [{"WorkflowRunId": "wr_1", "Status": "RUNNING"}, {"WorkflowRunId": "wr_2", "Status": "COMPLETED"}]
    there, clients = cloud(tmp_path, {"glue.get_workflow_runs": {"Runs": runs}, "glue.stop_workflow_run": {}})
    assert stop_workflow(there, "a") == ("wr_1",)
    assert clients.requests("glue.stop_workflow_run") == [{"Name": "shop-dev-a", "RunId": "wr_1"}]

"""The magics that deploy and ask a deployed environment: their progress, what they return, how they end a cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import deploy as deploy_module
from alur_nb.authoring.deploy_plan import DeployPlan
from alur_nb.authoring.environments import Environments
from alur_nb.authoring.job_runs import DeployedRun
from alur_nb.authoring.logs import Logs
from alur_nb.runtime.errors import DeployError, NotebookError, NotYetSupportedError
from alur_nb.ui import deploying
from tests.authoring.clouds import Clients, cloud, refused
from tests.authoring.test_jobs import answers, run
from tests.ui.conftest import Notebook
from tests.ui.sheets import SHEETS

TOML = """
[project]
name = "shop"

[env.dev]
region = "eu-central-1"

[env.prod]
region = "eu-west-1"
"""


@pytest.fixture
def aws(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """An environment whose job has one run, which succeeds."""
    Path("alur.toml").write_text(TOML)
    there, clients = cloud(Path.cwd(), answers("SUCCEEDED"))
    clients.answers["glue.get_job_runs"] = {"JobRuns": [run("SUCCEEDED")["JobRun"]]}
    monkeypatch.setattr(deploying, "_cloud", lambda session, named: there)
    return clients


def test_env_shows_the_environments_and_chooses_one(notebook: Notebook) -> None:
    Path("alur.toml").write_text(TOML)
    assert notebook.ok("%alur_env") == Environments(
        (("dev", "", "eu-central-1", ""), ("prod", "", "eu-west-1", "")), ""
    )
    assert notebook.ok("%alur_env prod").chosen == "prod"
    assert notebook.ok("%alur_env").chosen == "prod"
    notebook.run("%alur_env local")
    assert isinstance(notebook.error, NotebookError)


def test_a_deployed_run_shows_its_states_and_returns_its_report(notebook: Notebook, aws: Clients) -> None:
    report = notebook.ok("%alur_run ingest_orders --env dev")
    assert isinstance(report, DeployedRun) and report.ok
    last = notebook.shown()[-1]
    assert "run of ingest_orders on dev (an interrupt leaves it running; --stop stops it): done" in last
    assert "ingest_orders: SUCCEEDED: succeeded" in last


def test_a_deployed_run_that_fails_shows_its_report_and_ends_the_cell(
    notebook: Notebook, aws: Clients
) -> None:
    aws.answers["glue.get_job_run"] = run("TIMEOUT")
    notebook.run("%alur_run ingest_orders --env dev")
    assert isinstance(notebook.error, DeployError)
    assert "TIMEOUT: took longer than its timeout allows" in notebook.error_lines[0]
    shown = "\n".join(notebook.shown())
    assert ": failed, elapsed" in shown
    assert "run on dev: failed" in shown


def test_stop_and_no_follow(notebook: Notebook, aws: Clients) -> None:
    report = notebook.ok("%alur_run ingest_orders --env dev --no-follow")
    assert "follow: alur logs ingest_orders --env dev --follow" in str(report)
    aws.answers["glue.get_job_runs"] = {"JobRuns": [run("RUNNING")["JobRun"]]}
    aws.answers["glue.batch_stop_job_run"] = {}
    aws.answers["glue.get_job_run"] = run("STOPPING")
    stopped = notebook.ok("%alur_run ingest_orders --env dev --stop")
    assert str(stopped).startswith("stopping on dev\n")
    assert stopped.runs[0].state == "STOPPING"
    aws.answers["glue.get_job_runs"] = {"JobRuns": []}
    assert str(notebook.ok("%alur_run ingest_orders --env dev --stop")) == "No run is under way."


def test_a_workflow_is_stopped_as_a_whole(notebook: Notebook, aws: Clients) -> None:
    runs = [{"WorkflowRunId": "wr_1", "Status": "RUNNING"}]
    aws.answers |= {"glue.get_workflow_runs": {"Runs": runs}, "glue.stop_workflow_run": {}}
    stopped = notebook.ok("%alur_run ingest_orders --env dev --downstream --stop")
    assert [run.id for run in stopped.runs] == ["wr_1"]
    assert aws.requests("glue.stop_workflow_run")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("%alur_run ingest_orders --env dev --full", NotYetSupportedError),
        ("%alur_run a b --env dev", NotebookError),
        ("%alur_run ingest_orders --stop", NotebookError),
    ],
)
def test_options_that_do_not_fit_are_refused(
    notebook: Notebook, aws: Clients, line: str, kind: type[Exception]
) -> None:
    notebook.run(line)
    assert isinstance(notebook.error, kind)
    assert aws.asked == []


def test_logs_are_shown_and_followed(notebook: Notebook, aws: Clients) -> None:
    message = json.dumps({"what": "event", "pipeline": "ingest_orders", "step": "staged"})
    event = {"timestamp": 1000, "message": message, "logStreamName": "jr_1", "eventId": "1"}
    aws.answers["logs.filter_log_events"] = lambda **request: {
        "events": [event] if request["logGroupName"].endswith("error") else []
    }
    found = notebook.ok("%alur_logs ingest_orders")
    assert isinstance(found, Logs)
    assert [line.text for line in found.lines] == ["ingest_orders staged"]


def test_an_error_of_aws_ends_the_cell_in_words(notebook: Notebook, aws: Clients) -> None:
    aws.answers["glue.get_job"] = refused("ExpiredTokenException", operation="GetJob")
    notebook.run("%alur_logs ingest_orders")
    assert "the credentials have expired" in notebook.error_lines[0]


class Deploy:
    """A deploy whose steps are noted."""

    def __init__(self, there: Any) -> None:
        self.environment, self.steps = "dev", []
        Deploy.last = self  # type: ignore[attr-defined]

    def look(self) -> None:
        self.steps.append("look")

    def check(self, project: Any) -> None:
        self.steps.append("check")

    def build(self, notebook: Path, *, only_check: bool) -> None:
        self.steps.append("check the bundle" if only_check else "build")

    def plan(self, *, is_last: bool) -> Any:
        self.steps.append("last plan" if is_last else "plan")
        return DeployPlan("dev", changes=SHEETS["DeployPlan"].changes[1:])  # type: ignore[attr-defined]

    def apply(self) -> Any:
        self.steps.append("apply")
        return SHEETS["DeployReport"]


@pytest.fixture
def steps(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(deploy_module, "Deployment", Deploy)
    Path("shop.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return lambda: Deploy.last.steps  # type: ignore[attr-defined]


def test_a_plan_is_returned_and_nothing_is_made(notebook: Notebook, steps: Any) -> None:
    assert isinstance(notebook.ok("%alur_deploy --env dev --plan"), DeployPlan)
    assert steps() == ["look", "check", "build", "last plan"]


def test_a_deploy_without_an_answer_shows_the_plan_and_makes_nothing(notebook: Notebook, steps: Any) -> None:
    notebook.run("%alur_deploy --env dev --skip-build")
    assert isinstance(notebook.error, DeployError)
    assert "add --auto-approve" in "\n".join(notebook.error_lines)
    assert any("Plan for dev" in text for text in notebook.shown())
    assert steps() == ["look", "check", "check the bundle", "plan"]


def test_a_deploy_that_may_applies(notebook: Notebook, steps: Any) -> None:
    assert notebook.ok("%alur_deploy --env dev --auto-approve") == SHEETS["DeployReport"]
    assert steps()[-1] == "apply"


def test_data_at_risk_needs_its_own_word(
    notebook: Notebook, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deploy, "plan", lambda self, is_last: SHEETS["DeployPlan"])
    notebook.run("%alur_deploy --env dev --auto-approve")
    assert "puts data at risk" in notebook.error_lines[0]
    assert "apply" not in steps()
    assert notebook.ok("%alur_deploy --env dev --auto-approve --allow-data-loss") == SHEETS["DeployReport"]

from __future__ import annotations

import json

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, files, pipeline, read
from alur_nb.runtime import publish
from alur_nb.runtime.errors import LeaseLostError
from alur_nb.runtime.job import main, run_job
from alur_nb.runtime.owners import glue_owner
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


@pytest.fixture
def ingest(project: Project, spark: object) -> Pipeline:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return ingest_orders


# What Glue adds to a job's arguments of its own accord.
GLUE = ["--JOB_NAME", "x", "--TempDir", "s3://b/t", "--enable-metrics", "true", "--JOB_RUN_ID", "jr_1"]


def test_the_job_runs_on_the_embedded_lake_of_a_project(
    workspace: Workspace, land: Land, ingest: Pipeline
) -> None:
    land("orders/1.csv", "id\n1\n")
    report = run_job(ingest, ["--project", str(workspace.settings.root), *GLUE])
    assert [(run.state, run.rows) for run in report.runs] == [("loaded", 1)]
    assert read(ingest.target).count() == 1


def test_a_retry_of_the_same_job_run_keeps_its_run_id(
    workspace: Workspace, land: Land, ingest: Pipeline
) -> None:
    argument = json.dumps({"run_id": "jr_1", "parameters": {}})
    assert run_job(ingest, ["--alur", argument, "--project", str(workspace.settings.root)]).run_id == "jr_1"


@pytest.mark.slow
def test_the_lease_is_held_by_the_glue_run_and_its_retry_takes_it_over_at_once(
    workspace: Workspace, land: Land, ingest: Pipeline
) -> None:
    land("orders/1.csv", "id\n1\n")
    died = workspace.ledger.acquire("bronze.orders", glue_owner("jr_1"))
    root = ["--project", str(workspace.settings.root)]
    busy = run_job(ingest, [*root, "--JOB_RUN_ID", "jr_2"]).runs[0]
    assert "is being written by another run (glue/jr_1)" in str(busy.error_text)
    report = run_job(ingest, [*root, "--JOB_RUN_ID", "jr_1_attempt_1"])
    assert (report.run_id, report.runs[0].state) == ("jr_1", "loaded"), report.runs[0].error_text
    with pytest.raises(LeaseLostError):
        workspace.ledger.renew(died)


@pytest.mark.slow
def test_the_exit_code_and_the_log_say_how_it_went(
    workspace: Workspace, land: Land, ingest: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    land("orders/1.csv", "id\n1\nx\n")
    with pytest.raises(SystemExit) as exit_:
        main(ingest, ["--project", str(workspace.settings.root)])
    # Glue shows what the exit says as the run's error message; the process ends with 1.
    assert exit_.value.code == 1
    assert "orders/1.csv, line 3, column id" in str(exit_.value)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [event["step"] for event in events if event["what"] == "event"] == ["started", "planned", "ended"]
    assert "orders/1.csv, line 3, column id" in events[-1]["error"]


@pytest.mark.slow
def test_a_job_that_succeeds_returns(workspace: Workspace, land: Land, ingest: Pipeline) -> None:
    land("orders/1.csv", "id\n1\n")
    # What runs a script for Glue may take any SystemExit for a failure.
    assert main(ingest, ["--project", str(workspace.settings.root), *GLUE]) is None


@pytest.mark.slow
def test_a_job_that_loses_its_lease_fails_and_publishes_nothing(
    workspace: Workspace, land: Land, project: Project, spark: object
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        # The next attempt of this very Glue run does not wait for the one before it, and begins with what that left.
        workspace.ledger.acquire("bronze.orders", glue_owner("jr_1_attempt_1"))
        publish.recover(workspace, "bronze.orders")
        return orders

    land("orders/1.csv", "id\n1\n")
    with pytest.raises(SystemExit) as exit_:
        main(ingest_orders, ["--project", str(workspace.settings.root), "--JOB_RUN_ID", "jr_1"])
    assert exit_.value.code == 1
    assert read(OrdersBronze).count() == 0


def test_an_environment_that_the_argument_does_not_describe_is_refused(
    ingest: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(ingest, ["--alur", '{"environment": "dev"}'])
    assert exit_.value.code == 1
    assert "does not describe its environment" in capsys.readouterr().err


@pytest.mark.parametrize("argument", ["{", "[]", '{"parameters": 3}'])
def test_a_bad_argument_is_told(ingest: Pipeline, argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(ingest, ["--alur", argument])
    assert exit_.value.code == 1
    assert "--alur" in capsys.readouterr().err

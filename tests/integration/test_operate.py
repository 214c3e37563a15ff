"""`alur run --env`, `logs`, `status`, `schedules`, `cost`, `compare` and `list` against moto's server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import alur_nb
from alur_nb.cli import main
from alur_nb.runtime.aws import client
from alur_nb.runtime.errors import DeployError
from tests.integration.aws import ACCOUNT, REGION, job_runs_by_hand, use_aws

pytestmark = pytest.mark.slow

TOML = f"""
[project]
name = "shop"

[defaults]
region = "{REGION}"
account_id = "{ACCOUNT}"
landing = "s3://acme-landing/"

[env.dev]
[env.prod]
number_of_workers = 10
"""
ERROR_GROUP = "/aws-glue/shop-dev/ingest_orders/error"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, glue_server: str) -> Path:
    """A project whose pipeline is deployed in two environments; the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    (tmp_path / "shop/alur.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path / "shop")
    use_aws(glue_server, monkeypatch)
    make_job("dev", 2)
    make_job("prod", 10)
    return tmp_path / "shop"


def make_job(environment: str, workers: int) -> None:
    argument = {"project": "shop", "environment": environment, "parameters": {}}
    client("glue").create_job(
        Name=f"shop-{environment}-ingest_orders",
        Role="role",
        Command={"Name": "glueetl", "ScriptLocation": f"s3://b/jobs/ingest_orders-{'0' * 16}.py"},
        DefaultArguments={"--alur": json.dumps(argument)},
        GlueVersion="5.1",
        WorkerType="G.1X",
        NumberOfWorkers=workers,
        Timeout=60,
    )


def make_ledger(name: str) -> None:
    keys = {"pk": "HASH", "sk": "RANGE"}
    client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )


def write_log(run_id: str, *messages: str) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName=ERROR_GROUP)
    logs.create_log_stream(logGroupName=ERROR_GROUP, logStreamName=run_id)
    now = round(time.time() * 1000)
    events = [{"timestamp": now + number, "message": text} for number, text in enumerate(messages)]
    for start in range(0, len(events), 5_000):
        logs.put_log_events(
            logGroupName=ERROR_GROUP, logStreamName=run_id, logEvents=events[start : start + 5_000]
        )


def as_json(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*argv, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_run_follows_the_job_to_its_end(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ingest_orders", "--env", "dev"]) == 0
    told = capsys.readouterr()
    assert "ingest_orders: started, run jr_" in told.err
    assert "run on dev: succeeded" in told.out
    found = as_json(capsys, "run", "ingest_orders", "--env", "dev")
    assert (found["ok"], found["runs"][0]["state"]) == (True, "SUCCEEDED")


def test_the_function_runs_the_same_job(shop: Path) -> None:
    report = alur_nb.run("ingest_orders", env="dev")
    assert (report.ok, [one.state for one in report.runs]) == (True, ["SUCCEEDED"])
    (run,) = client("glue").get_job_runs(JobName="shop-dev-ingest_orders")["JobRuns"]
    assert run["Id"] == report.runs[0].id
    with pytest.raises(DeployError, match="did you mean `ingest_orders`"):
        alur_nb.run("ingest_order", env="dev")


def test_run_without_following_then_logs_of_many_pages(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = as_json(capsys, "run", "ingest_orders", "--env", "dev", "--no-follow")
    run_id = started["runs"][0]["run"]
    event = json.dumps({"what": "event", "pipeline": "ingest_orders", "step": "staged", "rows": 3})
    # More than the 10,000 events of a page.
    write_log(run_id, event, *(f"line {number}" for number in range(12_000)))
    found = as_json(capsys, "logs", "ingest_orders", "--env", "dev")
    assert len(found["lines"]) == 12_001
    assert {(line["stream"], line["channel"]) for line in found["lines"]} == {("driver", "error")}
    assert main(["logs", "ingest_orders", "--env", "dev", "--run", run_id]) == 0
    text = capsys.readouterr().out
    assert "driver error: ingest_orders staged, rows=3" in text
    assert "line 11999" in text


def test_parameters_are_typed_by_the_notebook_and_reach_the_job(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ingest_orders", "--env", "dev", "-p", "limit=5"]) == 1
    assert "no cell tagged `parameters`" in capsys.readouterr().err
    path = shop / "notebooks/shop.ipynb"
    book = json.loads(path.read_text())
    cell = {
        "cell_type": "code",
        "id": "p",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "execution_count": None,
    }
    book["cells"].insert(0, {**cell, "source": "limit = 1"})
    path.write_text(json.dumps(book))
    assert main(["run", "ingest_orders", "--env", "dev", "-p", "limit=five"]) == 1
    assert main(["run", "ingest_orders", "--env", "dev", "-p", "limit=5", "--no-follow"]) == 0
    (run,) = client("glue").get_job_runs(JobName="shop-dev-ingest_orders")["JobRuns"]
    assert json.loads(run["Arguments"]["--alur"])["parameters"] == {"limit": 5}


def test_ctrl_c_leaves_the_job_running_and_says_so(shop: Path, glue_server: str) -> None:
    job_runs_by_hand(glue_server, times=1_000)
    command = [sys.executable, "-m", "alur_nb", "run", "ingest_orders", "--env", "dev"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "STARTING" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "You stopped watching; ingest_orders runs on in dev." in err
    assert "alur run ingest_orders --env dev --stop" in err
    (run,) = client("glue").get_job_runs(JobName="shop-dev-ingest_orders")["JobRuns"]
    assert run["JobRunState"] == "STARTING"


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["run", "--env", "dev"], 2, "usage: alur run NAME --env ENV"),
        (["run", "ingest_orders", "--stop"], 2, "usage: alur run NAME --env ENV --stop"),
        (["run", "ingest_orders", "--env", "dev", "--full"], 1, "--full works on the embedded lake"),
        (["run", "ingest_order", "--env", "dev"], 1, "did you mean `ingest_orders`"),
        (["run", "ingest_orders", "--env", "staging"], 1, "There is no environment `staging`"),
        (["run", "ingest_orders", "--env", "dev", "--downstream"], 1, "no workflow that starts with"),
        (["run", "ingest_orders", "--env", "dev", "--all"], 1, "--all works on the embedded lake"),
        (["logs", "ingest_orders", "--env", "local"], 1, "is this machine"),
        (["status"], 1, "No environment is named"),
        (["cost", "--env", "dev", "--days", "0"], 2, "N is at least 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    shop: Path, argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    assert message in capsys.readouterr().err


def test_list_cost_and_compare(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_json(capsys, "list", "--env", "dev")["jobs"] == [
        {"pipeline": "ingest_orders", "job": "shop-dev-ingest_orders", "glue_version": "5.1"}
    ]
    assert main(["run", "ingest_orders", "--env", "dev"]) == 0
    found = as_json(capsys, "cost", "--env", "dev")
    assert found["pipelines"][0]["runs"] == 1
    # moto's runs take 123 s each.
    assert found["pipelines"][0]["dpu_hours"] == pytest.approx(2 * 123 / 3600, abs=1e-3)
    compared = as_json(capsys, "compare", "dev", "prod", code=1)
    assert compared["differences"] == [
        {"pipeline": "ingest_orders", "fact": "workers", "dev": "2 G.1X", "prod": "10 G.1X"}
    ]
    assert as_json(capsys, "compare", "dev", "dev")["equal"]


def test_schedules_declared_and_deployed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = client("scheduler")
    scheduler.create_schedule_group(Name="shop-dev")
    scheduler.create_schedule(
        Name="shop-dev-ingest_orders",
        GroupName="shop-dev",
        ScheduleExpression="cron(0 6 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun",
            "RoleArn": "arn:aws:iam::1:role/r",
        },
    )
    (line,) = as_json(capsys, "schedules", "--env", "dev")["schedules"]
    assert (line["pipeline"], line["timezone"], len(line["next"])) == ("ingest_orders", "Europe/Berlin", 3)
    assert as_json(capsys, "schedules") == {"environment": "declared", "schedules": []}


def test_status_tells_runs_drift_and_what_cannot_be_read(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ingest_orders", "--env", "dev"]) == 0
    found = as_json(capsys, "status", "--env", "dev")
    (line,) = found["pipelines"]
    assert (line["last_run"]["state"], line["drift"]) == ("SUCCEEDED", ["not compared"])
    assert any("The ledger could not be read" in note for note in found["notes"])
    glue = {
        "number_of_workers": 2,
        "worker_type": "G.1X",
        "execution_class": "STANDARD",
        "timeout_minutes": 60,
        "max_retries": 0,
    }
    pipelines = {"ingest_orders": {"hash": "f" * 64, "glue": glue}, "clean": {"hash": "f" * 64, "glue": glue}}
    (shop / "bundle").mkdir()
    manifest = {"environment": "dev", "files": {}, "pipelines": pipelines}
    (shop / "bundle/manifest.json").write_text(json.dumps(manifest))
    make_ledger("shop-dev-ledger")
    found = as_json(capsys, "status", "--env", "dev")
    assert found["pipelines"][0]["drift"] == ["other script"]
    assert found["notes"] == ["In the bundle and not deployed: clean"]
    assert main(["status", "--env", "dev"]) == 0
    assert "dev: 1 job, no last run failed" in capsys.readouterr().out

"""Runs of deployed jobs: every state that Glue has ends or waits, and nothing is started twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from alur_nb.authoring import job_runs, jobs
from alur_nb.authoring.job_runs import DeployedRun, Watch, run_job
from alur_nb.authoring.jobs import ENDED, Job
from alur_nb.runtime.errors import DeployError
from tests.authoring.clouds import Slept, cloud, refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = {
    "Name": "shop-dev-ingest_orders",
    "DefaultArguments": {
        "--alur": json.dumps(
            {"project": "shop", "environment": "dev", "parameters": {"limit": 1, "day": "x"}}
        )
    },
}


def run(state: str, **more: Any) -> dict[str, Any]:
    told = {
        "Id": "jr_1",
        "JobRunState": state,
        "StartedOn": NOW,
        "ExecutionTime": 90,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "GlueVersion": "5.1",
        **more,
    }
    return {"JobRun": told}


def answers(*states: Any, **more: Any) -> dict[str, Any]:
    return {
        "glue.get_job": {"Job": {**JOB, **more}},
        "glue.start_job_run": {"JobRunId": "jr_1"},
        "glue.get_job_run": [one if isinstance(one, dict | Exception) else run(one) for one in states],
        "logs.filter_log_events": {"events": []},
    }


def watched(clock: Slept) -> tuple[Watch, list[str]]:
    told: list[str] = []
    return Watch(lambda pipeline, words: told.append(f"{pipeline}: {words}"), clock.wait), told


@pytest.mark.parametrize("state", ENDED)
def test_each_state_that_ends_ends_the_following(tmp_path: Path, state: str) -> None:
    clock = Slept()
    there, clients = cloud(tmp_path, answers("STARTING", "RUNNING", state), clock=clock)
    watch, told = watched(clock)
    report = run_job(there, "ingest_orders", watch=watch)
    assert report.ok is (state == "SUCCEEDED")
    assert report.runs[0].state == state
    assert told[-1].startswith(f"ingest_orders: {state}")
    assert len(clients.requests("glue.get_job_run")) == 3


def test_a_run_that_waits_in_the_queue_is_waited_for(tmp_path: Path) -> None:
    clock = Slept()
    there, _ = cloud(tmp_path, answers(*["WAITING"] * 20, "RUNNING", "SUCCEEDED"), clock=clock)
    watch, told = watched(clock)
    assert run_job(there, "ingest_orders", watch=watch).ok
    assert sum("WAITING" in line for line in told) == 1
    assert max(clock.pauses) == 15.0


def test_a_state_of_a_later_glue_ends_with_its_end_time(tmp_path: Path) -> None:
    clock = Slept()
    there, _ = cloud(tmp_path, answers("PAUSED", run("PARKED", CompletedOn=NOW)), clock=clock)
    report = run_job(there, "ingest_orders", watch=watched(clock)[0])
    assert (report.ok, report.runs[0].state) == (False, "PARKED")


def test_a_throttled_look_is_repeated_with_jitter(tmp_path: Path) -> None:
    clock = Slept()
    throttled = refused("ThrottlingException", "Rate exceeded")
    there, clients = cloud(tmp_path, answers(throttled, throttled, throttled, "SUCCEEDED"), clock=clock)
    assert run_job(there, "ingest_orders", watch=watched(clock)[0]).ok
    assert len(clients.requests("glue.get_job_run")) == 4
    assert len(set(clock.pauses)) == 3


def test_a_start_without_an_answer_is_not_repeated_and_a_throttled_one_is(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers("SUCCEEDED"))
    clients.answers["glue.start_job_run"] = EndpointConnectionError(endpoint_url="https://glue")
    with pytest.raises(DeployError, match="did not answer"):
        run_job(there, "ingest_orders")
    assert len(clients.requests("glue.start_job_run")) == 1
    clients.answers["glue.start_job_run"] = [refused("ThrottlingException"), {"JobRunId": "jr_1"}]
    assert run_job(there, "ingest_orders").ok
    assert len(clients.requests("glue.start_job_run")) == 3


def test_glues_own_retry_is_followed_and_decides(tmp_path: Path) -> None:
    clock = Slept()
    missing = refused("EntityNotFoundException")
    again = [run(state, Id="jr_1_attempt_1", Attempt=1) for state in ("RUNNING", "RUNNING", "SUCCEEDED")]
    there, _ = cloud(tmp_path, answers("FAILED", missing, *again, MaxRetries=1), clock=clock)
    watch, told = watched(clock)
    report = run_job(there, "ingest_orders", watch=watch)
    assert report.ok
    assert [one.id for one in report.runs] == ["jr_1", "jr_1_attempt_1"]
    assert "ingest_orders: failed; Glue tries again, attempt 1 of 1" in told


def test_without_following_nothing_is_asked(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers("RUNNING"))
    report = run_job(there, "ingest_orders", is_followed=False)
    assert report.ok
    assert clients.requests("glue.get_job_run") == []
    assert "alur run ingest_orders --env dev --stop" in str(report)


def test_whoever_stops_waiting_leaves_the_run_as_it_is(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers("RUNNING"))
    report = run_job(there, "ingest_orders", watch=Watch(wait=lambda seconds: True))
    assert (report.ok, report.runs[0].state) == (False, "RUNNING")
    assert clients.requests("glue.batch_stop_job_run") == []


def test_parameters_stand_in_place_of_the_deployed_ones(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers("SUCCEEDED"))
    run_job(there, "ingest_orders", {"limit": 5})
    (request,) = clients.requests("glue.start_job_run")
    given = json.loads(request["Arguments"]["--alur"])
    assert given == {"project": "shop", "environment": "dev", "parameters": {"limit": 5, "day": "x"}}


def test_without_parameters_the_job_keeps_its_own_argument(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers("SUCCEEDED"))
    run_job(there, "ingest_orders")
    assert clients.requests("glue.start_job_run") == [{"JobName": "shop-dev-ingest_orders", "Arguments": {}}]


def test_a_failed_run_shows_its_reason_its_cost_and_the_formula(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers(run("FAILED", ErrorMessage="exit 1")))
    line = json.dumps({"what": "failed", "pipeline": "ingest_orders", "error": "orders/bad.csv, line 2"})
    event = {"timestamp": 0, "message": line, "logStreamName": "jr_1", "eventId": "1"}
    clients.answers["logs.filter_log_events"] = {"events": [event]}
    report = run_job(there, "ingest_orders")
    text = str(report)
    assert "orders/bad.csv, line 2" in text
    assert "exit 1" in text
    # 2 workers of 1 DPU for 90 s: 0.05 DPU-hours at $0.44.
    assert "0.050" in text and "about $0.02" in text
    assert "DPU-hours = workers x DPUs" in text
    told = report.to_dict()["runs"][0]
    assert told["dpu_hours"] == pytest.approx(0.05)
    assert told["dollars"] == pytest.approx(0.022)


def test_an_unknown_pipeline_is_told_with_the_nearest(tmp_path: Path) -> None:
    foreign = {
        "Name": "shop-dev-x-report",
        "DefaultArguments": {"--alur": '{"project": "shop", "environment": "dev-x"}'},
    }
    there, _ = cloud(
        tmp_path,
        {
            "glue.get_job": refused("EntityNotFoundException"),
            "glue.get_jobs": {"Jobs": [JOB, foreign, {"Name": "other"}]},
        },
    )
    with pytest.raises(DeployError, match="did you mean `ingest_orders`") as caught:
        run_job(there, "ingest_order")
    assert "Deployed there: ingest_orders." in str(caught.value)


def test_a_second_run_at_once_is_refused_with_what_to_do(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers())
    clients.answers["glue.start_job_run"] = refused("ConcurrentRunsExceededException")
    with pytest.raises(DeployError, match="runs already") as caught:
        run_job(there, "ingest_orders")
    assert "--stop" in str(caught.value)


def listed(*states: str) -> dict[str, Any]:
    return {"JobRuns": [run(state, Id=f"jr_{number}")["JobRun"] for number, state in enumerate(states)]}


def test_stop_stops_what_is_under_way(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, {"glue.get_job_runs": listed("RUNNING", "WAITING", "SUCCEEDED")})
    clients.answers["glue.batch_stop_job_run"] = {"SuccessfulSubmissions": []}
    assert jobs.stop(there, Job("ingest_orders", JOB["Name"], JOB)) == ("jr_0", "jr_1")
    assert clients.requests("glue.batch_stop_job_run") == [
        {"JobName": JOB["Name"], "JobRunIds": ["jr_0", "jr_1"]}
    ]


def test_stop_with_nothing_under_way_asks_for_nothing(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, {"glue.get_job_runs": listed("FAILED")})
    assert jobs.stop(there, Job("ingest_orders", JOB["Name"], JOB)) == ()


def test_a_run_that_glue_does_not_stop_is_an_error(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, {"glue.get_job_runs": listed("RUNNING")})
    error = {"JobRunId": "jr_0", "ErrorDetail": {"ErrorMessage": "it has ended"}}
    clients.answers["glue.batch_stop_job_run"] = {"Errors": [error]}
    with pytest.raises(DeployError, match=r"jr_0.*it has ended"):
        jobs.stop(there, Job("ingest_orders", JOB["Name"], JOB))


def test_runs_are_paged_until_the_first_old_one(tmp_path: Path) -> None:
    def page(**request: Any) -> dict[str, Any]:
        number = int(request.get("NextToken", 0))
        started = NOW - timedelta(days=number)
        return {
            "JobRuns": [run("SUCCEEDED", Id=f"jr_{number}", StartedOn=started)["JobRun"]],
            "NextToken": str(number + 1),
        }

    there, clients = cloud(tmp_path, {"glue.get_job_runs": page})
    job = Job("ingest_orders", JOB["Name"], JOB)
    found = list(jobs.runs_of(there, job, since=NOW - timedelta(days=2)))
    assert [one.id for one in found] == ["jr_0", "jr_1", "jr_2"]
    assert len(clients.asked) == 4


def test_a_report_without_runs_says_so() -> None:
    assert str(DeployedRun()) == "Nothing was run."
    assert not DeployedRun().ok
    assert job_runs.DeployedRun("dev").to_dict()["runs"] == []

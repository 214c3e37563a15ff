"""A run's log: pages to the end, streams told apart, each line once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import logs
from alur_nb.runtime.errors import DeployError
from tests.authoring.clouds import Slept, cloud, refused
from tests.authoring.test_jobs import JOB, run

EVENT = {"time": "x", "what": "event", "pipeline": "ingest_orders", "step": "staged", "detail": "", "rows": 3}
ERROR_GROUP = "/aws-glue/shop-dev/ingest_orders/error"


def event(second: int, message: str, stream: str = "jr_1", event_id: str = "") -> dict[str, Any]:
    return {
        "timestamp": second * 1000,
        "message": message + "\n",
        "logStreamName": stream,
        "eventId": event_id or f"{stream}{second}{message}",
    }


def answers(*pages: Any, state: str = "SUCCEEDED") -> dict[str, Any]:
    """The pages of the error channel; the output channel has one line."""
    told = list(pages)

    def page(**request: Any) -> Any:
        if not request["logGroupName"].endswith("/error"):
            return {"events": [event(5, "printed")]}
        answer = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return {
        "glue.get_job": {"Job": JOB},
        "glue.get_job_runs": {"JobRuns": [run(state)["JobRun"]]},
        "glue.get_job_run": run(state),
        "logs.filter_log_events": page,
    }


def test_empty_pages_with_a_token_are_not_the_end(tmp_path: Path) -> None:
    there, clients = cloud(
        tmp_path,
        answers(
            {"events": [event(1, "one")], "nextToken": "a"},
            {"events": [], "nextToken": "b"},
            {"events": [], "nextToken": "c"},
            {"events": [event(9, "last")]},
        ),
    )
    found = logs.logs(there, "ingest_orders")
    assert [line.message for line in found.lines] == ["one", "printed", "last"]
    tokens = [
        r.get("nextToken")
        for r in clients.requests("logs.filter_log_events")
        if r["logGroupName"] == ERROR_GROUP
    ]
    assert tokens == [None, "a", "b", "c"]


def test_driver_and_executors_and_channels_are_told_apart(tmp_path: Path) -> None:
    lines = [event(1, "a"), event(2, "b", "jr_1_g-77"), event(3, "c", "jr_1_attempt_1")]
    there, _ = cloud(tmp_path, answers({"events": lines}))
    found = logs.logs(there, "ingest_orders")
    assert [(line.stream, line.channel) for line in found.lines] == [
        ("driver", "error"),
        ("executor g-77", "error"),
        ("driver", "error"),
        ("driver", "output"),
    ]


def test_our_own_lines_are_read_and_others_shown_as_they_are(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, answers({"events": [event(1, json.dumps(EVENT)), event(2, "{not json")]}))
    text = str(logs.logs(there, "ingest_orders"))
    assert "00:00:01 driver error: ingest_orders staged, rows=3" in text
    assert "00:00:02 driver error: {not json" in text


def test_a_job_that_never_ran_has_no_log(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, {"glue.get_job": {"Job": JOB}, "glue.get_job_runs": {"JobRuns": []}})
    assert str(logs.logs(there, "ingest_orders")) == "No run yet."


def test_a_group_that_is_not_there_has_no_lines_and_a_denied_one_is_an_error(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, answers(refused("ResourceNotFoundException")))
    assert [line.message for line in logs.logs(there, "ingest_orders").lines] == ["printed"]
    clients.answers["logs.filter_log_events"] = refused("AccessDeniedException", operation="FilterLogEvents")
    with pytest.raises(DeployError, match="access is denied"):
        logs.logs(there, "ingest_orders")


def test_following_gives_each_line_once_late_ones_too_and_ends_some_time_after_the_run(
    tmp_path: Path,
) -> None:
    clock = Slept()
    first, late, last = event(100, "first"), event(70, "late"), event(120, "last")
    there, clients = cloud(
        tmp_path,
        answers(
            {"events": [first]},
            {"events": [late, first]},
            {"events": [late, first]},
            {"events": [first, last]},
        ),
        clock=clock,
    )
    clients.answers["glue.get_job_run"] = [run("RUNNING"), run("RUNNING"), run("SUCCEEDED")]
    seen = [line.message for line in logs.follow(there, "ingest_orders", wait=clock.wait)]
    assert seen == ["printed", "first", "late", "last"]
    starts = [
        r["startTime"] for r in clients.requests("logs.filter_log_events") if r["logGroupName"] == ERROR_GROUP
    ]
    assert starts == [0, 40_000, 40_000, 40_000, 60_000]


def test_following_stops_when_asked(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, answers({"events": []}, state="RUNNING"))
    assert len(list(logs.follow(there, "ingest_orders", wait=lambda seconds: True))) == 1


def test_the_reason_of_a_failure_comes_from_our_own_lines_first(tmp_path: Path) -> None:
    failed = json.dumps({"what": "failed", "pipeline": "ingest_orders", "error": "no such file"})
    spark = event(2, "26/03/01 12:00:00 ERROR Executor: Exception in task 0.0")
    there, _ = cloud(
        tmp_path, answers({"events": [event(1, failed), spark, event(3, "bye")]}, state="FAILED")
    )
    (line,) = logs.last_errors(there, logs.logs(there, "ingest_orders").run)  # type: ignore[arg-type]
    assert line.endswith("ingest_orders failed: error=no such file")


def test_without_our_lines_the_error_lines_and_else_the_last_ones(tmp_path: Path) -> None:
    found = logs.LogLine(datetime.now(UTC), "driver", "error", "26/03/01 ERROR SparkContext: x")
    assert found.is_failure
    there, _ = cloud(tmp_path, answers({"events": [event(1, "killed")]}, state="FAILED"))
    (line,) = logs.last_errors(there, logs.logs(there, "ingest_orders").run)  # type: ignore[arg-type]
    assert line.endswith("killed")

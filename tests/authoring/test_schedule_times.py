"""When pipelines run next: three times, on the schedule's clock and in UTC, of what is declared and of what is deployed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alur_nb import BronzeTable, LongField, files, pipeline, schedule
from alur_nb.authoring.schedule_times import declared_schedules, deployed_schedules
from alur_nb.runtime.project import Project
from tests.authoring.clouds import cloud, refused

# Two days before Berlin's clocks go forward, at 2 on March 29.
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)


def declare(project: Project, **settings: Any) -> None:
    class OrdersBronze(BronzeTable):
        id = LongField()

    @schedule("30 2 * * ? *", timezone="Europe/Berlin", **settings)
    @pipeline(sources={"o": files("o/*.csv")}, target=OrdersBronze)
    def ingest_orders(o: Any) -> Any:
        return o


def test_three_times_in_the_zone_and_in_utc_without_the_one_that_is_skipped(project: Project) -> None:
    declare(project)
    found = declared_schedules(project, now=NOW)
    assert [line.split("Europe/Berlin")[-1].split() for line in str(found).splitlines()[3:]] == [
        ["Sat", "2026-03-28", "02:30", "Sat", "2026-03-28", "01:30"],
        ["Mon", "2026-03-30", "02:30", "Mon", "2026-03-30", "00:30"],
        ["Tue", "2026-03-31", "02:30", "Tue", "2026-03-31", "00:30"],
    ]
    (told,) = found.to_dict()["schedules"]
    assert told["next"][0] == "2026-03-28T02:30:00+01:00"
    assert told["next_utc"][1] == "2026-03-30T00:30:00+00:00"


def test_a_disabled_schedule_has_no_times(project: Project) -> None:
    declare(project, enabled=False)
    text = str(declared_schedules(project, now=NOW))
    assert "disabled" in text
    assert "2026-03" not in text


def test_what_is_deployed_is_read_from_the_scheduler(tmp_path: Path) -> None:
    told = {
        "shop-dev-ingest_orders": {
            "ScheduleExpression": "cron(0 6 * * ? *)",
            "ScheduleExpressionTimezone": "UTC",
        },
        "shop-dev-a-long-name-cut-0123abcd": {
            "ScheduleExpression": "cron(0 7 * * ? *)",
            "State": "DISABLED",
            "Target": {"Input": json.dumps({"Name": "shop-dev-a_long_name"})},
        },
        "by-hand": {"ScheduleExpression": "rate(1 day)"},
    }
    pages = {
        "": {"Schedules": [{"Name": "by-hand"}], "NextToken": "x"},
        "x": {"Schedules": [{"Name": n} for n in list(told)[:2]]},
    }
    there, clients = cloud(
        tmp_path,
        {
            "scheduler.list_schedules": lambda **request: pages[request.get("NextToken", "")],
            "scheduler.get_schedule": lambda **request: {"Name": request["Name"], **told[request["Name"]]},
        },
    )
    lines = {line.pipeline: line for line in deployed_schedules(there, now=NOW).lines}
    assert len(lines["ingest_orders"].times) == 3
    assert (lines["a_long_name"].enabled, lines["a_long_name"].times) == (False, ())
    assert (lines["by-hand"].cron, lines["by-hand"].times) == ("rate(1 day)", ())
    assert clients.requests("scheduler.list_schedules")[0] == {"GroupName": "shop-dev"}


def test_an_environment_without_schedules_has_no_group(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, {"scheduler.list_schedules": refused("ResourceNotFoundException")})
    assert str(deployed_schedules(there)) == "dev: 0 schedules"

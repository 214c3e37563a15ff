"""What an environment will cost, about, from its plan: while it rests, and for each run of each job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alur_nb.authoring.cost_prices import (
    FORMULA,
    assumptions,
    dollars,
    dpu_hours,
    kind_of,
    money,
    rate,
)
from alur_nb.authoring.sheet import Grid
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.schedules import Schedule

_ASSUMED_MINUTES = 10
_MONTH_DAYS = 30
# Dollars a month for being there (list prices in us-east-1); whatever is not named costs nothing until it is used.
_AT_REST = {
    "aws_kms_key": (1.00, "KMS key"),
    "aws_secretsmanager_secret": (0.40, "secret"),
    "aws_cloudwatch_metric_alarm": (0.10, "alarm"),
}
_STORAGE = (
    "what is stored costs, whether it is used or not: S3 $0.023, DynamoDB $0.25 with its backup $0.20, logs $0.03 "
    "a GB and month"
)


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """What the runs of one job cost."""

    name: str
    workers: str
    per_run: float | None
    at_most: float | None
    runs_a_month: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "job": self.name,
            "workers": self.workers,
            "dollars_per_run": self.per_run,
            "dollars_per_run_at_most": self.at_most,
            "scheduled_runs_a_month": self.runs_a_month,
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """An environment's cost as far as a plan can tell it."""

    at_rest: float = 0.0
    """Dollars a month while nothing runs, storage left out."""
    resting: tuple[str, ...] = ()
    jobs: tuple[JobEstimate, ...] = ()
    rates: tuple[tuple[str, float | None], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "dollars_a_month_at_rest": self.at_rest,
            "at_rest": list(self.resting),
            "jobs": [job.to_dict() for job in self.jobs],
            "formula": FORMULA,
            "assumptions": list(self.notes),
        }

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The table of the jobs."""
        rows = tuple(
            (
                job.name,
                job.workers,
                money(job.per_run),
                money(job.at_most),
                f"{job.runs_a_month:,}" if job.runs_a_month else "",
            )
            for job in self.jobs
        )
        headers = ("job", "workers", f"a run of {_ASSUMED_MINUTES} min", "a run at most", "scheduled a month")
        return (Grid("cost of a run", headers, rows),)

    @property
    def notes(self) -> tuple[str, ...]:
        """The cost at rest, the formula, and what was assumed."""
        resting = f" ({', '.join(self.resting)})" if self.resting else ""
        at_rest = f"at rest: {money(self.at_rest)} a month{resting}; {_STORAGE}"
        if not self.jobs:
            return (at_rest,)
        return (
            at_rest,
            FORMULA,
            f"at most: all workers until the job's timeout; {_ASSUMED_MINUTES} min is a guess, `alur cost` tells what was",
            *assumptions(dict(self.rates)),
        )


def estimate(plan: Mapping[str, Any]) -> Estimate:
    """Return the cost of everything that will be there after a plan, not only of what it changes."""
    resources = list(_resources((plan.get("planned_values") or {}).get("root_module") or {}))
    counts: dict[str, int] = {}
    for one in resources:
        if one["type"] in _AT_REST:
            counts[one["type"]] = counts.get(one["type"], 0) + 1
    jobs = [one["values"] for one in resources if one["type"] == "aws_glue_job"]
    schedules = _scheduled(resources)
    kinds = {
        (str(job.get("glue_version") or ""), str(job.get("execution_class") or "STANDARD")) for job in jobs
    }
    return Estimate(
        at_rest=round(sum(_AT_REST[kind][0] * count for kind, count in counts.items()), 2),
        resting=tuple(
            f"{count:,} x {_AT_REST[kind][1]} at ${_AT_REST[kind][0]:.2f}"
            for kind, count in sorted(counts.items())
        ),
        jobs=tuple(_job(job, schedules) for job in sorted(jobs, key=lambda job: str(job.get("name")))),
        rates=tuple((kind_of(*kind), rate(*kind)) for kind in sorted(kinds)),
    )


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in module.get("resources", ()) if one.get("mode") != "data")
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _job(job: Mapping[str, Any], schedules: Mapping[str, int]) -> JobEstimate:
    worker, count = str(job.get("worker_type") or ""), int(job.get("number_of_workers") or 0)
    price = rate(str(job.get("glue_version") or ""), str(job.get("execution_class") or "STANDARD"))
    minutes = int(job.get("timeout") or 480)
    name = str(job.get("name"))
    return JobEstimate(
        name,
        f"{count} {worker}",
        dollars(dpu_hours(worker, count, min(_ASSUMED_MINUTES, minutes) * 60), price),
        dollars(dpu_hours(worker, count, minutes * 60), price),
        schedules.get(name, 0),
    )


def _scheduled(resources: list[Mapping[str, Any]]) -> dict[str, int]:
    """Return how often each job is started in a month by schedules: as the first of a workflow, or after others."""
    jobs: dict[str, list[str]] = {}
    for one in resources:
        if one["type"] == "aws_glue_trigger":
            values = one["values"]
            started = [str(action.get("job_name")) for action in values.get("actions") or ()]
            jobs.setdefault(str(values.get("workflow_name")), []).extend(started)
    found: dict[str, int] = {}
    for one in resources:
        if one["type"] == "aws_scheduler_schedule":
            times = _times_a_month(one["values"])
            for job in jobs.get(_workflow(one["values"]), ()):
                found[job] = found.get(job, 0) + times
    return found


def _workflow(schedule: Mapping[str, Any]) -> str:
    targets = schedule.get("target") or [{}]
    try:
        return str(json.loads(targets[0].get("input") or "{}").get("Name", ""))
    except (ValueError, AttributeError):
        return ""


def _times_a_month(values: Mapping[str, Any]) -> int:
    now = datetime.now(UTC)
    expression = str(values.get("schedule_expression", ""))
    if values.get("state") == "DISABLED":
        return 0
    try:
        schedule = Schedule(expression, str(values.get("schedule_expression_timezone") or "UTC"))
    except DeclarationError:
        return 0
    end = now + timedelta(days=_MONTH_DAYS)
    most = _MONTH_DAYS * 24 * 60
    return sum(moment.astimezone(UTC) <= end for moment in schedule.next_times(now, min(most, 3_000)))

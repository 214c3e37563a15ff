"""What runs cost: the formula, the prices that are assumed, and what is not known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.cost import cost, run_dpu_hours
from alur_nb.authoring.cost_prices import dollars, dpu_hours, money, rate
from alur_nb.authoring.jobs import JobRun
from tests.authoring.clouds import cloud
from tests.authoring.test_jobs import JOB, NOW, run


@pytest.mark.parametrize(
    ("worker", "count", "seconds", "hours"),
    [
        ("G.1X", 2, 3600, 2.0),
        ("G.2X", 10, 1800, 10.0),
        ("G.025X", 2, 3600, 0.5),
        # A run is billed for a minute at least.
        ("G.1X", 2, 5, 2 / 60),
        ("R.1X", 2, 3600, None),
        ("", 0, 3600, None),
    ],
)
def test_dpu_hours(worker: str, count: int, seconds: float, hours: float | None) -> None:
    assert dpu_hours(worker, count, seconds) == (None if hours is None else pytest.approx(hours))


def test_what_glue_counts_itself_is_taken(tmp_path: Path) -> None:
    scaled = JobRun(
        "a", "jr", "SUCCEEDED", execution_seconds=3600, dpu_seconds=1800, worker_type="G.1X", workers=10
    )
    assert run_dpu_hours(scaled) == 0.5
    assert run_dpu_hours(JobRun("a", "jr", "WAITING")) is None
    assert run_dpu_hours(JobRun("a", "jr", "EXPIRED", execution_seconds=0)) == 0.0


def test_rates() -> None:
    assert (rate("5.1", "STANDARD"), rate("5.0", "FLEX"), rate("6.0", "STANDARD")) == (0.44, 0.29, 0.308)
    assert rate("6.0", "FLEX") is None
    assert dollars(None, 0.44) is None
    assert dollars(2, None) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "not known"), (0.0, "about $0.00"), (0.004, "under $0.01"), (1234.5, "about $1,234.50")],
)
def test_money(amount: float | None, text: str) -> None:
    assert money(amount) == text


def test_the_runs_of_the_last_days_are_summed_by_pipeline(tmp_path: Path) -> None:
    def runs(**request: Any) -> dict[str, Any]:
        if not request["JobName"].endswith("ingest_orders"):
            return {"JobRuns": []}
        old = run("SUCCEEDED", StartedOn=NOW - timedelta(days=8))["JobRun"]
        memory = run("SUCCEEDED", WorkerType="R.1X", ExecutionTime=3600)["JobRun"]
        flex = run("SUCCEEDED", GlueVersion="6.0", ExecutionClass="FLEX")["JobRun"]
        plain = [run("SUCCEEDED", ExecutionTime=3600)["JobRun"], run("FAILED")["JobRun"]]
        return {"JobRuns": [*plain, memory, flex, old]}

    other = {**JOB, "Name": "shop-dev-clean"}
    there, _ = cloud(tmp_path, {"glue.get_jobs": {"Jobs": [other, JOB]}, "glue.get_job_runs": runs})
    found = cost(there, now=NOW)
    first, second = found.pipelines
    assert (first.pipeline, first.runs, first.failed, first.unpriced) == ("ingest_orders", 4, 1, 2)
    # The FLEX run's hours are known, its price is not.
    assert first.dpu_hours == pytest.approx(2.1)
    assert found.total == pytest.approx(2.05 * 0.44)
    assert (second.pipeline, second.runs) == ("clean", 0)
    text = str(found)
    assert text.startswith("dev, the last 7 days: 4 runs, 2.10 DPU-hours, about $0.90")
    assert "2 runs of a kind whose price is not known" in text
    assert "assumed for Glue 5.1 STANDARD: $0.440 per DPU-hour (list price, us-east-1)" in text
    assert found.to_dict()["formula"].startswith("DPU-hours = ")

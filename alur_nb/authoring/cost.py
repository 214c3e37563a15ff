"""`alur cost`: what the runs of the last days cost, about, by pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.cost_prices import FORMULA, assumptions, dpu_hours, kind_of, money, rate
from alur_nb.authoring.jobs import JobRun, deployed_jobs, runs_of
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.errors import plural


def run_dpu_hours(run: JobRun) -> float | None:
    """Return what a run was billed for; None where its worker type is not billed in DPUs, or it has not begun."""
    if run.dpu_seconds is not None:
        # Given for auto scaling and FLEX: workers come and go (API reference, JobRun.DPUSeconds).
        return run.dpu_seconds / 3600
    if not run.execution_seconds:
        return None if run.execution_seconds is None else 0.0
    return dpu_hours(run.worker_type, run.workers, run.execution_seconds)


@dataclass(frozen=True, slots=True)
class PipelineCost:
    """The runs of one pipeline within the days asked for."""

    pipeline: str
    runs: int
    failed: int
    dpu_hours: float
    dollars: float | None
    unpriced: int = 0
    """Runs of a kind whose price is not known; they are not in the sums."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "pipeline": self.pipeline,
            "runs": self.runs,
            "failed": self.failed,
            "dpu_hours": round(self.dpu_hours, 4),
            "dollars": None if self.dollars is None else round(self.dollars, 4),
            "unpriced_runs": self.unpriced,
        }


@dataclass(frozen=True, slots=True)
class CostReport:
    """What the runs of the last days cost, by pipeline, the most expensive first."""

    environment: str = ""
    days: int = 7
    pipelines: tuple[PipelineCost, ...] = ()
    rates: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The sum of what is known, in dollars."""
        return sum(one.dollars or 0.0 for one in self.pipelines)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "environment": self.environment,
            "days": self.days,
            "dpu_hours": round(sum(one.dpu_hours for one in self.pipelines), 4),
            "dollars": round(self.total, 4),
            "formula": FORMULA,
            "dollars_per_dpu_hour": dict(self.rates),
            "pipelines": [one.to_dict() for one in self.pipelines],
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        rows = tuple(
            (
                one.pipeline,
                f"{one.runs:,}",
                f"{one.failed:,}",
                f"{one.dpu_hours:,.2f}",
                money(one.dollars),
            )
            for one in self.pipelines
        )
        hours = sum(one.dpu_hours for one in self.pipelines)
        runs = plural(sum(one.runs for one in self.pipelines), "run")
        unpriced = sum(one.unpriced for one in self.pipelines)
        left = (f"{plural(unpriced, 'run')} of a kind whose price is not known: not in the sums",)
        return Sheet(
            f"{self.environment or 'nothing'}, the last {plural(self.days, 'day')}: {runs}, "
            f"{hours:,.2f} DPU-hours, {money(self.total)}",
            grids=(Grid("by pipeline", ("pipeline", "runs", "failed", "DPU-hours", "cost"), rows),),
            notes=(FORMULA, *assumptions(self.rates), *(left if unpriced else ())),
        )

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def cost(
    cloud: Cloud, pipeline: str | None = None, *, days: int = 7, now: datetime | None = None
) -> CostReport:
    """Return what the runs that began in the last `days` cost; raises DeployError for an unknown pipeline."""
    since = (now or datetime.now(UTC)) - timedelta(days=days)
    found: list[PipelineCost] = []
    rates: dict[str, float | None] = {}
    for job in deployed_jobs(cloud, pipeline):
        runs = list(runs_of(cloud, job, since=since))
        rates |= {
            kind_of(r.glue_version, r.execution_class): rate(r.glue_version, r.execution_class) for r in runs
        }
        found.append(_summed(job.pipeline, runs))
    ordered = sorted(found, key=lambda one: (-(one.dollars or 0), one.pipeline))
    return CostReport(cloud.environment.name, days, tuple(ordered), rates)


def _summed(pipeline: str, runs: Sequence[JobRun]) -> PipelineCost:
    hours = [(run_dpu_hours(run), rate(run.glue_version, run.execution_class)) for run in runs]
    priced = [(one, price) for one, price in hours if one is not None and price is not None]
    return PipelineCost(
        pipeline,
        runs=len(runs),
        failed=sum(run.has_failed for run in runs),
        dpu_hours=_sum(one for one, _ in hours if one is not None),
        dollars=_sum(one * price for one, price in priced),
        unpriced=len(runs) - len(priced),
    )


def _sum(numbers: Iterable[float]) -> float:
    return float(sum(numbers))

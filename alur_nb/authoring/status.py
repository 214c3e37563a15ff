"""`alur status`: the deployed side at a glance: drift, last runs, next times, how fresh the tables are, the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.cost import CostReport, cost
from alur_nb.authoring.definitions import Difference, bundle_facts, bundle_of, differences, job_facts
from alur_nb.authoring.jobs import Job, JobRun, deployed_jobs, runs_of
from alur_nb.authoring.schedule_times import ScheduleLine, deployed_schedules
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.deployed import deployment_in
from alur_nb.runtime.dynamo import DynamoTable
from alur_nb.runtime.errors import LedgerError, plural
from alur_nb.runtime.ledger import Ledger, State
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.project import Project

_DAYS = 7


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """One deployed pipeline."""

    pipeline: str
    last: JobRun | None = None
    schedule: ScheduleLine | None = None
    committed: datetime | None = None
    """When its table got its last batch."""
    drift: tuple[str, ...] = ()
    """In what its job differs from the bundle on disk."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "pipeline": self.pipeline,
            "last_run": self.last.to_dict() if self.last else None,
            "schedule": self.schedule.to_dict() if self.schedule else None,
            "last_batch": self.committed.isoformat() if self.committed else None,
            "drift": list(self.drift),
        }


@dataclass(frozen=True, slots=True)
class Status:
    """A deployed environment at one moment."""

    environment: str = ""
    pipelines: tuple[PipelineStatus, ...] = ()
    cost: CostReport = field(default_factory=CostReport)
    notes: tuple[str, ...] = ()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "environment": self.environment,
            "pipelines": [one.to_dict() for one in self.pipelines],
            "cost": self.cost.to_dict(),
            "notes": list(self.notes),
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        rows = tuple(self._row(one) for one in self.pipelines)
        headers = ("pipeline", "last run", "begun (UTC)", "next (UTC)", "last batch", "bundle")
        failed = sum(one.last.has_failed for one in self.pipelines if one.last)
        state = f"{failed:,} failed in their last run" if failed else "no last run failed"
        return Sheet(
            f"{self.environment}: {plural(len(rows), 'job')}, {state}",
            (f"the last {self.cost.days} days: {self.cost.sheet.head.partition(': ')[2]}",),
            (Grid("pipelines", headers, rows),),
            self.notes,
        )

    def _row(self, one: PipelineStatus) -> tuple[str, ...]:
        last, times = one.last, one.schedule.times if one.schedule else ()
        begun = f"{last.started:%Y-%m-%d %H:%M}" if last and last.started else ""
        following = f"{times[0].astimezone(UTC):%Y-%m-%d %H:%M}" if times else ""
        if one.schedule and not one.schedule.enabled:
            following = "disabled"
        return (
            one.pipeline,
            last.state if last else "never run",
            begun,
            following,
            _age(self.now, one.committed),
            ", ".join(one.drift) or "as deployed",
        )

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def status(cloud: Cloud, project: Project, bundle: Path, *, now: datetime | None = None) -> Status:
    """Look at a deployed environment; raises DeployError where AWS cannot be asked, LedgerError for its ledger."""
    moment = now or datetime.now(UTC)
    jobs = deployed_jobs(cloud)
    schedules = {line.pipeline: line for line in deployed_schedules(cloud, now=moment).lines}
    drift, notes = _drift(cloud, jobs, bundle)
    fresh, more = _freshness(cloud, jobs, project)
    pipelines = tuple(
        PipelineStatus(
            job.pipeline,
            next(runs_of(cloud, job, last=1), None),
            schedules.get(job.pipeline),
            fresh.get(job.pipeline),
            drift.get(job.pipeline, ()),
        )
        for job in jobs
    )
    if not jobs:
        notes = (f"Nothing is deployed. Next: alur deploy --env {cloud.environment.name}", *notes)
    return Status(
        cloud.environment.name, pipelines, cost(cloud, days=_DAYS, now=moment), (*notes, *more), moment
    )


def _drift(
    cloud: Cloud, jobs: tuple[Job, ...], folder: Path
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return in what each job differs from the bundle on disk, and what is to be said of that."""
    manifest = bundle_of(folder, cloud.environment.name)
    if manifest is None:
        unknown: dict[str, tuple[str, ...]] = {job.pipeline: ("not compared",) for job in jobs}
        said = f"No bundle of `{cloud.environment.name}` on disk to compare with: alur build --env {cloud.environment.name}"
        return unknown, (said,)
    wanted = bundle_facts(manifest)
    kept = next(iter(wanted.values()), {})
    there = {
        job.pipeline: {fact: value for fact, value in job_facts(job).items() if fact in kept} for job in jobs
    }
    found: dict[str, list[Difference]] = {}
    for one in differences(wanted, there):
        found.setdefault(one.pipeline, []).append(one)
    missing = [name for name in wanted if name not in there]
    notes = [f"In the bundle and not deployed: {', '.join(missing)}"] if missing else []
    drift = {
        name: tuple("not in the bundle" if one.fact == "job" else f"other {one.fact}" for one in ones)
        for name, ones in found.items()
        if name not in missing
    }
    return drift, tuple(notes)


def _freshness(
    cloud: Cloud, jobs: tuple[Job, ...], project: Project
) -> tuple[Mapping[str, datetime], tuple[str, ...]]:
    """Return when each pipeline's table got its last batch; a ledger that cannot be read is said, and no more."""
    deployment = deployment_in(cloud.settings, cloud.environment)
    ledger = DynamoLedger(
        DynamoTable(deployment.ledger_table, deployment.region),
        project=deployment.project,
        environment=deployment.environment,
    )
    declared = {job.pipeline: project.pipelines.get(job.pipeline) for job in jobs}
    found: dict[str, datetime] = {}
    try:
        for name, pipeline in declared.items():
            times = list(_committed(ledger, pipeline.target.qualified_name)) if pipeline else []
            if times:
                found[name] = max(times)
    except LedgerError as error:
        return {}, (f"The ledger could not be read: {error.message}",)
    unknown = sorted(name for name, pipeline in declared.items() if pipeline is None)
    said = f"Deployed and declared in no notebook: {', '.join(unknown)}"
    return found, ((said,) if unknown else ())


def _committed(ledger: Ledger, table: str) -> Iterator[datetime]:
    for batch in ledger.batches(table):
        if batch.state is State.COMMITTED and "committed" in batch.times:
            yield datetime.fromisoformat(batch.times["committed"])


def _age(now: datetime, moment: datetime | None) -> str:
    if moment is None:
        return ""
    minutes = max(0, round((now - moment).total_seconds() / 60))
    if minutes < 120:
        return f"{minutes:,} min ago"
    return f"{minutes // 60:,} h ago" if minutes < 2880 else f"{minutes // 1440:,} days ago"

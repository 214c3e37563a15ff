"""Running a deployed pipeline: start it, follow it to its end whatever that is, and say what it took and cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.cost import run_dpu_hours
from alur_nb.authoring.cost_prices import FORMULA, assumptions, dollars, kind_of, money, rate
from alur_nb.authoring.jobs import ENDED, Job, JobRun, deployed_job, find_run, get_run, start
from alur_nb.authoring.logs import last_errors
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.errors import DeployError

Tell = Callable[[str, str], None]
"""Is told a pipeline and where it is now."""
Wait = Callable[[float], bool]
"""Waits so many seconds; True where whoever waits wants no more."""

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 2.0, 15.0, 1.3
# Glue starts another attempt some seconds after the one that failed.
_ATTEMPT_PAUSES = (5.0, 10.0, 15.0, 30.0)


def _say_nothing(pipeline: str, words: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told, and how one waits."""

    tell: Tell = _say_nothing
    wait: Wait = field(default_factory=lambda: threading.Event().wait)

    def pauses(self) -> Iterator[float]:
        """Yield the seconds between two looks: short at first, then longer."""
        pause = _FIRST_PAUSE
        while True:
            yield pause
            pause = min(_LONGEST_PAUSE, pause * _GROWTH)


@dataclass(frozen=True, slots=True)
class DeployedRun:
    """What became of the runs of one start: of a job, or of a workflow."""

    environment: str = ""
    runs: tuple[JobRun, ...] = ()
    state: str = ""
    """Of a workflow its own state; else empty."""
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run id -> the last lines of its log that say why it failed."""
    is_followed: bool = True
    is_stopped: bool = False
    """Whether these are the runs that were stopped, rather than started."""
    not_run: tuple[str, ...] = ()
    """Pipelines of a workflow whose turn never came."""

    @property
    def ok(self) -> bool:
        """Whether everything succeeded, or is under way where nobody waits for it."""
        if not self.is_followed:
            return True
        latest = {run.pipeline: run for run in self.runs}
        return bool(latest) and not self.not_run and all(run.state == "SUCCEEDED" for run in latest.values())

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "environment": self.environment,
            "ok": self.ok,
            "state": self.state,
            "runs": [
                {
                    **run.to_dict(),
                    "dpu_hours": run_dpu_hours(run),
                    "dollars": _dollars(run),
                    "errors": list(self.errors.get(run.id, ())),
                }
                for run in self.runs
            ],
            "not_run": list(self.not_run),
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        if not self.runs:
            return Sheet("No run is under way." if self.is_stopped else "Nothing was run.")
        rows = tuple(_row(run) for run in self.runs)
        grid = Grid("runs", ("pipeline", "run", "state", "took", "DPU-hours", "cost"), rows)
        lines = [f"{run.pipeline}: {run.error}" for run in self.runs if run.error]
        lines += [f"{run.pipeline}: {line}" for run in self.runs for line in self.errors.get(run.id, ())]
        lines += [f"{name}: not run, since what it depends on failed" for name in self.not_run]
        if not self.is_followed:
            verb = "stopping" if self.is_stopped else "started"
            return Sheet(f"{verb} on {self.environment}", grids=(grid,), notes=_next(self))
        rates = {
            kind_of(run.glue_version, run.execution_class): rate(run.glue_version, run.execution_class)
            for run in self.runs
        }
        verdict = "succeeded" if self.ok else "failed"
        return Sheet(
            f"run on {self.environment}: {verdict}",
            tuple(lines),
            (grid,),
            (FORMULA, *assumptions(rates)),
        )

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def _next(report: DeployedRun) -> tuple[str, ...]:
    name = report.runs[0].pipeline
    follow = f"follow: alur logs {name} --env {report.environment} --follow"
    if report.is_stopped:
        return (follow,)
    return (
        follow,
        f"stop:   alur run {name} --env {report.environment} --stop",
    )


def _row(run: JobRun) -> tuple[str, ...]:
    seconds = run.execution_seconds
    took = f"{seconds:,.0f} s" if seconds is not None and run.state in ENDED else ""
    hours = run_dpu_hours(run)
    return (
        run.pipeline,
        run.id,
        run.words,
        took,
        f"{hours:,.3f}" if hours is not None and took else "",
        money(_dollars(run)) if took else "",
    )


def _dollars(run: JobRun) -> float | None:
    return dollars(run_dpu_hours(run), rate(run.glue_version, run.execution_class))


def given_parameters(notebook: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of `-p` in the types of the notebook's defaults; raises SettingsError for an unknown name."""
    from alur_nb.authoring.notebook import read_notebook
    from alur_nb.authoring.parameters import typed_parameters

    return typed_parameters(read_notebook(notebook), given)


def run_job(
    cloud: Cloud,
    pipeline: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    is_followed: bool = True,
    watch: Watch | None = None,
) -> DeployedRun:
    """Start a pipeline's job, and follow it to its end; raises DeployError where it cannot be started or asked for.

    Whoever stops waiting leaves the run as it is.
    """
    watch = watch or Watch()
    job = deployed_job(cloud, pipeline)
    run_id = start(cloud, job, parameters)
    watch.tell(pipeline, f"started, run {run_id}")
    if not is_followed:
        return DeployedRun(cloud.environment.name, (JobRun(pipeline, run_id, "STARTING"),), is_followed=False)
    runs = follow_attempts(cloud, job, run_id, watch)
    errors = {run.id: last_errors(cloud, run) for run in runs if run.has_failed}
    return DeployedRun(cloud.environment.name, runs, errors=errors)


def follow_attempts(cloud: Cloud, job: Job, run_id: str, watch: Watch) -> tuple[JobRun, ...]:
    """Follow a run, and each attempt that Glue makes after it has failed; return all of them in order."""
    runs = [follow_run(cloud, job, run_id, watch)]
    while runs[-1].state == "FAILED" and len(runs) <= job.max_retries:
        # Glue's name of the attempt, as the job itself sees it in --JOB_RUN_ID.
        following = f"{run_id}_attempt_{len(runs)}"
        watch.tell(job.pipeline, f"failed; Glue tries again, attempt {len(runs)} of {job.max_retries}")
        if not _begins(cloud, job, following, watch):
            break
        runs.append(follow_run(cloud, job, following, watch))
    return tuple(runs)


def _begins(cloud: Cloud, job: Job, run_id: str, watch: Watch) -> bool:
    for pause in _ATTEMPT_PAUSES:
        if watch.wait(pause):
            return False
        if find_run(cloud, job, run_id) is not None:
            return True
    return False


def follow_run(cloud: Cloud, job: Job, run_id: str, watch: Watch) -> JobRun:
    """Look at a run until it has ended, in whichever of its states; return it as it is then.

    Where whoever waits wants no more, it is returned as it is now.
    """
    said = ""
    for pause in watch.pauses():
        run = get_run(cloud, job, run_id)
        words = run.words
        if run.state == "RUNNING" and run.execution_seconds:
            # Rounded, so that a terminal is not told every look.
            words += f", {run.execution_seconds // 60:,.0f} min" if run.execution_seconds >= 60 else ""
        if words != said:
            watch.tell(job.pipeline, words)
            said = words
        if run.has_ended or watch.wait(pause):
            return run
    raise DeployError("The run was not followed to its end.")

"""Glue's jobs and their runs as plain values, and the requests that start, stop and list them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.runtime.errors import DeployError, suggest
from alur_nb.runtime.parameters import ARGUMENT

# API reference, JobRun.JobRunState; WAITING is a run in the queue of `JobRunQueuingEnabled`.
ENDED = ("SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED")
GOING_ON = ("STARTING", "RUNNING", "STOPPING", "WAITING")
WORDS = {
    "WAITING": "waits for another run of the job to end, or for capacity",
    "STARTING": "starting",
    "RUNNING": "running",
    "STOPPING": "stopping",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMEOUT": "took longer than its timeout allows, and was ended by Glue",
    "STOPPED": "was stopped",
    "ERROR": "could not be run by Glue",
    "EXPIRED": "waited longer than Glue allows, and was never run",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One deployed job, as Glue has it."""

    pipeline: str
    name: str
    definition: Mapping[str, Any]

    @property
    def arguments(self) -> Mapping[str, str]:
        """Its default arguments."""
        arguments: Mapping[str, str] = self.definition.get("DefaultArguments") or {}
        return arguments

    @property
    def max_retries(self) -> int:
        """How often Glue runs it again after a failure."""
        return int(self.definition.get("MaxRetries") or 0)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job."""

    pipeline: str
    id: str
    state: str
    attempt: int = 0
    started: datetime | None = None
    completed: datetime | None = None
    execution_seconds: float | None = None
    dpu_seconds: float | None = None
    worker_type: str = ""
    workers: int = 0
    glue_version: str = ""
    execution_class: str = "STANDARD"
    error: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether no other state will follow; of a state that a later Glue may bring, its end time decides."""
        return self.state in ENDED or (self.state not in GOING_ON and self.completed is not None)

    @property
    def has_failed(self) -> bool:
        """Whether it has ended otherwise than by success."""
        return self.has_ended and self.state != "SUCCEEDED"

    @property
    def words(self) -> str:
        """Its state in words, with Glue's own name for it."""
        said = WORDS.get(self.state)
        return f"{self.state}: {said}" if said else self.state

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "pipeline": self.pipeline,
            "run": self.id,
            "state": self.state,
            "attempt": self.attempt,
            "started": self.started.isoformat() if self.started else None,
            "completed": self.completed.isoformat() if self.completed else None,
            "execution_seconds": self.execution_seconds,
            "worker_type": self.worker_type,
            "workers": self.workers,
            "error": self.error,
        }


def job_run(pipeline: str, told: Mapping[str, Any]) -> JobRun:
    """Read a run of an answer of Glue."""
    has_ended = told["JobRunState"] in ENDED
    seconds = told.get("ExecutionTime")
    return JobRun(
        pipeline=pipeline,
        id=str(told["Id"]),
        state=str(told["JobRunState"]),
        attempt=int(told.get("Attempt") or 0),
        started=told.get("StartedOn"),
        completed=told.get("CompletedOn") if has_ended or told["JobRunState"] not in GOING_ON else None,
        execution_seconds=None if seconds is None else float(seconds),
        dpu_seconds=None if told.get("DPUSeconds") is None else float(told["DPUSeconds"]),
        worker_type=str(told.get("WorkerType") or ""),
        workers=int(told.get("NumberOfWorkers") or 0),
        glue_version=str(told.get("GlueVersion") or ""),
        execution_class=str(told.get("ExecutionClass") or "STANDARD"),
        error=str(told.get("ErrorMessage") or ""),
    )


def deployed_jobs(cloud: Cloud, pipeline: str | None = None) -> tuple[Job, ...]:
    """Return the environment's jobs by their pipelines' names, or the one of `pipeline`; raises DeployError."""
    if pipeline is not None:
        return (deployed_job(cloud, pipeline),)
    glue = cloud.client("glue")
    listed = cloud.pages("Listing the Glue jobs", glue.get_jobs, "Jobs")
    found = ((cloud.names.pipeline(one["Name"]), one) for one in listed)
    jobs = [Job(name, one["Name"], one) for name, one in found if name and _is_ours(one, cloud)]
    return tuple(sorted(jobs, key=lambda job: job.pipeline))


def _is_ours(definition: Mapping[str, Any], cloud: Cloud) -> bool:
    """Whether a job is this environment's: `shop-dev-x` is of `shop-dev`, or of an environment `dev-x` of `shop`."""
    try:
        told = json.loads((definition.get("DefaultArguments") or {}).get(ARGUMENT, "{}"))
    except ValueError:
        return False
    mine = (cloud.names.project, cloud.names.environment)
    return isinstance(told, dict) and (told.get("project"), told.get("environment")) == mine


def deployed_job(cloud: Cloud, pipeline: str) -> Job:
    """Return the job of a pipeline; raises DeployError where the environment has none, with the nearest that it has."""
    glue, name = cloud.client("glue"), cloud.names.job(pipeline)
    try:
        told = cloud.ask(f"Looking for the job {name}", lambda: glue.get_job(JobName=name))
    except DeployError as error:
        if code_of(error) != "EntityNotFoundException":
            raise
        known = [job.pipeline for job in deployed_jobs(cloud)]
        raise DeployError(
            f"Environment `{cloud.environment.name}` has no job for the pipeline `{pipeline}`"
            f"{suggest(pipeline, known)}.",
            fix=f"Deployed there: {', '.join(known) or 'nothing'}. "
            f"`alur deploy --env {cloud.environment.name}` deploys what the notebook declares.",
        ) from error
    return Job(pipeline, name, told["Job"])


def start(cloud: Cloud, job: Job, parameters: Mapping[str, Any] | None = None) -> str:
    """Start a run and return its id; `parameters` stand in place of the deployed ones.

    Raises DeployError where as many runs are under way as the job allows.
    """
    arguments = {ARGUMENT: _argument(job, parameters)} if parameters else {}
    glue = cloud.client("glue")
    try:
        told = cloud.ask(
            f"Starting the job {job.name}",
            lambda: glue.start_job_run(JobName=job.name, Arguments=arguments),
            is_repeatable=False,
        )
    except DeployError as error:
        if code_of(error) != "ConcurrentRunsExceededException":
            raise
        raise DeployError(
            f"`{job.pipeline}` runs already, as often at once as its job allows.",
            fix=f"Follow it: alur logs {job.pipeline} --env {cloud.environment.name} --follow. "
            f"Or stop it: alur run {job.pipeline} --env {cloud.environment.name} --stop",
        ) from error
    return str(told["JobRunId"])


def _argument(job: Job, parameters: Mapping[str, Any]) -> str:
    """Return the job's own argument with the given parameters in it: Glue replaces an argument as a whole."""
    argument = json.loads(job.arguments.get(ARGUMENT, "{}"))
    return json.dumps({**argument, "parameters": {**argument.get("parameters", {}), **parameters}})


def get_run(cloud: Cloud, job: Job, run_id: str) -> JobRun:
    """Return a run as it is now; raises DeployError for an unknown one."""
    glue = cloud.client("glue")
    told = cloud.ask(
        f"Asking for the run {run_id} of {job.pipeline}",
        lambda: glue.get_job_run(JobName=job.name, RunId=run_id),
    )
    return job_run(job.pipeline, told["JobRun"])


def find_run(cloud: Cloud, job: Job, run_id: str) -> JobRun | None:
    """Return a run, or None where there is none of that id."""
    try:
        return get_run(cloud, job, run_id)
    except DeployError as error:
        if code_of(error) == "EntityNotFoundException":
            return None
        raise


def runs_of(
    cloud: Cloud, job: Job, *, since: datetime | None = None, last: int | None = None
) -> Iterator[JobRun]:
    """Yield a job's runs, the newest first: those that began since a time, or the last ones."""
    glue = cloud.client("glue")

    def page(**token: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = glue.get_job_runs(JobName=job.name, **token)
        return answer

    for count, told in enumerate(cloud.pages(f"Listing the runs of {job.pipeline}", page, "JobRuns")):
        run = job_run(job.pipeline, told)
        # They come newest first (API reference, GetJobRuns): the first old one is the end of what is wanted.
        if (last is not None and count >= last) or (since and run.started and run.started < since):
            return
        yield run


def stop(cloud: Cloud, job: Job) -> tuple[str, ...]:
    """Stop every run of a job that is under way and return their ids; raises DeployError for one that Glue keeps."""
    running = [run.id for run in runs_of(cloud, job, last=100) if not run.has_ended]
    if not running:
        return ()
    glue = cloud.client("glue")
    told = cloud.ask(
        f"Stopping {job.pipeline}",
        lambda: glue.batch_stop_job_run(JobName=job.name, JobRunIds=running),
    )
    for error in told.get("Errors", ()):
        detail = error.get("ErrorDetail", {})
        raise DeployError(
            f"Glue did not stop the run {error.get('JobRunId')} of {job.pipeline}: "
            f"{detail.get('ErrorMessage') or detail.get('ErrorCode') or 'it told no reason'}.",
            fix="It may have ended by itself: alur status shows it. Otherwise stop it again.",
        )
    return tuple(running)

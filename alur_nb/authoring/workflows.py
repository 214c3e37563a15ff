"""Glue workflows: a pipeline with everything downstream of it, started together and followed to the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.authoring.job_runs import DeployedRun, Watch
from alur_nb.authoring.jobs import JobRun, job_run
from alur_nb.authoring.logs import last_errors
from alur_nb.runtime.errors import DeployError

# API reference, WorkflowRun.Status.
_ENDED = ("COMPLETED", "STOPPED", "ERROR")


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One run of a workflow as it is at a moment."""

    id: str
    state: str
    runs: tuple[JobRun, ...]
    waiting: tuple[str, ...]
    """Pipelines that have not been started."""

    @property
    def has_ended(self) -> bool:
        """Whether no other state will follow."""
        return self.state in _ENDED


def run_workflow(
    cloud: Cloud, root: str, *, is_followed: bool = True, watch: Watch | None = None
) -> DeployedRun:
    """Start the workflow of a pipeline and follow it to its end; raises DeployError where there is none."""
    watch = watch or Watch()
    name = cloud.names.workflow(root)
    run_id = _start(cloud, root, name)
    watch.tell(root, f"workflow {name} started, run {run_id}")
    environment = cloud.environment.name
    if not is_followed:
        return DeployedRun(environment, (JobRun(root, run_id, "STARTING"),), is_followed=False)
    found = _follow(cloud, name, run_id, watch)
    errors = {run.id: last_errors(cloud, run) for run in found.runs if run.has_failed}
    return DeployedRun(environment, found.runs, found.state, errors, not_run=found.waiting)


def stop_workflow(cloud: Cloud, root: str) -> tuple[str, ...]:
    """Stop every run of a pipeline's workflow that is under way, and return their ids."""
    name, glue = cloud.names.workflow(root), cloud.client("glue")

    def page(**token: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = glue.get_workflow_runs(Name=name, **token)
        return answer

    listed = cloud.pages(f"Listing the runs of {name}", page, "Runs")
    running = [str(one["WorkflowRunId"]) for one in listed if one.get("Status") == "RUNNING"]
    for run_id in running:
        cloud.ask(f"Stopping {run_id}", lambda: glue.stop_workflow_run(Name=name, RunId=run_id))  # noqa: B023
    return tuple(running)


def _start(cloud: Cloud, root: str, name: str) -> str:
    glue = cloud.client("glue")
    try:
        told = cloud.ask(
            f"Starting the workflow {name}",
            lambda: glue.start_workflow_run(Name=name),
            is_repeatable=False,
        )
    except DeployError as error:
        code = code_of(error)
        if code == "EntityNotFoundException":
            raise DeployError(
                f"Environment `{cloud.environment.name}` has no workflow that starts with `{root}`.",
                fix="A pipeline with a schedule has one, for itself and what depends on it. Without: alur run NAME "
                "for each pipeline, in the order of `alur list`.",
            ) from error
        if code == "ConcurrentRunsExceededException":
            raise DeployError(
                f"The workflow {name} runs already.",
                fix=f"Stop it: alur run {root} --env {cloud.environment.name} --downstream --stop. Or wait for its end.",
            ) from error
        raise
    return str(told["RunId"])


def _follow(cloud: Cloud, name: str, run_id: str, watch: Watch) -> WorkflowRun:
    said: dict[str, str] = {}
    for pause in watch.pauses():
        found = _look(cloud, name, run_id)
        for run in found.runs:
            if said.get(run.pipeline) != run.words:
                watch.tell(run.pipeline, run.words)
                said[run.pipeline] = run.words
        if found.has_ended or watch.wait(pause):
            return found
    raise DeployError("The workflow was not followed to its end.")


def _look(cloud: Cloud, name: str, run_id: str) -> WorkflowRun:
    glue = cloud.client("glue")
    told = cloud.ask(
        f"Asking for the workflow run {run_id}",
        lambda: glue.get_workflow_run(Name=name, RunId=run_id, IncludeGraph=True),
    )["Run"]
    nodes = [node for node in told.get("Graph", {}).get("Nodes", ()) if node.get("Type") == "JOB"]
    runs = tuple(run for node in nodes for run in _runs_in(cloud, node))
    begun = {run.pipeline for run in runs}
    named = (cloud.names.pipeline(node["Name"]) for node in nodes)
    waiting = tuple(name for name in named if name and name not in begun)
    return WorkflowRun(run_id, str(told.get("Status", "")), _in_order(runs), waiting)


def _runs_in(cloud: Cloud, node: Mapping[str, Any]) -> Iterable[JobRun]:
    pipeline = cloud.names.pipeline(node["Name"])
    told = node.get("JobDetails", {}).get("JobRuns", ())
    return [job_run(pipeline, one) for one in told] if pipeline else []


def _in_order(runs: Iterable[JobRun]) -> tuple[JobRun, ...]:
    return tuple(sorted(runs, key=lambda run: (run.started.timestamp() if run.started else 0.0, run.id)))

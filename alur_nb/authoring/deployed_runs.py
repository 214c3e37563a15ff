"""What a run with an environment on AWS means, for `run()`, `alur run --env` and `%alur_run --env` alike."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alur_nb.authoring import job_runs, workflows
from alur_nb.authoring.aws import Cloud, open_cloud
from alur_nb.authoring.job_runs import DeployedRun, Watch
from alur_nb.runtime.calling import Event
from alur_nb.runtime.errors import DeployError, NotYetSupportedError, Place
from alur_nb.runtime.settings import load_settings

if TYPE_CHECKING:
    from alur_nb.authoring.operate import Names

_LOCAL_ONLY = ("all", "upstream", "full", "drop_missing", "retry", "since", "until", "files", "max_files")
"""Options of a run that a job does not know: it loads what is new."""


def refuse_local_only(
    options: Mapping[str, object], *, caller: str, env: str, place: Place | None = None
) -> None:
    """Raise NotYetSupportedError where an option is given that only a run on the embedded lake has.

    `caller` is `run()`, or the line's command, whose options are spelt as flags.
    """
    is_call = caller.endswith("()")
    given = [name if is_call else f"--{name.replace('_', '-')}" for name in _LOCAL_ONLY if options.get(name)]
    if given:
        raise NotYetSupportedError(
            f"{caller}: {', '.join(given)} works on the embedded lake, not on environment `{env}`.",
            place=place,
            fix="Leave it out: a deployed run loads what is new. "
            f"Without {'env=' if is_call else '--env'} it runs here.",
        )


def run_deployed(
    cloud: Cloud,
    pipeline: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    downstream: bool = False,
    is_followed: bool = True,
    watch: Watch | None = None,
) -> DeployedRun:
    """Start the pipeline's job, with `downstream` its workflow, and follow it to its end, whatever that is.

    Whoever stops waiting leaves the run as it is. Raises DeployError where it cannot be started or asked for.
    """
    if downstream:
        refuse_parameters(pipeline, cloud.environment.name, parameters or {})
        return workflows.run_workflow(cloud, pipeline, is_followed=is_followed, watch=watch)
    return job_runs.run_job(cloud, pipeline, parameters, is_followed=is_followed, watch=watch)


def run_function(
    name: Names,
    env: str,
    given: Mapping[str, object],
    *,
    downstream: bool,
    is_followed: bool,
    watch: Watch,
) -> DeployedRun:
    """Run one pipeline as `run(name, env=env)` says; `given` are its other options.

    Raises NotYetSupportedError for options that only the embedded lake has. An interrupt says that the run goes on.
    """
    refuse_local_only(given, caller="run()", env=env)
    pipeline = _one_name(name, env)
    cloud = open_cloud(load_settings(), env)
    try:
        return run_deployed(cloud, pipeline, downstream=downstream, is_followed=is_followed, watch=watch)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(still_runs(pipeline, env, downstream=downstream))
        raise


def watch_by_events(on_event: Callable[[Event], None] | None, cancelled: threading.Event | None) -> Watch:
    """Return a watch that tells each state as an event, and waits no longer once it is cancelled."""
    wait = (cancelled or threading.Event()).wait
    return (
        Watch(lambda pipeline, words: on_event(Event(pipeline, words)), wait)
        if on_event
        else Watch(wait=wait)
    )


def _one_name(name: Names, env: str) -> str:
    """Return the one pipeline that is named; what is deployed need not be declared here."""
    if name is not builtins.all and callable(name):
        name = str(getattr(name, "name", getattr(name, "__name__", name)))
    names = [name] if isinstance(name, str) else [] if callable(name) else list(name)
    if len(names) != 1 or names == ["all"]:
        raise DeployError(
            f"run() with environment `{env}` takes one pipeline.",
            fix=f'Write run("NAME", env="{env}"); with what comes after it: downstream=True.',
        )
    return names[0]


def refuse_parameters(pipeline: str, environment: str, parameters: Mapping[str, Any]) -> None:
    """Raise DeployError where parameters are given to a workflow.

    Its triggers start each job with the arguments that are deployed. What a start of a workflow can hand on (API
    reference, StartWorkflowRun: RunProperties) a job has to ask Glue for, which would put one more permission into
    every role; and one run's value would reach jobs whose notebook's parameter of that name means something else.
    """
    if parameters:
        given = " ".join(f"-p {name}={value}" for name, value in parameters.items())
        raise DeployError(
            f"-p has no effect with --downstream: a workflow starts its jobs with the parameters that are deployed "
            f"({', '.join(parameters)} among them).",
            fix=f"Run the pipelines one by one, in the order of `alur list`: alur run {pipeline} --env {environment} "
            f"{given}. Or deploy the value: [env.{environment}.parameters] in alur.toml.",
        )


def still_runs(pipeline: str, environment: str, *, downstream: bool = False) -> str:
    """Return what to tell who has stopped watching: the run goes on, and how to watch or stop it."""
    more = " --downstream" if downstream else ""
    return (
        f"You stopped watching; {pipeline} runs on in {environment}.\n"
        f"  watch: alur logs {pipeline} --env {environment} --follow\n"
        f"  stop:  alur run {pipeline} --env {environment}{more} --stop"
    )

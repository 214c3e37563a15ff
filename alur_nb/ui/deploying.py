"""What the magics do that deploy, and that ask a deployed environment: each in the background of its cell."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError

from alur_nb.runtime.context import is_export_mode
from alur_nb.runtime.errors import DeployError, NotebookError, Place
from alur_nb.runtime.settings import LOCAL, load_settings
from alur_nb.ui.arguments import run_command
from alur_nb.ui.cards import publish
from alur_nb.ui.deploy_arguments import deploy_command, env_command, logs_command
from alur_nb.ui.session import Session
from alur_nb.ui.work import Task, in_background

if TYPE_CHECKING:
    from alur_nb.authoring.aws import Cloud
    from alur_nb.authoring.deploy import Deployment, DeployReport
    from alur_nb.authoring.deploy_plan import DeployPlan
    from alur_nb.authoring.environments import Environments
    from alur_nb.authoring.job_runs import DeployedRun
    from alur_nb.authoring.logs import Logs
    from alur_nb.authoring.status import Status

_LINES_SHOWN = 200
_NOW = "now"


def env(session: Session, line: str, body: str | None) -> Environments:
    """Show the environments, or choose the one that is meant from now on."""
    from alur_nb.authoring.environments import Environments, environments

    if is_export_mode():
        return Environments()
    options = env_command().parse(line, session.names)
    if options.name is not None:
        if load_settings().environment(options.name).is_local:
            raise NotebookError(
                "%alur_env: `local` is this machine, where runs and previews are anyway.",
                place=Place(line=1),
                fix="Name an environment of alur.toml.",
            )
        session.environment = options.name
    return environments(load_settings(), session.environment)


def deploy(session: Session, line: str, body: str | None) -> DeployPlan | DeployReport:
    """Plan, show the plan, ask, apply."""
    from alur_nb.authoring.deploy import Deployment
    from alur_nb.authoring.deploy_plan import DeployPlan

    if is_export_mode():
        return DeployPlan()
    options = deploy_command().parse(line, session.names)
    under_way = Deployment(_cloud(session, options.env))
    plan = in_background(
        session.shell,
        Task(f"plan for {under_way.environment}", lambda task: _planned(session, options, under_way, task)),
    )
    if options.plan or not plan.changes:
        return plan
    publish(plan)
    if plan.risks and not options.allow_data_loss:
        raise DeployError(
            "Nothing was done: the plan above puts data at risk.", fix="To accept that: --allow-data-loss"
        )
    if not options.auto_approve and not _is_sure(under_way.environment):
        raise DeployError(
            "Nothing was done.", fix="Answer `yes`; where nobody can answer, add --auto-approve."
        )

    def apply(task: Task[DeployReport]) -> DeployReport:
        _told_by(under_way, task)
        return under_way.apply()

    return in_background(session.shell, Task(f"deploy to {under_way.environment}", apply))


def _planned(
    session: Session, options: argparse.Namespace, under_way: Deployment, task: Task[DeployPlan]
) -> DeployPlan:
    from alur_nb.authoring.following import Following
    from alur_nb.authoring.operate import find_notebook
    from alur_nb.ui.export_panel_work import in_own_loop

    _told_by(under_way, task)
    under_way.following = Following(
        lambda number, total, label: task.tell(_NOW, f"cell {number} of {total}, {label}"),
        lambda stage: task.tell(_NOW, stage),
        task.cancelled,
    )
    under_way.look()
    under_way.check(session.project)
    notebook = find_notebook(load_settings(), options.notebook, session.cell_ids)
    in_own_loop(lambda: under_way.build(notebook, only_check=options.skip_build))
    return under_way.plan(is_last=options.plan)


def _told_by(under_way: Deployment, task: Task[Any]) -> None:
    """Let the task hear of the deploy's steps, and an interrupt of its cell stop it."""
    under_way.tell = lambda text: task.tell(_NOW, text)
    under_way.cancelled = task.cancelled


def _is_sure(environment: str, ask: Callable[[str], str] = input) -> bool:
    try:
        return ask(f"Apply this to {environment}? Type yes: ").strip().lower() in ("y", "yes")
    # Where a notebook runs without a person: papermill, nbconvert, a test.
    except (StdinNotImplementedError, EOFError, OSError):
        return False


def run_deployed(session: Session, options: argparse.Namespace) -> DeployedRun:
    """Start the job of one pipeline and follow it; an interrupt leaves it running."""
    from alur_nb.authoring.deployed_runs import refuse_local_only

    refuse_local_only(vars(options), caller="%alur_run", env=options.env, place=Place(line=1))
    if len(options.names) != 1:
        raise NotebookError(
            "%alur_run --env: name one pipeline.", place=Place(line=1), fix=run_command().advice
        )
    (name,), cloud = options.names, _cloud(session, options.env)
    if options.stop:
        return _stopped(cloud, name, is_workflow=options.downstream)
    title = f"run of {name} on {cloud.environment.name} (an interrupt leaves it running; --stop stops it)"
    report = in_background(session.shell, Task(title, lambda task: _followed(session, options, cloud, task)))
    if not report.ok:
        publish(report)
        failed = next((run for run in report.runs if run.has_failed), None)
        raise DeployError(
            f"The run of `{name}` on `{cloud.environment.name}`: {failed.words if failed else report.state}.",
            fix=f"The report above says why; the whole log: %alur_logs {name} --env {cloud.environment.name}",
        )
    return report


def _stopped(cloud: Cloud, name: str, *, is_workflow: bool) -> DeployedRun:
    from alur_nb.authoring import jobs, workflows
    from alur_nb.authoring.job_runs import DeployedRun

    if is_workflow:
        found = workflows.stop_workflow(cloud, name)
        runs = tuple(jobs.JobRun(name, run_id, "STOPPING") for run_id in found)
    else:
        job = jobs.deployed_job(cloud, name)
        runs = tuple(jobs.get_run(cloud, job, run_id) for run_id in jobs.stop(cloud, job))
    return DeployedRun(cloud.environment.name, runs, is_followed=False, is_stopped=True)


def _followed(
    session: Session, options: argparse.Namespace, cloud: Cloud, task: Task[DeployedRun]
) -> DeployedRun:
    from alur_nb.authoring.deployed_runs import run_deployed
    from alur_nb.authoring.job_runs import Watch
    from alur_nb.runtime.calling import Event

    (name,) = options.names
    report = run_deployed(
        cloud,
        name,
        _parameters(session, dict(options.parameter or ())),
        downstream=options.downstream,
        is_followed=not options.no_follow,
        watch=Watch(task.tell, task.cancelled.wait),
    )
    if not report.ok and not task.cancelled.is_set():
        task.follow(Event(name, "ended", "failed"))
    return report


def _parameters(session: Session, given: dict[str, str]) -> dict[str, Any]:
    from alur_nb.authoring.job_runs import given_parameters
    from alur_nb.authoring.operate import find_notebook

    return given_parameters(find_notebook(load_settings(), None, session.cell_ids), given) if given else {}


def logs(session: Session, line: str, body: str | None) -> Logs:
    """Show a run's log; while it is followed, its last line is the progress."""
    from alur_nb.authoring import logs as reading

    if is_export_mode():
        return reading.Logs()
    options = logs_command().parse(line, session.names)
    cloud = _cloud(session, options.env)

    def work(task: Task[Logs]) -> Logs:
        if options.follow:
            for one in reading.follow(cloud, options.name, run_id=options.run, wait=task.cancelled.wait):
                task.tell(options.name, str(one))
        return reading.logs(cloud, options.name, run_id=options.run).tail(_LINES_SHOWN)

    return in_background(session.shell, Task(f"log of {options.name} on {cloud.environment.name}", work))


def status(session: Session, environment: str) -> Status:
    """Show a deployed environment at a glance."""
    from alur_nb.authoring.bundle import FOLDER
    from alur_nb.authoring.status import status as look

    cloud = _cloud(session, environment)
    bundle = cloud.settings.root / FOLDER
    return in_background(
        session.shell,
        Task(f"status of {cloud.environment.name}", lambda task: look(cloud, session.project, bundle)),
    )


def _cloud(session: Session, named: str | None) -> Cloud:
    from alur_nb.authoring.aws import open_cloud

    return open_cloud(load_settings(), named or session.environment)


def is_deployed(options: argparse.Namespace) -> bool:
    """Whether a run is meant for an environment on AWS; raises NotebookError for options that only such a run has."""
    if options.env == LOCAL and (options.no_follow or options.stop):
        raise NotebookError(
            "%alur_run: --no-follow and --stop need --env.", place=Place(line=1), fix=run_command().advice
        )
    return bool(options.env != LOCAL)

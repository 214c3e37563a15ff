"""What asks and moves a deployed environment: `run --env`, `logs`, `status`, `schedules`, `cost`, `compare`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from alur_nb.cli_console import FAILED, OK, show, tell, usage
from alur_nb.runtime.settings import LOCAL, load_settings

if TYPE_CHECKING:
    from alur_nb.authoring.aws import Cloud
    from alur_nb.authoring.job_runs import Watch


def is_deployed(options: argparse.Namespace) -> bool:
    """Whether a command is meant for an environment on AWS."""
    return options.env not in (None, LOCAL)


def run(options: argparse.Namespace) -> int:
    """Start a deployed pipeline and follow it, or stop it; the exit code is the run's."""
    from alur_nb.authoring.deployed_runs import refuse_local_only, run_deployed, still_runs

    if options.name is None:
        return usage("alur run NAME --env ENV     (one pipeline; with what comes after it: --downstream)")
    refuse_local_only(vars(options), caller="alur run", env=options.env)
    cloud = open_cloud(options.env)
    if options.stop:
        return _stop(options, cloud)
    parameters = _parameters(dict(options.parameter))
    try:
        report = run_deployed(
            cloud,
            options.name,
            parameters,
            downstream=options.downstream,
            is_followed=not options.no_follow,
            watch=_watch(options),
        )
    except KeyboardInterrupt:
        tell(still_runs(options.name, options.env, downstream=options.downstream), stream="stderr")
        return FAILED
    show(options, report.to_dict(), str(report))
    return OK if report.ok else FAILED


def _stop(options: argparse.Namespace, cloud: Cloud) -> int:
    from alur_nb.authoring import jobs, workflows

    if options.downstream:
        stopped = workflows.stop_workflow(cloud, options.name)
    else:
        stopped = jobs.stop(cloud, jobs.deployed_job(cloud, options.name))
    lines = [f"stopping {run_id}" for run_id in stopped] or [f"No run of {options.name} is under way."]
    show(options, {"stopping": list(stopped)}, "\n".join(lines))
    return OK


def _watch(options: argparse.Namespace) -> Watch:
    from alur_nb.authoring.job_runs import Watch

    if options.json:
        return Watch()
    return Watch(lambda pipeline, words: tell(f"{pipeline}: {words}", stream="stderr"))


def _parameters(given: dict[str, str]) -> dict[str, Any]:
    from alur_nb.authoring.job_runs import given_parameters
    from alur_nb.authoring.operate import find_notebook

    return given_parameters(find_notebook(load_settings()), given) if given else {}


def logs(options: argparse.Namespace) -> int:
    """Show a run's log; with --follow until it has ended."""
    from alur_nb.authoring import logs as reading

    cloud = open_cloud(options.env)
    if not options.follow:
        found = reading.logs(cloud, options.name, run_id=options.run)
        show(options, found.to_dict(), str(found))
        return OK
    try:
        for line in reading.follow(cloud, options.name, run_id=options.run):
            # One document a line: whoever reads it follows too.
            tell(json.dumps(line.to_dict()) if options.json else str(line))
    except KeyboardInterrupt:
        tell(f"You stopped watching; the run of {options.name} is as it was.", stream="stderr")
    return OK


def status(options: argparse.Namespace) -> int:
    """Show the deployed side at a glance; the embedded lake where it is named, or nothing else is declared."""
    from alur_nb.authoring import report_facts
    from alur_nb.authoring.bundle import FOLDER
    from alur_nb.authoring.loading import load_project
    from alur_nb.authoring.status import status as look

    settings = load_settings()
    if (options.env or LOCAL) == LOCAL and (options.env or set(settings.environments) == {LOCAL}):
        lake = report_facts.status(load_project(settings), env=LOCAL)
        show(options, lake.to_dict(), str(lake))
        return OK
    found = look(open_cloud(options.env), load_project(settings), settings.root / FOLDER)
    show(options, found.to_dict(), str(found))
    return OK


def schedules(options: argparse.Namespace) -> int:
    """Show the next times of what is declared, or with --env of what is deployed."""
    from alur_nb.authoring import schedule_times
    from alur_nb.authoring.loading import load_project

    if is_deployed(options):
        found = schedule_times.deployed_schedules(open_cloud(options.env))
    else:
        found = schedule_times.declared_schedules(load_project(load_settings()))
    show(options, found.to_dict(), str(found))
    return OK


def cost(options: argparse.Namespace) -> int:
    """Show what the runs of the last days cost."""
    from alur_nb.authoring.cost import cost as count

    if options.days < 1:
        return usage("alur cost [NAME] [--env ENV] [--days N]     (N is at least 1)")
    found = count(open_cloud(options.env), options.name, days=options.days)
    show(options, found.to_dict(), str(found))
    return OK


def compare(options: argparse.Namespace) -> int:
    """Compare two environments' definitions; 1 where they differ."""
    from alur_nb.authoring.definitions import compare_environments

    found = compare_environments(open_cloud(options.left), open_cloud(options.right))
    show(options, found.to_dict(), str(found))
    return OK if found.ok else FAILED


def list_deployed(options: argparse.Namespace) -> int:
    """List an environment's jobs."""
    from alur_nb.authoring.jobs import deployed_jobs
    from alur_nb.authoring.sheet import Grid, Sheet

    cloud = open_cloud(options.env)
    jobs = deployed_jobs(cloud)
    rows = tuple((job.pipeline, job.name, str(job.definition.get("GlueVersion", ""))) for job in jobs)
    sheet = Sheet(
        f"{options.env}: {len(jobs):,} deployed", grids=(Grid("jobs", ("pipeline", "job", "Glue"), rows),)
    )
    values = [{"pipeline": row[0], "job": row[1], "glue_version": row[2]} for row in rows]
    show(options, {"environment": options.env, "jobs": values}, str(sheet))
    return OK


def open_cloud(env: str | None) -> Cloud:
    """Return an environment on AWS with the right account behind it."""
    from alur_nb.authoring import aws

    return aws.open_cloud(load_settings(), env)

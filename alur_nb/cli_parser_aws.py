"""The options of the commands that deploy, and that ask a deployed environment."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Add = Callable[..., argparse.ArgumentParser]
_ENV = "environment (the only one, or the project's default)"


def add_deploying(commands: Any, command: Add) -> None:
    """Add `build`, `infra generate`, `deploy` and `destroy`."""
    build = command(commands, "build", "write the bundle of an environment: as `alur export`")
    infra = command(commands, "infra", "write the bundle of an environment, and list its Terraform")
    infra.add_argument("what", choices=["generate"], metavar="generate")
    deploy = command(commands, "deploy", "look, check, export, plan, ask, apply")
    deploy.add_argument("--plan", action="store_true", help="stop after the plan; nothing is made")
    deploy.add_argument("--auto-approve", action="store_true", help="do not ask")
    deploy.add_argument(
        "--skip-build", action="store_true", help="deploy the bundle on disk, if it is up to date"
    )
    deploy.add_argument("--skip-terraform", action="store_true", help="stop after the bundle")
    deploy.add_argument(
        "--allow-data-loss", action="store_true", help="apply a plan that puts data at risk, too"
    )
    destroy = command(commands, "destroy", "take a deployed environment down; refuses where it holds data")
    destroy.add_argument("--plan", action="store_true", help="only tell what would be destroyed")
    destroy.add_argument("--delete-data", action="store_true", help="delete files and ledger, too")
    destroy.add_argument("--confirm", metavar="ENV", help="the environment's name, where nobody can type it")
    for one in (build, infra, deploy):
        one.add_argument("--notebook", type=Path, metavar="PATH", help="where it is not clear which is meant")
    for one in (build, infra, deploy, destroy):
        one.add_argument("--env", help=_ENV)


def add_operating(commands: Any, command: Add) -> None:
    """Add `logs`, `status`, `schedules`, `cost` and `compare`."""
    logs = command(commands, "logs", "show the log of a deployed run, driver and executors")
    logs.add_argument("name", metavar="NAME", help="a pipeline")
    logs.add_argument("--follow", action="store_true", help="go on until the run has ended")
    logs.add_argument("--run", metavar="ID", help="a run's id (the last one)")
    status = command(
        commands, "status", "show how an environment stands: freshness, runs; on AWS drift, schedules, cost"
    )
    schedules = command(commands, "schedules", "show when pipelines run next, there and in UTC")
    cost = command(commands, "cost", "show what deployed runs cost, about, and by which formula")
    cost.add_argument("name", metavar="NAME", nargs="?", help="a pipeline (all)")
    cost.add_argument("--days", type=int, default=7, metavar="N", help="of the last N days (7)")
    compare = command(commands, "compare", "compare what is deployed in two environments; 1 where it differs")
    compare.add_argument("left", metavar="ENV1")
    compare.add_argument("right", metavar="ENV2")
    for one in (logs, status, cost):
        one.add_argument("--env", help=_ENV)
    schedules.add_argument("--env", help="a deployed environment (what is declared)")


def add_running(run: argparse.ArgumentParser) -> None:
    """Add to `run` what only a deployed environment knows."""
    run.add_argument("--no-follow", action="store_true", help="with --env: start it, and do not wait")
    run.add_argument("--stop", action="store_true", help="with --env: stop what is under way")

"""The lines of the magics that deploy, and that ask a deployed environment."""

from __future__ import annotations

from alur_nb.authoring.command_line import Command


def deploy_command() -> Command:
    """Return the options of `%alur_deploy`."""
    command = Command(
        "%alur_deploy",
        "Deploys the saved notebook: checks, exports, plans, asks, applies; --plan stops before it asks.",
        "%alur_deploy --env dev --plan",
    )
    _add_env(command)
    command.add("--plan", action="store_true", help="stop after the plan; nothing is made")
    command.add("--auto-approve", action="store_true", help="do not ask")
    command.add("--skip-build", action="store_true", help="deploy the bundle on disk, if it is up to date")
    command.add("--allow-data-loss", action="store_true", help="apply a plan that puts data at risk, too")
    command.add(
        "--notebook",
        metavar="PATH",
        takes="notebook",
        expands=True,
        help="where it is not clear which notebook is meant",
    )
    return command


def logs_command() -> Command:
    """Return the options of `%alur_logs`."""
    command = Command(
        "%alur_logs",
        "Shows the log of a deployed run, by default of the last one: driver and executors, told apart.",
        "%alur_logs $pipeline --follow",
    )
    command.add("name", metavar="NAME", takes="pipeline", expands=True, help="the pipeline")
    command.add("--follow", action="store_true", help="go on until the run has ended")
    command.add("--run", metavar="ID", expands=True, help="a run's id, default the last one")
    _add_env(command)
    return command


def env_command() -> Command:
    """Return the options of `%alur_env`."""
    command = Command(
        "%alur_env",
        "Shows the environments, or chooses the one that the magics for AWS mean from now on.",
        "%alur_env dev",
    )
    command.add("name", nargs="?", metavar="ENV", takes="deployed environment", expands=True, help="the one")
    return command


def _add_env(command: Command) -> None:
    command.add(
        "--env",
        metavar="ENV",
        takes="deployed environment",
        expands=True,
        help="default: the chosen one, else the only one of alur.toml",
    )

"""The lines of the magics that watch: what columns are made of, and how the tables stand."""

from __future__ import annotations

from alur_nb.authoring.command_line import Command


def lineage_command() -> Command:
    """Return the options of `%alur_lineage`."""
    command = Command(
        "%alur_lineage",
        "Shows what a table's columns are made of, what depends on them, and what decides on its rows.",
        "%alur_lineage orders.amount",
    )
    command.add("name", metavar="NAME", expands=True, help="a table, table.column, or a pipeline's name")
    command.add("--no-call", action="store_true", help="call no Python function with empty frames")
    return command


def status_command() -> Command:
    """Return the options of `%alur_status`."""
    command = Command(
        "%alur_status",
        "Shows how the tables stand, and of an environment on AWS its jobs: runs, drift, next times, cost.",
        "%alur_status --env dev",
    )
    command.add(
        "--env",
        metavar="ENV",
        takes="environment",
        expands=True,
        help="default: the one that %alur_env has chosen, else local",
    )
    return command

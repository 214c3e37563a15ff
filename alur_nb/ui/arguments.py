"""The lines of the magics that act; those that declare are read in `alur_nb.authoring.commands`."""

from __future__ import annotations

import re

from alur_nb.authoring.command_line import Command, key_value, one_of
from alur_nb.runtime.errors import NotebookError, Place

_STATE = "a batch's id or number, a moment in UTC, or a snapshot's id of Iceberg"


def preview_command() -> Command:
    """Return the options of `%alur_preview`."""
    command = Command(
        "%alur_preview",
        "Shows what a run of the pipeline would do, from samples; nothing is written.",
        "%alur_preview $pipeline -n 5",
    )
    command.add("name", metavar="NAME", takes="pipeline", expands=True, help="the pipeline")
    command.add(
        "-n", "--rows", type=int, default=20, metavar="ROWS", expands=True, help="rows to show, default 20"
    )
    command.add(
        "--sample", type=int, default=10_000, metavar="ROWS", expands=True, help="rows to read, default 10000"
    )
    command.add(
        "--files", type=int, default=3, metavar="N", expands=True, help="files to read from, default 3"
    )
    return command


def run_command() -> Command:
    """Return the options of `%alur_run`."""
    command = Command(
        "%alur_run",
        "Runs pipelines on the embedded lake, or with --env the job of one; each loads only what is new.",
        "%alur_run $pipeline --downstream",
    )
    command.add("names", nargs="*", metavar="NAME", takes="pipeline", expands=True, help="pipelines")
    command.add("--all", action="store_true", help="every pipeline of the project")
    command.add("--upstream", action="store_true", help="also those that feed it")
    command.add("--downstream", action="store_true", help="also those that it feeds")
    command.add(
        "--env",
        default="local",
        metavar="ENV",
        takes="environment",
        expands=True,
        help="default local: the embedded lake; else its deployed job",
    )
    command.add("--full", action="store_true", help="load everything anew, in place of what is there")
    command.add("--drop-missing", action="store_true", help="with --full: give up rows whose file is gone")
    command.add("--retry", action="store_true", help="also the files that were skipped")
    command.add(
        "--since", metavar="DAY", expands=True, help="files of this day and later: date in the path, or time"
    )
    command.add("--until", metavar="DAY", expands=True, help="files of this day and earlier")
    command.add(
        "--files",
        action="append",
        default=[],
        metavar="GLOB",
        takes="landing path",
        expands=True,
        help="files that match",
    )
    command.add("--max-files", type=int, metavar="N", expands=True, help="the oldest N files of a source")
    command.add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        help="of the parameters cell: runs the saved notebook in a process of its own, where it has this value, or the job",
    )
    command.add("--no-follow", action="store_true", help="with --env: start it, and do not wait")
    command.add("--stop", action="store_true", help="with --env: stop what is under way")
    return command


def sql_command() -> Command:
    """Return the options of `%alur_sql`."""
    command = Command(
        "%alur_sql",
        "Runs one SELECT over the tables' committed rows, in the notebook only.",
        "%%alur_sql --out counted\nselect count(*) as total from $table",
    )
    command.add("--out", metavar="NAME", help="bind the whole result, a Spark DataFrame, to this name")
    command.add(
        "-n", "--rows", type=int, default=20, metavar="ROWS", expands=True, help="rows to show, default 20"
    )
    return command


def history_command() -> Command:
    """Return the options of `%alur_history`."""
    command = Command(
        "%alur_history",
        "Shows the batches of a table, or of all: state, rows, rejects, checks, when, and why one ended.",
        "%alur_history $pipeline -n 5",
    )
    command.add(
        "name", nargs="?", metavar="NAME", expands=True, help="a table, or the pipeline that writes it"
    )
    command.add("-n", "--last", type=int, default=20, metavar="N", expands=True, help="batches, default 20")
    return command


def rejects_command() -> Command:
    """Return the options of `%alur_rejects`, which are those of `alur rejects`."""
    command = Command(
        "%alur_rejects",
        "Shows the rejected rows of a table, and why each of them was; counts them by reason.",
        "%alur_rejects $pipeline --by-reason",
    )
    command.add(
        "name", metavar="NAME", takes="pipeline", expands=True, help="a table, or the pipeline that writes it"
    )
    command.add(
        "--last", action="store_true", help="of the last batch alone, also where it published nothing"
    )
    command.add("--by-reason", action="store_true", help="only the counts by reason; starts no Spark")
    command.add(
        "-n", "--rows", type=int, default=20, metavar="ROWS", expands=True, help="rows to show, default 20"
    )
    command.add("--csv", metavar="FILE", expands=True, help="write all of them to a new CSV file")
    return command


def diff_command() -> Command:
    """Return the options of `%alur_diff`."""
    command = Command(
        "%alur_diff",
        "Compares two states of a table: rows added, removed and changed, by key and by column.",
        "%alur_diff orders 12 now",
    )
    command.add("name", metavar="NAME", takes="table", expands=True, help="a table, or its pipeline")
    command.add("before", metavar="A", help=_STATE)
    command.add("after", metavar="B", nargs="?", default="now", help="the same; default now")
    command.add("-n", "--rows", type=int, default=5, metavar="N", expands=True, help="examples, default 5")
    return command


def maintain_command() -> Command:
    """Return the options of `%alur_maintain`."""
    command = Command(
        "%alur_maintain",
        "Puts small files of Iceberg tables together, lets old snapshots expire, removes files of none.",
        "%alur_maintain orders",
    )
    command.add("name", nargs="?", metavar="NAME", takes="table", expands=True, help="default: all of them")
    return command


def check_command() -> Command:
    """Return the options of `%alur_check`: none."""
    return Command(
        "%alur_check",
        "Checks names, contracts, the order of pipelines and schedules; reads no data.",
        "%alur_check",
    )


def export_command() -> Command:
    """Return the options of `%alur_export`."""
    command = Command(
        "%alur_export",
        "Writes the saved notebook's pipelines as Glue job scripts with their Terraform; alone: looks first.",
        "%alur_export --env $environment",
    )
    command.add(
        "--env",
        metavar="ENV",
        takes="deployed environment",
        expands=True,
        help="an [env.NAME] of alur.toml; default: the only one",
    )
    command.add(
        "--out",
        metavar="DIR",
        takes="folder",
        expands=True,
        help="the bundle's folder, default by project and environment",
    )
    command.add(
        "--notebook",
        metavar="PATH",
        takes="notebook",
        expands=True,
        help="where it is not clear which notebook is meant",
    )
    command.add(
        "-p",
        "--parameter",
        action="append",
        type=key_value,
        metavar="KEY=VALUE",
        help="of the parameters cell",
    )
    return command


def alur_command() -> Command:
    """Return the options of `%alur`."""
    command = Command(
        "%alur",
        "Shows the project at a glance: tables, pipelines, their order, and what to do next.",
        "%alur help",
    )
    command.add("topic", nargs="?", type=one_of("help"), metavar="help", help="every magic with an example")
    command.add("--debug", action="store_true", help="show whole tracebacks from now on; again: no more")
    return command


_LEADING_OPTION = re.compile(r"(--out|-n|--rows)(?:\s*=\s*|\s+)(\S+)\s*")


def query_start(line: str) -> int:
    """Return where the query begins in a line of `%alur_sql`: behind the options, each with its value."""
    position = 0
    while found := _LEADING_OPTION.match(line, position):
        position = found.end()
    return position


def split_sql_line(line: str) -> tuple[str, str]:
    """Split `--out df select ...` into its options and the query, whose quotes must stay as they are.

    Raises NotebookError for any other option.
    """
    position = query_start(line)
    query = line[position:]
    if query.startswith("-") and not query.startswith("--  ") and not query.startswith("-- "):
        sql_command().parse(query)
        raise NotebookError(
            "%alur_sql: options stand in front of the query.", place=Place(line=1), fix=sql_command().advice
        )
    return line[:position], query

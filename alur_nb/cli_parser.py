"""What `alur` understands; it imports nothing heavy, so that `alur --help` is there at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alur_nb import __version__, cli_parser_aws

DESCRIPTION = (
    "The notebook's operations for terminals and CI. Exit codes: 0 ok, 1 failed, 2 wrong usage. "
    "What reads takes --json."
)
_OF_TABLE = "a table, or the pipeline that writes it"
_BATCH = "the batch's id, or its number: alur history TABLE"


def build() -> argparse.ArgumentParser:
    """Return the parser; `options.command` is the name of the chosen command."""
    parser = argparse.ArgumentParser(prog="alur", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"alur-nb {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    init = _command(commands, "init", "lay out a project, with a test and a CI workflow", reads=False)
    init.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        type=Path,
        default=Path(),
        help="its folder, and name (this one)",
    )
    setup = _command(commands, "setup", "fetch what silver, gold and Iceberg tables need, once (47 MB)")
    setup.add_argument("--jar", type=Path, metavar="FILE", help="take it from this file, without a network")
    _command(commands, "check", "check names, contracts, the DAG and crons", aliases=["validate"])
    listing = _command(commands, "list", "list the tables and the pipelines")
    listing.add_argument("--env", help="list the jobs of a deployed environment")
    _add_preview(commands)
    _add_running(commands)
    _add_looking(commands)
    _add_mending(commands)
    export = _command(commands, "export", "write Glue job scripts and Terraform")
    export.add_argument("notebook", metavar="NOTEBOOK", nargs="?", type=Path)
    export.add_argument("--env", help="environment (the only one, or the project's default)")
    export.add_argument("--out", type=Path, help="folder of the bundle (./bundle)")
    _add_parameter(export)
    export.add_argument(
        "--check", action="store_true", help="compare with what is on disk; 1 where it differs"
    )
    clean = _command(commands, "clean", "take out of notebooks what differs from run to run", reads=False)
    clean.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="notebooks, folders; none: stdin to stdout"
    )
    clean.add_argument("--check", action="store_true", help="change nothing; 1 where something is not clean")
    cli_parser_aws.add_deploying(commands, _command)
    cli_parser_aws.add_operating(commands, _command)
    return parser


def _add_preview(commands: Any) -> None:
    preview = _command(commands, "preview", "show what a run would do, from samples; writes nothing")
    preview.add_argument("name", metavar="NAME")
    preview.add_argument("-n", "--rows", type=int, default=20, help="rows to show (20)")
    preview.add_argument("--sample", type=int, default=10_000, metavar="ROWS", help="rows to read (10,000)")
    preview.add_argument("--files", type=int, default=3, metavar="N", help="files to read the head of (3)")


def _add_running(commands: Any) -> None:
    run = _command(
        commands, "run", "run a pipeline, or all, on the embedded lake; with --env its deployed job"
    )
    run.add_argument("name", metavar="NAME", nargs="?")
    run.add_argument("--all", action="store_true", help="every pipeline, in the DAG's order")
    run.add_argument("--upstream", action="store_true", help="with the pipelines that it depends on")
    run.add_argument("--downstream", action="store_true", help="with the pipelines that depend on it")
    run.add_argument("--full", action="store_true", help="load everything anew, in place of what is there")
    run.add_argument("--since", metavar="DAY", help="files of this day and later: date in the path, or time")
    run.add_argument("--until", metavar="DAY", help="files of this day and earlier")
    run.add_argument("--files", metavar="GLOB", action="append", default=[], help="files that match")
    run.add_argument("--max-files", type=int, metavar="N", help="the oldest N files of a source")
    _add_parameter(run)
    _add_env(run)
    cli_parser_aws.add_running(run)
    retry = _command(commands, "retry", "load files that were skipped, once they can be loaded")
    retry.add_argument("name", metavar="NAME")
    replay = _command(commands, "replay", "load the inputs of a batch again, in its place")
    replay.add_argument("name", metavar="TABLE", help=_OF_TABLE)
    replay.add_argument("batch", metavar="BATCH", help=_BATCH)
    for one in (run, replay):
        one.add_argument(
            "--drop-missing", action="store_true", help="give up rows whose file is no longer there"
        )


def _add_looking(commands: Any) -> None:
    plan = _command(commands, "plan", "show which files a run would load, and why; writes nothing")
    plan.add_argument("name", metavar="NAME", help="a pipeline, or the table that it writes")
    plan.add_argument("-n", "--rows", type=int, default=10, help="files to show of each kind (10)")
    history = _command(commands, "history", "show the batches of a table")
    history.add_argument("name", metavar="NAME", nargs="?", help=f"{_OF_TABLE} (all tables)")
    history.add_argument("-n", "--last", type=int, default=20, help="batches of a table (20)")
    diff = _command(commands, "diff", "compare two states of a table: by key and by column")
    diff.add_argument("name", metavar="TABLE", help=_OF_TABLE)
    diff.add_argument("before", metavar="A", help="a batch, a moment in UTC, or a snapshot's id of Iceberg")
    diff.add_argument(
        "after", metavar="B", nargs="?", default="now", help="the same; the present state (now)"
    )
    diff.add_argument("-n", "--rows", type=int, default=5, help="examples of each kind (5)")
    _add_env(diff)
    rejects = _command(commands, "rejects", "show the rejected rows of a table, and why")
    rejects.add_argument("name", metavar="NAME", help=_OF_TABLE)
    rejects.add_argument(
        "--last", action="store_true", help="of the last batch alone, also where it was aborted"
    )
    rejects.add_argument(
        "--count", "--by-reason", action="store_true", help="only the counts by reason; starts no Spark"
    )
    rejects.add_argument("--csv", type=Path, metavar="FILE", help="write all of them to a new CSV file")
    rejects.add_argument("-n", "--rows", type=int, default=20, help="rows to show (20)")
    report = _command(commands, "report", "write how the project stands as one HTML file")
    report.add_argument("--out", type=Path, default=Path("report.html"), help="the file (report.html)")
    live = _command(commands, "ui", "serve the report to this machine's browser, live", reads=False)
    live.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (a free one)")
    for one in (plan, history, rejects, report, live):
        _add_env(one)
    lineage = _command(commands, "lineage", "show who feeds a column, and what depends on it")
    lineage.add_argument("name", metavar="NAME[.COLUMN]", help=_OF_TABLE)
    lineage.add_argument(
        "--no-call", action="store_true", help="call no Python function with empty frames; starts no Spark"
    )


def _add_mending(commands: Any) -> None:
    rollback = _command(commands, "rollback", "take a committed batch back; its inputs are pending again")
    rollback.add_argument("name", metavar="TABLE", help=_OF_TABLE)
    rollback.add_argument("batch", metavar="BATCH", help=_BATCH)
    fsck = _command(commands, "fsck", "compare ledger, files and catalog of a table")
    fsck.add_argument("name", metavar="NAME", help=_OF_TABLE)
    fsck.add_argument(
        "--repair", action="store_true", help="mend what can be mended without touching live rows"
    )
    reset = _command(commands, "reset", "take everything back that an embedded table holds")
    reset.add_argument("name", metavar="NAME", help=_OF_TABLE)
    reset.add_argument("--yes", action="store_true", help="do not ask")
    adopt = _command(commands, "adopt", "take the files of the original Alur's ledger as loaded")
    adopt.add_argument("name", metavar="NAME", help=_OF_TABLE)
    adopt.add_argument(
        "--ledger-table", required=True, metavar="TABLE", help="alur-ingestion-state, or its name"
    )
    adopt.add_argument("--key", metavar="KEY", help="its ingestion_key (the table's name)")
    adopt.add_argument("--trust-path", action="store_true", help="also files that have changed since")
    adopt.add_argument("--dry-run", action="store_true", help="only say what would be taken")
    maintain = _command(
        commands, "maintain", "put small files of Iceberg tables together, let snapshots expire"
    )
    maintain.add_argument("name", metavar="NAME", nargs="?", help=f"{_OF_TABLE} (all Iceberg tables)")
    for one in (rollback, fsck, reset, adopt, maintain):
        _add_env(one)
    for one in (rollback, reset):
        one.add_argument(
            "--cascade", action="store_true", help="also batches downstream that hold rows of it"
        )


def _add_parameter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        type=_key_value,
        default=[],
        metavar="KEY=VALUE",
        help="of the parameters cell; as often as there are parameters",
    )


def _add_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", default="local", help="environment (local)")


def _command(
    commands: Any, name: str, text: str, *, aliases: Sequence[str] = (), reads: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, aliases=aliases, allow_abbrev=False
    )
    parser.set_defaults(command=name)
    if reads:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _key_value(text: str) -> tuple[str, str]:
    from alur_nb.authoring.command_line import key_value

    return key_value(text)

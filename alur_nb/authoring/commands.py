"""The lines of the two magics that declare; export reads them as the notebook does."""

from __future__ import annotations

from typing import get_args

from alur_nb.authoring.command_line import Command, age, key_value, one_of
from alur_nb.runtime import sources

TABLE = "alur_table"
PIPELINE = "alur_pipeline"


def table_command() -> Command:
    """Return the options of `%alur_table`."""
    command = Command(
        "%alur_table",
        "Declares a table from its columns, or from Python table classes; as a line it shows tables.",
        "%%alur_table $free --layer bronze --partition-by 'day(created_at)'\n"
        "id string not null comment 'the shop''s', amount decimal(10,2), created_at timestamp",
    )
    command.add("name", nargs="?", metavar="NAME", takes="table", help="the table")
    command.add("--layer", type=one_of("bronze", "silver", "gold"), help="default: bronze")
    command.add("--primary-key", metavar="COLUMNS", takes="columns", help="columns, separated by commas")
    command.add(
        "--partition-by",
        metavar="COLUMNS",
        takes="partitions",
        help="columns or day(c), month(c), year(c), hour(c), bucket(16, c)",
    )
    command.add("--format", type=one_of("parquet", "iceberg"), help="default: by layer")
    _add_merge_options(command)
    command.add(
        "--freshness", type=age, metavar="AGE", help="how old it may become before it is stale, '26 hours'"
    )
    command.add("--description", metavar="TEXT", help="what the table holds")
    command.add(
        "--from",
        dest="from_",
        metavar="PATTERN",
        takes="landing path",
        help="a line: infer the columns from landing files",
    )
    command.add(
        "--option",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        takes="csv option",
        help="with --from: Spark's CSV option; repeatable",
    )
    command.add("--new", action="store_true", help="a line: the form that writes the cell")
    return command


def _add_merge_options(command: Command) -> None:
    """Add what a silver table with a key says of its merge."""
    command.add(
        "--sequence-by",
        metavar="COLUMN",
        takes="columns",
        help="silver with a key: by this column the last of a key's rows is told",
    )
    command.add(
        "--delete-when",
        metavar="SQL",
        takes="condition",
        help="silver with a key: rows for which this holds delete their key's row",
    )
    command.add(
        "--scd-type",
        type=one_of("1", "2"),
        help="silver with a key: keep the last version of a row (1, default), or every version (2)",
    )


def pipeline_command() -> Command:
    """Return the options of `%alur_pipeline`: every parameter of `files()` is one."""
    command = Command(
        "%alur_pipeline",
        "Declares a pipeline: in Python, as one SQL query, or without a body as an ingestion of files.",
        "%alur_pipeline $ingestion --from $pattern --source-system shop --target $target",
    )
    command.add(
        "name", nargs="?", metavar="NAME", takes="pipeline", help="the pipeline; it becomes a Python function"
    )
    command.add("--target", metavar="TABLE", takes="table", help="the table class, or the table's name")
    command.add("--schedule", metavar="CRON", help="six fields, '0 6 * * ? *'")
    command.add("--timezone", metavar="ZONE", takes="time zone", help="of the schedule, default UTC")
    command.add(
        "--expect",
        action="append",
        default=[],
        metavar="SQL",
        takes="condition",
        help="a row rule, 'amount >= 0'; repeatable",
    )
    command.add(
        "--resource-profile", metavar="PROFILE", takes="profile", help="a [profiles.NAME] of alur.toml"
    )
    _add_files_options(command)
    command.add("--preview", nargs="?", type=int, const=20, metavar="ROWS", help="preview at once")
    command.add("--new", action="store_true", help="a line: the form that writes the cell")
    return command


def _add_files_options(command: Command) -> None:
    """Add the parameters of `files()`."""
    command.add(
        "--from",
        dest="from_",
        action="append",
        metavar="PATTERN",
        takes="landing path",
        help="landing files; {name} is a name",
    )
    command.add("--source-system", metavar="NAME", help="where the files come from")
    command.add(
        "--contract", metavar="TABLE", takes="table", help="the columns of the files, default: the target's"
    )
    command.add(
        "--format",
        metavar="FORMAT",
        type=one_of(*sources.FORMATS, also=sources.SPELLED),
        help="of the files, default csv",
    )
    command.add(
        "--option",
        action="append",
        type=key_value,
        metavar="KEY=VALUE",
        takes="csv option",
        help="Spark's CSV option; repeatable",
    )
    command.add(
        "--no-strict",
        dest="strict",
        action="store_const",
        const=False,
        help="skip bad files, reject bad rows",
    )
    command.add("--extra-columns", metavar="RULE", type=one_of(*get_args(sources.ExtraColumns)))
    command.add("--schema-mode", metavar="MODE", type=one_of(*get_args(sources.SchemaMode)))
    command.add("--on-changed", metavar="RULE", type=one_of(*get_args(sources.OnChanged)))
    command.add("--same-content", metavar="RULE", type=one_of(*get_args(sources.SameContent)))
    command.add("--reject-limit", type=float, metavar="SHARE", help="default 0.05")

"""The lines of the two magics that declare; export reads them as the notebook does."""

from __future__ import annotations

from alur_nb.authoring.command_line import Command, key_value, one_of

TABLE = "alur_table"
PIPELINE = "alur_pipeline"


def table_command() -> Command:
    """Return the options of `%alur_table`."""
    command = Command(
        "%alur_table",
        "Declares a table from its columns, or from Python table classes; as a line it shows tables.",
        "%%alur_table orders --layer bronze --partition-by 'day(created_at)'\n"
        "order_id string not null comment 'the shop''s number', amount decimal(10,2), created_at timestamp",
    )
    command.add("name", nargs="?", metavar="NAME", help="the table")
    command.add("--layer", type=one_of("bronze", "silver", "gold"), help="default: bronze")
    command.add("--primary-key", metavar="COLUMNS", help="columns, separated by commas")
    command.add(
        "--partition-by",
        metavar="COLUMNS",
        help="columns or day(c), month(c), year(c), hour(c), bucket(16, c)",
    )
    command.add("--format", type=one_of("parquet", "iceberg"), help="default: by layer")
    command.add("--description", metavar="TEXT", help="what the table holds")
    command.add(
        "--from", dest="from_", metavar="PATTERN", help="a line: infer the columns from landing files"
    )
    command.add(
        "--option",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        help="with --from: Spark's CSV option; repeatable",
    )
    command.add("--new", action="store_true", help="a line: the form that writes the cell")
    return command


def pipeline_command() -> Command:
    """Return the options of `%alur_pipeline`: every parameter of `files()` is one."""
    command = Command(
        "%alur_pipeline",
        "Declares a pipeline: in Python, as one SQL query, or without a body as an ingestion of files.",
        "%alur_pipeline ingest_orders --from 'orders/*.csv' --source-system shop --target OrdersBronze",
    )
    command.add("name", nargs="?", metavar="NAME", help="the pipeline; it becomes a Python function")
    command.add("--target", metavar="TABLE", help="the table class, or the table's name")
    command.add("--schedule", metavar="CRON", help="six fields, '0 6 * * ? *'")
    command.add("--timezone", metavar="ZONE", help="of the schedule, default UTC")
    command.add(
        "--expect", action="append", default=[], metavar="SQL", help="a row rule, 'amount >= 0'; repeatable"
    )
    command.add("--resource-profile", metavar="PROFILE", help="a [profiles.NAME] of alur.toml")
    command.add(
        "--from", dest="from_", action="append", metavar="PATTERN", help="landing files; {name} is a name"
    )
    command.add("--source-system", metavar="NAME", help="where the files come from")
    command.add("--contract", metavar="TABLE", help="the columns of the files, default: the target's")
    command.add("--format", metavar="FORMAT", help="of the files: csv (default), jsonl or parquet")
    command.add(
        "--option",
        action="append",
        type=key_value,
        metavar="KEY=VALUE",
        help="Spark's CSV option; repeatable",
    )
    command.add(
        "--no-strict",
        dest="strict",
        action="store_const",
        const=False,
        help="skip bad files, reject bad rows",
    )
    command.add("--extra-columns", metavar="RULE", help="error or ignore")
    command.add("--schema-mode", metavar="MODE", help="contract, evolve or rescue")
    command.add("--on-changed", metavar="RULE", help="error, ignore or replace")
    command.add("--same-content", metavar="RULE", help="warn or skip")
    command.add("--reject-limit", type=float, metavar="SHARE", help="default 0.05")
    command.add("--preview", nargs="?", type=int, const=20, metavar="ROWS", help="preview at once")
    command.add("--new", action="store_true", help="a line: the form that writes the cell")
    return command

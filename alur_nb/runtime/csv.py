"""Reading CSV files honestly: every row becomes typed values, or is marked as rejected; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.errors import IllegalArgumentException, SparkRuntimeException, SparkUpgradeException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StringType, StructField, StructType

from alur_nb.runtime.csv_explain import explain_files
from alur_nb.runtime.csv_text import NO_TEXT, RAW, Layout, layout_of, text_frame
from alur_nb.runtime.csv_values import offence, shown, text_literal, value
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import DeclarationError, SettingsError
from alur_nb.runtime.landed import REJECTED, SOURCE_FILE, ReadableFile
from alur_nb.runtime.tables import RESCUED, Table
from alur_nb.runtime.types import DateField, Field, StringField, TimestampField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


# Spark 4 has a class of its own for a pattern that cannot be read.
_NO_PATTERN = (IllegalArgumentException, SparkRuntimeException, SparkUpgradeException)


def read(
    spark: SparkSession,
    files: Sequence[ReadableFile],
    contract: Table,
    dialect: Dialect,
    *,
    rescue: bool = False,
) -> DataFrame:
    """Return the files' rows: the contract's file columns in order, `_source_file`, and `_rejected`, never null.

    `rescue` adds `_rescued` before the last two: what the row has in other columns, as JSON by their names in the
    file; null where that is nothing. The values of a rejected row are of no use. Raises SourceError for a file that Spark cannot
    open under its name, DeclarationError for a `format=` that is no pattern, SettingsError for a session that would
    read times otherwise.
    """
    check_session(spark)
    check_formats(spark, contract)
    layouts: dict[Layout, list[ReadableFile]] = {}
    for file in files:
        layouts.setdefault(layout_of(file, dialect), []).append(file)
    frames = [
        _read_layout(spark, layout, group, contract, dialect, rescue=rescue)
        for layout, group in layouts.items()
    ]
    if not frames:
        return spark.createDataFrame([], result_schema(contract, rescue=rescue))
    return reduce(lambda left, right: left.unionByName(right), frames)


def explain(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, dialect: Dialect
) -> DataFrame:
    """Return the rejected rows: `raw, source_file, line_number, column, reason`; an independent second reading.

    `column` is the first that offends, the others are in the reason. `line_number` is null where it cannot be known.
    """
    check_session(spark)
    return explain_files(spark, files, contract, dialect)


def check_session(spark: SparkSession) -> None:
    """Raise SettingsError where the session would read times in another zone, or by another parser."""
    zone = spark.conf.get("spark.sql.session.timeZone") or ""
    if zone not in ("UTC", "Etc/UTC", "Z", "GMT", "+00:00"):
        raise SettingsError(
            f"The Spark session's time zone is {zone}: timestamps without an offset would be shifted.",
            fix='spark.conf.set("spark.sql.session.timeZone", "UTC")',
        )
    policy = spark.conf.get("spark.sql.legacy.timeParserPolicy") or ""
    if policy.upper() != "CORRECTED":
        raise SettingsError(
            f"spark.sql.legacy.timeParserPolicy is {policy}: a date that does not exist would stop the whole job.",
            fix='spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")',
        )


def check_formats(spark: SparkSession, contract: Table) -> None:
    """Raise DeclarationError for a `format=` that is no pattern to Spark, before a job meets it."""
    for name, field in contract.file_columns.items():
        pattern = field.format if isinstance(field, (DateField, TimestampField)) else None
        if pattern is None:
            continue
        try:
            spark.sql("SELECT try_to_timestamp('', :pattern)", args={"pattern": pattern}).collect()
        except _NO_PATTERN as error:
            raise DeclarationError(
                f"{contract.qualified_name}.{name}: the format `{pattern}` is no datetime pattern of Spark's.",
                fix='Write it of letters such as yyyy, MM, dd, HH, mm, ss: format="dd.MM.yyyy HH:mm".',
            ) from error


def _read_layout(
    spark: SparkSession,
    layout: Layout,
    files: Sequence[ReadableFile],
    contract: Table,
    dialect: Dialect,
    *,
    rescue: bool,
) -> DataFrame:
    texts, path = text_frame(spark, layout, [item.file for item in files], dialect)
    fields = contract.file_columns
    sources = {column: f"c{index}" for index, column in enumerate(layout.columns) if column is not None}
    values = {name: _value(fields[name], source, dialect) for name, source in sources.items()}
    # In two steps, so that a value is computed once though it is also checked; each step copies every row, so what is
    # text and stays as it is has no second column, and the path comes in the first: no step of its own is needed then.
    found = {name: source if values[name] == source else f"v{source}" for name, source in sources.items()}
    computed = [
        F.expr(values[name]).alias(column) for name, column in found.items() if column != sources[name]
    ]
    valued = texts.select("*", *computed, path.alias(SOURCE_FILE))
    columns = [
        F.expr(shown(field, found[name]) if name in found else f"CAST(NULL AS {field.ddl})").alias(name)
        for name, field in fields.items()
    ]
    if rescue:
        columns.append(_rescued(layout).alias(RESCUED))
    rejected = F.expr(_rejected(fields, sources, found, dialect)).alias(REJECTED)
    return valued.select(*columns, F.col(SOURCE_FILE), rejected)


def _value(field: Field, source: str, dialect: Dialect) -> str:
    if isinstance(field, StringField) and dialect.empty_value:
        return f"CASE WHEN {source} = '' THEN {text_literal(dialect.empty_value)} ELSE {source} END"
    return value(field, source)


def _rescued(layout: Layout) -> Column:
    """Return the columns that the contract does not have, as one JSON object; those that are null are left out."""
    extra = [(name, f"c{i}") for i, name in enumerate(layout.header) if layout.columns[i] is None]
    if not extra:
        return F.lit(None).cast("string")
    members = [F.col(source).alias(name) for name, source in extra]
    # Flat, for as many columns as there may be: a chain of 10,000 conditions is too deep for Spark's planner.
    some = F.coalesce(*[F.col(source) for _, source in extra]).isNotNull()
    return F.when(some, F.to_json(F.struct(*members)))


def _rejected(
    fields: Mapping[str, Field], sources: Mapping[str, str], found: Mapping[str, str], dialect: Dialect
) -> str:
    """Whether a record has the wrong number of values, or one that its column does not accept."""
    # Spark refuses to read the raw record alone; NUL is in no file, so the second part never holds.
    wrong_width = [f"{RAW} IS NOT NULL", f"coalesce(c0 = {text_literal(NO_TEXT)}, false)"]
    offences = [
        offence(fields[name], found[name], source, dialect.null_value) for name, source in sources.items()
    ]
    return " OR ".join([*wrong_width, *(wrong for wrong in offences if wrong is not None)])


def result_schema(contract: Table, *, rescue: bool = False) -> StructType:
    """Return the columns of what every reader gives."""
    columns: Mapping[str, Field] = contract.file_columns
    return StructType(
        [
            *(StructField(name, field.spark_type()) for name, field in columns.items()),
            *([StructField(RESCUED, StringType())] if rescue else []),
            StructField(SOURCE_FILE, StringType()),
            StructField(REJECTED, BooleanType(), False),
        ]
    )

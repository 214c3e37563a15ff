"""Reading CSV files honestly: every row becomes typed values, or is marked as rejected; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.errors import IllegalArgumentException, SparkUpgradeException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StringType, StructField, StructType

from alur_nb.runtime.csv_explain import explain_files
from alur_nb.runtime.csv_text import (
    NO_TEXT,
    RAW,
    SOURCE_FILE,
    CsvFile,
    LandedFile,
    Layout,
    layout_of,
    text_frame,
)
from alur_nb.runtime.csv_values import offence, shown, value
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import DeclarationError, SettingsError
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import DateField, Field, TimestampField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["CsvFile", "LandedFile", "explain", "read"]

REJECTED = "_rejected"


def read(spark: SparkSession, files: Sequence[CsvFile], contract: Table, dialect: Dialect) -> DataFrame:
    """Return the files' rows: the contract's file columns in order, `_source_file`, and `_rejected`, never null.

    The values of a rejected row are of no use. Raises SourceError for a file that Spark cannot
    open under its name, DeclarationError for a `format=` that is no pattern, SettingsError for a session that would
    read times otherwise.
    """
    check_session(spark)
    check_formats(spark, contract)
    layouts: dict[Layout, list[CsvFile]] = {}
    for file in files:
        layouts.setdefault(layout_of(file, dialect), []).append(file)
    frames = [_read_layout(spark, layout, group, contract, dialect) for layout, group in layouts.items()]
    if not frames:
        return spark.createDataFrame([], _result_schema(contract))
    return reduce(lambda left, right: left.unionByName(right), frames)


def explain(spark: SparkSession, files: Sequence[CsvFile], contract: Table, dialect: Dialect) -> DataFrame:
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
        except (IllegalArgumentException, SparkUpgradeException) as error:
            raise DeclarationError(
                f"{contract.qualified_name}.{name}: the format `{pattern}` is no datetime pattern of Spark's.",
                fix='Write it of letters such as yyyy, MM, dd, HH, mm, ss: format="dd.MM.yyyy HH:mm".',
            ) from error


def _read_layout(
    spark: SparkSession, layout: Layout, files: Sequence[CsvFile], contract: Table, dialect: Dialect
) -> DataFrame:
    texts = text_frame(spark, layout, [item.file for item in files], dialect)
    fields = contract.file_columns
    sources = {column: f"c{index}" for index, column in enumerate(layout.columns) if column is not None}
    # In two steps, so that a value is computed once though it is also checked.
    values = [value(fields[name], source).alias(f"v{source}") for name, source in sources.items()]
    valued = texts.select("*", *values)
    columns = [
        (shown(field, F.col(f"v{sources[name]}")) if name in sources else F.lit(None).cast(field.ddl)).alias(
            name
        )
        for name, field in fields.items()
    ]
    return valued.select(*columns, F.col(SOURCE_FILE), _rejected(fields, sources, dialect).alias(REJECTED))


def _rejected(fields: Mapping[str, Field], sources: Mapping[str, str], dialect: Dialect) -> Column:
    """Whether a record has the wrong number of values, or one that its column does not accept."""
    offences = [
        offence(fields[name], F.col(f"v{source}"), F.col(source), dialect.null_value)
        for name, source in sources.items()
    ]
    # Spark refuses to read the raw record alone; NUL is in no file, so the second part never holds.
    wrong_width = F.col(RAW).isNotNull() | F.coalesce(F.col("c0") == NO_TEXT, F.lit(False))
    return reduce(or_, [found for found in offences if found is not None], wrong_width)


def _result_schema(contract: Table) -> StructType:
    columns: Mapping[str, Field] = contract.file_columns
    return StructType(
        [
            *(StructField(name, field.spark_type()) for name, field in columns.items()),
            StructField(SOURCE_FILE, StringType()),
            StructField(REJECTED, BooleanType(), False),
        ]
    )

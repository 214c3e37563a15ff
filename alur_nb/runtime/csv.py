"""Reading CSV files honestly: every row becomes typed values, or is marked as rejected; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

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
from alur_nb.runtime.csv_values import value
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import Field, StringField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["CsvFile", "LandedFile", "explain", "read"]

REJECTED = "_rejected"


def read(spark: SparkSession, files: Sequence[CsvFile], contract: Table, dialect: Dialect) -> DataFrame:
    """Return the files' rows: the contract's file columns in order, `_source_file`, and `_rejected`, never null.

    A rejected row has nulls for the values that were not accepted. Raises SourceError for a file that Spark cannot
    open under its name, SettingsError for a session that would shift times.
    """
    check_session(spark)
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
    return explain_files(spark, files, contract, dialect)


def check_session(spark: SparkSession) -> None:
    """Raise SettingsError where the session would read times in another zone than UTC."""
    zone = spark.conf.get("spark.sql.session.timeZone") or ""
    if zone not in ("UTC", "Etc/UTC", "Z", "GMT", "+00:00"):
        raise SettingsError(
            f"The Spark session's time zone is {zone}: timestamps without an offset would be shifted.",
            fix='spark.conf.set("spark.sql.session.timeZone", "UTC")',
        )


def _read_layout(
    spark: SparkSession, layout: Layout, files: Sequence[CsvFile], contract: Table, dialect: Dialect
) -> DataFrame:
    texts = text_frame(spark, layout, [item.file for item in files], dialect)
    positions = {column: index for index, column in enumerate(layout.columns) if column is not None}
    fields = contract.file_columns
    values = {
        name: value(field, f"c{positions[name]}") if name in positions else _null(field)
        for name, field in fields.items()
    }
    # In two steps, so that a value that is also checked is computed once.
    step = texts.select(
        "*",
        *(values[name].alias(f"v{index}") for index, name in enumerate(fields) if _is_checked(fields[name])),
    )
    out: list[Column] = []
    bad: list[Column] = [F.col(RAW).isNotNull()]
    for index, (name, field) in enumerate(fields.items()):
        column = F.col(f"v{index}") if _is_checked(field) else values[name]
        out.append(column.alias(name))
        if name in positions:
            bad.extend(_offence(field, column, F.col(f"c{positions[name]}"), dialect))
    if len(bad) == 1:
        # Spark refuses to read the raw record alone; NUL is in no file, so this never holds.
        bad.append(F.coalesce(F.col("c0") == NO_TEXT, F.lit(False)))
    return step.select(*out, F.col(SOURCE_FILE), reduce(or_, bad).alias(REJECTED))


def _is_checked(field: Field) -> bool:
    return not isinstance(field, StringField)


def _null(field: Field) -> Column:
    return F.lit(None).cast(field.ddl)


def _offence(field: Field, column: Column, text: Column, dialect: Dialect) -> list[Column]:
    if not field.nullable:
        return [column.isNull()]
    if isinstance(field, StringField):
        return []
    return [column.isNull() & text.isNotNull() & ~is_empty(text, dialect)]


def is_empty(text: Column, dialect: Dialect) -> Column:
    """Whether a text that is no string's means null: blank, or the dialect's null value between blanks."""
    return text.rlike(r"\A[\x00-\x20\x7f]*\z") | (
        F.regexp_replace(text, r"\A[\x00-\x20\x7f]+|[\x00-\x20\x7f]+\z", "") == dialect.null_value
    )


def _result_schema(contract: Table) -> StructType:
    from pyspark.sql.types import BooleanType

    columns: Mapping[str, Field] = contract.file_columns
    return StructType(
        [
            *(StructField(name, field.spark_type()) for name, field in columns.items()),
            StructField(SOURCE_FILE, StringType()),
            StructField(REJECTED, BooleanType(), False),
        ]
    )

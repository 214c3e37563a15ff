"""The frames of a run: metadata columns added, a result fitted to its table, partition columns derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime.errors import ContractError, suggest
from alur_nb.runtime.lake import quoted
from alur_nb.runtime.tables import METADATA, RESCUED, Partition, Table
from alur_nb.runtime.widening import widens

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

OUTCOME = "alur_outcome"
"""Partition column of a stage; never part of a table."""
OUTCOMES = ("accepted", "rejected", "dropped")
"""A row is as it should be, does not fit its contract, or breaks a check of severity DROP."""


def with_metadata(
    frame: DataFrame,
    source_system: str | None,
    ingested_at: datetime,
    custom: Mapping[str, object] | None = None,
) -> DataFrame:
    """Add `_ingested_at`, `_source_system` and the custom constants; `_source_file` is the reader's own column."""
    from pyspark.sql import functions as F

    values: dict[str, Column] = {
        "_ingested_at": _moment(ingested_at, frame),
        "_source_system": F.lit(source_system).cast("string"),
        **{name: F.lit(value) for name, value in (custom or {}).items()},
    }
    for name, value in values.items():
        frame = frame.withColumn(name, value)
    return frame


def conform(frame: DataFrame, target: Table, ingested_at: datetime) -> DataFrame:
    """Return the frame with exactly the target's columns by name, lossless widening cast, `_ingested_at` set.

    Raises ContractError that lists what is missing, surplus, or of another type.
    """
    from pyspark.sql import functions as F

    free = [name for name in (*METADATA, RESCUED) if name not in target.columns]
    given = {field.name: field.dataType for field in frame.schema.fields}
    wanted = {name: field.spark_type() for name, field in target.columns.items()}
    if "_ingested_at" in wanted and "_ingested_at" not in given:
        given["_ingested_at"] = wanted["_ingested_at"]
    _refuse_wrong_columns(target, given, wanted, free)
    columns = [
        # By its spelling, in which any part may be null: what is read from files is so, and checked by the rows.
        F.col(quoted(name)).cast(target.columns[name].ddl).alias(name)
        for name in wanted
        if name != "_ingested_at"
    ]
    kept = [F.col(name) for name in free if name in given and name != "_ingested_at"]
    return frame.select(*columns, *kept, _moment(ingested_at, frame).alias("_ingested_at"))


def _moment(moment: datetime, frame: DataFrame) -> Column:
    """Return the time; where a row has its file's path, as an object that the generated code refers to.

    A number in the code would make it new code for each run: compiled anew, and slow until Java has compiled it once
    more. Of what is constant only an array is such an object, and Spark takes the number out of it unless the index is
    one that it cannot know. (It must not come from a function that is not deterministic: that costs a copy of the row.)
    """
    from pyspark.sql import functions as F

    constant = F.lit(moment.isoformat()).cast("timestamp")
    if dict(frame.dtypes).get("_source_file") != "string":
        return constant
    always_zero = (F.coalesce(F.octet_length("_source_file"), F.lit(0)) < 0).cast("int")
    return F.get(F.array(constant), always_zero)


def _refuse_wrong_columns(
    target: Table, given: Mapping[str, DataType], wanted: Mapping[str, DataType], free: Sequence[str]
) -> None:
    missing = [name for name in wanted if name not in given]
    surplus = [name for name in given if name not in wanted and name not in free]
    differing = [
        f"{name} is {given[name].simpleString()}, declared {wanted[name].simpleString()}"
        for name in wanted
        if name in given and not widens(given[name], wanted[name])
    ]
    if not (missing or surplus or differing):
        return
    parts = []
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
    if surplus:
        parts.append("surplus: " + ", ".join(name + suggest(name, missing) for name in surplus))
    if differing:
        parts.append("of another type: " + "; ".join(differing))
    raise ContractError(
        f"The result does not have the columns of {target.qualified_name}: {'; '.join(parts)}.",
        fix=f"Return exactly: {', '.join(wanted)} (select, rename or cast in the pipeline, or change the table).",
    )


def staged_by(table: Table) -> tuple[Partition, ...]:
    """Return the partitions whose folders rows are staged in; an Iceberg table makes its own as it takes the rows in."""
    return table.partition_by if table.format == "parquet" else ()


def partition_columns(frame: DataFrame, partitions: Sequence[Partition]) -> tuple[DataFrame, list[str]]:
    """Add the derived partition columns (`created_at_day`) and return the frame with all partition names.

    Rows of one partition are brought together first: 24 files over 30 days would else be 720 small files.
    """
    from pyspark.sql import functions as F

    derived = {
        "year": lambda column: F.date_format(column, "yyyy"),
        "month": lambda column: F.date_format(column, "yyyy-MM"),
        "day": lambda column: F.date_format(column, "yyyy-MM-dd"),
        "hour": lambda column: F.date_format(column, "yyyy-MM-dd-HH"),
    }
    for partition in partitions:
        column = F.col(quoted(partition.column))
        if partition.transform == "bucket":
            frame = frame.withColumn(partition.name, F.pmod(F.hash(column), F.lit(partition.buckets)))
        elif partition.transform != "identity":
            frame = frame.withColumn(partition.name, derived[partition.transform](column))
    names = [partition.name for partition in partitions]
    if names:
        # Spark 3.5's Python `hint("rebalance")` takes no columns; adaptive execution merges the small shuffles.
        frame = frame.repartition(*(F.col(quoted(name)) for name in names))
    return frame, names

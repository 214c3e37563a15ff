from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from alur_nb import BronzeTable, DecimalField, IntegerField, LongField, StringField, TimestampField
from alur_nb.runtime.errors import ContractError
from alur_nb.runtime.project import Project
from alur_nb.runtime.result import conform, partition_columns, with_metadata
from alur_nb.runtime.tables import Table, bucket, day, hour, month, table_of, year
from alur_nb.runtime.widening import widens

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def orders(project: Project) -> Table:
    class OrdersBronze(BronzeTable):
        id = LongField()
        note = StringField()
        amount = DecimalField(10, 2)

    return table_of(OrdersBronze)


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (T.IntegerType(), T.LongType(), True),
        (T.LongType(), T.IntegerType(), False),
        (T.FloatType(), T.DoubleType(), True),
        (T.IntegerType(), T.DoubleType(), True),
        (T.LongType(), T.DoubleType(), False),
        (T.DoubleType(), T.FloatType(), False),
        (T.DecimalType(8, 2), T.DecimalType(10, 2), True),
        (T.DecimalType(10, 2), T.DecimalType(10, 4), False),
        (T.DecimalType(10, 2), T.DecimalType(12, 4), True),
        (T.IntegerType(), T.DecimalType(10, 0), True),
        (T.IntegerType(), T.DecimalType(10, 2), False),
        (T.LongType(), T.DecimalType(21, 2), True),
        (T.NullType(), T.StringType(), True),
        (T.StringType(), T.IntegerType(), False),
        (T.DateType(), T.TimestampType(), False),
    ],
)
def test_only_lossless_widening_is_cast(given: T.DataType, wanted: T.DataType, expected: bool) -> None:
    assert widens(given, wanted) is expected


def test_columns_are_matched_by_name_and_widened(spark: SparkSession, orders: Table) -> None:
    frame = spark.sql(
        "SELECT 'a' AS note, CAST(1.5 AS decimal(8,2)) AS amount, 1 AS id, 'x.csv' AS _source_file"
    )
    fitted = conform(frame, orders, NOW)
    assert fitted.columns == ["id", "note", "amount", "_source_file", "_ingested_at"]
    assert fitted.schema["id"].dataType == T.LongType()
    row = fitted.first()
    assert row is not None and row["_ingested_at"] == datetime(2024, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT 1 AS id, 'a' AS note", "missing: amount"),
        ("SELECT 1 AS id, 'a' AS note, 1.5 AS amonut", "surplus: amonut (did you mean `amount`?)"),
        ("SELECT 'x' AS id, 'a' AS note, 1.25 AS amount", "id is string, declared bigint"),
        ("SELECT 1 AS id, 'a' AS note, 1.256 AS amount", "amount is decimal(4,3), declared decimal(10,2)"),
    ],
)
def test_other_columns_are_an_error_that_lists_them(
    spark: SparkSession, orders: Table, query: str, message: str
) -> None:
    with pytest.raises(ContractError) as caught:
        conform(spark.sql(query), orders, NOW)
    assert message in str(caught.value)
    assert "Return exactly: id, note, amount" in str(caught.value)


def test_a_table_may_declare_the_metadata_itself(spark: SparkSession, project: Project) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        _ingested_at = TimestampField()

    fitted = conform(spark.sql("SELECT 1 AS id"), table_of(OrdersBronze), NOW)
    assert fitted.columns == ["id", "_ingested_at"]


def test_metadata_and_custom_columns_are_constants(spark: SparkSession) -> None:
    row = with_metadata(spark.range(1), "shop", NOW, {"country": "de"}).first()
    assert row is not None
    assert (row["_source_system"], row["country"], row["_ingested_at"]) == (
        "shop",
        "de",
        datetime(2024, 5, 6, 7, 8, 9),
    )


def test_partition_columns_are_derived(spark: SparkSession) -> None:
    frame = spark.sql("SELECT timestamp'2024-05-06 07:08:09' AS t, 7 AS id, 'de' AS country")
    parted, names = partition_columns(
        frame, [year("t"), month("t"), day("t"), hour("t"), bucket(4, "id"), *()]
    )
    assert names == ["t_year", "t_month", "t_day", "t_hour", "id_bucket"]
    row = parted.first()
    assert row is not None
    assert [row[name] for name in names[:4]] == ["2024", "2024-05", "2024-05-06", "2024-05-06-07"]
    assert 0 <= row["id_bucket"] < 4


@pytest.mark.parametrize(
    "path", ["'a.csv'", "''", "CAST(NULL AS string)", "1", "CAST(NULL AS int)", "array('a.csv')", None]
)
def test_every_row_has_its_time_whatever_its_path(
    spark: SparkSession, orders: Table, path: str | None
) -> None:
    also = "" if path is None else f", {path} AS _source_file"
    frame = spark.sql(
        f"SELECT id AS n, CAST(id AS bigint) AS id, 'a' AS note, CAST(1 AS decimal(10,2)) AS amount{also} FROM range(2)"
    )
    for stamped in (with_metadata(frame, "shop", NOW), conform(frame.drop("n"), orders, NOW)):
        assert [str(row[0]) for row in stamped.selectExpr("CAST(_ingested_at AS string)").collect()] == [
            "2024-05-06 07:08:09"
        ] * 2

"""Column profiles: nulls, different values, ends and bins, of every type that a table can have."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb import BronzeTable, DateField, IntegerField, files, pipeline
from alur_nb.authoring import preview_profile
from alur_nb.authoring.preview_facts import Bin, ColumnProfile
from alur_nb.authoring.preview_profile import profiled
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import Orders, look
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]


def profile(frame: DataFrame) -> ColumnProfile:
    (one,) = profiled(frame)
    return one


def of(spark: SparkSession, kind: str, *values: Any) -> ColumnProfile:
    """Profile one column, its values given as SQL or as what Python prints."""
    rows = ", ".join(f"(CAST({value} AS {kind}))" for value in values)
    return profile(spark.sql(f"SELECT * FROM VALUES {rows} AS t(a)"))


def test_numbers_are_counted_in_ten_parts_of_their_range(spark: SparkSession) -> None:
    frame = spark.range(100).select(F.when(F.col("id") > 0, F.col("id").cast("int")).alias("a"))
    one = profile(frame)
    assert (one.name, one.type, one.rows, one.nulls, one.distinct) == ("a", "int", 100, 1, 99)
    assert (one.least, one.greatest, one.is_range, one.about) == (1, 99, True, False)
    assert sum(part.rows for part in one.bins) == 99
    assert (len(one.bins), one.bins[0], one.bins[-1].label) == (10, Bin("1 to 10.8", 10), "89.2 to 99")


def test_few_numbers_are_counted_by_value(spark: SparkSession) -> None:
    one = of(spark, "decimal(5,2)", "2.5", "1.50", "2.50", "NULL")
    assert (one.least, one.greatest) == (Decimal("1.50"), Decimal("2.50"))
    assert (one.bins, one.is_range) == ((Bin("1.50", 1), Bin("2.50", 2)), False)


def test_what_is_no_finite_number_is_in_no_part_and_no_end(spark: SparkSession) -> None:
    one = of(spark, "double", "'NaN'", "'NaN'", "'-Infinity'", "'Infinity'", *range(20))
    assert (one.rows, one.nulls, one.distinct) == (24, 0, 23)
    assert sum(part.rows for part in one.bins) == 20
    assert (one.least, one.greatest) == (float("-inf"), float("inf"))
    huge = of(spark, "double", "-1.7e308", "1.7e308", *range(20))
    assert huge.bins == ()
    only_nan = of(spark, "double", "'NaN'")
    assert (only_nan.least, only_nan.bins) == (None, (Bin("nan", 1),))


def test_texts_are_counted_by_the_most_frequent(spark: SparkSession) -> None:
    one = of(spark, "string", "'b'", "'b'", "''", "'null'", "NULL", "'<script>'", "'c'", "'d'", "'e'")
    assert (one.distinct, one.nulls, one.least, one.greatest) == (7, 1, "", "null")
    assert one.bins[0] == Bin("b", 2)
    assert len(one.bins) == preview_profile.TOP
    assert of(spark, "string", *(f"'{letter}'" for letter in "abcdefgh")).bins == ()


def test_long_texts_are_compared_by_their_beginning_and_the_number_says_so(spark: SparkSession) -> None:
    one = of(spark, "string", "repeat('x', 1000000)", "repeat('x', 1000001)", "'y'")
    assert (one.distinct, one.about) == (2, True)
    assert len(one.bins[0].label) < 50


def test_days_and_moments_are_counted_in_utc_wherever_the_machine_is(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = spark.range(48).selectExpr("timestamp'2024-03-31 00:00:00Z' + make_interval(0,0,0,0,id) AS a")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        one = profile(moments)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert (one.least, one.greatest) == (
        datetime(2024, 3, 31, tzinfo=UTC),
        datetime(2024, 4, 1, 23, tzinfo=UTC),
    )
    assert one.bins[0].label == "2024-03-31 00:00:00+00:00 to 2024-03-31 04:42:00+00:00"
    days = profile(spark.range(100).selectExpr("date_add(date'2024-01-01', cast(id as int)) AS a"))
    assert days.bins[0] == Bin("2024-01-01 to 2024-01-11", 10)


def test_years_that_python_does_not_have_are_told_in_words(spark: SparkSession) -> None:
    beyond = "(0, date'0000-02-03', timestamp'9999-12-31 00:00:00Z' + interval 5 days)"
    usual = ", ".join(
        f"({n}, date'2024-01-{n:02}', timestamp'2024-01-{n:02} 00:00:00Z')" for n in range(1, 12)
    )
    days, moments = profiled(spark.sql(f"SELECT b, c FROM VALUES {beyond}, {usual} AS t(a, b, c)"))
    assert (days.least, days.greatest) == ("before the year 1", date(2024, 1, 11))
    assert moments.greatest == "after the year 9999"
    assert (moments.bins[-1].label.partition(" to ")[2], moments.bins[-1].rows) == ("after the year 9999", 1)


def test_a_preview_shows_rows_of_such_years(workspace: Workspace, project: Project, land: Land) -> None:
    class Days(BronzeTable):
        id = IntegerField()
        due = DateField()

    @pipeline(sources={"orders": files("orders/*", contract=Orders)}, target=Days)
    def due(orders: DataFrame) -> DataFrame:
        return orders.selectExpr("id", "date_add(date'9999-12-31', id - 1) AS due")

    land("orders/1.csv", "id,amount,note\n1,2.5,a\n2,3.5,b\n")
    found = look(workspace, project, "due")
    assert [row[1] for row in found.rows] == [date(9999, 12, 31), "after the year 9999"]


@pytest.mark.parametrize(
    ("query", "distinct"),
    [
        ("SELECT array(1, 2) a", 1),
        ("SELECT named_struct('x', 1) a UNION ALL SELECT named_struct('x', 2)", 2),
        ("SELECT map('k', 1) a", 1),
        ("SELECT unhex('00ff') a", 1),
        ("SELECT true a UNION ALL SELECT true", 1),
        ("SELECT cast(NULL AS array<int>) a", 0),
        ("SELECT 1 `a b.c`", 1),
    ],
)
def test_every_other_type_is_counted_too(spark: SparkSession, query: str, distinct: int) -> None:
    one = profile(spark.sql(query))
    assert (one.distinct, one.nulls) == (distinct, 0 if distinct else 1)


def test_wide_frames_are_profiled_over_fewer_rows_and_hidden_columns_not_at_all(spark: SparkSession) -> None:
    frame = spark.range(1_000).select(*(F.col("id").alias(f"c{n}") for n in range(400)), F.lit(1).alias("_x"))
    found = profiled(frame, hidden=["_x"])
    assert (len(found), found[0].rows) == (400, preview_profile.PROFILE_CELLS // 400)
    assert profiled(frame.select("_x"), hidden=["_x"]) == ()
    assert profiled(frame.where("false").select("c1"))[0].rows == 0


def test_a_preview_profiles_its_result_and_a_source_that_is_not_the_result(
    workspace: Workspace, project: Project, land: Land
) -> None:
    @pipeline(sources={"orders": files("orders/*", strict=False, reject_limit=0.9)}, target=Orders)
    def as_read(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id,amount,note\n1,2.5,a\n2,,a\nx,1,b\n")
    found = look(workspace, project, "as_read")
    assert [(one.name, one.rows, one.nulls) for one in found.profiles] == [
        ("id", 2, 0),
        ("amount", 2, 1),
        ("note", 2, 0),
    ]
    assert found.sources[0].profiles == ()
    assert "amount decimal(10,2): nulls 1 (50.0%), distinct 1, least 2.50, greatest 2.50" in str(found)

    @pipeline(sources={"orders": files("orders/*", strict=False, reject_limit=0.9)}, target=Orders)
    def as_read(orders: DataFrame) -> DataFrame:  # noqa: F811 - declared anew
        return orders.where("id = 1")

    found = look(workspace, project, "as_read")
    assert found.profiles[0].rows == 1
    assert [(one.name, one.rows) for one in found.sources[0].profiles][:2] == [("id", 2), ("amount", 2)]
    assert found.to_dict()["sources"][0]["profiles"][0]["bins"] == [
        {"label": "1", "rows": 1},
        {"label": "2", "rows": 1},
    ]

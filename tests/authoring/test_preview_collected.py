"""Rows that were fetched once say what jobs of their own would: counts, first rows and profiles of every type."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from alur_nb import files, pipeline
from alur_nb.authoring.preview_collected import Collected, collect
from alur_nb.authoring.preview_profile import profiled
from alur_nb.authoring.rows import first_rows
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import GOOD, Orders, look
from tests.conftest import Land

ROWS = """
SELECT id, 'a' AS text, repeat('é', 150) AS long, if(id = 1, null, id * 1.5D) AS number, double('NaN') AS nan,
  cast(id AS decimal(10,2)) AS money, date_add(DATE'0001-01-01', CAST(id AS INT)) AS day, timestamp_seconds(id) AS at, id > 1 AS yes,
  X'00ff' AS bytes, array(id, null) AS list, map('k', named_struct('at', timestamp_seconds(id))) AS deep,
  cast(null AS string) AS nothing, concat('f', id % 2, '.csv') AS _source_file, id % 3 = 2 AS _rejected
FROM range(9)
"""


def test_columns_that_are_not_there_or_of_another_type_are_not_had() -> None:
    known = Collected(fields={"a": T.StructField("a", T.LongType(), False)}, columns={"a": (3, 1)})
    assert known.has([T.StructField("a", T.LongType())])
    assert not known.has([T.StructField("a", T.IntegerType())])
    assert not known.has([T.StructField("b", T.LongType())])
    assert known.rows(["a"], 1) == ((3,),)
    assert known.rows(["a"], 0) == known.rows([], 5) == ()
    (one,) = known.profiles(["a"])
    assert (one.rows, one.least, one.greatest) == (2, 1, 3)


@pytest.mark.slow
def test_what_is_fetched_is_what_jobs_of_their_own_give(spark: SparkSession) -> None:
    frame = spark.sql(ROWS)
    found = collect(frame)
    good = frame.where("NOT _rejected").drop("_rejected")
    assert found.parsed == {"f0.csv": 5, "f1.csv": 4}
    assert found.rejected == {"f0.csv": 2, "f1.csv": 1}
    assert found.has(good.schema.fields)
    assert repr(found.rows(good.columns, 4)) == repr(first_rows(good, 4))  # a NaN equals none
    assert found.profiles(good.columns) == profiled(good)
    assert found.profiles(["text", "id"]) == profiled(good.select("text", "id"))


@pytest.mark.slow
def test_no_row_at_all_is_fetched_as_well(spark: SparkSession) -> None:
    frame = spark.sql(ROWS).where("false")
    found = collect(frame)
    good = frame.drop("_rejected")
    assert (found.parsed, found.rejected) == ({}, {})
    assert found.rows(good.columns, 4) == ()
    assert found.profiles(good.columns) == profiled(good)


@pytest.mark.slow
def test_a_preview_of_what_is_read_is_one_job(
    spark: SparkSession, workspace: Workspace, project: Project, land: Land
) -> None:
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    for number in range(3):
        land(f"orders/{number}.csv", GOOD.replace("\n1,", f"\n{number + 5},"))
    group = "one-job"
    spark.sparkContext.setJobGroup(group, "a preview")
    try:
        found = look(workspace, project)
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    assert (found.verdict, found.sample_rows, len(found.rows)) == ("would load", 6, 6)
    assert len(found.profiles) == len(found.columns)
    assert len(spark.sparkContext.statusTracker().getJobIdsForGroup(group)) == 1

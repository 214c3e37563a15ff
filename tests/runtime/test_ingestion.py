"""The chain landing -> bronze -> transform on real Spark: every row once, or a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb import (
    BronzeTable,
    DoubleField,
    IntegerField,
    StringField,
    expect,
    files,
    get_spark_session,
    load_to_bronze,
    min_row_count,
    new,
    not_empty,
    pipeline,
    read,
    read_rejects,
)
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

GOOD = "id,amount,note\n1,2.5,a\n2,3.5,b\n"


class Shop:
    """A small project: orders from files, big orders from orders."""

    def __init__(self, **source: object) -> None:
        class OrdersBronze(BronzeTable):
            id = IntegerField(nullable=False)
            amount = DoubleField()
            note = StringField()

        class BigOrdersBronze(BronzeTable):
            id = IntegerField()
            amount = DoubleField()

        @pipeline(sources={"orders": files("orders/*", source_system="shop", **source)}, target=OrdersBronze)
        def ingest_orders(orders: DataFrame) -> DataFrame:
            return orders

        @pipeline(sources={"orders": new(OrdersBronze)}, target=BigOrdersBronze)
        def big_orders(orders: DataFrame) -> DataFrame:
            return orders.where("amount > 3").select("id", "amount")

        self.orders, self.big = OrdersBronze, BigOrdersBronze


def go(workspace: Workspace, project: Project, *names: str) -> dict[str, PipelineRun]:
    report = run_pipelines(workspace, project, names or None)
    return {run.name: run for run in report.runs}


def ids(table: object) -> list[int]:
    return sorted(row[0] for row in read(table).select("id").collect())


def test_the_chain_run_twice_and_after_one_more_file(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop()
    land("orders/1.csv", GOOD)
    first = go(workspace, project)
    assert {name: (run.state, run.rows) for name, run in first.items()} == {
        "ingest_orders": ("loaded", 2),
        "big_orders": ("loaded", 1),
    }
    second = go(workspace, project)
    assert {run.state for run in second.values()} == {"nothing new"}
    land("orders/2.csv", "note,id,amount\nc,3,4.5\n")
    third = go(workspace, project)
    assert (third["ingest_orders"].files, third["ingest_orders"].rows, third["big_orders"].rows) == (1, 1, 1)
    assert ids(shop.orders) == [1, 2, 3]
    assert ids(shop.big) == [2, 3]


def test_metadata_is_kept_and_shown_only_when_asked_for(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop()
    land("orders/a b+c%20[1].csv", GOOD)
    go(workspace, project)
    assert read(shop.orders).columns == ["id", "amount", "note"]
    row = read(shop.orders, metadata=True).first()
    assert row is not None
    assert (row["_source_system"], row["_source_file"]) == ("shop", "orders/a b+c%20[1].csv")
    assert row["_ingested_at"] is not None


def test_any_parquet_engine_reads_the_published_files(
    workspace: Workspace, project: Project, land: Land
) -> None:
    Shop()
    land("orders/1.csv", GOOD)
    go(workspace, project)
    table = workspace.settings.root / ".alur/warehouse/bronze/orders"
    (batch,) = table.iterdir()
    assert re.fullmatch(r"batch_id=\d{8}-\d{4}", batch.name)
    assert pq.read_table(batch).select(["id", "amount", "note"]).to_pydict()["id"] == [1, 2]
    assert not any((workspace.settings.root / ".alur/staging").rglob("*.parquet"))


@pytest.mark.parametrize("change", ["filter", "rename", "join", "same"])
def test_what_is_done_after_load_to_bronze_never_switches_tracking_off(
    workspace: Workspace, project: Project, land: Land, change: str
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        amount = DoubleField()

    @pipeline(target=OrdersBronze)
    def ingest_orders() -> DataFrame:
        spark = get_spark_session()
        loaded = load_to_bronze(spark, source_path="orders/*.csv", source_system="shop", target=OrdersBronze)
        if change == "filter":
            return loaded.filter(F.col("amount") > 0)
        if change == "rename":
            return loaded.withColumnRenamed("amount", "value").withColumnRenamed("value", "amount")
        if change == "join":
            return loaded.join(
                spark.range(100).withColumnRenamed("id", "key"), F.col("id") == F.col("key")
            ).drop("key")
        return loaded

    land("orders/1.csv", "id,amount\n1,2.5\n2,3.5\n")
    assert go(workspace, project)["ingest_orders"].rows == 2
    assert go(workspace, project)["ingest_orders"].state == "nothing new"
    land("orders/2.csv", "id,amount\n3,1\n")
    assert go(workspace, project)["ingest_orders"].rows == 1
    assert ids(OrdersBronze) == [1, 2, 3]


def test_several_loads_in_one_function_join_one_batch(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        amount = DoubleField()

    @pipeline(target=OrdersBronze)
    def ingest_orders() -> DataFrame:
        spark = get_spark_session()
        eu = load_to_bronze(spark, "eu/*.csv", source_system="eu", target=OrdersBronze)
        us = load_to_bronze(spark, "us/*.csv", source_system="us", target=OrdersBronze)
        return eu.unionByName(us)

    land("eu/1.csv", "id,amount\n1,1\n")
    land("us/1.csv", "amount,id\n2,2\n")
    run = go(workspace, project)["ingest_orders"]
    assert (run.state, run.rows, run.files) == ("loaded", 2, 2)
    land("us/2.csv", "id,amount\n3,3\n")
    assert go(workspace, project)["ingest_orders"].rows == 1
    systems = {(r["id"], r["_source_system"]) for r in read(OrdersBronze, metadata=True).collect()}
    assert systems == {(1, "eu"), (2, "us"), (3, "us")}


def test_outside_a_run_load_to_bronze_shows_what_the_next_run_would_load(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    shop = Shop()
    land("orders/1.csv", GOOD)
    go(workspace, project, "ingest_orders")
    land("orders/2.csv", "id,amount,note\n3,1,c\n")
    before = sorted(workspace.lake_root.rglob("*"))
    frame = load_to_bronze(spark, "orders/*", source_system="shop", target=shop.orders)
    assert [row["id"] for row in frame.collect()] == [3]
    assert sorted(workspace.lake_root.rglob("*")) == before


def test_not_strict_keeps_good_rows_and_gives_each_bad_one_a_reason(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop(strict=False, reject_limit=0.9)
    land("orders/1.csv", "id,amount,note\n1,2.5,a\nx,1,b\n,1,c\n4,1.5.5,d\n5,1\n")
    run = go(workspace, project)["ingest_orders"]
    assert (run.state, run.rows, run.rejected) == ("loaded", 1, 4)
    found = {(r["line_number"], r["column"]) for r in read_rejects(shop.orders).collect()}
    assert {(3, "id"), (4, "id"), (5, "amount")} <= found
    assert ids(shop.orders) == [1]
    (batch,) = workspace.ledger.batches("bronze.orders")
    (item,) = workspace.ledger.inputs("bronze.orders", batch.id)
    assert (item.parsed, item.accepted, item.rejected) == (5, 1, 4)


def test_strict_publishes_nothing_and_the_next_run_tries_again(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop()
    bad = land("orders/1.csv", "id,amount,note\n1,2.5,a\nx,1,b\n")
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "failed"
    assert "orders/1.csv, line 3, column id" in str(run.error_text)
    assert ids(shop.orders) == []
    assert not any((workspace.settings.root / ".alur/staging").rglob("*.parquet"))
    bad.write_text(GOOD)
    assert go(workspace, project)["ingest_orders"].rows == 2


def test_more_rejects_than_the_limit_stop_the_run(workspace: Workspace, project: Project, land: Land) -> None:
    shop = Shop(strict=False, reject_limit=0.1)
    land("orders/1.csv", "id,amount,note\n1,2.5,a\nx,1,b\n")
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "failed"
    assert "reject_limit=0.1" in str(run.error_text)
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert batch.state == "ABORTED"
    assert sum(batch.reject_reasons.values()) == 1
    assert ids(shop.orders) == []


def test_a_failing_check_publishes_nothing(workspace: Workspace, project: Project, land: Land) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @expect(check_fn=min_row_count(3))
    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id\n1\n2\n")
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "failed"
    assert [check.passed for check in run.checks] == [False]
    assert ids(OrdersBronze) == []
    land("orders/2.csv", "id\n3\n")
    assert go(workspace, project)["ingest_orders"].rows == 3


def test_nothing_new_does_not_fail_not_empty(workspace: Workspace, project: Project, land: Land) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @expect(check_fn=not_empty())
    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id\n1\n")
    assert go(workspace, project)["ingest_orders"].state == "loaded"
    assert go(workspace, project)["ingest_orders"].state == "nothing new"


def test_the_same_content_under_another_name_is_skipped_and_noted_once(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop(same_content="skip")
    land("orders/1.csv", GOOD)
    go(workspace, project)
    land("orders/again.csv", GOOD)
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "nothing new"
    assert run.skipped_files == ("orders/again.csv: same content as orders/1.csv",)
    assert go(workspace, project)["ingest_orders"].skipped_files == ()
    assert ids(shop.orders) == [1, 2]


def test_a_changed_file_is_an_error_and_a_touched_one_is_not(
    workspace: Workspace, project: Project, land: Land
) -> None:
    Shop()
    path = land("orders/1.csv", GOOD)
    go(workspace, project)
    path.touch()
    assert go(workspace, project)["ingest_orders"].state == "nothing new"
    path.write_text(GOOD + "3,1,c\n")
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "failed"
    assert "has changed since it was loaded" in str(run.error_text)


def test_a_failed_pipeline_skips_what_depends_on_it_and_nothing_else(
    workspace: Workspace, project: Project, land: Land
) -> None:
    Shop()

    class OtherBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"other": files("other/*.csv")}, target=OtherBronze)
    def ingest_other(other: DataFrame) -> DataFrame:
        return other

    land("orders/1.csv", "id\nx\n")
    land("other/1.csv", "id\n1\n")
    runs = go(workspace, project)
    assert {name: run.state for name, run in runs.items()} == {
        "ingest_orders": "failed",
        "big_orders": "skipped",
        "ingest_other": "loaded",
    }


def test_partitioned_tables_come_back_whole(workspace: Workspace, project: Project, land: Land) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        country = StringField()

        class Meta:
            partition_by = ["country"]

    @pipeline(sources={"orders": files("orders/*.csv", strict=False, reject_limit=1)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id,country\n1,007\n2,a b/c\n3,\nx,de\n")
    run = go(workspace, project)["ingest_orders"]
    assert (run.rows, run.rejected) == (3, 1)
    assert {tuple(row) for row in read(OrdersBronze).collect()} == {(1, "007"), (2, "a b/c"), (3, None)}


def test_an_extract_appends_once_a_run(workspace: Workspace, project: Project, spark: SparkSession) -> None:
    class RatesBronze(BronzeTable):
        id = IntegerField()

    @pipeline(target=RatesBronze)
    def extract_rates() -> DataFrame:
        return spark.createDataFrame([(1,)], "id int")

    def once(run_id: str) -> RunReport:
        return run_pipelines(workspace, project, ["extract_rates"], run_id=run_id)

    assert once("r1").runs[0].state == "loaded"
    assert once("r1").runs[0].state == "nothing new"
    assert "every run appends" in once("r2").runs[0].warnings[0]
    assert ids(RatesBronze) == [1, 1]


def test_a_result_with_other_columns_lists_them(workspace: Workspace, project: Project, land: Land) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        amount = DoubleField()

    @pipeline(sources={"orders": files("orders/*.csv", contract=OrdersBronze)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.withColumnRenamed("amount", "amonut")

    land("orders/1.csv", "id,amount\n1,2\n")
    run = go(workspace, project)["ingest_orders"]
    assert "missing: amount; surplus: amonut (did you mean `amount`?)" in str(run.error_text)


def test_a_null_made_in_the_function_does_not_reach_a_column_that_is_not_nullable(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)

    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.withColumn("id", F.lit(None).cast("int"))

    land("orders/1.csv", "id\n1\n")
    run = go(workspace, project)["ingest_orders"]
    assert run.state == "failed"
    assert "id is not nullable" in str(run.error_text)


def test_a_batch_that_was_deleted_behind_us_is_named(
    workspace: Workspace, project: Project, land: Land
) -> None:
    import shutil

    shop = Shop()
    land("orders/1.csv", GOOD)
    go(workspace, project)
    shutil.rmtree(workspace.settings.root / ".alur/warehouse/bronze/orders")
    with pytest.raises(Exception, match="is committed, but"):
        read(shop.orders)


def test_the_landing_folder_may_be_absolute(workspace: Workspace, project: Project, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "1.csv").write_text("id\n1\n")

    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files(f"{tmp_path}/drop/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    assert go(workspace, project)["ingest_orders"].rows == 1

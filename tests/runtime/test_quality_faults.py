"""What was wrong with the original's checks, each with a test that ours do not do it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from alur_nb import BronzeTable, IntegerField, StringField, expect, files, pipeline, read, row
from alur_nb.runtime import checks
from alur_nb.runtime.checks import expectation
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import column_values_in_range, evaluate, matches_pattern
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


def test_a_range_on_no_rows_passes_and_does_not_raise(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], "amount double")
    (found,) = evaluate(frame, [expectation(None, column_values_in_range("amount", 0, 1), "ERROR")]).results
    assert (found.passed, found.metric) == (True, "0 of 0 rows")


def test_nulls_do_not_pass_in_silence(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a", 1.0), (None, None)], "state string, amount double")
    rules = [matches_pattern("state", "a"), column_values_in_range("amount", 0, 1)]
    found = evaluate(frame, [expectation(None, rule, "ERROR") for rule in rules]).results
    assert all(result.passed and result.message.endswith("; 1 null not judged.") for result in found)


def test_no_check_always_passes_or_compares_with_a_run_that_nobody_recorded() -> None:
    assert "row_count_increased_since_last_run" not in dir(checks)
    assert not [
        name for name, value in vars(checks).items() if inspect.isfunction(value) and "last_run" in name
    ]


@pytest.mark.slow
def test_checks_come_before_the_write_and_a_failed_run_can_be_repeated(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        note = StringField()

    @expect(check_fn=row("id > 0"))
    @pipeline(sources={"orders": files("orders/*")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    bad = land("orders/1.csv", "id,note\n1,a\n-2,b\n")
    (run,) = run_pipelines(workspace, project).runs
    assert run.state == "failed"
    assert read(OrdersBronze).count() == 0
    assert not list((workspace.settings.root / ".alur/warehouse").rglob("*.parquet"))
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert batch.checks[0]["examples"] == [
        {"id": -2, "note": "b", "_source_file": "orders/1.csv", "_source_system": None}
        | {"_ingested_at": batch.checks[0]["examples"][0]["_ingested_at"]}
    ], "a failing row is in the ledger"
    bad.write_text("id,note\n1,a\n2,b\n")
    (again,) = run_pipelines(workspace, project).runs
    assert (again.state, again.rows) == ("loaded", 2)


def executions(store: Any) -> list[Any]:
    listed = store.executionsList()
    return [listed.apply(n) for n in range(listed.size())]


@pytest.mark.slow
def test_nothing_is_counted_by_reading_the_files_again(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    """One query writes from the landing files; what is counted and checked comes from the staged Parquet."""

    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @expect(check_fn=row("id > 0"))
    @pipeline(sources={"orders": files("orders/*")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id\n1\n2\n")
    store = spark._jsparkSession.sharedState().statusStore()
    bus = spark.sparkContext._jsc.sc().listenerBus()
    bus.waitUntilEmpty()
    before = {one.executionId() for one in executions(store)}  # not their number: Spark keeps the last 1,000
    assert run_pipelines(workspace, project).ok
    bus.waitUntilEmpty()
    plans = [one.physicalPlanDescription() for one in executions(store) if one.executionId() not in before]
    assert len(plans) == 2, "the stage's write, and one aggregation"
    assert ["Scan csv" in plan or "Scan text" in plan for plan in plans] == [True, False]

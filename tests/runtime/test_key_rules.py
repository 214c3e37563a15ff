"""Uniqueness and references: what they find, and how many jobs they cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb import BronzeTable, StringField
from alur_nb.runtime.checks import Check, expectation
from alur_nb.runtime.key_rules import bind_references
from alur_nb.runtime.quality import (
    Expectation,
    column_values_in_range,
    evaluate,
    freshness_check,
    matches_pattern,
    min_row_count,
    no_duplicates_in_column,
    no_nulls_in_column,
    not_empty,
    references,
    row,
    unique_key,
    values_in_set,
)
from tests.runtime.test_quality import five_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class CustomersBronze(BronzeTable):
    id = StringField()
    state = StringField()


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    return five_rows(spark)


def bound(frame: DataFrame, *rules: Check) -> list[Expectation]:
    return list(bind_references([expectation(None, rule, "ERROR") for rule in rules], lambda table: frame))


def test_references_are_judged_against_the_other_tables_rows(spark: SparkSession, orders: DataFrame) -> None:
    other = spark.createDataFrame([("a", "new"), ("a", None), (None, "paid")], "id string, state string")
    found = evaluate(orders, bound(other, references("id", CustomersBronze)), examples=20).results[0]
    assert (found.passed, found.metric) == (False, "1 of 5 rows")
    assert found.message == "`id` is not in bronze.customers.id in 1 of 5 rows; 1 null not judged."
    assert [example["id"] for example in found.examples] == ["b"]
    whole = evaluate(orders, bound(orders, references("id", CustomersBronze))).results[0]
    assert whole.passed
    unlike = references("tags", CustomersBronze, key="id")
    assert evaluate(orders, bound(other, unlike)).results[0].metric == "not judged"
    unbound = evaluate(orders, [expectation(None, references("id", CustomersBronze), "ERROR")]).results[0]
    assert not unbound.passed, "without the other table's rows nothing can be said"


def plans_of(spark: SparkSession, work: Callable[[], object]) -> list[str]:
    """Return the physical plan of every query that `work` runs: what Spark's own listener has recorded."""
    store = spark._jsparkSession.sharedState().statusStore()
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    before = {one.executionId() for one in executions(store)}
    work()
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    return [one.physicalPlanDescription() for one in executions(store) if one.executionId() not in before]


def executions(store: Any) -> list[Any]:
    """Return what the listener still knows: the oldest go where there are many (spark.sql.ui.retainedExecutions)."""
    listed = store.executionsList()
    return [listed.apply(n) for n in range(listed.size())]


def test_one_aggregation_one_job_a_key_set_and_one_join_a_reference(
    spark: SparkSession, orders: DataFrame, tmp_path: Path
) -> None:
    orders.write.parquet(f"{tmp_path}/staged")
    spark.createDataFrame(
        [("a", "new"), ("b", "x"), ("c", "lost"), ("d", "paid")], "id string, state string"
    ).write.parquet(f"{tmp_path}/other")
    staged, other = spark.read.parquet(f"{tmp_path}/staged"), spark.read.parquet(f"{tmp_path}/other")
    rules = bound(
        other,
        not_empty(),
        min_row_count(2),
        no_nulls_in_column("line"),
        column_values_in_range("line", 1, 2),
        values_in_set("line", [1, 2]),
        matches_pattern("state", "."),
        freshness_check("at", 100),
        row("line > 0"),
        no_duplicates_in_column("amount"),
        unique_key("amount"),
        unique_key(["amount", "state"]),
        unique_key(["state", "amount"]),
        references("id", CustomersBronze),
        references("state", CustomersBronze),
    )
    plans = plans_of(spark, lambda: evaluate(staged, rules, examples=20, group_by="id"))
    joins = [plan for plan in plans if "Join" in plan]
    assert len(plans) == 1 + 2 + 2
    assert len(joins) == 2 and all("LeftAnti" in plan for plan in joins)
    assert all(plan.count("Scan parquet") >= 2 for plan in joins)
    assert all(result.passed for result in evaluate(staged, rules).results)

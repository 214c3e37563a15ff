"""Columns followed through Spark's own plans: a corpus of functions, and the queries that sqlglot follows too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.runtime.lineage import at_table_level
from alur_nb.runtime.lineage_plan import trace_plan
from alur_nb.runtime.lineage_tree import NotFollowedError, SourcePlan
from alur_nb.runtime.tracing import EmptyCall
from tests.lineages import QUERIES, made, told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ("id", "amount", "customer", "Day")
SAME = {name: {f"orders.{name} direct"} for name in COLUMNS}
ANY = {f"orders.{name} derived" for name in COLUMNS}


def traced(function: Callable[..., Any]) -> tuple[dict[str, set[str]], set[str]]:
    from alur_nb.runtime.lineage_plan import trace_frames

    call = EmptyCall(made(function))
    return told(trace_frames(call.run(), call.frames))


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
def test_spark_says_of_a_query_what_sqlglot_says(spark: SparkSession, name: str) -> None:
    query, columns, rows = QUERIES[name]
    found, decided = traced(lambda orders, customers: spark.sql(query, orders=orders, customers=customers))
    # Spark keeps the spelling of a column that stands behind a star.
    assert ({one.lower(): origins for one, origins in found.items()}, decided) == (columns, rows)


def self_join(orders: DataFrame, customers: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return (
        orders.alias("x")
        .join(orders.alias("y"), F.col("x.id") == F.col("y.id"))
        .select("x.amount", F.col("y.customer").alias("other"))
    )


def first_of_each(orders: DataFrame, customers: DataFrame) -> DataFrame:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    numbered = F.row_number().over(Window.partitionBy("customer").orderBy("Day"))
    return orders.withColumn("n", numbered).filter("n = 1").drop("n")


def exploded(orders: DataFrame, customers: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return orders.select("id", F.explode(F.split("customer", ",")).alias("word"))


def by_udf(orders: DataFrame, customers: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return orders.select("id", F.udf(lambda text: text)("customer").alias("k"))


def rolled_up(orders: DataFrame, customers: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return orders.rollup("customer").agg(F.max("amount").alias("most"))


def semi_and_anti(orders: DataFrame, customers: DataFrame) -> DataFrame:
    at_home = customers.filter("country = 'x'")
    return orders.join(customers, "customer", "left_semi").join(at_home, "customer", "left_anti").select("id")


FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, set[str]], set[str]]] = {
    "as it is": (lambda orders, customers: orders, SAME, set()),
    "self-join": (
        self_join,
        {"amount": {"orders.amount direct"}, "other": {"orders.customer direct"}},
        {"orders.id join"},
    ),
    "window": (first_of_each, SAME, {"orders.customer filter", "orders.Day filter"}),
    "explode": (exploded, {"id": {"orders.id direct"}, "word": {"orders.customer derived"}}, set()),
    "udf": (by_udf, {"id": {"orders.id direct"}, "k": {"orders.customer derived"}}, set()),
    "distinct rows": (
        lambda orders, customers: orders.dropDuplicates(["id"]).orderBy("Day").limit(5),
        SAME,
        {"orders.id group", "orders.Day sort"},
    ),
    "sorted by what is not there": (
        lambda orders, customers: orders.select("id").orderBy("Day"),
        {"id": {"orders.id direct"}},
        {"orders.Day sort"},
    ),
    "pandas": (
        lambda orders, customers: orders.mapInPandas(lambda parts: parts, orders.schema),
        dict.fromkeys(COLUMNS, ANY),
        set(),
    ),
    "rollup": (
        rolled_up,
        {"customer": {"orders.customer direct"}, "most": {"orders.amount aggregated"}},
        {"orders.customer group"},
    ),
    "semi and anti": (
        semi_and_anti,
        {"id": {"orders.id direct"}},
        {"orders.customer join", "customers.customer join", "customers.country filter"},
    ),
    "cached": (lambda orders, customers: orders.cache().filter("id > 1"), SAME, {"orders.id filter"}),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:distutils Version")  # PySpark's own, where it looks for pandas
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_followed(spark: SparkSession, name: str) -> None:
    function, columns, rows = FUNCTIONS[name]
    assert traced(function) == (columns, rows)


@pytest.mark.slow
def test_rows_that_come_through_python_are_not_followed(spark: SparkSession) -> None:
    def by_rows(orders: DataFrame, customers: DataFrame) -> DataFrame:
        return spark.createDataFrame(orders.limit(1).collect(), orders.schema)

    call = EmptyCall(made(by_rows))
    lineage = call.lineage(call.run())
    assert (lineage.level, lineage.reads) == ("table", ("bronze.orders", "bronze.customers"))
    assert lineage.reason is not None
    assert "come through Python" in lineage.reason


@pytest.mark.slow
def test_two_sources_of_equal_columns_are_told_apart(spark: SparkSession) -> None:
    from alur_nb.runtime.flow import Pipeline
    from alur_nb.runtime.lineage_plan import trace_frames
    from alur_nb.runtime.sources import NewSource, TableSource
    from alur_nb.runtime.tables import table_of
    from tests.lineages import OrdersBronze, OutBronze

    table, target = table_of(OrdersBronze), table_of(OutBronze)

    def joined(one: DataFrame, other: DataFrame) -> DataFrame:
        twice = other.unionByName(other.select(*other.columns))
        return one.alias("a").join(twice.alias("b"), "id").selectExpr("a.amount a", "b.customer b")

    call = EmptyCall(Pipeline("two", joined, {"one": NewSource(table), "other": TableSource(table)}, target))
    columns, _ = told(trace_frames(call.run(), call.frames))
    assert columns == {"a": {"one.amount direct"}, "b": {"other.customer direct"}}


# Without Spark: plans as Catalyst writes them, in small.


def attribute(number: int, name: str) -> list[dict[str, Any]]:
    return [
        {
            "class": "o.a.s.AttributeReference",
            "num-children": 0,
            "name": name,
            "exprId": {"id": number, "jvmId": "j"},
        }
    ]


def leaf(kind: str, *columns: tuple[int, str]) -> dict[str, Any]:
    return {"class": f"o.a.s.{kind}", "num-children": 0, "output": [attribute(*one) for one in columns]}


def project(child: list[dict[str, Any]], *columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"class": "o.a.s.Project", "num-children": 1, "projectList": list(columns), "child": 0}, *child]


SOURCE = SourcePlan([leaf("LogicalRelation", (1, "id"), (2, "name"))], ["id", "name"], [1, 2])


def test_a_source_is_known_by_its_piece_of_plan() -> None:
    plan = project([*SOURCE.nodes], attribute(2, "name"))
    assert told(trace_plan(plan, ["name"], {"orders": SOURCE}))[0] == {"name": {"orders.name direct"}}


def test_a_source_is_known_under_new_numbers_too() -> None:
    again = leaf("LogicalRelation", (7, "id"), (8, "name"))
    plan = project([again], attribute(8, "name"))
    assert told(trace_plan(plan, ["name"], {"orders": SOURCE}))[0] == {"name": {"orders.name direct"}}


def test_new_numbers_of_sources_that_look_alike_are_not_guessed() -> None:
    again = leaf("LogicalRelation", (7, "id"), (8, "name"))
    other = SourcePlan([leaf("LogicalRelation", (4, "id"), (5, "name"))], ["id", "name"], [4, 5])
    plan = project([again], attribute(8, "name"))
    with pytest.raises(NotFollowedError, match="look alike"):
        trace_plan(plan, ["name"], {"orders": SOURCE, "others": other})


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ([leaf("LogicalRDD", (7, "id"))], "come through Python"),
        ([{"class": "o.a.s.Guess", "num-children": 1}, *SOURCE.nodes], "Guess, that is not followed"),
        (project([*SOURCE.nodes], attribute(9, "id")), "no step before it gives"),
        ([{"class": "o.a.s.Project", "num-children": 2}, *SOURCE.nodes], "a form that is not known"),
        ([{"kind": "another"}], "a form that is not known"),
    ],
)
def test_what_is_not_understood_is_said(plan: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(NotFollowedError, match=why):
        trace_plan(json.loads(json.dumps(plan)), ["id"], {"orders": SOURCE})


def test_table_level_says_what_is_read() -> None:
    lineage = at_table_level(made(), "because")
    assert lineage.reads == ("bronze.orders", "bronze.customers")
    assert lineage.to_dict()["reason"] == "because"


@pytest.mark.slow
def test_a_table_with_history_is_traced_with_its_columns(spark: SparkSession) -> None:
    """By Spark and by sqlglot alike: a function that asks for them does not fail without rows."""
    from alur_nb import DateField, GoldTable, SilverTable, StringField
    from alur_nb.authoring.lineage_sql import trace_sql
    from alur_nb.runtime.flow import Pipeline
    from alur_nb.runtime.lineage_plan import trace_frames
    from alur_nb.runtime.sources import TableSource
    from alur_nb.runtime.tables import table_of

    class FleetSilver(SilverTable):
        plane = StringField()
        since = DateField()

        class Meta:
            primary_key = ("plane",)
            sequence_by = "since"
            scd_type = 2

    class NowGold(GoldTable):
        plane = StringField()
        day = DateField()

    def current(fleet: DataFrame) -> DataFrame:
        return fleet.where("is_current").selectExpr("plane", "valid_from AS day")

    made_of_history = Pipeline(
        "current", current, {"fleet": TableSource(table_of(FleetSilver))}, table_of(NowGold)
    )
    call = EmptyCall(made_of_history)
    found = call.run()
    assert found.schema.simpleString() == "struct<plane:string,day:date>"
    by_plan = told(trace_frames(found, call.frames))
    query = "select plane, valid_from as day from {fleet} as fleet where is_current"
    assert by_plan == told(trace_sql(query, made_of_history))
    assert by_plan[0]["day"] == {"fleet.valid_from direct"}

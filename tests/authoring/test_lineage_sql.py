"""Columns followed through a query by sqlglot; that Spark's plan says the same is in `test_lineage_plan`."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb.authoring.lineage_sql import sql_of, trace_sql
from alur_nb.runtime.lineage_tree import NotFollowedError
from tests.lineages import QUERIES, made, told


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_followed(name: str) -> None:
    query, columns, rows = QUERIES[name]
    found = told(trace_sql(query, made()))
    assert found == (columns, rows)


def test_a_column_has_the_targets_spelling() -> None:
    columns, _ = told(trace_sql("select id as A from {orders} AS orders", made()))
    assert columns == {"a": {"orders.id direct"}}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("select nope from {orders} AS orders", "nope"),
        ("select id from {orders} AS orders where", "cannot follow the query"),
        ("select x from range(3) as t(x), {orders} AS orders", "is no column of its sources"),
    ],
)
def test_what_cannot_be_followed_says_why(query: str, why: str) -> None:
    with pytest.raises(NotFollowedError, match=why):
        trace_sql(query, made())


def by_sql(orders: Any, customers: Any) -> Any:
    """Return one query, as a SQL cell unfolds."""
    import alur_nb

    spark = alur_nb.get_spark_session()
    return spark.sql(
        """
        select id from {orders} AS orders
        """,
        orders=orders,
    )


def by_hand(orders: Any, customers: Any) -> Any:
    spark = orders.sparkSession
    return spark.sql("select id from {orders} AS orders", orders=orders)


def of_another_frame(orders: Any, customers: Any) -> Any:
    import alur_nb

    spark = alur_nb.get_spark_session()
    orders = orders.where("id > 1")
    return spark.sql("select id from {orders} AS orders", orders=orders)


def renamed(orders: Any, customers: Any) -> Any:
    import alur_nb

    spark = alur_nb.get_spark_session()
    return spark.sql("select id from {orders} AS orders", orders=customers)


def test_a_function_that_only_returns_a_query_is_sql() -> None:
    query = sql_of(made(by_sql))
    assert query is not None
    assert query.strip() == "select id from {orders} AS orders"


@pytest.mark.parametrize("function", [by_hand, of_another_frame, renamed, lambda orders, customers: orders])
def test_whatever_does_more_is_python(function: Any) -> None:
    assert sql_of(made(function)) is None

"""SQL bodies: which tables a query reads, and that nothing but their names is changed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.parse_sql import resolve_sql
from alur_nb.runtime.errors import AlurError, NotebookError, NotYetSupportedError, Place
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import NewSource, TableSource
from alur_nb.runtime.tables import Layer, Table
from alur_nb.runtime.types import StringField


def table(name: str, layer: Layer = "bronze") -> Table:
    """Return a table of one column."""
    return Table(layer, name, name.title().replace("_", "") + layer.title(), {"id": StringField()})


@pytest.fixture
def shop() -> Project:
    """A project with a few tables, two of them of one name."""
    project = Project()
    for known in ("orders", "customers", "import", "args", "new_orders"):
        project.declare_table(table(known))
    for layer in ("silver", "gold"):
        project.declare_table(table("sales", layer))
    return project


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("select * from orders", "select * from {orders} AS orders"),
        ("SELECT o.id FROM Orders o", "SELECT o.id FROM {orders} o"),
        ("select * from `orders` as o", "select * from {orders} as o"),
        ("select * from bronze.orders", "select * from {orders} AS orders"),
        ("select * from bronze . orders o", "select * from {orders} o"),
        (
            "select * from orders, customers c where c.id in (select id from orders)",
            "select * from {orders} AS orders, {customers} c where c.id in (select id from {orders} AS orders)",
        ),
        ("select * from new(orders)", "select * from {new_orders} AS orders"),
        ("select * from NEW ( bronze.orders ) n", "select * from {new_orders} n"),
        (
            "select * from new(orders) n join orders o using (id)",
            "select * from {new_orders} n join {orders} o using (id)",
        ),
        ("from orders select *", "from {orders} AS orders select *"),
        (
            "select * from orders union all select * from customers",
            "select * from {orders} AS orders union all select * from {customers} AS customers",
        ),
        (
            "select /*+ broadcast(orders) */ orders.id from orders",
            "select /*+ broadcast(orders) */ orders.id from {orders} AS orders",
        ),
        ("select '{x}' from orders -- {y}", "select '{{x}}' from {orders} AS orders -- {{y}}"),
        ("select * from range(3) r, orders", "select * from range(3) r, {orders} AS orders"),
        (
            "select * from orders o lateral view explode(o.items) i as item",
            "select * from {orders} o lateral view explode(o.items) i as item",
        ),
        (
            "select * from orders tablesample (10 percent) as o",
            "select * from {orders} tablesample (10 percent) as o",
        ),
        ("select * from import", "select * from {import_} AS import"),
        ("select * from args", "select * from {args_} AS args"),
        ("select * from new(orders) a, new_orders b", "select * from {new_orders} a, {new_orders_} b"),
        (
            "select * from silver.sales s join gold.sales g using (id)",
            "select * from {silver_sales} s join {gold_sales} g using (id)",
        ),
        ("select 'é😀' as x, id from orders", "select 'é😀' as x, id from {orders} AS orders"),
    ],
)
def test_only_the_tables_are_replaced(shop: Project, query: str, text: str) -> None:
    assert resolve_sql(query, shop).text == text


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        # A CTE hides the table from what comes after it, not from itself.
        ("with t as (select * from orders) select * from t", {"orders"}),
        ("with orders as (select * from orders) select * from orders", {"orders"}),
        ("with orders as (select 1 as id) select * from orders join customers", {"customers"}),
        ("with a as (select * from orders), orders as (select 1) select * from a, orders", {"orders"}),
        ("with orders as (select 1) select * from bronze.orders", {"orders"}),
        ("select * from (with orders as (select 1) select * from orders) x, customers", {"customers"}),
        ("select * from (with orders as (select 1) select * from orders) x, orders", {"orders"}),
        ("with t as (select 1) select * from T union select * from customers", {"customers"}),
    ],
)
def test_ctes_shadow(shop: Project, query: str, sources: set[str]) -> None:
    assert set(resolve_sql(query, shop).sources) == sources


def test_a_table_and_its_new_batches_are_two_sources(shop: Project) -> None:
    sources = resolve_sql("select * from new(orders) n join orders o using (id)", shop).sources
    assert sources == {"new_orders": NewSource(table("orders")), "orders": TableSource(table("orders"))}


@pytest.mark.parametrize(
    ("query", "message", "line", "column"),
    [
        ("select *\nfrom ordrs", "There is no table `ordrs` (did you mean `orders`?)", 3, 6),
        ("select * from sales", "`sales` is the name of 2 tables", 2, 15),
        ("select * from bronze.sales", "There is no table `bronze.sales`", 2, 15),
        ("select * from lake.bronze.orders", "There is no table `lake.bronze.orders`", 2, 15),
        ("select * from parquet.`/data/x`", "There is no table `parquet./data/x`", 2, 15),
        ("select * from new(ordrs)", "There is no table `ordrs`", 2, 19),
        ("select * from new(orders, 3)", "new(...) takes the name of one table.", 2, 15),
        ("select * from new('orders')", "new(...) takes the name of one table.", 2, 15),
        ("select *\n  frm orders", "The SQL cannot be read near `orders`.", 3, 7),
        ("selct id from orders", "`selct` (did you mean `select`?)", 2, 1),
        ("select id from orders where", "The SQL cannot be read", 2, 23),
        ("select 'open from orders", "is never closed", 2, 8),
        ("select 1;\n\n-- and\nselect 2;", "2 SQL statements", 5, 1),
        ("-- all\n  delete from orders", "not a SELECT but `DELETE`", 3, 3),
        (";", "The query is empty", 2, None),
        ("delete from orders", "not a SELECT but `DELETE`", 2, 1),
        ("select 1; select 2", "2 SQL statements", 2, 11),
        ("select * from {orders}", "`{orders}` stands where a table's name", 2, 15),
        ("select * from identifier('orders')", "IDENTIFIER(...) hides", 2, 15),
        ("select * from orders tablesample (10 percent)", "needs an alias", 2, 15),
        ("select bronze.orders.id from bronze.orders", "names its table with the layer", 2, 8),
    ],
)
def test_a_mistake_has_its_place_and_a_next_step(
    shop: Project, query: str, message: str, line: int, column: int | None
) -> None:
    with pytest.raises(NotebookError) as caught:
        resolve_sql(query, shop)
    assert message in caught.value.message
    assert caught.value.place == Place(line=line, column=column)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["orders__rejects", "bronze.orders__rejects"])
def test_rejected_rows_are_for_queries_not_yet_for_pipelines(shop: Project, name: str) -> None:
    found = resolve_sql(f"select * from {name}", shop, with_rejects=True)
    assert found.text == "select * from {orders__rejects} AS orders__rejects"
    assert found.sources["orders__rejects"].table.qualified_name == "bronze.orders__rejects"
    with pytest.raises(NotYetSupportedError, match="later release"):
        resolve_sql(f"select * from {name}", shop)


def test_rejects_of_no_table_are_no_table(shop: Project) -> None:
    with pytest.raises(NotebookError, match="There is no table `ordrs__rejects`"):
        resolve_sql("select * from ordrs__rejects", shop)


def test_time_travel_comes_later(shop: Project) -> None:
    with pytest.raises(NotYetSupportedError, match="Time travel"):
        resolve_sql("select * from orders version as of 3", shop)


# What may stand around a table's name without being one; holes are where names go.
around = st.lists(
    st.sampled_from(
        [
            "select '{x}' as a, \"b\" from ",
            "select /* from customers */ orders.id from ",
            "-- from customers {x}\nselect 'from orders' as text from ",
            "select `orders` from ",
            "select 'it\\'s' , '😀' as é from ",
        ]
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(
    around, st.sampled_from(["orders", "bronze.orders", "`orders`", "new(orders)", "new( bronze.`orders` )"])
)
def test_everything_else_stays(parts: list[str], name: str) -> None:
    project = Project()
    project.declare_table(table("orders"))
    query = " union all ".join(f"{part}{name} x" for part in parts)
    parameter = "new_orders" if name.startswith("new") else "orders"
    assert resolve_sql(query, project).text.format(**{parameter: name}) == query


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_an_answer_or_an_error_of_ours(query: str) -> None:
    project = Project()
    project.declare_table(table("orders"))
    with contextlib.suppress(AlurError):
        resolve_sql(query, project)

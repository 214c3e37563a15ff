"""What is offered in a body: columns and their types, and SQL."""

from __future__ import annotations

import pytest

from alur_nb.ui.completions_body import written_columns
from tests.ui.completing import TABLES, at, shop_folder, texts

__all__ = ["shop_folder"]

TYPES = [
    "string",
    "int",
    "integer",
    "bigint",
    "long",
    "double",
    "float",
    "real",
    "boolean",
    "timestamp",
    "date",
]
COLUMNS = [
    ("id |", "", [*TYPES, "binary", "decimal(", "dec(", "numeric(", "array<", "struct<", "map<"]),
    ("id int, b st|", "st", ["string", "struct<"]),
    ("id int\nb: dec|", "dec", ["decimal(", "dec("]),
    ("`id` bo|, b int", "bo", ["boolean"]),
    ("id |string", "", [*TYPES, "binary", "decimal(", "dec(", "numeric(", "array<", "struct<", "map<"]),
    ("a array<str|", "str", ["string", "struct<"]),
    ("a struct<b: bi|", "bi", ["bigint", "binary"]),
    ("a struct<b: int, c bi|", "bi", ["bigint", "binary"]),
    ("a map<string, bo|", "bo", ["boolean"]),
    ("id int |", "", ["not null", "comment '"]),
    ("id decimal(10,2) n|", "n", ["not null"]),
    ("a struct<b:int> |", "", ["not null", "comment '"]),
    ("a array<int n|", "n", ["not null"]),
    ("id int NOT |", "NOT ", ["not null"]),
    ("id int not n|", "not n", ["not null"]),
    ("id int not null |", "", ["comment '"]),
    ("id int comment 'it''s, so' |", "", ["not null"]),
    ("-- a comment\nid int c|", "c", ["comment '"]),
]


@pytest.mark.parametrize(("body", "fragment", "wanted"), COLUMNS, ids=[body for body, _, _ in COLUMNS])
def test_a_column_body_is_completed(body: str, fragment: str, wanted: list[str]) -> None:
    found = at(f"%%alur_table x\n{body}")
    assert found is not None
    assert found.fragment == fragment
    assert [one.text for one in found.offers] == wanted


SQL = [
    ("select a from |", "", [*TABLES, "new("]),
    ("select a from cus|", "cus", ["customers"]),
    ("select a from or|", "or", ["bronze.orders", "silver.orders"]),
    ("select a from bronze.|", "bronze.", ["bronze.customers", "bronze.orders"]),
    ("select a from n|", "n", ["new("]),
    ("select a from new(|)", "", TABLES),
    ("select a from new(silver.|", "silver.", ["silver.orders"]),
    ("select a\nfrom bronze.orders o\njoin c|", "c", ["customers"]),
    ("select a from bronze.orders o, c|", "c", ["customers"]),
    ("select a from bronze.orders as o, new(c|", "c", ["customers"]),
    ("select o.| from bronze.orders o", "", ["id", "amount", "placed_at"]),
    ("select o.p| from new(bronze.orders) as o", "p", ["placed_at"]),
    ("select c.| from bronze.orders o, customers c", "", ["id", "name"]),
    ("select customers.n| from customers", "n", ["name"]),
    ("select orders.to| from silver.orders", "to", ["total"]),
    ("select x.| from customers c", "", []),
    ("select na| from customers where id > 1", "na", ["name"]),
    ("select am|, 1 from bronze.orders", "am", ["amount"]),
    ("select id from customers wh|", "wh", ["where", "when"]),
    ("select id from customers WH|", "WH", ["WHERE", "WHEN"]),
    (
        "with big as (select * from customers)\nselect id from b|",
        "b",
        ["big", "bronze.customers", "bronze.orders"],
    ),
    ("select id from customers where exists (select 1 from s|", "s", ["silver.orders"]),
    ("select 'it''s from', na| from customers", "na", ["name"]),
    ("select id /* from silver.orders */, to| from customers", "to", []),
    ("select id -- from silver.orders\n, to| from customers", "to", []),
]


@pytest.mark.parametrize(("query", "fragment", "wanted"), SQL, ids=[query for query, _, _ in SQL])
def test_a_query_is_completed(query: str, fragment: str, wanted: list[str]) -> None:
    found = at(f"%%alur_pipeline p --target silver.orders\n{query}")
    assert found is not None
    assert found.fragment == fragment
    assert [one.text for one in found.offers] == wanted


def test_an_ad_hoc_query_reads_rejects_and_knows_no_new() -> None:
    assert texts("%%alur_sql\nselect * from customers__|") == ["customers__rejects"]
    assert texts("%%alur_sql\nselect rea| from customers__rejects") == ["reason"]
    assert texts("%%alur_sql\nselect * from n|") == []


def test_a_bracket_that_is_not_closed_in_a_long_body_takes_no_time() -> None:
    """Looking again from the bracket at every line took 1.7 s for 1,000 lines; a keystroke waits for it."""
    assert written_columns("id int\na struct<\n" + "b int,\n" * 10_000) == {"id": "int"}
    assert texts("%%alur_table t\n" + "a" * 50_000 + "<" * 100 + "|") == []

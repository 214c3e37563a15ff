"""Unknown columns of a query: found with their place where that is sure, and never where Spark knows better."""

from __future__ import annotations

from typing import Any, Literal

import pytest

import alur_nb
from alur_nb.authoring.parse_sql import resolve_sql
from alur_nb.runtime.errors import NotebookError, Place
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import ArrayField, DoubleField, Field, StringField, StructField, TimestampField

ORDERS: dict[str, Field] = {
    "id": StringField(),
    "amount": DoubleField(),
    "at": TimestampField(),
    "tags": ArrayField(StringField()),
    "address": StructField({"city": StringField()}),
}
CUSTOMERS: dict[str, Field] = {"id": StringField(), "name": StringField()}


def shop(schema_mode: Literal["contract", "evolve"] | None = "contract") -> Project:
    """Return a project of two tables with their ingestions; without a mode nobody writes them."""
    project = Project()
    with use_project(project):
        for name, columns in (("orders", ORDERS), ("customers", CUSTOMERS)):
            table = Table("bronze", name, f"{name.title()}Bronze", columns)
            project.declare_table(table)
            if schema_mode is not None:
                files = alur_nb.files(f"{name}/*.csv", schema_mode=schema_mode)
                alur_nb.pipeline(sources={"rows": files}, target=table, name=f"load_{name}")(_loaded)
    return project


def _loaded(rows: Any) -> Any:
    return rows


FINE = [
    "select id, amount a, a*2 b from orders where a > 1 group by b order by b",
    "select o.id, c.name from orders o join customers c using (id)",
    "select address.city from orders",
    "select o.address.city from orders o",
    "select transform(tags, x -> x || 'a') from orders",
    "select tag from orders lateral view explode(tags) t as tag",
    "select year(at), extract(month from at), date_trunc('day', at), interval 1 day, current_date, current_timestamp from orders",
    "with x as (select id as k from orders) select k from x",
    "select k from (select id as k from orders) s",
    "select id from orders where exists (select 1 from customers where name = amount)",
    "select sum(amount) over w from orders window w as (partition by id)",
    "select * from orders o, lateral (select o.id as z)",
    "select id, count(*) from orders group by all",
    "select struct(id as q, 1 as r) from orders",
    "select `id`, ID, Orders.Id from orders",
    "select new_id from (select id as new_id from new(orders))",
    "select orders.id from new(orders)",
    "select timestampadd(HOUR, 1, at), datediff(day, at, at) from orders",
    "select id from orders union select name from customers order by id",
    "select * from orders pivot (sum(amount) for id in ('a','b'))",
    "select explode(tags) as t, t from orders",
    "select named_struct('a', id).a from orders",
    "select o.* from orders o",
    "select cast(id as int), try_cast(amount as string) from orders",
    "select id from orders tablesample (10 percent) as orders",
    "select grouping_id() from orders group by cube(id)",
    "select inline(array(struct(1,2))) as (p, q) from orders",
    "select stack(2, 1, 2) as (p, q), p from orders",
    "select filter(tags, (t, i) -> i > 0), aggregate(tags, 0, (acc, y) -> acc + 1, acc -> acc) from orders",
    "select make_interval(days => 1) from orders",
    "select id from orders where amount > any (select 1 from customers where orders.id = customers.id)",
    "select max_by(id, amount) filter (where at > '2020') from orders",
    "select id from orders sort by id",
    "select transform(id, amount) using 'cat' as (u, v) from orders",
    "from orders select id",
    "select case when amount is null then 'x' end as c from orders having c = 'x'",
    "select id from orders qualify row_number() over (partition by id order by at) = 1",
    "select t.col1 from values (1) t(col1), orders",
    "select m.key from orders lateral view explode(map(id, 1)) m",
    "select pos, col from orders lateral view posexplode(tags)",
    "select 1 from orders, orders",
    "select o.id from (orders o join customers c using (id))",
    "with orders as (select id as k from bronze.orders) select k from orders",
    "select x from orders o join (values (1)) v(x)",
    "select id from orders where id in (select id from customers where amount > 1)",
    "select idd from range(10) r(idd), orders",
    "select o.tags[0], o.address.city from orders o",
    "select amount as total, total * 2 as twice, twice + 1 from orders",
    "select upper(id) as u from orders group by u having u > 'a' order by u",
    "select struct(c.*) from customers c",
]


@pytest.mark.parametrize("query", FINE)
def test_what_spark_would_find_is_not_refused(query: str) -> None:
    assert resolve_sql(query, shop()).sources


UNKNOWN = [
    ("select amont from orders", "bronze.orders has no column `amont` (did you mean `amount`?).", 2, 8),
    ("select o.amont from orders o", "bronze.orders has no column `amont` (did you mean `amount`?).", 2, 10),
    (
        "select id,\n  o.idd\nfrom new(orders) o",
        "bronze.orders has no column `idd` (did you mean `id`?).",
        3,
        5,
    ),
    ("select orders.idd from new(orders)", "bronze.orders has no column `idd` (did you mean `id`?).", 2, 15),
    (
        "select id\nfrom orders\nwhere amnt > 1",
        "bronze.orders has no column `amnt` (did you mean `amount`?).",
        4,
        7,
    ),
    ("select o.nam from orders o join customers c using (id)", "bronze.orders has no column `nam`.", 2, 10),
    (
        "select nam from orders join customers using (id)",
        "The query's tables have no column `nam` (did you",
        2,
        8,
    ),
    ("select x from (select idx as x from orders)", "bronze.orders has no column `idx` (did you", 2, 23),
    (
        "with s as (select idd from orders)\nselect * from s",
        "bronze.orders has no column `idd` (did you",
        2,
        19,
    ),
    ("select id from orders order by amont", "bronze.orders has no column `amont` (did you", 2, 32),
    (
        "select o.id from orders o join customers c on o.id = c.idd",
        "bronze.customers has no column `idd`",
        2,
        56,
    ),
    (
        "select 1 from orders where exists (select 1 from customers c where c.nme = 1)",
        "bronze.customers has no",
        2,
        70,
    ),
]


@pytest.mark.parametrize(
    ("query", "message", "line", "column"), UNKNOWN, ids=[query for query, *_ in UNKNOWN]
)
def test_an_unknown_column_has_its_place(query: str, message: str, line: int, column: int) -> None:
    with pytest.raises(NotebookError) as caught:
        resolve_sql(query, shop())
    assert caught.value.message.startswith(message)
    assert caught.value.place == Place(line=line, column=column)
    assert "id" in (caught.value.fix or "")


@pytest.mark.parametrize("schema_mode", ["evolve", None])
def test_a_table_that_may_hold_more_is_left_to_spark(schema_mode: Literal["evolve"] | None) -> None:
    for query, *_ in UNKNOWN:
        resolve_sql(query, shop(schema_mode))


@pytest.mark.parametrize("column", ["valid_from", "valid_to", "is_current", "f.is_current"])
def test_a_table_with_history_has_its_columns(column: str) -> None:
    project = shop()
    with use_project(project):

        class FleetSilver(alur_nb.SilverTable):
            plane = StringField()

            class Meta:
                primary_key = ["plane"]
                scd_type = 2

        source = alur_nb.new(project.tables["bronze.orders"])
        alur_nb.pipeline(sources={"rows": source}, target=FleetSilver, name="fleet")(_loaded)
    assert resolve_sql(f"select {column} from fleet f", project).sources
    with pytest.raises(NotebookError, match=r"no column `is_curent` \(did you mean `is_current`\?\)"):
        resolve_sql("select is_curent from fleet", project)

"""Tables and queries whose lineage several tests follow."""

from __future__ import annotations

from typing import Any

from alur_nb import BronzeTable, DateField, DecimalField, LongField, StringField, new
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.lineage import Traced
from alur_nb.runtime.sources import TableSource
from alur_nb.runtime.tables import table_of


class OrdersBronze(BronzeTable):
    id = LongField()
    amount = DecimalField(10, 2)
    customer = StringField()
    Day = DateField()


class CustomersBronze(BronzeTable):
    customer = StringField()
    country = StringField()


class OutBronze(BronzeTable):
    a = LongField()
    b = StringField()


def made(function: Any = lambda orders, customers: None) -> Pipeline:
    """Return a pipeline over both tables, without a registry."""
    sources = {"orders": new(OrdersBronze), "customers": TableSource(table_of(CustomersBronze))}
    return Pipeline("made", function, sources, table_of(OutBronze))


def told(traced: Traced) -> tuple[dict[str, set[str]], set[str]]:
    """Return lineage as one reads it: column -> `orders.id direct`, and what decides on rows."""
    columns = {
        column: {f"{parameter}.{name} {kind}" for (parameter, name), kind in origins.items()}
        for column, origins in traced.columns.items()
    }
    rows = {f"{p}.{name} {kind}" for (p, name), kinds in traced.rows.items() for kind in kinds}
    return columns, rows


BY_AMOUNT = {"orders.amount filter"}
SAME_CUSTOMER = {"orders.customer join", "customers.customer join"}

QUERIES: dict[str, tuple[str, dict[str, set[str]], set[str]]] = {
    "projection and filter": (
        "select id a, upper(customer) b, 1 c from {orders} AS orders where amount > 1",
        {"a": {"orders.id direct"}, "b": {"orders.customer derived"}, "c": set()},
        BY_AMOUNT,
    ),
    "join and aggregate": (
        "select c.country, sum(amount) total, count(*) n from {orders} AS o join {customers} c "
        "on o.customer = c.customer group by 1 having sum(amount) > 5 order by total",
        {"country": {"customers.country direct"}, "total": {"orders.amount aggregated"}, "n": set()},
        SAME_CUSTOMER | BY_AMOUNT | {"customers.country group", "orders.amount sort"},
    ),
    "a CTE that has the table's name, joined to itself": (
        "with orders as (select id, upper(customer) u from {orders} AS orders) select x.u, y.id from orders x "
        "join orders y on x.id = y.id where exists (select 1 from {customers} c where c.customer = x.u)",
        {"u": {"orders.customer derived"}, "id": {"orders.id direct"}},
        {"orders.id join", "customers.customer filter", "orders.customer filter"},
    ),
    "windows": (
        "select row_number() over (partition by customer order by Day) n, "
        "sum(amount) over (partition by customer) s from {orders} AS o",
        {
            "n": {"orders.customer window", "orders.Day window"},
            "s": {"orders.amount derived", "orders.customer window"},
        },
        set(),
    ),
    "union": (
        "select id from {orders} AS orders union all select length(country) from {customers} AS customers",
        {"id": {"orders.id direct", "customers.country derived"}},
        set(),
    ),
    "star and case": (
        "select *, case when amount > 1 then customer end k from {orders} AS orders",
        {
            "id": {"orders.id direct"},
            "amount": {"orders.amount direct"},
            "customer": {"orders.customer direct"},
            "day": {"orders.Day direct"},
            "k": {"orders.amount derived", "orders.customer derived"},
        },
        set(),
    ),
    "lateral view": (
        "select id, w from {orders} AS orders lateral view explode(split(customer, ',')) t as w",
        {"id": {"orders.id direct"}, "w": {"orders.customer derived"}},
        set(),
    ),
    "correlated subquery": (
        "select id, (select max(country) from {customers} c where c.customer = o.customer) m from {orders} AS o",
        {"id": {"orders.id direct"}, "m": {"customers.country aggregated"}},
        {"customers.customer filter", "orders.customer filter"},
    ),
    "except and in": (
        "select id from {orders} AS orders except select id from {orders} AS o2 "
        "where customer in (select customer from {customers} c)",
        {"id": {"orders.id direct"}},
        {"orders.id filter", "orders.customer filter", "customers.customer filter"},
    ),
    "derived table": (
        "select t.x from (select amount as x, id from {orders} AS orders) t cluster by x",
        {"x": {"orders.amount direct"}},
        {"orders.amount sort"},
    ),
    "outer self-join": (
        "select a.id, b.amount from {orders} AS a left join {orders} AS b on a.id = b.id and a.Day < b.Day",
        {"id": {"orders.id direct"}, "amount": {"orders.amount direct"}},
        {"orders.id join", "orders.Day join"},
    ),
    "text with braces": (
        "select id, '{{x}}' as t from {orders} AS orders where customer <> '{{'",
        {"id": {"orders.id direct"}, "t": set()},
        {"orders.customer filter"},
    ),
}

"""Row rules read without Spark: what is wrong is told with its place, and nothing that Spark takes is refused."""

from __future__ import annotations

from typing import Any

import pytest

import alur_nb
from alur_nb.authoring import operate
from alur_nb.authoring.parse_rule import check_rules, fault_of
from alur_nb.authoring.unfold import moved
from alur_nb.runtime.errors import NotebookError, Place
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import (
    ArrayField,
    BooleanField,
    DoubleField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from alur_nb.runtime.workspace import Workspace

ORDERS = Table(
    "bronze",
    "orders",
    "OrdersBronze",
    {
        "id": StringField(),
        "amount": DoubleField(),
        "at": TimestampField(),
        "open": BooleanField(),
        "tags": ArrayField(StringField()),
        "marks": MapField(StringField(), DoubleField()),
        "address": StructField({"city": StringField()}),
    },
)

FINE = [
    "amount >= 0",
    "AMOUNT >= 0 and `amount` < 10",
    "open",
    "not open",
    "id rlike '^[A-Z]{3}$'",
    "id in ('a', 'b') or id is null",
    "amount between 1 and 2",
    "address.city = 'x'",
    "marks['k'] > 0 and tags[0] = 'x'",
    "exists(tags, t -> t = 'x') and forall(tags, t -> t is not null)",
    "aggregate(tags, 0, (acc, t) -> acc + 1) > 0",
    "year(at) > 2000 and extract(month from at) < 12",
    "at >= now() - interval 1 day and at > current_date and at > date '2024-01-01'",
    "_ingested_at > at",
    "if(open, amount > 0, amount < 0)",
    "case when open then amount > 0 end",
    "id::int > 0 and try_cast(id as int) = amount div 2",
    "id <=> null",
    "",
]


@pytest.mark.parametrize("rule", FINE)
def test_what_spark_takes_is_fine(rule: str) -> None:
    assert fault_of(rule, ORDERS) is None


@pytest.mark.parametrize(
    ("rule", "message", "offset"),
    [
        ("amount > = 0", "cannot be read near `=`", 9),
        ("amount >", "cannot be read near `>`", 7),
        ("amount > 0) or (open", "cannot be read near `)`", 10),
        ("amount > 0 group by id", "cannot be read near `group by`", 11),
        ("amount > 0 as fine", "cannot be read near `as`", 11),
        ("amount > 0;", "cannot be read near `;`", 10),
        ("id = 'x", "a quote or a comment is never closed", None),
        ("open and amont > 0", "bronze.orders has no column `amont` (did you mean `amount`?)", 9),
        ("AMONT > 0", "(did you mean `amount`?)", 0),
        ("adress.city = 'x'", "has no column `adress` (did you mean `address`?)", 0),
        ("orders.amount > 0", "has no column `orders`", 0),
        ("amount", "`amount` is neither true nor false", None),
        ("(amount + 1)", "is neither true nor false", None),
        ("'x'", "is neither true nor false", None),
        ("sum(amount) > 0", "looks at more than one row", None),
        ("max(amount) over () > 1", "looks at more than one row", None),
        ("id in (select id from orders)", "looks at more than one row", None),
    ],
)
def test_a_fault_is_told_with_its_place(rule: str, message: str, offset: int | None) -> None:
    fault = fault_of(rule, ORDERS)
    assert fault is not None
    assert message in fault.message
    assert fault.offset == offset
    assert fault.fix


def test_files_that_add_columns_make_every_column_possible() -> None:
    assert fault_of("colour = 'red'", ORDERS, may_grow=True) is None
    assert fault_of("colour = = 'red'", ORDERS, may_grow=True) is not None


def test_the_column_is_that_of_the_rule_in_its_line() -> None:
    line = "daily --expect 'amount > 0' --expect=\"amont > 0\""
    with pytest.raises(NotebookError) as caught:
        check_rules(["amount > 0", "amont > 0"], line, 16, ORDERS, may_grow=False)
    assert caught.value.place == Place(line=1, column=16 + line.index("amont") + 1)


def test_a_rule_that_is_quoted_in_another_way_has_no_column() -> None:
    with pytest.raises(NotebookError) as caught:
        check_rules(["amont > 0"], r"daily --expect amont\ \>\ 0", 16, ORDERS, may_grow=False)
    assert caught.value.place == Place(line=1)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("%alur_pipeline p --x", Place(line=1, column=18)),
        ("y = 1\n\n  %alur_pipeline  p --x ", Place(line=3, column=21)),
        ("made = %alur_pipeline p --x", Place(line=1, column=25)),
        ("something else", Place(line=1)),
    ],
)
def test_a_place_is_moved_to_where_the_magic_stands(source: str, place: Place) -> None:
    error = NotebookError("wrong", place=Place(line=1, column=18))
    moved(error, source, "p --x", "%alur_pipeline ")
    assert error.place == place


def test_the_check_finds_rules_and_profiles_that_python_declares(
    workspace: Workspace, project: Project
) -> None:
    project.declare_table(ORDERS)

    @alur_nb.expect(check_fn=alur_nb.row("amont > 0"))
    @alur_nb.expect("fine", check_fn=alur_nb.row("amount > 0"))
    @alur_nb.pipeline(sources={"orders": alur_nb.files("o/*.csv")}, target=ORDERS, resource_profile="large")
    def load(orders: Any) -> Any:
        return orders

    report = operate.check(project=project)
    assert not report.ok
    assert [(one.severity, one.message) for one in report.problems] == [
        ("error", "load: bronze.orders has no column `amont` (did you mean `amount`?)."),
        ("error", "load: There is no resource profile `large`."),
    ]
    assert "[profiles.large]" in report.problems[1].fix
    (workspace.settings.root / "alur.toml").write_text("[profiles.large]\nnumber_of_workers = 10\n")
    assert len(operate.check(project=project).problems) == 1

"""What a test says of rows that are not as expected: a person must see at once which, and in which column."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from alur_nb.authoring.expected_rows import Columns, difference

ORDERS = Columns(("id", "customer", "amount"), ("long", "string", "decimal"))
ADA, BO = (1, "Ada", Decimal("19.90")), (2, "Bo", None)


def test_rows_in_another_order_are_no_difference() -> None:
    expected = [{"customer": "Bo", "amount": None, "id": 2}, list(ADA)]
    assert difference("orders", ORDERS, expected, [ADA, BO]) == ""
    assert difference("orders", ORDERS, [], []) == ""


def test_missing_and_unexpected_rows_are_told() -> None:
    assert difference("orders", ORDERS, [ADA], [BO, (3, "Cy", None)]) == (
        "orders: 1 row expected, 2 found.\n"
        "  missing: id=1, customer='Ada', amount=Decimal('19.90')\n"
        "  unexpected: id=2, customer='Bo', amount=None\n"
        "  unexpected: id=3, customer='Cy', amount=None"
    )


def test_a_row_that_differs_names_the_column() -> None:
    assert difference("orders", ORDERS, [ADA, BO], [(1, "Ada", Decimal("19.09")), BO]) == (
        "orders: 2 rows expected, 2 found.\n"
        "  differs: id=1, customer='Ada'\n"
        "    amount: expected Decimal('19.90'), found Decimal('19.09')"
    )


def test_a_key_says_which_rows_are_the_same_however_much_else_differs() -> None:
    keyed = Columns(ORDERS.names, ORDERS.kinds, keys=("id",))
    said = difference("orders", keyed, [ADA], [(2, "Ada", Decimal("19.90")), (1, "Bo", None)])
    assert "  differs: id=1\n    customer: expected 'Ada', found 'Bo'\n    amount: " in said
    assert "  unexpected: id=2, customer='Ada'" in said


def test_a_row_is_counted_as_often_as_it_is_there() -> None:
    assert difference("orders", ORDERS, [ADA, ADA], [ADA, ADA]) == ""
    said = difference("orders", ORDERS, [ADA], [ADA, ADA])
    assert "unexpected: id=1" in said and "(on the other side only 1 of it)" in said


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (1, "1"),
        (1, True),
        (0.1, Decimal("0.1")),
        (b"a", "a"),
        (None, ""),
        (date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        ([1], {"a": 1}),
    ],
)
def test_values_of_another_type_are_others(expected: Any, found: Any) -> None:
    one = Columns(("value",), ("any",))
    said = difference("t", one, [(expected,)], [(found,)])
    assert repr(expected) in said and repr(found) in said


@pytest.mark.parametrize(
    ("kind", "expected", "found"),
    [
        ("double", math.nan, float("nan")),
        ("double", 5, 5.0),
        ("decimal", Decimal("5"), Decimal("5.00")),
        ("float", 0.1, 0.10000000149011612),
        ("timestamp", datetime(2024, 1, 1, 9), datetime(2024, 1, 1, 9, tzinfo=UTC)),
        ("array", [datetime(2024, 1, 1)], [datetime(2024, 1, 1, tzinfo=UTC)]),
        ("struct", {"a": [1, None]}, {"a": [1, None]}),
        ("binary", bytearray(b"x"), b"x"),
    ],
)
def test_values_are_compared_as_they_are_read(kind: str, expected: Any, found: Any) -> None:
    assert difference("t", Columns(("value",), (kind,)), [(expected,)], [(found,)]) == ""


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1, "customer": "Ada", "ammount": 1}, "has a column `ammount` (did you mean `amount`?)"),
        ({"id": 1, "customer": "Ada"}, r"lacks amount.\nName all columns, or .*columns=\['id', 'customer'\]"),
        ((1, "Ada"), "has 2 values; the columns are id, customer, amount"),
    ],
)
def test_an_expected_row_must_have_the_columns(row: Any, said: str) -> None:
    pattern = said.replace("(did you mean `amount`?)", r"\(did you mean `amount`\?\)")
    with pytest.raises(AssertionError, match=pattern):
        difference("orders", ORDERS, [row], [ADA])


def test_a_long_difference_is_cut_and_counted() -> None:
    said = difference("orders", ORDERS, [], [(n, "x", None) for n in range(3_000)])
    assert said.startswith("orders: 0 rows expected, 3,000 found.")
    assert said.endswith("and 2,990 more")
    assert len(said.splitlines()) == 12

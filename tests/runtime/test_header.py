from __future__ import annotations

import pytest

from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.header import bind
from alur_nb.runtime.types import (
    ArrayField,
    DateField,
    Field,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from tests.csv_case import contract

ORDERS = contract(
    order_id=LongField(nullable=False),
    customer=StringField(source="Customer No."),
    note=StringField(),
)


def test_columns_are_found_in_any_order() -> None:
    binding = bind(["note", "order_id", "Customer No."], ORDERS, "error")
    assert binding.problem is None
    assert binding.columns == ("note", "order_id", "customer")
    assert binding.missing == binding.extra == ()


@pytest.mark.parametrize(
    "written", ["order_id", "ORDER_ID", " Order Id ", "order-id", "Order.ID", "order\tid", "order id"]
)
def test_letters_case_blanks_and_signs_do_not_matter(written: str) -> None:
    assert bind([written, "customer no_", "note"], ORDERS, "error").columns == (
        "order_id",
        "customer",
        "note",
    )


def test_composed_and_decomposed_letters_are_one() -> None:
    table = contract(größe=IntegerField())
    assert bind(["Gro\u0308ße"], table, "error").columns == ("größe",)


def test_a_name_in_the_files_replaces_the_column_s_own() -> None:
    binding = bind(["order_id", "customer", "note"], ORDERS, "error")
    assert binding.problem == "the column `customer` is not in bronze.orders (did you mean `Customer No.`?)"
    assert binding.missing == ("customer",)


def test_a_missing_nullable_column_is_reported_and_read_as_null() -> None:
    binding = bind(["order_id", "customer no."], ORDERS, "error")
    assert binding.problem is None
    assert binding.missing == ("note",)


def test_a_missing_column_that_may_not_be_null_is_a_problem() -> None:
    binding = bind(["note", "customer no."], ORDERS, "ignore")
    assert binding.problem == "the column `order_id` is missing, and it may not be null"
    assert binding.fix == "Add the column to the file, or declare `order_id` nullable."


def test_a_near_name_is_named_with_the_line_to_write() -> None:
    binding = bind(["Order Ident", "note"], ORDERS, "ignore")
    assert binding.problem is not None
    assert "did you mean `Order Ident`?" in binding.problem
    assert (
        binding.fix == 'If `Order Ident` is that column, say so: order_id = LongField(source="Order Ident").'
    )


def test_all_missing_columns_are_named() -> None:
    table = contract(a=LongField(nullable=False), b=LongField(nullable=False), c=LongField())
    assert (
        bind(["c"], table, "error").problem == "the column `a` (and `b`) is missing, and it may not be null"
    )


def test_an_unknown_column_is_a_problem_with_a_suggestion() -> None:
    binding = bind(["order_id", "Customer No.", "notes", "x"], ORDERS, "error")
    assert binding.problem == "the column `notes` (and `x`) is not in bronze.orders (did you mean `note`?)"
    assert binding.fix is not None
    assert 'extra_columns="ignore"' in binding.fix
    assert "--extra-columns ignore" in binding.fix


def test_an_unknown_column_is_only_reported_where_it_may_be_there() -> None:
    binding = bind(["order_id", "X Y", "note", "Customer No."], ORDERS, "ignore")
    assert binding.problem is None
    assert binding.columns == ("order_id", None, "note", "customer")
    assert binding.extra == ("X Y",)


@pytest.mark.parametrize("extra", ["error", "ignore"])
def test_two_columns_of_one_name_are_a_problem(extra: str) -> None:
    binding = bind(["order_id", "Note", "note "], ORDERS, extra)
    assert binding.problem == "the header has two columns that are one by name: `Note` and `note `"


def test_two_unknown_columns_of_one_name_are_a_problem_too() -> None:
    assert bind(["order_id", "x-1", "x 1"], ORDERS, "ignore").problem is not None


def test_a_column_without_a_name_is_unknown() -> None:
    binding = bind(["", "order_id", "customer no.", "note"], ORDERS, "error")
    assert binding.problem == "a column without a name is not in bronze.orders"
    assert bind(["", "order_id"], ORDERS, "ignore").columns == (None, "order_id")


@pytest.mark.parametrize(("mark", "shown"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
def test_a_wrong_separator_is_recognized(mark: str, shown: str) -> None:
    binding = bind([mark.join(["order_id", "note"])], ORDERS, "error")
    assert binding.problem == f"the header is one column, `order_id{mark}note`"
    assert binding.fix == f'Name the separator: options={{"sep": "{shown}"}}.'


def test_metadata_columns_of_the_contract_are_not_looked_for() -> None:
    table = contract(order_id=LongField(), _ingested_at=TimestampField(nullable=False))
    assert bind(["order_id"], table, "error").problem is None


def test_a_metadata_column_in_a_file_is_an_extra_one() -> None:
    table = contract(order_id=LongField(), _ingested_at=TimestampField())
    assert bind(["order_id", "_ingested_at"], table, "ignore").extra == ("_ingested_at",)


@pytest.mark.parametrize(
    "field",
    [ArrayField(IntegerField()), StructField({"a": DateField()}), MapField(StringField(), LongField())],
)
def test_nested_types_are_refused_by_name(field: Field) -> None:
    with pytest.raises(DeclarationError, match=r"tags is .*, which a CSV file cannot hold") as caught:
        bind(["tags"], contract(tags=field), "error")
    assert caught.value.fix is not None
    assert "StringField()" in caught.value.fix


def test_a_header_of_nothing_lacks_everything() -> None:
    assert bind([], ORDERS, "error").problem is not None

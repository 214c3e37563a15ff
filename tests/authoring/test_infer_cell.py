"""The text of the cell: columns where they can say all, else a class; either is read back as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.infer_cell import field_call, write_cell
from alur_nb.authoring.infer_columns import column_names
from alur_nb.authoring.infer_facts import ColumnEvidence, Request
from alur_nb.authoring.source_text import render
from alur_nb.runtime.errors import NotebookError
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import (
    ArrayField,
    DateField,
    DecimalField,
    Field,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
)
from tests.authoring.inferred import declared

ORDERS = Request("orders", "orders/*.csv")


def column(name: str, wanted: Field, header: str | None = None, *doubts: str) -> ColumnEvidence:
    return ColumnEvidence(name, header or name, wanted, 3, 0, 3, doubts=doubts)


def test_columns_stand_below_each_other_with_what_is_doubtful_above() -> None:
    doubt = "a doubt -- with 'quotes', `n/a` and " + "many words " * 12
    cell = write_cell(
        ORDERS, [column("id", IntegerField(nullable=False)), column("note", StringField(), None, doubt)]
    )
    first, second, *comments, last = cell.splitlines()
    assert (first, second, last) == ("%%alur_table orders --layer bronze", "id   int not null", "note string")
    assert len(comments) == 2
    assert all(line.startswith("-- ") and len(line) <= 100 for line in comments)
    assert list(declared(cell).columns) == ["id", "note"]


def test_a_class_has_what_is_doubtful_as_comments() -> None:
    cell = write_cell(ORDERS, [column("day", DateField(format="dd.MM.yyyy"), "Day", "one doubt", "another")])
    assert "    # one doubt\n    # another\n    day = alur_nb.DateField(" in cell
    assert declared(cell).columns["day"] == DateField(format="dd.MM.yyyy")


NESTED = StructField(
    {"a": ArrayField(LongField()), "b": MapField(StringField(), DecimalField(9, 2, nullable=False))}
)


@pytest.mark.parametrize(
    "wanted",
    [
        NESTED,
        ArrayField(NESTED),
        StringField(description="the shop's\nnumber"),
        IntegerField(description="a"),
    ],
)
def test_every_field_comes_back_as_it_was(wanted: Field) -> None:
    for python in (False, True):
        assert declared(write_cell(ORDERS, [column("x", wanted)], python=python)).columns == {"x": wanted}


def test_what_is_left_out_is_not_declared() -> None:
    gone = ColumnEvidence("gone", "", None, 3, 0, 0)
    assert list(declared(write_cell(ORDERS, [gone, column("id", IntegerField())])).columns) == ["id"]


@pytest.mark.parametrize(
    "request_",
    [
        Request("Orders", "x"),
        Request("orders", "x", primary_key="no"),
        Request("orders", "x", partition_by="week(id)"),
    ],
)
def test_a_name_or_key_that_cannot_be_is_an_error(request_: Request) -> None:
    with pytest.raises(NotebookError):
        write_cell(request_, [column("id", IntegerField())])


def test_a_field_is_written_as_python() -> None:
    written = render(field_call(DecimalField(9, 2, nullable=False, description="d"), "Net Price"))
    assert written == 'alur_nb.DecimalField(9, 2, nullable=False, description="d", source="Net Price")'


HEADERS = st.lists(
    st.text("abcAB_ 1.#é\u212a\u00df", min_size=1, max_size=6)
    | st.sampled_from(["class", "batch_id", "null", "select", "comment"]),
    min_size=1,
    max_size=6,
    unique_by=normalized,
)


@settings(deadline=None)
@given(HEADERS)
def test_any_header_becomes_names_that_find_its_columns(headers: list[str]) -> None:
    headers = [header for header in headers if header.strip()] or ["id"]
    names = column_names({normalized(header): header for header in headers})
    columns = [column(names[normalized(header)], StringField(), header) for header in headers]
    table = declared(write_cell(ORDERS, columns))
    found = {normalized(one.source or name) for name, one in table.file_columns.items()}
    assert found == {normalized(header) for header in headers}

"""Column bodies: what they declare, and the line and column of every mistake."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.parse import table_cell_to_python
from alur_nb.authoring.parse_columns import parse_columns
from alur_nb.runtime.errors import NotebookError, Place
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import (
    ArrayField,
    BinaryField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    FloatField,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)


def declared(body: str, **options: str) -> Table:
    """Execute what a column body unfolds to, and return the one table that it declares."""
    with use_project(Project()) as project:
        exec(table_cell_to_python("orders", body, **options), {"__name__": "__main__"})
        (table,) = project.tables.values()
    return table


def test_each_type_becomes_its_field() -> None:
    body = """
        a string, b int, c integer, d bigint, e long, f double, g float, h real, i boolean,
        j timestamp, k date, l binary, m decimal(10,2), n dec(4, 1), o numeric(3), p decimal,
        q array<string>, r map<string,int>, s struct<street:string,zip:int>
    """
    assert list(declared(body).columns.values()) == [
        StringField(),
        IntegerField(),
        IntegerField(),
        LongField(),
        LongField(),
        DoubleField(),
        FloatField(),
        FloatField(),
        BooleanField(),
        TimestampField(),
        DateField(),
        BinaryField(),
        DecimalField(10, 2),
        DecimalField(4, 1),
        DecimalField(3, 0),
        DecimalField(10, 0),
        ArrayField(StringField()),
        MapField(StringField(), IntegerField()),
        StructField({"street": StringField(), "zip": IntegerField()}),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "id int not null,\nname string",
        "id int not null\nname string",
        "id int not null, name string,",
        "-- the key\nid int not null -- never empty\n,name string",
        "id: int NOT NULL\n\n`name` STRING null",
        "/* all */ id\n  int\n  not null\nname string",
    ],
)
def test_commas_line_ends_comments_and_case_make_no_difference(body: str) -> None:
    assert declared(body).columns == {"id": IntegerField(nullable=False), "name": StringField()}


def test_a_doubled_quote_is_a_quote() -> None:
    assert declared("id string not null comment 'the shop''s number'").columns == {
        "id": StringField(nullable=False, description="the shop's number")
    }


def test_words_of_the_grammar_may_name_columns() -> None:
    body = "comment string comment 'a note'\ndate date\ntimestamp timestamp\norder int"
    assert list(declared(body).columns) == ["comment", "date", "timestamp", "order"]


def test_the_lines_options_become_meta() -> None:
    table = declared(
        "order_id string not null\ncreated_at timestamp",
        layer="silver",
        primary_key="order_id",
        partition_by="day(created_at), bucket(16, order_id)",
        description="What the shop sold.",
    )
    assert table.qualified_name == "silver.orders"
    assert table.class_name == "OrdersSilver"
    assert table.primary_key == ("order_id",)
    assert [str(part) for part in table.partition_by] == ['day("created_at")', 'bucket(16, "order_id")']
    assert table.description == "What the shop sold."


@pytest.mark.parametrize(
    ("body", "message", "place"),
    [
        ("id int\namount strng", "Unknown type `strng` (did you mean `string`?).", Place(line=3, column=8)),
        ("id int\n  amount varchar(10)", "`varchar` is not a type", Place(line=3, column=10)),
        ("id int name string", "Unexpected `name` after column `id`.", Place(line=2, column=8)),
        ("id int\nid int", "Column `id` is declared twice.", Place(line=3, column=1)),
        ("id int,\nname,\n", "Column `name` has no type.", Place(line=3, column=1)),
        ("id int\nname", "Column `name` has no type.", Place(line=3, column=1)),
        ("id int not", "The body ends where `null`", Place(line=2, column=11)),
        ("id decimal(40,2)", "precision must be a number from 1 to 38", Place(line=2, column=12)),
        ("id decimal(4,6)", "scale must be a number from 0 to 4", Place(line=2, column=14)),
        ("id array int", "Expected `<` after `array`", Place(line=2, column=10)),
        ("id map<string>", "between a map's key and value", Place(line=2, column=14)),
        ("id struct<a:int,a:int>", "Field `a` is in the struct twice.", Place(line=2, column=17)),
        ("id int comment 'open", "is never closed", Place(line=2, column=16)),
        ("a string /* open", "is never closed", Place(line=2, column=10)),
        ("1st int", "`1st` cannot be a column's name", Place(line=2, column=1)),
        ("`Order No.` int", "`Order No.` cannot be a column's name", Place(line=2, column=1)),
        ("lambda int", "`lambda` has a meaning in Python", Place(line=2, column=1)),
        ("__id int", "`__id` has a meaning in Python", Place(line=2, column=1)),
        ("id int default 3", "Unexpected `default`", Place(line=2, column=8)),
        ("id int primary key", "Unexpected `primary key`", Place(line=2, column=8)),
        ("-- nothing", "The body declares no column.", Place(line=2, column=1)),
    ],
)
def test_a_mistake_has_its_place_and_a_next_step(body: str, message: str, place: Place) -> None:
    with pytest.raises(NotebookError) as caught:
        parse_columns(body)
    assert message in caught.value.message
    assert caught.value.place == place
    assert caught.value.fix


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"primary_key": "order"}, "--primary-key: the body declares no column `order` (did you mean"),
        ({"partition_by": "order"}, "--partition-by: the body declares no column `order`"),
        ({"partition_by": "days(order_id)"}, "`days(order_id)` is not a column or a transform (did you mean"),
        ({"partition_by": "bucket(order_id)"}, "`bucket(order_id)` is not a column or a transform."),
        ({"partition_by": "day(order_id"}, "`day(order_id` is not a column or a transform"),
    ],
)
def test_the_lines_options_are_checked_against_the_columns(options: dict[str, str], message: str) -> None:
    with pytest.raises(NotebookError, match=r".") as caught:
        table_cell_to_python("orders", "order_id string", **options)
    assert message in caught.value.message


@pytest.mark.parametrize("name", ["Orders", "bronze.orders", "2024", "orders-eu"])
def test_a_tables_name_is_plain(name: str) -> None:
    with pytest.raises(NotebookError, match="cannot be a table's name"):
        table_cell_to_python(name, "id int")


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in ("alur_nb", "batch_id")
)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\\"), max_size=12).filter(
    lambda text: not text or text.strip()
)
scalars = st.one_of(
    st.sampled_from(
        [
            StringField,
            IntegerField,
            LongField,
            DoubleField,
            FloatField,
            BooleanField,
            TimestampField,
            DateField,
        ]
    ).map(lambda kind: kind()),
    st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: DecimalField(p, s))),
)
types = st.recursive(
    scalars,
    lambda inner: st.one_of(
        inner.map(ArrayField),
        inner.map(lambda value: MapField(StringField(), value)),
        st.dictionaries(names, inner, min_size=1, max_size=3).map(StructField),
    ),
    max_leaves=4,
)
columns = st.dictionaries(names, st.tuples(types, st.booleans(), texts), min_size=1, max_size=5)


def line_of(name: str, kind: Field, required: bool, comment: str) -> str:
    """Write a column as its DDL."""
    quoted = comment.replace("'", "''")
    return f"{name} {kind.ddl}{' not null' if required else ''}{f' comment {chr(39)}{quoted}{chr(39)}' if comment else ''}"


@settings(max_examples=80, deadline=None)
@given(columns, st.sampled_from([",\n", "\n", " , "]))
def test_what_is_written_as_ddl_is_declared(body: dict[str, tuple[Field, bool, str]], between: str) -> None:
    text = between.join(line_of(name, *column) for name, column in body.items())
    table = declared(text)
    assert {name: field.ddl for name, field in table.columns.items()} == {
        name: kind.ddl for name, (kind, _, _) in body.items()
    }
    assert [field.nullable for field in table.columns.values()] == [not r for _, r, _ in body.values()]
    assert [field.description or "" for field in table.columns.values()] == [
        text for _, _, text in body.values()
    ]

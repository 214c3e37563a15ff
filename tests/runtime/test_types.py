"""Fields: their one spelling, their values, and what they refuse."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime import types
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.types import (
    ArrayField,
    BinaryField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    FloatField,
    FrozenMap,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)

SPELLINGS = [
    (StringField(), "string"),
    (IntegerField(), "int"),
    (LongField(), "bigint"),
    (DoubleField(), "double"),
    (FloatField(), "float"),
    (BooleanField(), "boolean"),
    (TimestampField(format="dd.MM.yyyy HH:mm"), "timestamp"),
    (DateField(format="dd.MM.yyyy"), "date"),
    (BinaryField(), "binary"),
    (DecimalField(), "decimal(10,0)"),
    (DecimalField(18, 4), "decimal(18,4)"),
    (DecimalField(precision=38, scale=38), "decimal(38,38)"),
    (ArrayField(StringField()), "array<string>"),
    (StructField({"street": StringField(), "zip": IntegerField()}), "struct<street:string,zip:int>"),
    (MapField(StringField(), LongField()), "map<string,bigint>"),
    (
        ArrayField(StructField({"lines": ArrayField(MapField(DateField(), DecimalField(9, 2)))})),
        "array<struct<lines:array<map<date,decimal(9,2)>>>>",
    ),
]

PLAIN = st.sampled_from(
    [StringField, IntegerField, LongField, DoubleField, BooleanField, DateField, TimestampField]
)
OPTIONS = st.fixed_dictionaries(
    {"nullable": st.booleans()},
    optional={
        "description": st.text(min_size=1).filter(str.strip),
        "source": st.sampled_from(["Order No.", "x"]),
    },
)
PLAIN_FIELDS = st.builds(lambda make, options: make(**options), PLAIN, OPTIONS)
DECIMALS = st.integers(1, 38).flatmap(lambda p: st.builds(DecimalField, st.just(p), st.integers(0, p)))
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
FIELDS = st.recursive(
    PLAIN_FIELDS | DECIMALS,
    lambda inner: st.one_of(
        st.builds(ArrayField, inner),
        st.builds(MapField, PLAIN_FIELDS, inner),
        st.builds(StructField, st.dictionaries(NAMES, inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(("field", "ddl"), SPELLINGS, ids=[ddl for _, ddl in SPELLINGS])
def test_one_spelling_for_ddl_and_spark(field: Field, ddl: str) -> None:
    assert field.ddl == ddl
    assert field.spark_type().simpleString() == ddl


@given(FIELDS)
def test_every_field_is_spelled_as_spark_spells_it(field: Field) -> None:
    assert field.spark_type().simpleString() == field.ddl


@given(FIELDS)
def test_a_field_is_a_value(field: Field) -> None:
    again = eval(repr(field), vars(types))
    assert again == field
    assert hash(again) == hash(field)
    assert pickle.loads(pickle.dumps(field)) == field


def test_nullability_goes_into_the_nested_spark_types() -> None:
    field = StructField(
        {
            "tags": ArrayField(StringField(nullable=False)),
            "counts": MapField(StringField(), IntegerField(nullable=False), nullable=False),
        }
    )
    spark = field.spark_type()
    assert spark["tags"].dataType.containsNull is False
    assert spark["tags"].nullable is True
    assert spark["counts"].dataType.valueContainsNull is False
    assert spark["counts"].nullable is False


def test_the_order_of_a_structs_members_counts() -> None:
    one = StructField({"a": StringField(), "b": StringField()})
    other = StructField({"b": StringField(), "a": StringField()})
    assert one != other
    assert one == StructField({"a": StringField(), "b": StringField()})


def test_fields_that_differ_in_anything_are_not_equal() -> None:
    fields = [
        StringField(),
        StringField(nullable=False),
        StringField(source="x"),
        StringField(description="x"),
    ]
    assert len(set(fields)) == 4
    assert IntegerField() != LongField()


def test_a_struct_is_not_changed_through_the_dict_it_was_made_of() -> None:
    members: dict[str, Field] = {"a": StringField()}
    field = StructField(members)
    members["b"] = StringField()
    assert field.ddl == "struct<a:string>"
    with pytest.raises(TypeError):
        field.fields["c"] = StringField()  # type: ignore[index]


def test_the_repr_shows_only_what_was_said() -> None:
    assert repr(DecimalField(10, 2, nullable=False)) == "DecimalField(10, 2, nullable=False)"
    assert repr(StringField()) == "StringField()"


def test_the_signature_that_jupyter_shows_is_the_fields_own() -> None:
    assert list(inspect.signature(DecimalField).parameters) == [
        "precision", "scale", "nullable", "description", "source",
    ]  # fmt: skip


BAD = [
    (
        lambda: StringField(null=False),
        "unexpected keyword argument 'null' (did you mean `nullable`?)",
        "StringField(",
    ),
    (lambda: StringField("the number"), "too many positional arguments", "description: str"),
    (lambda: ArrayField(), "missing a required argument: 'element'", "ArrayField(element"),
    (
        lambda: StringField(nullable="no"),
        "nullable is 'no', not True or False",
        "StringField(nullable=False)",
    ),
    (lambda: StringField(description=3), "description is 3, not a text", 'description="..."'),
    (lambda: StringField(source=" "), "source is ' ', not a text", 'source="..."'),
    (lambda: DecimalField(0), "precision is 0, not a number from 1 to 38", "DecimalField(10, 2)"),
    (lambda: DecimalField(39), "precision is 39", "DecimalField(10, 2)"),
    (lambda: DecimalField("10"), "precision is '10'", "DecimalField(10, 2)"),
    (lambda: DecimalField(True), "precision is True", "DecimalField(10, 2)"),
    (lambda: DecimalField(5, 6), "scale is 6, not a number from 0 to the precision 5", "before the point"),
    (lambda: DecimalField(5, -1), "scale is -1", "before the point"),
    (lambda: ArrayField(StringField), "element is the class StringField", "write StringField()"),
    (lambda: ArrayField("string"), "element is 'string', not a field", "ArrayField(StringField())"),
    (lambda: StructField({}), "fields is {}", 'StructField({"street"'),
    (lambda: StructField([("a", StringField())]), "not a dict of names and fields", 'StructField({"street"'),
    (lambda: StructField({"a": int}), "`a` is <class 'int'>, not a field", 'StructField({"street"'),
    (lambda: StructField({"a b": StringField()}), "'a b' is not a name", 'StructField({"street"'),
    (
        lambda: StructField({"Zip": StringField(), "zip": StringField()}),
        "`Zip` and `zip` are one name",
        "another name",
    ),
    (lambda: MapField(ArrayField(StringField()), StringField()), "a key of type array<string>", "plain type"),
    (lambda: MapField(StringField(), LongField), "value is the class LongField", "write LongField()"),
    (lambda: DateField(format="%d.%m.%Y"), "not a Spark datetime pattern", 'format="dd.MM.yyyy"'),
    (lambda: TimestampField(format=""), "format is '', not a Spark", 'format="dd.MM.yyyy HH:mm"'),
]


@pytest.mark.parametrize(("make", "message", "fix"), BAD, ids=[message for _, message, _ in BAD])
def test_a_mistake_says_what_is_wrong_and_what_to_write(make, message: str, fix: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        make()
    assert fix in (caught.value.fix or "")


@given(st.dictionaries(st.text(), st.integers()))
def test_a_frozen_map_is_the_dict_it_was_made_of(items: dict[str, int]) -> None:
    frozen = FrozenMap(items)
    assert frozen == items
    assert list(frozen) == list(items)
    assert hash(frozen) == hash(FrozenMap(items))
    assert frozen != "something else"

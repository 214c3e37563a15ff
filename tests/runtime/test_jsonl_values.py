from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.jsonl_rules import as_json
from alur_nb.runtime.jsonl_values import RecordRules, _decoder
from alur_nb.runtime.types import (
    ArrayField,
    BooleanField,
    DateField,
    DecimalField,
    Field,
    IntegerField,
    MapField,
    StringField,
    StructField,
)


def parse(line: str, unknown: str = "error", **fields: Field):  # type: ignore[no-untyped-def]
    return RecordRules("bronze.orders", fields, unknown)(line)


def reason(line: str, **fields: Field) -> str:
    ((_, told),) = parse(line, **fields)[2]
    return str(told)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("", "ends inside of the record"),
        ('{"a": 1', "ends inside of the record"),
        ('{"a": "x', "ends inside of the record"),
        ('{"a": 1}}', "no JSON at character 9: Extra data"),
        ('{"a": 1} {"a": 2}', "no JSON at character 10"),
        ("{'a': 1}", "no JSON at character 2"),
        ('{"a": 01}', "no JSON at character"),
        ('{"a": +1}', "no JSON at character"),
        ('{"a": "x\ty"}', "no JSON at character"),
        ('{"a": Infinity}', "`Infinity` is no JSON"),
        ('{"a": -Infinity}', "`-Infinity` is no JSON"),
        ('\ufeff{"a": 1}', "no JSON at character 1"),
        ('"a"', "the line is a text, not an object"),
        ("5", "the line is a number, not an object"),
        ('{"b": {"x": 1, "x": 1}}', "the key `x` stands twice"),
    ],
)
def test_what_is_no_record_says_where(line: str, fragment: str) -> None:
    assert fragment in reason(line, a=IntegerField())


def test_every_fault_of_a_record_is_told() -> None:
    told = parse('{"a": 1.5, "b": 5}', a=IntegerField(), b=StringField(), c=DateField(nullable=False))[2]
    assert [column for column, _ in told] == ["a", "b", "c"]


def test_keys_of_maps_have_types() -> None:
    fields = {"m": MapField(IntegerField(), BooleanField())}
    assert parse('{"m": {"1": true, "-2": null}}', **fields)[0] == ({1: True, -2: None},)
    assert reason('{"m": {"x": true}}', **fields) == '`"x"` is a text, not a whole number'
    assert (
        reason('{"m": {"1": true, "1.5": null}}', **fields)
        == "`1.5` is not written as a whole number: declare double"
    )
    assert reason('{"m": {" ": 1}}', m=MapField(DateField(), IntegerField())).startswith("` ` is no key")
    same = '{"m": {"2024-01-31": 1, " 2024-01-31": 2}}'
    assert "one with another key" in reason(same, m=MapField(DateField(), IntegerField()))


def test_where_a_value_is_wrong_inside_is_told_step_by_step() -> None:
    fields = {"a": ArrayField(StructField({"b": MapField(StringField(), DecimalField(3, 1))}))}
    assert (
        reason('{"a": [{"b": {}}, {"b": {"k": 1.25}}]}', **fields)
        == "[1]: b: k: `1.25` has more than 1 decimal place"
    )


def test_rescued_keys_inside_have_their_path() -> None:
    values, rescued, told = parse(
        '{"a": [{"x": 1, "y": 2.50}], "z": [1.0]}', "rescue", a=ArrayField(StructField({"x": IntegerField()}))
    )
    assert (values, told) == (([(1,)],), [])
    assert rescued == '{"z": [1.0], "a[0].y": 2.50}'


def test_rescued_keys_that_fall_together_are_refused() -> None:
    line = '{"s.y": 1, "s": {"y": 2}}'
    told = parse(line, "rescue", s=StructField({"x": IntegerField()}))[2]
    assert told == [("s", "two keys to be rescued are one by name: `s.y`")]


def test_the_rules_travel_to_workers_also_after_they_were_used() -> None:
    rules = RecordRules(
        "bronze.orders", {"id": IntegerField(), "m": StructField({"n": StringField()})}, "error"
    )
    expected = rules('{"id": 1, "m": {"n": "x"}}')
    assert pickle.loads(pickle.dumps(rules))('{"id": 1, "m": {"n": "x"}}') == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_rescued_is_the_very_value(value: object) -> None:
    text = json.dumps(value)
    assert json.loads(as_json(_decoder().decode(text))) == value


@given(st.text(), st.sampled_from(["error", "ignore", "rescue"]))
def test_any_line_is_a_row_or_has_a_reason(line: str, unknown: str) -> None:
    found, _, told = parse(line, unknown, a=IntegerField(nullable=False))
    assert (found[0] is not None) != bool(told)

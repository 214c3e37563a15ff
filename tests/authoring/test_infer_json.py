"""Types for JSON's values: numbers are no texts here, lists and objects have types of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb.authoring.infer_columns import Gathered
from alur_nb.authoring.infer_json import choose_json_column
from alur_nb.authoring.infer_types import Choice
from alur_nb.runtime.jsonl import bind_keys
from alur_nb.runtime.jsonl_values import RecordRules
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import columns, declared, inferred, types
from tests.conftest import Land


def chosen(*texts: str, name: str = "x") -> Choice | str:
    """Choose a type for values as JSON writes them."""
    decode = RecordRules("", {}, "ignore").decoder.decode
    return choose_json_column(name, Gathered(["x"], 1, len(texts), [decode(text) for text in texts]))


def kind(*texts: str, name: str = "x") -> str:
    choice = chosen(*texts, name=name)
    assert isinstance(choice, Choice)
    pattern = getattr(choice.wanted, "format", None)
    return f"{choice.wanted.ddl} {pattern}" if pattern else choice.wanted.ddl


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "-5"], "int"),
        (["10000000000"], "bigint"),
        (["12345678901234567890"], "decimal(38,0)"),
        (["1" + "0" * 40], "double"),
        (["1.25", "3"], "decimal(10,2)"),
        (["1.5", "2.25"], "double"),
        (["1e3"], "double"),
        (["20240131"], "int"),
        (["true", "false"], "boolean"),
        (['"true"'], "string"),
        (['"5"', '"7"'], "string"),
        (['"2024-01-31"'], "date"),
        (['"2024-01-31"', '""'], "date"),
        (['"2024-01-31T10:00:00Z"'], "timestamp"),
        (['"31.01.2024"'], "date dd.MM.yyyy"),
        (['""'], "string"),
        (["[]"], "array<string>"),
        (["[1, 2]", "[null]"], "array<int>"),
        (["[[true]]"], "array<array<boolean>>"),
        (['{"a": 1, "B c": "x"}', '{"a": null}'], "struct<a:int,b_c:string>"),
        (['{"a": {"b": [1.5]}}'], "struct<a:struct<b:array<double>>>"),
        (["{}"], "map<string,string>"),
        (['{"a": "2024-01-31", "b": "31.01.2024"}'], "struct<a:date,b:string>"),
        (['["31.01.2024"]'], "array<string>"),
        (['{"1": "31.01.2024"}'], "map<string,string>"),
        (['{"1": 1, "2": 2}'], "map<string,int>"),
        (['{"a": 1, "A": 2}'], "map<string,int>"),
    ],
)
def test_a_value_says_its_type(texts: list[str], expected: str) -> None:
    assert kind(*texts, name="order_date") == expected


def test_many_keys_are_a_map() -> None:
    members = ", ".join(f'"k{number}": {number}' for number in range(60))
    choice = chosen(f"{{{members}}}")
    assert isinstance(choice, Choice)
    assert (choice.wanted.ddl, choice.notes[-1]) == ("map<string,int>", "a map: 60 different keys")


def test_an_order_of_day_and_month_that_is_not_sure_stays_text() -> None:
    choice = chosen('"01/02/2024"')
    assert isinstance(choice, Choice)
    assert choice.wanted.ddl == "string"
    assert "no value rules one of them out" in choice.doubts[0]


@pytest.mark.parametrize(
    ("texts", "misfits", "said"),
    [
        (["1", "2", '"n/a"'], {'"n/a"': 1}, "a number, but 1 times a text: no type takes both"),
        (['{"a": 1}', '{"a": 2}', '{"a": "x"}'], {'"x"': 1}, "a: a number, but 1 times a text"),
        (['"a"', '"\\ud83d"'], {"'\\ud83d'": 1}, "1 of 2 would be rejected as string"),
    ],
)
def test_values_that_no_type_takes_are_named(texts: list[str], misfits: dict[str, int], said: str) -> None:
    choice: Any = chosen(*texts)
    assert choice.misfits == misfits
    assert any(said in doubt for doubt in choice.doubts)


def test_what_no_type_holds_is_left_out_with_the_reason() -> None:
    choice = chosen('{"1": 1, "2": "x"}')
    assert isinstance(choice, str)
    assert "--extra-columns ignore" in choice
    assert chosen('[{"1": 1, "2": "x"}]') == choice
    assert chosen('{"a": {"1": 1, "2": "x"}}') == f"a: {choice}"


def test_values_inside_of_lists_are_not_counted_among_the_rows() -> None:
    choice = chosen('[1, 2, "x", "y", "z"]', "[1, 2, 3, 4]")
    assert isinstance(choice, Choice)
    assert choice.doubts[0] == '3 inside of it would be rejected as array<int>: `"x"`, `"y"`, `"z"`'


@pytest.mark.parametrize(("depth", "is_held"), [(50, True), (51, False), (900, False)])
def test_what_is_nested_too_deeply_is_left_out(depth: int, is_held: bool) -> None:
    assert isinstance(chosen("[" * depth + "]" * depth), Choice) == is_held
    assert isinstance(chosen('{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)), Choice) == is_held


def test_a_key_with_half_of_a_character_is_left_out(workspace: Workspace, land: Land) -> None:
    land("halves.jsonl", '{"a\\ud800": 1, "b": 1, "c": "\\udc00"}\n')
    found = inferred(workspace, "halves.jsonl")
    assert {name: one.type_text for name, one in columns(found).items()} == {
        "a": "left out",
        "b": "int not null",
        "c": "string",
    }
    assert b"spelled `a\\ud800`" in str(found).encode()
    assert json.dumps(found.to_dict(), ensure_ascii=False).encode()


def test_a_pattern_inside_of_an_object_is_named(workspace: Workspace, land: Land) -> None:
    land("days.jsonl", '{"a": {"d": "31.01.2024"}, "b": "31.01.2024"}\n')
    found = inferred(workspace, "days.jsonl")
    assert types(found) == {"a": "struct<d:string> not null", "b": 'date not null format="dd.MM.yyyy"'}
    assert columns(found)["a"].doubts == (
        "d: dd.MM.yyyy would need format=, which only a column of its own has: taken for text",
    )
    # What reads the keys refuses a contract that it cannot keep.
    assert bind_keys(("a", "b"), declared(found.cell)).columns == ("a", "b")

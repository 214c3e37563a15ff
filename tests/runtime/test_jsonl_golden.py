"""The golden table on JSON lines: where a cell can be written in JSON, it becomes what it becomes in CSV."""

from __future__ import annotations

import re

import pytest

from alur_nb.runtime.jsonl_values import RecordRules
from alur_nb.runtime.types import BinaryField, DateField, StringField, TimestampField
from tests.golden.text_to_value import GOLDEN, JSON_ONLY, Rejected
from tests.golden.text_to_value import json_spelling as spelled
from tests.runtime.test_csv_golden import same

PLAIN = [kind for kind in GOLDEN if not kind.startswith("german")]
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def read_one(kind: str, written: str) -> object:
    """Return the value, or `Rejected` with the reason, of one JSON text in a column of this kind."""
    field = GOLDEN[kind][0]
    values, _, reasons = RecordRules("bronze.orders", {"value": field}, "error")('{"value": ' + written + "}")
    return Rejected(reasons[0][1]) if reasons else values[0]


def applies(kind: str, cell: str) -> str | None:
    """Return the cell as JSON, None where JSON has no such thing: a comma in a number, a quote alone."""
    return spelled(GOLDEN[kind][0], cell)


@pytest.mark.parametrize("kind", PLAIN)
def test_what_the_golden_table_says_of_a_text_holds_for_json(kind: str) -> None:
    wrong = []
    for cell, expected, why in GOLDEN[kind][1]:
        written = applies(kind, cell)
        if written is not None and not same(found := read_one(kind, written), expected):
            wrong.append((cell, written, why, found))
    assert wrong == []


def test_a_good_part_of_the_table_applies() -> None:
    applied = [cell for kind in PLAIN for cell, _, _ in GOLDEN[kind][1] if applies(kind, cell) is not None]
    assert len(applied) > 150


@pytest.mark.parametrize("kind", list(JSON_ONLY))
def test_what_only_json_can_say(kind: str) -> None:
    wrong = [
        (written, why, found)
        for written, expected, why in JSON_ONLY[kind]
        if not same(found := read_one(kind, written), expected)
    ]
    assert wrong == []


def test_texts_of_times_and_bytes_are_in_quotes() -> None:
    quoted = (StringField, DateField, TimestampField, BinaryField)
    for kind in PLAIN:
        if not isinstance(GOLDEN[kind][0], quoted):
            assert all(NUMBER.fullmatch(cell) for cell in [applies(kind, "5")] if cell)

"""Cells of a preview: what a value looks like, and how much is shown of too many."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.authoring.preview_cells import (
    FULL,
    MAX_BYTES,
    Limits,
    cut_out,
    first,
    fitted,
    is_number,
    is_numeric,
    printable,
    profile_facts,
    sentence,
    value_text,
)
from alur_nb.authoring.preview_facts import Bin, ColumnProfile


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("", "''"),
        ("null", "'null'"),
        ("NULL", "'NULL'"),
        (" a", "' a'"),
        ("a", "a"),
        ("a\nb", "a\\nb"),
        (True, "true"),
        (1, "1"),
        (1.5, "1.5"),
        (Decimal("0E-10"), "0.0000000000"),
        (date(2024, 1, 2), "2024-01-02"),
        (b"\x00\xff", "0x00ff"),
        ({"a": None, "b": "null"}, "{a: null, b: 'null'}"),
        ([1, None, ""], "[1, null, '']"),
        ("x" * 61, "x" * 59 + "…"),
        ("<script>", "<script>"),
        ("שלום", "שלום"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[2J", "\\x1b[2J"),
    ],
)
def test_a_value_is_told_from_what_looks_like_it(value: object, text: str) -> None:
    assert value_text(value) == text


@given(st.one_of(st.text(), st.binary(), st.none(), st.floats(), st.lists(st.text())), st.integers(5, 80))
def test_a_cell_is_one_printable_line_of_its_width(value: object, width: int) -> None:
    text = value_text(value, width)
    assert len(text) <= width + 2
    assert printable(text) == text
    assert text


def test_a_long_cell_costs_no_more_than_a_short_one() -> None:
    assert value_text("\x00" * 10_000_000).endswith("…")


def test_what_stands_to_the_right() -> None:
    assert [is_number(value) for value in (1, 1.5, Decimal(1), True, "1", None)] == [True] * 3 + [False] * 3
    kinds = ("int", "decimal(10,2)", "double", "string", "interval day", "array<int>")
    assert [is_numeric(kind) for kind in kinds] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("bytes_at", "step"), [({1: 10}, 1), ({1: 300_000, 2: 10}, 2), ({}, 16)])
def test_limits_narrow_until_it_fits(bytes_at: dict[int, int], step: int) -> None:
    seen: list[Limits] = []

    def render(limits: Limits) -> str:
        seen.append(limits)
        return "x" * bytes_at.get(2 ** (len(seen) - 1), MAX_BYTES + 1)

    fitted(render)
    assert seen[-1] == FULL.less(step)


def test_no_limit_narrows_to_nothing() -> None:
    assert all(value > 0 for value in dataclasses.astuple(FULL.less(1_000_000)))


def test_what_is_left_out_is_counted_and_named() -> None:
    names = [f"c{number}" for number in range(20)]
    assert first(names, 20, "column") == (names, "")
    assert first(names, 18, "column")[1] == "and 2 more columns: c18, c19"
    assert first(names, 2, "column") == (["c0", "c1"], "and 18 more columns: c2, c3, c4, c5, c6, ...")
    assert sentence("x" * 2_010, FULL).endswith("xx… (and 10 more characters)")


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("`x` is not a whole number", "x"),
        ("2 values, the header has 3 columns", None),
        ("`` is", ""),
        ("see `x`", None),
    ],
)
def test_the_value_is_cut_out_of_its_reason(reason: str, value: str | None) -> None:
    assert cut_out(reason) == value


def test_the_words_of_a_profile() -> None:
    spread = tuple(Bin(f"{n} to {n + 1}", rows) for n, rows in enumerate((1, 0, 8)))
    one = ColumnProfile("a", "int", 10, 1, 12, least=0, greatest=3, bins=spread, is_range=True)
    many = ColumnProfile("a", "int", 10_000, 1, 12, least=0, greatest=3, bins=spread, is_range=True)
    assert profile_facts(one) == ("1 (10.0%)", "12", "▁·█ 1, 0, 8 in 3 equal parts from 0 to 3")
    apart = "▁·█ 1, 0, 8 in 3 equal parts from 0 to 3; 9,990 rows with NaN or infinity in none of them"
    assert profile_facts(many) == ("1 (under 0.1%)", "12", apart)
    texts = ColumnProfile("a", "string", 4, 1, 9, True, bins=(Bin("", 2), Bin("b", 1)))
    assert profile_facts(texts) == ("1 (25.0%)", "about 9", "'' 2, b 1, 7 more values")
    assert profile_facts(ColumnProfile("a", "string", 3, 0, 3))[2] == "all different"
    assert profile_facts(ColumnProfile("a", "string", 0, 0, 0)) == ("0", "0", "")

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.globs import (
    glob_regex,
    is_hidden,
    is_inside_hidden,
    literal_start,
    nearest,
    split_pattern,
)


@given(st.text(alphabet="ab[]{}*?,!.-_ é", min_size=1, max_size=12).filter(lambda name: "/" not in name))
def test_a_glob_without_wildcards_matches_only_itself(name: str) -> None:
    if not re.search(r"[*?\[{]", name):
        assert re.fullmatch(glob_regex(name), name)
        assert not re.fullmatch(glob_regex(name), name + "x")
    assert re.compile(glob_regex(name))


@pytest.mark.parametrize(
    ("pattern", "fixed", "wild", "start"),
    [
        ("orders/*.csv", "orders", "*.csv", ""),
        ("orders/2024/day-[0-9].csv", "orders/2024", "day-[0-9].csv", "day-"),
        ("orders/1.csv", "orders", "1.csv", "1.csv"),
        ("*.csv", "", "*.csv", ""),
        ("a{b,c}/d/*", "", "a{b,c}/d/*", "a"),
        ("/data/*.csv", "/data", "*.csv", ""),
        ("/*.csv", "/", "*.csv", ""),
    ],
)
def test_a_pattern_begins_with_what_holds_no_wildcard(
    pattern: str, fixed: str, wild: str, start: str
) -> None:
    assert split_pattern(pattern) == (fixed, wild)
    assert literal_start(wild) == start


@given(st.text(alphabet="ab/*?[]{},", min_size=1, max_size=10), st.text(alphabet="ab/,", max_size=6))
def test_every_match_begins_with_the_literal_start(pattern: str, name: str) -> None:
    if re.fullmatch(glob_regex(pattern), name):
        assert name.startswith(literal_start(pattern))


PATHS = ("orders/1.csv", "orders/2.csv", "customers.csv", "both/1.jsonl.gz")


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("order/*.csv", ["orders/*.csv"]),
        ("data/orders/*.csv", ["orders/*.csv"]),
        ("customer.csv", ["customers.csv"]),
        ("both/*.jsonl", ["both/*.jsonl.gz"]),
        ("nothing/like/it", []),
    ],
)
def test_a_pattern_that_matches_nothing_is_likened_to_what_is_there(pattern: str, meant: list[str]) -> None:
    assert nearest(pattern, PATHS)[:1] == meant


@given(st.text(alphabet="a./_\n", max_size=8))
def test_a_path_is_inside_of_what_is_hidden_where_a_part_of_it_is(path: str) -> None:
    assert is_inside_hidden(path) == any(map(is_hidden, path.split("/")))

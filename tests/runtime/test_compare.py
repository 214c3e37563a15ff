"""A listing compared with what was loaded, and what a run keeps of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb import files
from alur_nb.runtime.compare import Comparison, PlannedFile, Status, compared, scan
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.input_history import Known
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.supersede import NOTHING, Superseded


def file(path: str, version: str = "1") -> SourceFile:
    return SourceFile(path, f"file:///{path}", 1, version, version, datetime(2026, 1, 1, tzinfo=UTC))


def comparison(
    selection: Selection = ALL_NEW, superseded: Superseded = NOTHING, *, every: bool = False
) -> Comparison:
    return Comparison(selection, superseded, first_batch=False, every=every)


@pytest.mark.parametrize(
    ("outcome", "version", "retry", "status"),
    [
        (None, "1", False, "new"),
        ("loaded", "1", False, "done"),
        ("loaded", "1", True, "done"),
        ("loaded", "2", False, "changed"),
        ("skipped", "1", False, "skipped"),
        ("skipped", "1", True, "new"),
        ("skipped", "2", False, "new"),
    ],
)
def test_what_the_ledger_makes_of_a_file(
    outcome: str | None, version: str, *, retry: bool, status: Status
) -> None:
    known = Known("a.csv", "1", None, outcome, None) if outcome else None
    assert compared(file("a.csv", version), known, retry=retry).status == status


class Patterns:
    """A landing zone in which each pattern matches what it lists, separated by blanks."""

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        yield from map(file, pattern.split())


def test_a_file_of_two_patterns_is_one_file() -> None:
    landing: Any = Patterns()
    found = scan(landing, files(["b.csv a.csv", "a.csv c.csv"], source_system="shop"))
    assert [one.path for one in found] == ["b.csv", "a.csv", "c.csv"]


def test_what_is_done_is_counted_and_not_kept() -> None:
    brief, whole = comparison(), comparison(every=True)
    statuses: tuple[Status, ...] = ("done", "new", "skipped", "changed")
    for taken in (brief, whole):
        for number, status in enumerate(statuses):
            taken.add(PlannedFile(file(f"{number}.csv"), status))
    assert brief.listed == whole.listed == 4
    assert [one.status for one in brief.files()] == ["new", "skipped", "changed"]
    assert [one.status for one in whole.files()] == ["done", "new", "skipped", "changed"]


def test_what_is_not_asked_for_is_left_out_with_its_reason() -> None:
    taken = comparison(Selection(since=date(2024, 1, 2)), every=True)
    for name in ("2024-01-01.csv", "2024-01-02.csv"):
        taken.add(PlannedFile(file(name), "new"))
    assert [(one.status, one.reason) for one in taken.files()] == [
        ("left_out", "of 2024-01-01, before --since 2024-01-02"),
        ("new", None),
    ]
    assert taken.notes() == ["1 file left for later runs: of 2024-01-01, before --since 2024-01-02."]


def test_many_reasons_are_told_as_one_number() -> None:
    taken = comparison(Selection(since=date(2024, 2, 1)))
    for number in range(1, 10):
        taken.add(PlannedFile(file(f"2024-01-0{number}.csv"), "new"))
    assert taken.files() == []
    assert taken.notes() == ["9 files left for later runs."]


def test_a_replay_takes_the_inputs_of_its_batch_alone() -> None:
    taken = comparison(superseded=Superseded(frozenset({"1"}), frozenset({("file", "a.csv")})), every=True)
    for name in ("a.csv", "b.csv"):
        taken.add(PlannedFile(file(name), "new"))
    assert Counter(one.status for one in taken.files()) == {"new": 1, "left_out": 1}


@given(
    days=st.lists(st.integers(1, 200), unique=True, min_size=1),
    limit=st.integers(1, 30),
    every=st.booleans(),
)
def test_the_oldest_are_kept_in_whatever_order_they_come(days: list[int], limit: int, *, every: bool) -> None:
    taken = comparison(Selection(max_files=limit), every=every)
    for number in random.Random(1).sample(days, len(days)):
        taken.add(PlannedFile(file(f"{date.fromordinal(738_000 + number)}.csv"), "new"))
    ordered = [f"{date.fromordinal(738_000 + number)}.csv" for number in sorted(days)]
    kept = taken.files()
    assert [one.file.path for one in kept if one.status == "new"] == ordered[:limit]
    assert [one.file.path for one in kept if one.status != "new"] == (ordered[limit:] if every else [])
    assert len(taken.notes()) == (len(days) > limit)

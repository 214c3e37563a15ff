"""Failing rows as the ledger keeps them: plain, cut, and few enough for one item."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from alur_nb.runtime.checks import Severity
from alur_nb.runtime.examples import MAX_EXAMPLES, for_ledger, plain
from alur_nb.runtime.quality import CheckResult


def failed(name: str, *rows: dict[str, object]) -> CheckResult:
    return CheckResult(name, Severity.WARN, False, "some", "m" * 5_000, rows)


def test_values_become_what_json_holds() -> None:
    row = {
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "price": Decimal("1.50"),
        "ratio": float("nan"),
        "bytes": bytearray(b"\x00\xff"),
        "tags": ["a", {"b": Decimal(1)}],
        "none": None,
        "fine": True,
    }
    assert json.loads(json.dumps(plain(row), allow_nan=False)) == {
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:00+00:00",
        "price": "1.50",
        "ratio": "nan",
        "bytes": "00ff",
        "tags": ["a", {"b": "1"}],
        "none": None,
        "fine": True,
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_a_moment_is_told_in_utc_whatever_this_process_has_for_a_clock(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2010, 8, 14, tzinfo=UTC)
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            # As Spark makes it: by the clock of the process, without a zone.
            assert plain(datetime.fromtimestamp(moment.timestamp())) == "2010-08-14T00:00:00+00:00"
    finally:
        time.tzset()


def test_long_values_are_cut_and_say_how_long_they_were() -> None:
    assert plain("x" * 3_000) == "x" * 200 + "... (3,000 characters)"
    assert len(plain(list(range(500)))) == MAX_EXAMPLES


def test_no_more_than_twenty_and_not_more_than_an_item_holds() -> None:
    (kept,) = for_ledger([failed("few", *({"id": n} for n in range(90)))])
    assert [row["id"] for row in kept["examples"]] == list(range(MAX_EXAMPLES))
    assert len(kept["message"]) < 1_100
    wide = {f"c{n}": "y" * 900 for n in range(300)}
    many = for_ledger([failed(f"check {n}", *([wide] * 90)) for n in range(5)] + [failed("bare")])
    assert len(json.dumps(many)) < 200_000
    assert [len(one["examples"]) for one in many] == [0, 0, 0, 0, 0, 0], "one such row is more than a share"

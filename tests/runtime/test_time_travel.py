"""Which state of a table is meant, and what can still be read of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from alur_nb.runtime.errors import LedgerError, SettingsError, StorageError
from alur_nb.runtime.iceberg_metadata import Snapshot, StoredTable
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.tables import Table
from alur_nb.runtime.time_travel import Version, _refuse_gone, _snapshot, live_at, version_at
from alur_nb.runtime.types import LongField

if TYPE_CHECKING:
    from alur_nb.runtime.time_travel import At

DAY = datetime(2026, 11, 20, tzinfo=UTC)
ORDERS = Table("bronze", "orders", "OrdersBronze", {"id": LongField()})


def batch(
    number: int, state: State = State.COMMITTED, *, supersedes: tuple[str, ...] = (), **days: int
) -> Batch:
    """A batch whose states came so many days after the first day."""
    times = {name: (DAY + timedelta(days=day)).isoformat() for name, day in days.items()}
    one = Batch("bronze.orders", f"{number:08d}-0001", state, number, "p", "r", supersedes=supersedes)
    return replace(one, times=times)


# The first day's is loaded anew on the fourth day; the second is rolled back on the third; the fifth was aborted.
BATCHES = [
    batch(1, committed=0),
    batch(2, State.ROLLED_BACK, committed=1, rolled_back=2),
    batch(4, committed=3, supersedes=("00000001-0001",)),
    batch(5, State.ABORTED, aborted=4),
]


def numbers(batches: tuple[Batch, ...] | list[Batch]) -> list[int]:
    return [one.epoch for one in batches]


@pytest.mark.parametrize(
    ("day", "expected"), [(-1, []), (0, [1]), (0.5, [1]), (1, [1, 2]), (2, [1]), (3, [4]), (9, [4])]
)
def test_what_was_live_at_a_moment(day: float, expected: list[int]) -> None:
    assert numbers(live_at(BATCHES, DAY + timedelta(days=day))) == expected


@pytest.mark.parametrize(
    ("at", "label", "expected"),
    [
        (None, "now", [4]),
        ("now", "now", [4]),
        ("00000001-0001", "batch 00000001-0001", [1]),
        ("2", "batch 00000002-0001", [1, 2]),
        (2, "batch 00000002-0001", [1, 2]),
        ("2026-11-20", "2026-11-20 00:00:00 UTC", [1]),
        ("2026-11-21T01:00:00+02:00", "2026-11-20 23:00:00 UTC", [1]),
        ("2026-11-21 00:00", "2026-11-21 00:00:00 UTC", [1, 2]),
        (date(2026, 11, 19), "2026-11-19 00:00:00 UTC", []),
        (DAY, "2026-11-20 00:00:00 UTC", [1]),
        (datetime(2026, 11, 23), "2026-11-23 00:00:00 UTC", [4]),
        (8_345_678_901_234_567_890, "snapshot 8345678901234567890", []),
        ("8345678901234567890", "snapshot 8345678901234567890", []),
    ],
)
def test_a_state_is_named_in_many_ways(at: At, label: str, expected: list[int]) -> None:
    version = version_at(BATCHES, "bronze.orders", at)
    assert (version.label, numbers(version.batches)) == (label, expected)


@pytest.mark.parametrize("at", ["yesterday", "3", "00000001-0002", "2026-13-01", 3])
def test_what_names_no_state_is_told(at: At) -> None:
    with pytest.raises(
        SettingsError, match=r"is no batch of bronze.orders, no moment and no snapshot"
    ) as caught:
        version_at(BATCHES, "bronze.orders", at)
    assert "alur history bronze.orders" in str(caught.value.fix)


def test_a_mistyped_batch_is_suggested() -> None:
    with pytest.raises(SettingsError, match="did you mean `00000001-0001`"):
        version_at(BATCHES, "bronze.orders", "0000001-0001")


def test_a_batch_that_was_never_there_shows_nothing() -> None:
    with pytest.raises(
        LedgerError, match=r"00000005-0001 of bronze.orders was never committed: it is ABORTED"
    ):
        version_at(BATCHES, "bronze.orders", "5")


@pytest.mark.parametrize(
    ("at", "why"), [("2", "00000001-0001 was loaded anew"), ("00000001-0001", "loaded anew")]
)
def test_parquet_that_was_taken_out_since_cannot_be_read(at: str, why: str) -> None:
    with pytest.raises(StorageError, match=why) as caught:
        _refuse_gone(ORDERS, BATCHES, version_at(BATCHES, "bronze.orders", at))
    assert "its rows are deleted" in caught.value.message


def test_parquet_whose_batches_are_all_live_can_be_read() -> None:
    _refuse_gone(ORDERS, BATCHES, version_at(BATCHES, "bronze.orders", "2026-11-23"))
    _refuse_gone(ORDERS, BATCHES, version_at(BATCHES, "bronze.orders", "2026-11-01"))


def stored(*days: int) -> StoredTable:
    snapshots = tuple(Snapshot(10 + day, DAY + timedelta(days=day), "append") for day in days)
    log = tuple((one.at, one.id) for one in snapshots)
    return StoredTable((), current=snapshots[-1].id if snapshots else None, snapshots=snapshots, history=log)


@pytest.mark.parametrize(
    ("table", "version", "expected"),
    [
        (stored(0, 1), Version("now", tuple(BATCHES[:1])), 11),
        (stored(), Version("now"), None),
        (stored(0, 1), Version("a moment", tuple(BATCHES[:1]), DAY), 10),
        (stored(1), Version("a moment", (), DAY), None),
        (stored(0, 1), Version("snapshot 10", snapshot=10), 10),
    ],
)
def test_the_snapshot_of_a_state(table: StoredTable, version: Version, expected: int | None) -> None:
    assert _snapshot(ORDERS, table, version) == expected


def test_a_snapshot_that_expired_is_told_with_what_is_left() -> None:
    with pytest.raises(StorageError, match="its snapshot has expired") as caught:
        _snapshot(ORDERS, stored(1), Version("then", tuple(BATCHES[:1]), DAY))
    assert str(caught.value.fix) == "It can be read as it was since 2026-11-21 00:00:00 UTC."
    with pytest.raises(
        StorageError, match="has no snapshot 99: it has expired, or was never there"
    ) as caught:
        _snapshot(ORDERS, stored(1), Version("snapshot 99", snapshot=99))
    assert "Those that are there: 11." in str(caught.value.fix)

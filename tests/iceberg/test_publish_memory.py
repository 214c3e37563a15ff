"""The protocol over tables in memory, by the thousand: crashes between any two steps, zombies, compactions, replays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.runtime import iceberg
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.iceberg import MovedError
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.write_modes import Publication
from tests.crash.iceberg import MemoryTable
from tests.iceberg.oracle import Merged, Row

APPEND = Publication("iceberg", "append")
WHOLE = Publication("iceberg", "overwrite")
MERGE = Publication("iceberg", "merge", key=("k",), sequence_by="at", delete_when="v = 'gone'")

ROWS = st.lists(
    st.builds(Row, k=st.integers(0, 2), at=st.integers(0, 5), v=st.sampled_from(["a", "b", "gone"])),  # type: ignore[arg-type]
    min_size=1,
    max_size=4,
    unique_by=lambda row: (row.k, row.at),
)
# What happens around one batch, in this order: an owner dies before or after its commit, others wake, files move.
TROUBLE = st.lists(
    st.sampled_from(["pins and sleeps", "dies after the commit", "compaction", "a sleeper wakes"]), max_size=5
)


class World:
    """One table, a ledger of its batches, and owners that have pinned and read, and sleep."""

    def __init__(self, how: Publication) -> None:
        self.how, self.batches, self.rows = how, dict[str, Batch](), dict[str, list[Row]]()
        self.table = MemoryTable(lambda batch: [row._asdict() for row in self.rows[batch.id]])
        self.sleepers: list[tuple[str, Batch]] = []

    def seal(self, rows: list[Row]) -> str:
        batch_id = f"{len(self.batches) + 1:08d}-0001"
        self.rows[batch_id] = rows
        self.batches[batch_id] = Batch(
            "silver.t", batch_id, State.SEALED, 1, "p", "r", data_prefix="x", publication=self.how
        )
        return batch_id

    def suffer(self, batch_id: str, trouble: str) -> None:
        if trouble == "compaction":
            self.table.compact()
        elif trouble == "pins and sleeps":
            self.sleepers.append((self.table.pin(), self.batches[batch_id]))
        elif trouble == "dies after the commit":
            assert iceberg.publish(self.table, lambda: self.batches[batch_id])
        elif self.sleepers:
            pin, batch = self.sleepers.pop()
            try:
                iceberg._commit(self.table, pin, batch)
            except MovedError:
                iceberg.publish(self.table, lambda: self.batches[batch.id])

    def load(self, rows: list[Row], troubles: list[str]) -> str:
        batch_id = self.seal(rows)
        for trouble in troubles:
            self.suffer(batch_id, trouble)
        assert iceberg.publish(self.table, lambda: self.batches[batch_id])
        self.batches[batch_id] = replace(self.batches[batch_id], state=State.COMMITTED)
        return batch_id

    def wake_all(self) -> None:
        while self.sleepers:
            self.suffer("", "a sleeper wakes")

    def found(self) -> Counter[tuple[Any, ...]]:
        return Counter((row["k"], row["at"], row["v"]) for row in self.table.now.rows)


def wanted(how: Publication, batches: list[list[Row]]) -> Counter[tuple[Any, ...]]:
    if how.mode == "append":
        return Counter(tuple(row) for rows in batches for row in rows)
    if how.mode == "overwrite":
        return Counter(map(tuple, batches[-1]))
    oracle = Merged()
    for rows in batches:
        oracle.take(rows)
    return Counter(oracle.result())


@pytest.mark.slow
@pytest.mark.parametrize("how", [APPEND, WHOLE, MERGE], ids=lambda how: how.mode)
@settings(max_examples=300, deadline=None)
@given(batches=st.lists(st.tuples(ROWS, TROUBLE), min_size=1, max_size=4))
def test_each_batch_counts_once_whatever_happens_to_those_who_publish_it(
    how: Publication, batches: list[tuple[list[Row], list[str]]]
) -> None:
    world = World(how)
    for rows, troubles in batches:
        world.load(rows, troubles)
    world.wake_all()
    assert world.found() == wanted(how, [rows for rows, _ in batches])


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(batches=st.lists(st.tuples(ROWS, TROUBLE), min_size=1, max_size=4), data=st.data())
def test_what_is_rolled_back_stays_away(
    batches: list[tuple[list[Row], list[str]]], data: st.DataObject
) -> None:
    world, kept = World(APPEND), []
    for rows, troubles in batches:
        batch_id = world.load(rows, troubles)
        if data.draw(st.booleans()):
            world.batches[batch_id] = replace(world.batches[batch_id], state=State.ROLLED_BACK)
            world.table.delete(batch_id)
        else:
            kept.append(rows)
    world.wake_all()
    assert world.found() == wanted(APPEND, kept)


def test_a_refusal_of_a_table_that_has_not_changed_is_told_and_not_tried_for_ever() -> None:
    class Refusing(MemoryTable):
        def append(self, pin: str, batch: Batch) -> None:
            raise MovedError("no")

    world = World(APPEND)
    batch_id = world.seal([])
    with pytest.raises(StorageError, match="although the table has not changed: no"):
        iceberg.publish(Refusing(lambda batch: []), lambda: world.batches[batch_id])

"""PROTOCOL's Iceberg publishes on real Iceberg: two recoverers that race, a compaction in between, a zombie after a rollback.

An owner is stopped where it has pinned and read, or just before it commits, and the world goes on; then it wakes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from alur_nb.runtime import iceberg
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.iceberg import MovedError
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.write_modes import Publication
from tests.iceberg.conftest import Bench

pytestmark = pytest.mark.slow

APPEND = Publication("iceberg", "append")
WHOLE = Publication("iceberg", "overwrite")
PLACES = Publication("iceberg", "overwrite", partitions=("place",))
MERGE = Publication("iceberg", "merge", key=("k",), delete_when="v = 'gone'")
ALL = [APPEND, WHOLE, PLACES, MERGE]


def named(how: Publication) -> str:
    return how.mode + ("-partitions" if how.partitions else "")


each = pytest.mark.parametrize("bench", ALL, indirect=True, ids=named)


@dataclass
class Owner:
    """Publishes a batch, and lets the world go on at one moment of it."""

    bench: Bench
    batch_id: str
    after_read: Callable[[], Any] | None = None
    """Called once, when it has pinned and read the batch as SEALED."""

    def publish(self) -> bool:
        return iceberg.publish(self.bench.owner(), self._read)

    def _read(self) -> Batch | None:
        found = self.bench.batches[self.batch_id]
        meanwhile, self.after_read = self.after_read, None
        if meanwhile is not None:
            meanwhile()
        return found


def committed(bench: Bench, batch_id: str) -> None:
    assert Owner(bench, batch_id).publish()
    bench.move(batch_id, State.COMMITTED)


@each
def test_of_two_recoverers_that_have_looked_at_the_same_moment_one_is_refused(bench: Bench) -> None:
    committed(bench, bench.seal(1, (0, "a", "x")))
    batch_id = bench.seal(2, (1, "b", "x"), (2, "c", "y"))
    # The other publishes, and dies before COMMIT: the batch is SEALED still when the first tries again.
    assert Owner(bench, batch_id, lambda: Owner(bench, batch_id).publish()).publish()
    kept = [] if bench.how in (WHOLE, PLACES) else [(0, "a", 1)]
    assert bench.rows() == [*kept, (1, "b", 2), (2, "c", 2)]


@each
def test_a_compaction_in_between_hinders_nobody(bench: Bench) -> None:
    committed(bench, bench.seal(1, (0, "a", "x")))
    batch_id = bench.seal(2, (1, "b", "x"))
    assert Owner(bench, batch_id, bench.compact).publish()
    found = bench.rows()
    bench.compact()  # its rows share a file with others now, and nobody has committed it
    assert Owner(bench, batch_id, bench.compact).publish()
    assert bench.rows() == found
    assert found == ([(1, "b", 2)] if bench.how in (WHOLE, PLACES) else [(0, "a", 1), (1, "b", 2)])


@pytest.mark.parametrize("bench", [APPEND], indirect=True)
@pytest.mark.parametrize("more", ["nothing", "compaction", "expiry"])
def test_a_zombie_brings_nothing_back_that_was_rolled_back_and_cleaned(bench: Bench, more: str) -> None:
    committed(bench, bench.seal(1, (0, "a", "x")))
    batch_id = bench.seal(2, (1, "b", "x"))

    def rolled_back() -> None:
        committed(bench, batch_id)
        bench.move(batch_id, State.ROLLED_BACK)
        if more == "compaction":
            bench.compact()
        bench.owner().delete(batch_id)
        if more == "expiry":
            bench.expire()

    assert Owner(bench, batch_id, rolled_back).publish() is False
    assert bench.rows() == [(0, "a", 1)]
    bench.owner().delete(batch_id)  # again is nothing
    assert bench.rows() == [(0, "a", 1)]


@pytest.mark.parametrize("bench", [WHOLE, PLACES, MERGE], indirect=True, ids=named)
def test_a_zombie_does_not_undo_a_later_batch(bench: Bench) -> None:
    committed(bench, bench.seal(1, (1, "a", "x")))
    batch_id = bench.seal(2, (1, "b", "x"))

    def later() -> None:
        committed(bench, batch_id)
        committed(bench, bench.seal(3, (1, "c", "x")))

    assert Owner(bench, batch_id, later).publish() is False
    assert bench.rows() == [(1, "c", 3)]


@pytest.mark.parametrize("bench", [MERGE], indirect=True)
def test_a_zombie_does_not_insert_a_key_that_a_later_batch_has_deleted(bench: Bench) -> None:
    batch_id = bench.seal(1, (1, "a", "x"))

    def later() -> None:
        committed(bench, batch_id)
        committed(bench, bench.seal(2, (1, "gone", "x")))

    assert Owner(bench, batch_id, later).publish() is False
    assert bench.rows() == []


@each
def test_a_pin_that_has_expired_is_pinned_anew(bench: Bench) -> None:
    committed(bench, bench.seal(1, (1, "a", "x")))
    batch_id = bench.seal(2, (1, "b", "x"))

    def forgotten() -> None:
        bench.compact()
        bench.expire()

    assert Owner(bench, batch_id, forgotten).publish()
    assert bench.rows() == [*([(1, "a", 1)] if bench.how is APPEND else []), (1, "b", 2)]


@pytest.mark.parametrize("bench", [MERGE], indirect=True)
def test_the_monotone_guard_alone_lets_a_late_merge_insert_a_deleted_key(bench: Bench) -> None:
    """The trace for which the protocol was changed: a MERGE on the table itself is made for whatever it finds."""
    committed(bench, bench.seal(1, (1, "a", "x")))
    committed(bench, bench.seal(2, (1, "gone", "x")))
    bench.spark.sql(
        f"MERGE INTO {bench.identifier} t USING (SELECT 1 k, 'a' v, 'x' place, '00000001-0001' batch_id) s "
        "ON t.k = s.k WHEN MATCHED AND s.batch_id >= t.batch_id THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    assert bench.rows() == [(1, "a", 1)]


@pytest.mark.parametrize("bench", [MERGE], indirect=True)
def test_a_table_does_not_follow_a_branch_that_was_made_before_it_moved(bench: Bench) -> None:
    """Also where it moves between the check of the ancestors and the commit: then the commit is refused."""
    owner = bench.owner()
    committed(bench, bench.seal(1, (1, "a", "x")))
    owner._table().manageSnapshots().createBranch("alur_x", int(owner.pin())).commit()
    bench.spark.sql(f"INSERT INTO {bench.identifier}.branch_alur_x VALUES (2, 'b', 'x', '00000002-0001')")
    ready = owner._table().manageSnapshots().fastForwardBranch("main", "alur_x").removeBranch("alur_x")
    committed(bench, bench.seal(3, (3, "c", "x")))
    with pytest.raises(Exception, match="CommitFailedException"):
        ready.commit()
    assert bench.rows() == [(1, "a", 1), (3, "c", 3)]


@pytest.mark.parametrize("bench", [MERGE], indirect=True)
def test_what_a_merge_leaves_behind_when_it_dies_is_taken_away_by_the_next(bench: Bench) -> None:
    owner = bench.owner()
    committed(bench, bench.seal(1, (1, "a", "x")))
    owner._table().manageSnapshots().createBranch("alur_dead", int(owner.pin())).commit()
    committed(bench, bench.seal(2, (2, "b", "x")))
    assert list(owner._table().refs()) == ["main"]


@pytest.mark.parametrize("bench", [APPEND], indirect=True)
def test_the_pin_is_what_an_append_is_validated_from(bench: Bench) -> None:
    owner, batch_id = bench.owner(), bench.seal(1, (1, "a", "x"))
    pin = owner.pin()
    owner.append(pin, bench.batches[batch_id])
    with pytest.raises(MovedError):
        owner.append(pin, bench.batches[batch_id])
    assert bench.rows() == [(1, "a", 1)]


@pytest.mark.parametrize("bench", [APPEND], indirect=True)
def test_a_sealed_batch_whose_files_are_gone_blocks_until_somebody_has_ended_it(bench: Bench) -> None:
    batch_id = bench.seal(1, (1, "a", "x"))
    for path in bench.folder.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(StorageError):
        Owner(bench, batch_id).publish()
    assert Owner(bench, batch_id, lambda: bench.move(batch_id, State.COMMITTED)).publish() is False


@pytest.mark.parametrize("bench", [WHOLE, MERGE], indirect=True, ids=named)
def test_a_batch_that_supersedes_all_others_takes_the_place_of_all_rows(bench: Bench) -> None:
    first = bench.seal(1, (1, "a", "x"), (2, "a", "x"))
    committed(bench, first)
    again = bench.seal(2, (2, "b", "x"), supersedes=(first,))
    assert Owner(bench, again, bench.compact).publish()
    assert bench.rows() == [(2, "b", 2)]
    committed(bench, bench.seal(3, supersedes=(again,)))
    assert bench.rows() == []

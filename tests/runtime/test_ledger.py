from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from alur_nb.runtime.errors import LeaseBusyError, LeaseLostError, LedgerError
from alur_nb.runtime.ledger import Batch, Input, Lease, State, batch_from_json, batch_to_json, live
from alur_nb.runtime.ledger_sqlite import SqliteLedger, local_owner

TABLE = "bronze.orders"


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "state.db")


def dead_owner() -> str:
    """An owner of this machine whose process has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    host = local_owner().split("/")[0]
    return f"{host}/{process.pid}/1"


def batch_of(lease: Lease, run_id: str = "r1", n: int = 1) -> Batch:
    return Batch(TABLE, f"{lease.epoch:08d}-{n:04d}", State.PLANNED, lease.epoch, "ingest_orders", run_id)


def planned(ledger: SqliteLedger, lease: Lease) -> Batch:
    batch = batch_of(lease)
    ledger.put_inputs(lease, batch.id, [Input("file", "a.csv", "1")], first=0)
    ledger.plan(lease, batch)
    return batch


def test_a_lease_is_refused_while_its_owner_lives(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, local_owner())
    with pytest.raises(LeaseBusyError, match=r"bronze\.orders is being written"):
        ledger.acquire(TABLE, "elsewhere/1/1")


def test_a_dead_process_is_taken_over_at_once_under_a_new_epoch(ledger: SqliteLedger) -> None:
    first = ledger.acquire(TABLE, dead_owner())
    second = ledger.acquire(TABLE, local_owner())
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLostError):
        ledger.renew(first)


def test_another_machine_is_taken_over_only_when_it_stops_renewing(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, "elsewhere/1/1")
    with pytest.raises(LeaseBusyError):
        ledger.acquire(TABLE, local_owner())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE lease SET renewed_at = '2020-01-01T00:00:00+00:00'")
    assert ledger.acquire(TABLE, local_owner()).epoch == 2


def test_releasing_keeps_the_epoch_and_never_touches_another_owner(ledger: SqliteLedger) -> None:
    first = ledger.acquire(TABLE, dead_owner())
    second = ledger.acquire(TABLE, local_owner())
    ledger.release(first)
    ledger.renew(second)
    ledger.release(second)
    assert ledger.acquire(TABLE, local_owner()).epoch == 3


def test_two_tables_have_leases_of_their_own(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, local_owner())
    assert ledger.acquire("bronze.customers", local_owner()).epoch == 1


def test_a_plan_under_an_old_epoch_is_refused(ledger: SqliteLedger) -> None:
    old = ledger.acquire(TABLE, dead_owner())
    ledger.acquire(TABLE, local_owner())
    with pytest.raises(LeaseLostError):
        ledger.plan(old, batch_of(old))
    assert ledger.batches(TABLE) == []


def test_planning_again_is_a_no_op_for_the_same_run_only(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    ledger.plan(lease, batch)
    with pytest.raises(LeaseLostError):
        ledger.plan(lease, batch_of(lease, run_id="r2"))


def test_a_late_plan_never_overwrites_a_sealed_batch(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    ledger.seal(batch, ledger.inputs(TABLE, batch.id))
    with pytest.raises(LeaseLostError):
        ledger.plan(lease, batch)
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.state is State.SEALED


def test_late_planned_inputs_never_overwrite_completed_ones(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    done = [Input("file", "a.csv", "1", parsed=3, accepted=3, outcome="loaded")]
    ledger.seal(batch, done)
    ledger.put_inputs(lease, batch.id, [Input("file", "a.csv", "1")], first=0)
    assert ledger.inputs(TABLE, batch.id) == done


def test_an_aborted_batch_cannot_be_sealed(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    assert ledger.abort(replace(batch, reason="its run died"))
    with pytest.raises(LeaseLostError):
        ledger.seal(batch, [])
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and (known.state, known.reason) == (State.ABORTED, "its run died")


def test_a_sealed_batch_cannot_be_aborted_and_commits_once(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    ledger.seal(replace(batch, counts={"rows": 3}), [])
    assert not ledger.abort(batch)
    ledger.commit(batch)
    ledger.commit(batch)
    (known,) = ledger.batches(TABLE)
    assert known.state is State.COMMITTED
    assert known.counts == {"rows": 3}
    assert sorted(known.times, key=lambda state: known.times[state]) == ["planned", "sealed", "committed"]


def test_a_planned_batch_cannot_be_committed(ledger: SqliteLedger) -> None:
    batch = planned(ledger, ledger.acquire(TABLE, local_owner()))
    with pytest.raises(LeaseLostError):
        ledger.commit(batch)


def test_many_inputs_come_back_in_order(ledger: SqliteLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    inputs = [Input("file", f"{n}.csv", str(n), size=n) for n in range(2_500)]
    ledger.put_inputs(lease, "b", inputs, first=0)
    assert ledger.inputs(TABLE, "b") == inputs


def test_the_files_of_a_batch_that_superseded_are_not_live() -> None:
    old = Batch(TABLE, "00000001-0001", State.COMMITTED, 1, "p", "r")
    new = replace(old, id="00000002-0001", supersedes=(old.id,))
    assert live([old, replace(new, state=State.SEALED)]) == [old]
    assert live([old, new]) == [new]
    assert live([old, replace(new, state=State.ROLLED_BACK)]) == []


def test_a_batch_survives_the_json() -> None:
    batch = Batch(
        TABLE, "1", State.SEALED, 1, "p", "r", ("0",), "x", "y", ("d",), ("f",), {"rows": 1}, ({"a": 1},)
    )
    assert batch_from_json(batch_to_json(batch)) == batch


def test_reading_an_absent_ledger_makes_no_file(ledger: SqliteLedger) -> None:
    assert ledger.batches(TABLE) == []
    assert not ledger.path.exists()


def test_an_unreadable_ledger_is_an_error_that_says_so(ledger: SqliteLedger) -> None:
    ledger.path.write_bytes(b"this is no database, but long enough to be looked at" * 20)
    with pytest.raises(LedgerError, match="cannot be used") as caught:
        ledger.batches(TABLE)
    assert "never delete" in str(caught.value)


def test_a_newer_ledger_is_refused(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, local_owner())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE meta SET schema_version = 99")
    with pytest.raises(LedgerError, match=r"newer alur-nb"):
        ledger.batches(TABLE)


def test_racing_owners_get_one_lease(ledger: SqliteLedger) -> None:
    ledger.acquire("bronze.other", local_owner())
    won, busy = [], []

    def race() -> None:
        try:
            won.append(ledger.acquire(TABLE, local_owner()))
        except LeaseBusyError as error:
            busy.append(error)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(busy)) == (1, 7)


def test_the_owner_of_this_process_names_its_pid() -> None:
    assert local_owner().split("/")[1] == str(os.getpid())

"""What every ledger does; what only one of them can do wrong is in test_ledger_sqlite and test_ledger_dynamo."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from alur_nb.runtime.errors import LeaseBusyError, LeaseLostError, LedgerError
from alur_nb.runtime.ledger import (
    Batch,
    Input,
    Lease,
    Ledger,
    State,
    batch_from_json,
    batch_to_json,
    epoch_of,
    inputs_by_batch,
    live,
    shows_rows,
)
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.owners import glue_owner, local_owner

TABLE = "bronze.orders"


@pytest.fixture(params=["sqlite", pytest.param("dynamo", marks=pytest.mark.slow)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    if request.param == "sqlite":
        return SqliteLedger(tmp_path / "state.db")
    return request.getfixturevalue("dynamo_ledger")


def dead_owner() -> str:
    """An owner of this machine whose process has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    host = local_owner().split("/")[0]
    return f"{host}/{process.pid}/1"


def batch_of(lease: Lease, run_id: str = "r1", n: int = 1) -> Batch:
    return Batch(TABLE, f"{lease.epoch:08d}-{n:04d}", State.PLANNED, lease.epoch, "ingest_orders", run_id)


def planned(ledger: Ledger, lease: Lease) -> Batch:
    batch = batch_of(lease)
    ledger.put_inputs(lease, batch.id, [Input("file", "a.csv", "1")], first=0)
    ledger.plan(lease, batch)
    return batch


def test_a_lease_is_refused_while_its_owner_lives(ledger: Ledger) -> None:
    ledger.acquire(TABLE, local_owner())
    with pytest.raises(LeaseBusyError, match=r"bronze\.orders is being written"):
        ledger.acquire(TABLE, "elsewhere/1/1")


def test_a_dead_process_is_taken_over_at_once_under_a_new_epoch(ledger: Ledger) -> None:
    first = ledger.acquire(TABLE, dead_owner())
    second = ledger.acquire(TABLE, local_owner())
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLostError):
        ledger.renew(first)


def test_releasing_keeps_the_epoch_and_never_touches_another_owner(ledger: Ledger) -> None:
    first = ledger.acquire(TABLE, dead_owner())
    second = ledger.acquire(TABLE, local_owner())
    ledger.release(first)
    ledger.renew(second)
    ledger.release(second)
    assert ledger.acquire(TABLE, local_owner()).epoch == 3


def test_two_tables_have_leases_of_their_own(ledger: Ledger) -> None:
    ledger.acquire(TABLE, local_owner())
    assert ledger.acquire("bronze.customers", local_owner()).epoch == 1


def test_a_plan_under_an_old_epoch_is_refused(ledger: Ledger) -> None:
    old = ledger.acquire(TABLE, dead_owner())
    ledger.acquire(TABLE, local_owner())
    with pytest.raises(LeaseLostError):
        ledger.plan(old, batch_of(old))
    assert ledger.batches(TABLE) == []


def test_planning_again_is_a_no_op_for_the_same_run_only(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    ledger.plan(lease, batch)
    with pytest.raises(LeaseLostError):
        ledger.plan(lease, batch_of(lease, run_id="r2"))


def test_a_late_plan_never_overwrites_a_sealed_batch(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    ledger.seal(batch, ledger.inputs(TABLE, batch.id))
    with pytest.raises(LeaseLostError):
        ledger.plan(lease, batch)
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.state is State.SEALED


def test_late_planned_inputs_never_overwrite_completed_ones(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    done = [Input("file", "a.csv", "1", parsed=3, accepted=3, outcome="loaded")]
    ledger.seal(batch, done)
    ledger.put_inputs(lease, batch.id, [Input("file", "a.csv", "1")], first=0)
    assert ledger.inputs(TABLE, batch.id) == done


def test_sealing_again_is_a_no_op_for_the_same_run_only(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    done = [Input("file", "a.csv", "1", parsed=3, accepted=3, outcome="loaded")]
    ledger.seal(batch, done)
    ledger.seal(batch, [])  # a copy of the request that comes late, here even with other contents
    ledger.commit(batch)
    ledger.seal(batch, [])
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.state is State.COMMITTED
    assert ledger.inputs(TABLE, batch.id) == done
    with pytest.raises(LeaseLostError):
        ledger.seal(replace(batch, run_id="r2"), [])


def test_completed_inputs_replace_what_several_plans_wrote(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = batch_of(lease)
    first = [Input("file", f"a{n}.csv", "1") for n in range(1_500)]
    second = [Input("file", f"b{n}.csv", "1") for n in range(10)]
    ledger.put_inputs(lease, batch.id, first, first=0)
    ledger.plan(lease, batch)
    ledger.put_inputs(lease, batch.id, second, first=len(first))
    assert ledger.inputs(TABLE, batch.id) == first + second
    done = [replace(item, outcome="loaded", accepted=1) for item in first + second]
    ledger.seal(batch, done)
    assert ledger.inputs(TABLE, batch.id) == done
    ledger.put_inputs(lease, batch.id, second, first=len(first) + len(second))
    assert ledger.inputs(TABLE, batch.id) == done


def test_inputs_without_any_are_sealed_as_none(ledger: Ledger) -> None:
    batch = planned(ledger, ledger.acquire(TABLE, local_owner()))
    ledger.seal(batch, [])
    assert ledger.inputs(TABLE, batch.id) == []


def test_an_aborted_batch_cannot_be_sealed(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    assert ledger.abort(replace(batch, reason="its run died"))
    with pytest.raises(LeaseLostError):
        ledger.seal(batch, [])
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and (known.state, known.reason) == (State.ABORTED, "its run died")


def test_a_sealed_batch_cannot_be_aborted_and_commits_once(ledger: Ledger) -> None:
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


def test_a_planned_batch_cannot_be_committed(ledger: Ledger) -> None:
    batch = planned(ledger, ledger.acquire(TABLE, local_owner()))
    with pytest.raises(LeaseLostError):
        ledger.commit(batch)


def test_many_inputs_come_back_in_order(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    inputs = [Input("file", f"{n}.csv", str(n), size=n) for n in range(2_500)]
    ledger.put_inputs(lease, "00000001-0001", inputs, first=0)
    assert ledger.inputs(TABLE, "00000001-0001") == inputs


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


def test_racing_owners_get_one_lease(ledger: Ledger) -> None:
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


def test_aborting_again_is_a_no_op(ledger: Ledger) -> None:
    batch = planned(ledger, ledger.acquire(TABLE, local_owner()))
    assert ledger.abort(replace(batch, reason="first"))
    assert ledger.abort(replace(batch, reason="second"))
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.reason == "first"


def committed(ledger: Ledger, lease: Lease) -> Batch:
    batch = planned(ledger, lease)
    ledger.seal(batch, [Input("file", "a.csv", "1", outcome="loaded")])
    ledger.commit(batch)
    return batch


def test_a_committed_batch_is_rolled_back_once_and_cleaned(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    downstream = ledger.acquire("silver.orders", local_owner())
    batch = committed(ledger, lease)
    ledger.roll_back(batch, [lease, downstream])
    ledger.release(lease)
    ledger.acquire(TABLE, local_owner())
    ledger.roll_back(batch, [lease, downstream])  # a copy that comes late has nothing left to decide
    ledger.mark_cleaned(TABLE, batch.id)
    (known,) = ledger.batches(TABLE)
    assert (known.state, known.cleaned) == (State.ROLLED_BACK, True)
    assert set(known.times) == {"planned", "sealed", "committed", "rolled_back"}
    with pytest.raises(LeaseLostError):
        ledger.commit(batch)


def test_a_rollback_is_refused_where_one_of_the_leases_was_taken_over(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    downstream = ledger.acquire("silver.orders", dead_owner())
    batch = committed(ledger, lease)
    ledger.acquire("silver.orders", local_owner())
    with pytest.raises(LeaseLostError, match=r"silver\.orders over; nothing was rolled back"):
        ledger.roll_back(batch, [lease, downstream])
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.state is State.COMMITTED


def test_only_what_is_committed_is_rolled_back(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = planned(ledger, lease)
    with pytest.raises(LedgerError, match="it is PLANNED, not COMMITTED"):
        ledger.roll_back(batch, [lease])
    with pytest.raises(LedgerError, match="it is unknown, not COMMITTED"):
        ledger.roll_back(replace(batch, id="00000009-0001"), [lease])


def test_what_a_batch_supersedes_travels_with_its_plan(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    ledger.plan(lease, replace(batch_of(lease), supersedes=("00000000-0001", "00000000-0002")))
    (known,) = ledger.batches(TABLE)
    assert known.supersedes == ("00000000-0001", "00000000-0002")


def test_inputs_come_by_batch_and_only_of_their_table(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    other = ledger.acquire("bronze.orders_old", local_owner())
    committed(ledger, lease)
    ledger.put_inputs(lease, "00000001-0002", [Input("file", "b.csv", "1")], first=0)
    ledger.put_inputs(other, "00000001-0001", [Input("file", "c.csv", "1")], first=0)
    found = inputs_by_batch(ledger, TABLE)
    assert {batch_id: [item.key for item in items] for batch_id, items in found.items()} == {
        "00000001-0001": ["a.csv"],
        "00000001-0002": ["b.csv"],
    }
    assert inputs_by_batch(ledger, "bronze.nothing") == {}


def test_the_lease_tells_its_holder_until_it_is_released(ledger: Ledger) -> None:
    assert ledger.lease(TABLE) is None
    lease = ledger.acquire(TABLE, local_owner())
    assert ledger.lease(TABLE) == lease
    ledger.release(lease)
    assert ledger.lease(TABLE) is None


def test_only_orphans_of_older_epochs_are_forgotten(ledger: Ledger) -> None:
    first = ledger.acquire(TABLE, dead_owner())
    ledger.put_inputs(first, batch_of(first, n=2).id, [Input("file", "orphan.csv", "1")], first=0)
    batch = planned(ledger, first)
    ledger.abort(batch)
    second = ledger.acquire(TABLE, local_owner())
    running = batch_of(second)
    ledger.put_inputs(second, running.id, [Input("file", "running.csv", "1")], first=0)
    assert ledger.forget_inputs(second) == 1
    assert sorted(inputs_by_batch(ledger, TABLE)) == [batch.id, running.id]
    assert ledger.forget_inputs(second) == 0


def test_a_glue_run_is_followed_by_its_own_retry_and_nobody_else(ledger: Ledger) -> None:
    first = ledger.acquire(TABLE, glue_owner("jr_12ab"))
    with pytest.raises(LeaseBusyError, match="glue/jr_12ab"):
        ledger.acquire(TABLE, glue_owner("jr_99"))
    assert ledger.acquire(TABLE, glue_owner("jr_12ab_attempt_1")).epoch == first.epoch + 1
    with pytest.raises(LeaseLostError):
        ledger.renew(first)


def test_a_batch_id_carries_its_epoch() -> None:
    assert epoch_of("00000012-0001") == 12


def test_rejects_are_noted_as_expired(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    check = {"name": "id is unique", "passed": False, "examples": [{"id": "secret"}]}
    batch = replace(planned(ledger, lease), checks=(check,), counts={"rejected": 3})
    ledger.seal(batch, [])
    ledger.commit(batch)
    ledger.mark_expired(TABLE, batch.id)
    ledger.mark_expired(TABLE, "00000099-0001")  # one that is not there is nothing
    known = ledger.batch(TABLE, batch.id)
    assert known is not None
    assert (known.state, known.rejects_expired, known.cleaned) == (State.COMMITTED, True, False)
    assert shows_rows(batch)
    assert not shows_rows(known)
    assert known.checks == ({"name": "id is unique", "passed": False, "examples": []},)
    assert known.counts == {"rejected": 3}


def test_of_an_expired_reason_the_first_line_stays(ledger: Ledger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = replace(planned(ledger, lease), reason="2 of 9 rows do not fit:\n  a.csv, line 3: secret")
    assert ledger.abort(batch)
    ledger.mark_expired(TABLE, batch.id)
    known = ledger.batch(TABLE, batch.id)
    assert known is not None
    assert (known.state, known.reason) == (State.ABORTED, "2 of 9 rows do not fit:")

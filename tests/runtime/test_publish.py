"""What is tidied after a commit: a run keeps its result, and each part is deleted whatever becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb.runtime.errors import LedgerError, StorageError
from alur_nb.runtime.ledger import Batch, live
from alur_nb.runtime.selection import Selection
from tests.crash.world import ORDERS, World

DENIED = StorageError("access is denied: s3:DeleteObject.", fix="Give this role the permission.")
KEPT_STAY = "Rejected rows kept of an aborted batch could not be deleted, the table's next commit does it"
REST_STAYS = "What is no longer needed could not be deleted, the next run does it"


def break_lake(world: World, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception) -> None:
    def refuse(self: object, *_: object) -> None:
        raise error

    monkeypatch.setattr(type(world.lake), call, refuse)


@pytest.mark.parametrize(
    "error",
    [DENIED, LedgerError("The ledger is away."), OSError(5, "Input/output error")],
    ids=["storage", "ledger", "disk"],
)
def test_lines_of_an_aborted_batch_that_stay_cost_no_run_its_result(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world.land("orders/2", rows=3)
    with monkeypatch.context() as broken:
        break_lake(world, broken, "forget_aborted", error)
        (orders, copies) = world.run().result.runs
    assert (orders.state, orders.rows, copies.state, copies.rows) == ("loaded", 3, "loaded", 3)
    (note,) = orders.warnings
    assert note == f"{KEPT_STAY}: {getattr(error, 'message', error)}"
    world.settle()


def test_lines_of_an_aborted_batch_that_stay_leave_no_superseded_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = live(world.ledger.batches(ORDERS))
    with monkeypatch.context() as broken:
        break_lake(world, broken, "forget_aborted", DENIED)
        (orders, _) = world.run(selection=Selection(full=True)).result.runs
    assert (orders.state, orders.supersedes) == ("loaded", (old.id,))
    assert world._visible(ORDERS) == {orders.batch_id}, "no engine sees the rows twice"
    assert world.ledger.batch(ORDERS, old.id).cleaned
    world.settle()


@pytest.mark.parametrize("call", ["discard", "clean"])
def test_what_else_stays_is_noted_and_deleted_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    kind, forgotten = type(world.lake), list[str]()
    works, forget = getattr(kind, call), kind.forget_aborted

    def refuse(self: Any, batch: Batch) -> None:
        if call == "discard" and not batch.supersedes:
            return works(self, batch)  # of the old batch, which the run's recovery looks after
        raise DENIED

    with monkeypatch.context() as broken:
        broken.setattr(kind, call, refuse)
        broken.setattr(
            kind, "forget_aborted", lambda self, table: (forgotten.append(table), forget(self, table))
        )
        (orders,) = world.run(selection=Selection(full=True), names=["ingest_orders"]).result.runs
    assert (orders.state, orders.warnings) == ("loaded", (f"{REST_STAYS}: {DENIED.message}",))
    assert forgotten == [ORDERS]
    world.run()
    assert world._visible(ORDERS) == {orders.batch_id}
    world.settle()

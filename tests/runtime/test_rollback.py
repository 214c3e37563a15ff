"""Batches taken back, on both kinds of ledger and lake: what had read them, who may, and what comes after."""

from __future__ import annotations

import pytest

from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import State, live
from alur_nb.runtime.rollback import RolledBack, roll_back
from alur_nb.runtime.selection import Selection
from tests.crash.world import COPIES, ORDERS, PROJECT, World


def back(world: World, *batches: str, cascade: bool = False) -> RolledBack:
    return roll_back(world.workspace, PROJECT, PROJECT.table(ORDERS), batches, cascade=cascade)


def alive(world: World, table: str) -> list[str]:
    return [batch.id for batch in live(world.ledger.batches(table))]


def test_what_others_have_read_is_refused_with_their_names(world: World) -> None:
    (batch,), (copy,) = alive(world, ORDERS), alive(world, COPIES)
    with pytest.raises(LedgerError, match=f"bronze.copies {copy} \\(by copy_orders\\)") as refused:
        back(world, batch)
    assert "--cascade" in str(refused.value)
    assert (alive(world, ORDERS), alive(world, COPIES)) == ([batch], [copy])


def test_a_cascade_takes_what_has_read_it_first(world: World) -> None:
    (batch,), (copy,) = alive(world, ORDERS), alive(world, COPIES)
    done = back(world, batch, cascade=True)
    assert [(one.table, one.id) for one in done.batches] == [(COPIES, copy), (ORDERS, batch)]
    assert (alive(world, ORDERS), alive(world, COPIES)) == ([], [])
    assert world._visible(ORDERS) == world._visible(f"{ORDERS}__rejects") == world._visible(COPIES) == set()
    assert world.ledger.batch(ORDERS, batch).cleaned
    world.settle()  # its file was pending, and is loaded once


def test_again_only_cleans(world: World) -> None:
    (batch,) = alive(world, ORDERS)
    back(world, batch, cascade=True)
    assert [one.id for one in back(world, batch).batches] == [batch]
    assert world.ledger.batch(ORDERS, batch).state is State.ROLLED_BACK


def test_what_is_not_live_is_refused(world: World) -> None:
    (old,) = alive(world, ORDERS)
    world.run(selection=Selection(full=True))
    with pytest.raises(
        LedgerError, match=f"{old} of bronze.orders is not rolled back: batch .* has taken its place"
    ):
        back(world, old)
    with pytest.raises(LedgerError, match="has no batch 00000099-0001"):
        back(world, "00000099-0001")


def test_rolling_back_what_came_in_place_of_others_brings_their_inputs_back_as_pending(world: World) -> None:
    world.run(selection=Selection(full=True))
    (newest,) = alive(world, ORDERS)
    back(world, newest, cascade=True)
    assert alive(world, ORDERS) == [], "what it had superseded stays dead"
    assert [run.state for run in world.run().result.runs] == ["loaded", "loaded"]
    world.settle()


def test_what_its_readers_read_of_it_is_not_missed_when_they_are_loaded_anew(world: World) -> None:
    """A reader that the operator's project did not know of lists a dead batch: its next plan mends that."""
    (batch,), (copy,) = alive(world, ORDERS), alive(world, COPIES)
    lease = world.ledger.acquire(ORDERS, "somebody/1/1")
    world.ledger.roll_back(world.ledger.batch(ORDERS, batch), [lease])
    runs = world.run().result.runs
    assert runs[1].supersedes == (copy,)
    world.settle()


def test_leases_are_given_back(world: World) -> None:
    with pytest.raises(LedgerError):
        back(world, "00000099-0001")
    assert world.ledger.lease(ORDERS) is None
    assert world.ledger.lease(COPIES) is None

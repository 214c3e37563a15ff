"""Loading in place of what is there, on both kinds of ledger and lake: the real code over an engine of plain rows."""

from __future__ import annotations

import pytest

from alur_nb.runtime.ledger import State, live
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.selection import Selection
from tests.crash.world import COPIES, ORDERS, World


@pytest.fixture
def world(new_world: World) -> World:
    return new_world


def run(world: World, **options: object) -> list[PipelineRun]:
    runs: tuple[PipelineRun, ...] = world.run(selection=Selection(**options)).result.runs  # type: ignore[arg-type]
    return list(runs)


def alive(world: World, table: str) -> list[str]:
    return [batch.id for batch in live(world.ledger.batches(table))]


def two_batches(world: World) -> list[str]:
    """Two files in two batches of the orders, and their copies."""
    for number in (1, 2):
        world.land(f"orders/{number}", rows=2, bad=1)
        world.run()
    return alive(world, ORDERS)


def test_a_full_run_takes_the_place_of_all_batches_and_of_what_has_read_them(world: World) -> None:
    old, copied = two_batches(world), alive(world, COPIES)
    orders, copies = run(world, full=True)
    assert (orders.state, orders.supersedes, orders.files, orders.rows) == ("loaded", tuple(old), 2, 4)
    assert (copies.state, copies.supersedes, copies.rows) == ("loaded", tuple(copied), 4)
    assert alive(world, ORDERS) == [orders.batch_id]
    assert [b.cleaned for b in world.ledger.batches(ORDERS)] == [True, True, False]
    world.settle()


def test_what_has_read_a_superseded_batch_is_loaded_anew_by_its_own_next_run(world: World) -> None:
    two_batches(world)
    stale = alive(world, COPIES)
    world.run(names=("ingest_orders",), selection=Selection(full=True))
    assert alive(world, COPIES) == stale, "it is live until the next plan of its table"
    copies = run(world)[1]
    assert copies.supersedes == tuple(stale)
    assert any("no longer there in that form" in note for note in copies.warnings)
    assert [run.state for run in run(world)] == ["nothing new", "nothing new"]


def test_a_replay_takes_in_the_inputs_of_its_batch_alone(world: World) -> None:
    old, _ = two_batches(world)
    world.land("orders/3")
    orders, copies = run_replay(world, old)
    assert (orders.supersedes, orders.files) == ((old,), 1)
    assert "1 file left for later runs" in str(orders.warnings)
    assert copies.state == "loaded"
    assert [run.state for run in run(world)] == ["loaded", "loaded"], "the third file"
    world.settle()


def run_replay(world: World, batch: str) -> list[PipelineRun]:
    first = world.run(names=("ingest_orders",), selection=Selection(replay=batch)).result.runs
    return [*first, *world.run(names=("copy_orders",)).result.runs]


def test_only_a_live_batch_is_replayed(world: World) -> None:
    old, _ = two_batches(world)
    run(world, full=True)
    for batch, message in ((old, "has taken its place"), ("00000099-0001", "has no batch 00000099-0001")):
        (refused,) = world.run(names=("ingest_orders",), selection=Selection(replay=batch)).result.runs
        assert refused.state == "failed"
        assert message in str(refused.error_text)


def test_a_file_that_is_gone_is_refused_by_name_or_given_up(world: World) -> None:
    old = two_batches(world)
    del world.files.now["orders/1"]
    orders = run(world, full=True)[0]
    assert orders.state == "failed"
    assert "orders/1" in str(orders.error_text)
    assert "--drop-missing" in str(orders.error_text)
    assert alive(world, ORDERS) == old, "nothing was touched"
    orders = run(world, full=True, drop_missing=True)[0]
    assert (orders.state, orders.files) == ("loaded", 1)
    assert "Given up" in str(orders.warnings)
    assert "orders/1" in str(orders.warnings)


def test_a_full_run_over_nothing_leaves_an_empty_table(world: World) -> None:
    two_batches(world)
    world.files.now.clear()
    orders, copies = run(world, full=True, drop_missing=True)
    assert (orders.state, orders.rows) == ("loaded", 0), orders.error_text
    assert (copies.state, copies.rows) == ("loaded", 0), copies.error_text
    assert world._visible(ORDERS) == set()
    world.settle()


def test_a_new_version_takes_the_old_ones_place(world: World) -> None:
    two_batches(world)
    world.land("orders/1", rows=5)
    assert run(world)[0].state == "nothing new", 'on_changed="ignore" keeps what was loaded'
    assert run(world, full=True)[0].rows == 7
    world.settle()


def test_until_the_commit_the_old_batches_are_live(world: World) -> None:
    old = two_batches(world)
    worker = world.start(body=world.body(("ingest_orders",), Selection(full=True)))
    while (newest := world.ledger.batches(ORDERS)[-1]).state is not State.SEALED:
        worker.advance(1)
    assert (newest.supersedes, alive(world, ORDERS)) == (tuple(old), old)
    worker.kill()
    world.run()  # whoever comes next ends it
    assert alive(world, ORDERS) == [newest.id]
    world.settle()

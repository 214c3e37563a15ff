"""The real protocol code under every fault at every step, two faults, and two runs that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from alur_nb.runtime.ledger import State
from tests.crash import schedules
from tests.crash.rollback import rollbacks
from tests.crash.schedules import INGEST, MakeWorld, Playable, Schedule, Tally, clean_trace, play_all, prepare
from tests.crash.superseding import anew, beside
from tests.crash.worker import Fault, Kind, What
from tests.crash.world import ORDERS, Violation, World
from tests.crash.world_aws import AwsWorld
from tests.crash.world_iceberg import IcebergWorld, MergingWorld

WORLDS: list[MakeWorld] = [World, AwsWorld, IcebergWorld, MergingWorld]
SLOW = (AwsWorld, IcebergWorld, MergingWorld)


@pytest.mark.parametrize(
    "world", [pytest.param(world, marks=pytest.mark.slow) if world in SLOW else world for world in WORLDS]
)
def test_one_fault_at_every_step(world: MakeWorld) -> None:
    tally = play_all(world, schedules.singles(world), Tally("singles"))
    steps = clean_trace(world, schedules.ALL)
    assert {fault.at for fault in tally.points if isinstance(fault, Fault)} == set(range(len(steps)))
    assert set(tally.by_fault) == {what.name.lower() for what in What}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_two_live_runs_that_meet_where_it_matters(world: MakeWorld) -> None:
    assert play_all(world, schedules.crossroads(world), Tally("crossroads")).schedules > 50


# `make test-crash` plays all of them.
@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("kind", "every"),
    [
        (schedules.pairs, 23),
        (schedules.overlaps, 11),
        (schedules.handovers, 19),
        (rollbacks, 7),
        (anew, 3),
        (beside, 13),
    ],
)
def test_some_of_the_many(
    world: MakeWorld, kind: Callable[[MakeWorld], Iterator[Playable]], every: int
) -> None:
    found = islice(kind(world), 0, None, every)
    assert play_all(world, found, Tally(kind.__name__)).schedules > 100


def test_what_is_sealed_while_another_run_recovers_is_finished_before_that_run_plans() -> None:
    with World() as world:
        prepare(world)
        sealing = world.start(INGEST).until("write staged file")
        recovering = world.start(INGEST).until("ledger batches")  # sees it PLANNED
        sealing.until("ledger seal")
        recovering.advance()
        assert [batch.state for batch in world.ledger.batches(ORDERS)] == [State.COMMITTED, State.COMMITTED]
        assert "was finished" in str(recovering.result.runs[0].warnings)
        sealing.advance()
        world.settle()


def test_every_step_that_writes_is_a_step_of_the_run() -> None:
    written = [name for name, kind in clean_trace(World, INGEST) if kind is not Kind.READ]
    assert written == [
        "ledger acquire",
        "ledger put_inputs",
        "ledger plan",
        *["write staged file"] * 3,
        "ledger seal",
        "rename",
        "rename",
        "ledger commit",
        "delete folder",
        "ledger release",
    ]


def test_a_violation_names_its_schedule() -> None:
    with World() as world:
        world.files.land("orders/0", "id,note\n1,a\n")
        world.engine.store.write = lambda uri, rows: None  # type: ignore[method-assign]  # writes go nowhere
        with pytest.raises(Violation, match="schedule: step 3 dies before"):
            Schedule((Fault(3, What.BEFORE),)).play(world)

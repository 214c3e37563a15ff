"""Each guard of the protocol taken away in turn: a test must fail, or the guard is not tested, or not needed."""

from __future__ import annotations

import pytest

from tests.crash import schedules
from tests.crash.mutants import MUTANTS, Mutant, trusting_an_unreadable_ledger
from tests.crash.original import OriginalWorld
from tests.crash.schedules import ALL, Schedule, Tally, clean_trace, faults_of, play_all
from tests.crash.worker import What
from tests.crash.world import Violation, World

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_simulator_misses_a_guard_that_is_taken_away(mutant: Mutant) -> None:
    found = list(mutant.schedules(mutant.world))  # with the guard in its place
    with mutant.applied():
        play_all(mutant.world, [Schedule()], Tally("nothing goes wrong"))  # it works, but for the guard
        with pytest.raises(Violation):
            play_all(mutant.world, found, Tally(mutant.guard))


def test_the_simulator_objects_to_a_run_that_trusts_an_unreadable_ledger() -> None:
    with trusting_an_unreadable_ledger(), pytest.raises(Violation):
        play_all(World, schedules.likely(World), Tally("unreadable ledger"))


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("append rows", What.AFTER),  # it wrote, and never marked
        ("append rows", What.PAUSED),  # two runs, and no lease
        ("ledger mark", What.REFUSED),  # an error that is swallowed
        ("ledger get", What.REFUSED),  # an error that counts as "not processed"
        ("list files", What.REFUSED),  # an error that counts as an empty listing
    ],
)
def test_the_simulator_objects_to_the_original(step: str, what: What) -> None:
    with OriginalWorld() as world:
        schedules.prepare(world)
        trace = world.run(names=ALL).trace
    faults = [fault for fault in faults_of(trace, [what]) if trace[fault.at][0] == step]
    assert faults
    with pytest.raises(Violation):
        play_all(OriginalWorld, [Schedule((fault,)) for fault in faults], Tally("original"))


def test_the_original_loads_once_as_long_as_nothing_goes_wrong() -> None:
    with OriginalWorld() as world:
        schedules.prepare(world)
        world.run()
        world.settle()
        assert len(clean_trace(OriginalWorld, ALL)) > 0

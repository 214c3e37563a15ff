"""Two workers, and those that were given up for dead, moved step by step by hypothesis while the world changes."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from alur_nb.runtime.selection import ALL_NEW, Selection
from tests.crash.rollback import roll_back
from tests.crash.schedules import ALL, INGEST, MakeWorld, Names
from tests.crash.worker import SteppedWorker
from tests.crash.world import World
from tests.crash.world_aws import AwsWorld

WORLDS = [World, AwsWorld]
SLOTS = st.integers(0, 1)
STEPS = st.integers(1, 40)
# What was loaded and deleted since is given up: a full run would be refused for it, and do nothing of interest.
SELECTIONS = st.sampled_from([ALL_NEW, ALL_NEW, Selection(full=True, drop_missing=True)])


class Workers(RuleBasedStateMachine):
    """Whatever happens in whatever order, the invariants hold at every moment and everything adds up at the end."""

    make: MakeWorld = World

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make().__enter__()
        self.slots: list[SteppedWorker | None] = [None, None]
        self.zombies: list[SteppedWorker] = []
        self.operator: SteppedWorker | None = None
        self.files = 0

    @initialize()
    def first_file(self) -> None:
        self.land_a_file(rows=2, bad=1, permuted=False)

    @rule(rows=st.integers(0, 2), bad=st.integers(0, 1), permuted=st.booleans())
    def land_a_file(self, rows: int, bad: int, permuted: bool) -> None:
        self.files += 1
        self.world.land(f"orders/{self.files}", rows, bad, permuted)

    @rule(which=st.integers(0, 99), rows=st.integers(0, 2), permuted=st.booleans())
    def change_a_file(self, which: int, rows: int, permuted: bool) -> None:
        self.world.land(f"orders/{which % self.files + 1}", rows, 0, permuted)

    @rule(which=st.integers(0, 99))
    def repeat_a_file_under_another_name(self, which: int) -> None:
        path = f"orders/{which % self.files + 1}"
        if path in self.world.files.now:
            self.files += 1
            self.world.files.land(f"orders/{self.files}", self.world.files.read(path).decode())

    @rule(which=st.integers(0, 99))
    def delete_a_file(self, which: int) -> None:
        self.world.files.now.pop(f"orders/{which % self.files + 1}", None)

    @rule(slot=SLOTS, names=st.sampled_from([ALL, INGEST]), selection=SELECTIONS, steps=STEPS)
    def start_or_step(self, slot: int, names: Names, selection: Selection, steps: int) -> None:
        worker = self.slots[slot]
        if worker is None or worker.ended:
            worker = self.slots[slot] = self.world.start(body=self.world.body(names, selection))
        worker.advance(steps)

    @rule(slot=SLOTS)
    def run_to_the_end(self, slot: int) -> None:
        worker = self.slots[slot]
        if worker is not None:
            worker.advance()

    @rule(slot=SLOTS)
    def kill(self, slot: int) -> None:
        worker, self.slots[slot] = self.slots[slot], None
        if worker is not None:
            worker.kill()

    @rule(slot=SLOTS)
    def give_up_for_dead(self, slot: int) -> None:
        worker, self.slots[slot] = self.slots[slot], None
        if worker is not None:
            self.zombies.append(worker)

    @precondition(lambda self: self.zombies)
    @rule(which=st.integers(0, 99), steps=STEPS)
    def wake_a_zombie(self, which: int, steps: int) -> None:
        self.zombies[which % len(self.zombies)].advance(steps)

    @rule(steps=STEPS)
    def roll_back_or_go_on_with_it(self, steps: int) -> None:
        if self.operator is None or self.operator.ended:
            self.operator = self.world.start(body=roll_back(self.world))
        self.operator.advance(steps)

    @invariant()
    def nothing_is_seen_or_taken_twice(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        try:
            for worker in (*self.zombies, *self.slots, self.operator):
                if worker is not None:
                    worker.advance()
                    self.world.check()
            self.world.settle()
        finally:
            self.world.__exit__()


def machine(world: MakeWorld) -> type[Workers]:
    return type("Workers", (Workers,), {"make": world})


@pytest.mark.parametrize("world", WORLDS)
def test_workers_in_any_order(world: MakeWorld) -> None:
    quick = settings(max_examples=20, stateful_step_count=25, deadline=None, derandomize=True, database=None)
    run_machine(machine(world), settings=quick)


@pytest.mark.long
@pytest.mark.parametrize("world", WORLDS)
def test_workers_in_any_order_for_long(world: MakeWorld) -> None:
    run_machine(machine(world), settings=settings(max_examples=300, stateful_step_count=50, deadline=None))

"""A rollback while a run that everybody believes dead wakes up: PROTOCOL.md's operator, over the real ledger and lake.

The operating command will take the place of `roll_back`; the schedules stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alur_nb.runtime import publish
from alur_nb.runtime.ledger import Batch, live
from tests.crash.schedules import INGEST, MakeWorld, clean_trace, prepare
from tests.crash.worker import Kind
from tests.crash.world import COPIES, ORDERS, Violation, World

OPERATOR = "operator/1/1"


def roll_back(world: World) -> Callable[[], None]:
    """Return what the operator does: roll the newest batch of the orders back, and first the copies of it."""
    ledger, lake = world.workspace.ledger, world.workspace.lake

    def body() -> None:
        leases = [ledger.acquire(table, OPERATOR) for table in (ORDERS, COPIES)]
        for table in (ORDERS, COPIES):
            publish.recover(world.workspace, table)
        for batch in live(ledger.batches(ORDERS))[-1:]:
            copies = live(ledger.batches(COPIES))
            lists_it = [
                copy for copy in copies if batch.id in {i.version for i in ledger.inputs(COPIES, copy.id)}
            ]
            for one in (*lists_it, batch):
                take_back(one)
        for lease in leases:
            ledger.release(lease)

    def take_back(batch: Batch) -> None:
        tables = (ORDERS, COPIES) if batch.table == ORDERS else (COPIES,)
        held = [lease for lease in (ledger.lease(table) for table in tables) if lease is not None]
        ledger.roll_back(batch, held)
        lake.clean(batch)
        ledger.mark_cleaned(batch.table, batch.id)

    return body


@dataclass(frozen=True)
class Rollback:
    """A run sleeps before a step, another finishes its batch, and the operator takes that back as the first wakes."""

    sleeps: int
    cleaned: int
    """Steps of the operator's before the sleeper wakes."""
    wakes: int
    """Steps of the sleeper's before the operator goes on."""

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        prepare(world)
        try:
            sleeper = world.start(INGEST).advance(self.sleeps)
            world.run()
            operator = world.start(body=roll_back(world)).advance(self.cleaned)
            world.check()
            for worker, steps in ((sleeper, self.wakes), (operator, None), (sleeper, None)):
                worker.advance(*([steps] if steps else []))
                world.check()
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: {self}") from None


def rollbacks(make: MakeWorld) -> Iterator[Rollback]:
    """The sleeper before every step from SEAL on, the operator before every step of its own."""
    trace = clean_trace(make, INGEST)
    writes = [at for at, (name, kind) in enumerate(trace) if kind is not Kind.READ and "staged" not in name]
    with make() as world:
        prepare(world)
        world.run()
        operator = world.start(body=roll_back(world)).advance()
        steps = len(operator.trace)
    for sleeps in writes[2:]:
        for cleaned in range(1, steps + 1):
            for wakes in (1, 2, 4):
                yield Rollback(sleeps, cleaned, wakes)

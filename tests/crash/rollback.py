"""A rollback while a run that everybody believes dead wakes up: an operator over the real ledger and lake.

The package has no rollback command yet: `roll_back` is the place where it goes, and the schedules stay. An operator
that dies is not played, as recovery does not clean what was rolled back before that command comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from alur_nb.runtime import publish
from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import Batch, Lease, live
from tests.crash.schedules import INGEST, MakeWorld, clean_trace, prepare
from tests.crash.worker import Kind
from tests.crash.world import COPIES, ORDERS, Violation, World

OPERATOR = "operator/1/1"


def roll_back(world: World) -> Callable[[], None]:
    """Return what the operator does: roll the newest batch of the orders back, and first the copies of it."""
    ledger, lake = world.workspace.ledger, world.workspace.lake

    def body() -> None:
        with suppress(LedgerError):  # another run has taken a lease over: the operator would start over
            leases = {table: ledger.acquire(table, OPERATOR) for table in (ORDERS, COPIES)}
            for table in leases:
                publish.recover(world.workspace, table)
            for batch in live(ledger.batches(ORDERS))[-1:]:
                for copy in live(ledger.batches(COPIES)):
                    if batch.id in {item.version for item in ledger.inputs(COPIES, copy.id)}:
                        take_back(copy, [leases[COPIES]])
                take_back(batch, list(leases.values()))
            for lease in leases.values():
                ledger.release(lease)

    def take_back(batch: Batch, leases: Sequence[Lease]) -> None:
        ledger.roll_back(batch, leases)
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

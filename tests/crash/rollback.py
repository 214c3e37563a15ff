"""A rollback while a run that everybody believes dead wakes up, and one that dies itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from alur_nb.runtime import rollback
from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import live
from tests.crash.schedules import INGEST, MakeWorld, clean_trace, prepare
from tests.crash.worker import Kind
from tests.crash.world import ORDERS, Violation, World


def roll_back(world: World) -> Callable[[], None]:
    """Return what the operator does: roll the newest batch of the orders back, and first the copies of it."""

    def body() -> None:
        newest = [batch.id for batch in live(world.workspace.ledger.batches(ORDERS))[-1:]]
        with suppress(LedgerError):  # another run has taken a lease over: the operator would start over
            rollback.roll_back(
                world.workspace, world.project, world.project.table(ORDERS), newest, cascade=True
            )

    return body


@dataclass(frozen=True)
class Rollback:
    """A run sleeps before a step, another finishes its batch, and the operator takes that back as the first wakes."""

    sleeps: int
    cleaned: int
    """Steps of the operator's before the sleeper wakes."""
    wakes: int
    """Steps of the sleeper's before the operator goes on."""
    dies: bool = False
    """The operator never goes on: whoever runs next ends what it has begun."""

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        prepare(world)
        try:
            sleeper = world.start(INGEST).advance(self.sleeps)
            world.run()
            operator = world.start(body=roll_back(world)).advance(self.cleaned)
            world.check()
            if self.dies:
                operator.kill()
            for worker, steps in ((sleeper, self.wakes), (operator, None), (sleeper, None)):
                world.compact()
                worker.advance(*([steps] if steps else []))
                world.check()
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: {self}") from None


@dataclass(frozen=True)
class Read:
    """A run reads the batch that is to be taken back, from its begin to its end, while the operator stands."""

    stands: int

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        prepare(world)
        world.run(names=INGEST)
        try:
            operator = world.start(body=roll_back(world)).advance(self.stands)
            world.run(names=("copy_orders",))
            operator.advance()
            world.check()
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: {self}") from None


def rollbacks(make: MakeWorld) -> Iterator[Rollback | Read]:
    """The sleeper before every step from SEAL on, the operator before every step of its own."""
    trace = clean_trace(make, INGEST)
    writes = [at for at, (name, kind) in enumerate(trace) if kind is not Kind.READ and "staged" not in name]
    # Between its pin and its commit an owner only looks, and what it has seen may be old by then.
    names = [name for name, _ in trace]
    sealed = names.index("ledger seal") if "iceberg pin" in names else len(names)
    looks = [at for at in range(sealed, len(names)) if names[at - 1] == "iceberg pin"]
    with make() as world:
        prepare(world)
        world.run()
        operator = world.start(body=roll_back(world)).advance()
        steps = len(operator.trace)
    for stands in range(1, steps + 1):
        yield Read(stands)
    for sleeps in (*looks, *writes[2:]):
        for cleaned in range(1, steps + 1):
            for wakes in (1, 2, 4):
                yield Rollback(sleeps, cleaned, wakes)
            yield Rollback(sleeps, cleaned, wakes=2, dies=True)

"""Runs that load everything anew, in place of what is there: with a fault at every step, and beside another run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alur_nb.runtime.selection import ALL_NEW, Selection
from tests.crash.rollback import roll_back
from tests.crash.schedules import ALL, INGEST, MakeWorld, Names, Trace, faults_of, happens_meanwhile, prepare
from tests.crash.worker import Fault, What
from tests.crash.world import Violation, World

FULL = Selection(full=True)


@dataclass(frozen=True)
class Anew:
    """A full run suffers a fault; a run after it, asked for nothing but what is new, must leave everything right."""

    fault: Fault

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        _prepare(world)
        try:

            def meanwhile(what: What) -> None:
                happens_meanwhile(world)
                if what is What.PAUSED:
                    world.run()

            world.run([self.fault], meanwhile=meanwhile, selection=FULL)
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: full run, {self}") from None


@dataclass(frozen=True)
class Beside:
    """A full run and another one, or a rollback, both alive: one stops, the other stops, then each goes to its end."""

    first: int
    second: int
    full_first: bool
    other: str = "run"
    """`run`, or `rollback`."""

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        _prepare(world)
        try:
            full = world.body(INGEST, FULL)
            other = roll_back(world) if self.other == "rollback" else world.body(INGEST, ALL_NEW)
            one, two = (full, other) if self.full_first else (other, full)
            workers = [world.start(body=one).advance(self.first)]
            happens_meanwhile(world)
            workers.append(world.start(body=two).advance(self.second))
            for worker in (*workers, *workers):
                world.check()
                worker.advance()
            world.check()
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: {self}") from None


def anew(make: MakeWorld) -> Iterator[Anew]:
    """One fault at every step of a full run of both pipelines."""
    for fault in faults_of(_trace(make, ALL)):
        yield Anew(fault)


def beside(make: MakeWorld) -> Iterator[Beside]:
    """Every place where one stands while the other begins, and every third where that one stops in turn."""
    length = len(_trace(make, INGEST))
    for other in ("run", "rollback"):
        for first in range(1, length):
            for second in range(1 + first % 3, length, 3):
                yield Beside(first, second, full_first=bool((first + second) % 2), other=other)


def _prepare(world: World) -> None:
    """Two batches of each table, and files that wait."""
    world.land("orders/0", rows=2)
    world.run()
    prepare(world)


def _trace(make: MakeWorld, names: Names) -> Trace:
    with make() as world:
        _prepare(world)
        return world.run(names=names, selection=FULL).trace

"""All schedules of one story: a table with one batch, files landing, a run that goes wrong, another one, a last one.

A fault is tried at every step of a run (`singles`); two faults, in the run and in the one that recovers (`pairs`);
every way in which two runs that both live can overlap (`overlaps`), also with one that stops twice (`handovers`), and
of these the few that matter most (`crossroads`). Every function takes the kind of world that it is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Protocol

from tests.crash.worker import FAULTS, Fault, Kind, What
from tests.crash.world import Violation, World

MakeWorld = Callable[[], World]
Trace = Sequence[tuple[str, Kind]]
Names = tuple[str, ...] | None

ALL: Names = None
INGEST: Names = ("ingest_orders",)
# A late copy lands at the next step, after a few more, or after the decision that its run was made for.
DELAYS = (1, 5, 20)
# Dying before a step is dying after the one before it, and what was refused is not there any more: not in the pairs.
IN_PAIRS = (What.AFTER, What.UNANSWERED, What.REPEATED, What.LATE, What.PAUSED)


@dataclass(frozen=True)
class Schedule:
    """Who stops where, and what happens to them there."""

    faults: tuple[Fault, ...] = ()
    """One for a run; the second for the run that recovers from it, or that goes on while it sleeps."""
    stops: tuple[int, ...] = ()
    """Steps that two live runs make by turns, before each goes to its end."""
    names: Names = ALL
    """The pipelines of these runs; the last runs do all."""

    def __str__(self) -> str:
        return "; then ".join(map(str, self.faults)) if self.faults else f"by turns {self.stops}"

    def play(self, world: World) -> None:
        """Play it in a fresh world; raises Violation."""
        prepare(world)
        try:
            if self.stops:
                self._interleave(world)
            else:
                self._suffer(world)
            world.settle()
        except Violation as violation:
            raise Violation(f"{violation}\n  schedule: {self}") from None

    def _suffer(self, world: World) -> None:
        slept = False

        def meanwhile(what: What) -> None:
            nonlocal slept
            happens_meanwhile(world)
            if what is What.PAUSED:
                slept = True
                world.run(self.faults[1:], names=self.names, meanwhile=lambda _: world.run(names=self.names))

        world.run(self.faults[:1], names=self.names, meanwhile=meanwhile)
        if not slept:
            meanwhile(What.PAUSED)

    def _interleave(self, world: World) -> None:
        workers = [world.start(self.names), world.start(self.names)]
        for turn, steps in enumerate(self.stops):
            workers[turn % 2].advance(steps)
            if turn == 0:
                happens_meanwhile(world)
            world.check()
        for turn in (len(self.stops), len(self.stops) + 1):
            workers[turn % 2].advance()
            world.check()


def prepare(world: World) -> None:
    """One committed batch, and files that wait: with bad rows, and with its columns in another order."""
    world.land("orders/1", rows=1, bad=1)
    world.run(names=INGEST)
    world.land("orders/2", rows=2, bad=1)
    world.land("orders/3", rows=1, permuted=True)


def happens_meanwhile(world: World) -> None:
    """The world does not stand still: a file comes, one that was listed already is written again, tables are compacted."""
    world.land("orders/4", rows=1)
    world.land("orders/3", rows=2)
    world.compact()


def singles(make: MakeWorld) -> Iterator[Schedule]:
    """One fault at every step of both pipelines."""
    for fault in faults_of(clean_trace(make, ALL)):
        yield Schedule((fault,))


def pairs(make: MakeWorld) -> Iterator[Schedule]:
    """Two faults: the first in a run, the second in the run that finds what it left, or that it sleeps through."""
    for first in faults_of(clean_trace(make, INGEST), IN_PAIRS):
        for second in faults_of(_recovery_trace(make, first), IN_PAIRS):
            yield Schedule((first, second), names=INGEST)


def overlaps(make: MakeWorld) -> Iterator[Schedule]:
    """Two runs, both alive: one stops before any step, the other before any of its own; either goes on first."""
    length = len(clean_trace(make, INGEST))
    for first in range(1, length):
        for second in range(1, length):
            yield Schedule(stops=(first, second), names=INGEST)
            yield Schedule(stops=(first, second, 0), names=INGEST)


def handovers(make: MakeWorld) -> Iterator[Schedule]:
    """The first run stops twice, and the second in between, while it leases the table and recovers it."""
    trace = clean_trace(make, INGEST)
    for first in range(1, len(trace)):
        for second in range(1, until_planned(trace)):
            for again in range(1, len(trace) - first + 1):
                yield Schedule(stops=(first, second, again), names=INGEST)


def likely(make: MakeWorld) -> Iterator[Schedule]:
    """All but the pairs, from those on that are likeliest to find a hole."""
    first = zip_longest(crossroads(make), singles(make))
    yield from (schedule for turn in first for schedule in turn if schedule is not None)
    yield from handovers(make)
    yield from overlaps(make)


def crossroads(make: MakeWorld) -> Iterator[Schedule]:
    """One run stands just before a step that others will see, and the other has just looked around."""
    trace = clean_trace(make, INGEST)
    decisive = [at for at, (name, kind) in enumerate(trace) if kind is not Kind.READ and "staged" not in name]
    for looked in range(1, until_planned(trace)):
        for before in decisive:
            yield Schedule(stops=(looked, before), names=INGEST)
            yield Schedule(stops=(before, looked, 1), names=INGEST)
            yield Schedule(stops=(before, looked, 3), names=INGEST)


def until_planned(trace: Trace) -> int:
    """Return how many steps a run makes until it has leased and recovered its table, and lists what is new."""
    return [name for name, _ in trace].index("list files")


def faults_of(trace: Trace, whats: Sequence[What] = tuple(What)) -> Iterator[Fault]:
    """Every fault that can happen in a run with this trace."""
    for at, (_, kind) in enumerate(trace):
        for what in FAULTS[kind]:
            if what in whats:
                delays = DELAYS if what in (What.LATE, What.REPEATED) else (0,)
                yield from (Fault(at, what, delay) for delay in delays)


def clean_trace(make: MakeWorld, names: Names) -> Trace:
    """The steps of the run when nothing goes wrong."""
    with make() as world:
        prepare(world)
        return world.run(names=names).trace


def _recovery_trace(make: MakeWorld, first: Fault) -> Trace:
    """The steps of the run that recovers from the first fault, or that runs while the first sleeps."""
    found: list[tuple[str, Kind]] = []
    with make() as world:
        prepare(world)

        def another_run(what: What) -> None:
            happens_meanwhile(world)
            found.extend(world.run(names=INGEST).trace)

        world.run([first], names=INGEST, meanwhile=another_run)
        if not found:
            another_run(What.PAUSED)
    return found


class Playable(Protocol):
    """Anything that can be played in a fresh world."""

    def play(self, world: World) -> None:
        """Raises Violation."""


@dataclass
class Tally:
    """What has been tried."""

    name: str
    schedules: int = 0
    steps: int = 0
    points: set[Fault | Playable] = field(default_factory=set)
    by_fault: Counter[str] = field(default_factory=Counter)

    def add(self, schedule: Playable, steps: int) -> None:
        """Note a schedule that has been played."""
        self.schedules += 1
        self.steps += steps
        faults = schedule.faults if isinstance(schedule, Schedule) else ()
        self.points |= set(faults) or {schedule}
        self.by_fault.update(fault.what.name.lower() for fault in faults)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count:,}" for name, count in sorted(self.by_fault.items()))
        return (
            f"{self.name:<10}{self.schedules:>8,} schedules{self.steps:>11,} steps"
            f"{len(self.points):>7,} points of failure   {faults}"
        ).rstrip()


def play_all(make: MakeWorld, schedules: Iterable[Playable], tally: Tally) -> Tally:
    """Play each schedule in a world of its own; raises the first Violation."""
    for schedule in schedules:
        with make() as world:
            schedule.play(world)
            tally.add(schedule, world.clock.now)
    return tally

"""Workers whose every side effect is a numbered step, and what may go wrong at a step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.iceberg import MovedError


class Died(BaseException):
    """The process is gone: nothing after this runs, no clean-up either."""


class Kind(StrEnum):
    """What can go wrong with a step."""

    READ = "read"
    """Changes nothing: it may be refused, and others may go on just before it."""
    LOCAL = "local"
    """A system call: done or not done when the process dies."""
    REMOTE = "remote"
    """A request: its answer may be lost, and a copy of it may land late."""


class What(StrEnum):
    """A fault at one step."""

    BEFORE = "dies before"
    AFTER = "dies after, before the answer"
    REFUSED = "is refused, and lives on"
    UNANSWERED = "is done, but answered by an error"
    REPEATED = "times out, is repeated, and its first copy lands late"
    LATE = "times out and dies; the request lands late"
    PAUSED = "sleeps while another worker does a whole run"
    CHANGED = "finds that files have changed just before"


FAULTS = {
    Kind.READ: (What.REFUSED, What.PAUSED, What.CHANGED),
    Kind.LOCAL: (What.BEFORE, What.AFTER, What.REFUSED, What.PAUSED),
    Kind.REMOTE: tuple(what for what in What if what is not What.CHANGED),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at step number `at`; a late copy lands `delay` steps later, whoever makes them."""

    at: int
    what: What
    delay: int = 0

    def __str__(self) -> str:
        return f"step {self.at} {self.what}" + (f" by {self.delay}" if self.delay else "")


class Clock:
    """Counts the steps of all workers, and lets requests that are under way land."""

    def __init__(self) -> None:
        self.now = 0
        self.under_way: list[tuple[int, Callable[[], object]]] = []

    def tick(self) -> None:
        """One step begins: what is due lands just before it."""
        self.now += 1
        self.land(until=self.now)

    def land(self, until: int | None = None) -> None:
        """Let the requests land that are due, or all; nobody waits for their answers."""
        due = [item for item in self.under_way if until is None or item[0] <= until]
        self.under_way = [item for item in self.under_way if item not in due]
        for _, effect in due:
            try:
                effect()
            except (ClientError, LedgerError, MovedError, OSError):
                continue  # refused, and its sender is not there to hear it


_active = threading.local()


Refusal = Callable[[str], Exception]


def step(name: str, kind: Kind, effect: Callable[[], Any], refusal: Refusal = OSError) -> Any:
    """Do an effect as the next step of the worker that runs in this thread; the tests' own looks are no steps.

    `refusal` makes the error that a refused or unanswered step raises.
    """
    worker: Worker | None = getattr(_active, "worker", None)
    return effect() if worker is None else worker.step(name, kind, effect, refusal)


class Worker:
    """One process that does a run, in the caller's thread, with the given faults."""

    def __init__(
        self,
        clock: Clock,
        body: Callable[[], Any],
        faults: Iterable[Fault] = (),
        meanwhile: Callable[[What], object] = lambda what: None,
    ) -> None:
        self.clock, self.body, self.meanwhile = clock, body, meanwhile
        self.faults = {fault.at: fault for fault in faults}
        self.trace: list[tuple[str, Kind]] = []
        self.dead = False
        self.result: Any = None

    def run(self) -> Worker:
        """Run to the end, or to death."""
        outer = getattr(_active, "worker", None)
        _active.worker = self
        try:
            self.result = self.body()
        except Died:
            self.dead = True
        finally:
            _active.worker = outer
        return self

    def wait(self) -> None:
        """Wait for this worker's turn: here it is always its turn."""

    def step(self, name: str, kind: Kind, effect: Callable[[], Any], refusal: Refusal) -> Any:
        """Do the effect, unless this step's fault says otherwise."""
        self.wait()
        if self.dead:
            raise Died
        fault = self.faults.get(len(self.trace))
        self.trace.append((name, kind))
        self.clock.tick()
        return effect() if fault is None else self._suffer(fault, effect, refusal(f"{name}: no answer"))

    def _suffer(self, fault: Fault, effect: Callable[[], Any], refusal: Exception) -> Any:
        what = fault.what
        if what in (What.PAUSED, What.CHANGED):
            self.meanwhile(what)
            return effect()
        if what in (What.LATE, What.REPEATED):
            self.clock.under_way.append((self.clock.now + fault.delay, effect))
        if what in (What.AFTER, What.UNANSWERED):
            effect()
        if what in (What.REFUSED, What.UNANSWERED):
            raise refusal
        if what is What.REPEATED:
            return effect()
        self.dead = True
        raise Died


class SteppedWorker(Worker):
    """A worker in a thread of its own that makes a step only when it is told to."""

    def __init__(self, clock: Clock, body: Callable[[], Any]) -> None:
        super().__init__(clock, body)
        self._turn, self._yielded = threading.Semaphore(0), threading.Semaphore(0)
        self._left = 0
        self.ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._yielded.acquire()

    def advance(self, steps: int = 1_000_000) -> SteppedWorker:
        """Let it make at most so many steps; afterwards it stands before the next one, or has ended."""
        if not self.ended:
            self._left = steps
            self._turn.release()
            self._yielded.acquire()
        return self

    def kill(self) -> None:
        """End the process where it stands."""
        self.dead = True
        self.advance()
        self._thread.join()

    def until(self, name: str) -> SteppedWorker:
        """Let it go on until it has made a step of this name, or has ended."""
        done = len(self.trace)
        while not self.ended and name not in (made for made, _ in self.trace[done:]):
            self.advance(1)
        return self

    def wait(self) -> None:
        """Hand the turn back once the steps are used up."""
        if self.dead:
            return
        if self._left <= 0:
            self._yielded.release()
            self._turn.acquire()
        self._left -= 1

    def _run(self) -> None:
        try:
            self.run()
        finally:
            self.ended = True
            self._yielded.release()

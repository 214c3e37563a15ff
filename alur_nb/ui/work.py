"""Long work in a thread of its own while the cell waits: an interrupt always reaches it, and progress shows."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from alur_nb.ui.display import Live
from alur_nb.ui.errors import render_as
from alur_nb.ui.plain import page
from alur_nb.ui.progress import Pace, Part, Shown, SparkNow, State, elapsed_text

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from alur_nb.runtime.calling import Event

T = TypeVar("T")

TICK_SECONDS = 0.2
"""Five updates a second at most."""
FIRST_SIGN_SECONDS = 0.2
CANCEL_SECONDS = 5.0
_LATEST_JOBS = 16
_stopping: list[Task[Any]] = []
"""Cancelled work that had not ended when its cell did."""
CLOCK_SECONDS = 1.0
"""How often the elapsed time alone is shown."""


@dataclass(slots=True)
class Task(Generic[T]):
    """One piece of work: its thread, what it has said so far, and how to stop it."""

    title: str
    work: Callable[[Task[T]], T]
    group: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The Spark job group of the work; an interrupt cancels it."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    """Waited for in place of the thread: an interrupted `Thread.join` takes its thread for stopped (CPython)."""
    parts: dict[str, Part] = field(default_factory=dict)
    """By pipeline, or what else the work tells of, in the order of their beginning."""
    total: int = 0
    """How many parts there will be; 0 where that is not known."""
    reached: list[str] = field(default_factory=list)
    """Every step so far as a line, for a terminal."""
    spark: SparkNow | str = ""
    result: T | None = None
    error: BaseException | None = None

    @property
    def has_failed(self) -> bool:
        """Whether one of its parts has ended as failed, of which the work's own report tells."""
        return any(part.step == "ended" and part.detail == "failed" for part in self.parts.values())

    def tell(self, subject: str, step: str) -> None:
        """Note where a part of the work is; may be called from any thread."""
        if self.parts.get(subject) != Part(step):
            self._note(subject, Part(step))

    def follow(self, event: Event) -> None:
        """Note a step of a run, with its numbers; may be called from any thread."""
        self._note(event.pipeline, self.parts.get(event.pipeline, Part("")).after(event))

    def _note(self, subject: str, part: Part) -> None:
        self.parts[subject] = part
        self.reached.append(f"{subject}: {part}")

    def run(self) -> None:
        """Do the work in this thread and keep what comes out."""
        try:
            self.result = self.work(self)
        # Everything that ends the work is raised again in the cell's own thread.
        except BaseException as error:  # noqa: BLE001 - kept whole, and raised where the cell waits
            self.error = error
        finally:
            self.ended.set()


def in_background(shell: InteractiveShell, task: Task[T]) -> T:
    """Do the work in a thread while the cell waits and shows its progress; return what it returns.

    An interrupt cancels the work's Spark jobs, waits for the work, and ends the cell with one line.
    """
    progress = _Progress(Live(shell), task)
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    try:
        _start(f"alur-{task.title}", lambda: _do(shell, task, parent))
        _start("alur-watch", lambda: _watch(task))
        task.ended.wait(FIRST_SIGN_SECONDS)
        while not task.ended.is_set():
            progress.show()
            task.ended.wait(TICK_SECONDS)
    except KeyboardInterrupt as interrupt:
        note = ""
        if not _cancel(task):
            _stopping.append(task)
            note = "; it ends in the background as soon as it can be stopped"
        progress.show(state="cancelled")
        render_as(interrupt, [f"cancelled: {task.title}{note}"])
        raise
    if task.error is not None:
        progress.show(state="failed")
        raise task.error
    progress.show(state="failed" if task.has_failed else "done")
    return task.result  # type: ignore[return-value] # without an error the work has returned


def _start(name: str, work: Callable[[], None]) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def _do(shell: InteractiveShell, task: Task[Any], parent: Any) -> None:
    try:
        if parent is not None:
            # What the user's function prints belongs to the cell that waits, not to the one that runs later.
            shell.set_parent(parent)  # type: ignore[attr-defined]
    finally:
        task.run()


def wait_for_cancelled(task: Task[Any]) -> None:
    """Wait, in the thread of a task, until work that was cancelled before it has ended: it may hold a table's lease."""
    for other in list(_stopping):
        subject = f"the cancelled {other.title}"
        while not (other.ended.is_set() or task.cancelled.is_set()):
            task.tell(subject, "is ending, which is waited for")
            other.ended.wait(TICK_SECONDS)
        # It is no part of this work.
        task.parts.pop(subject, None)
        if other.ended.is_set():
            _stopping.remove(other)


def _cancel(task: Task[Any]) -> bool:
    """Stop the work and its Spark jobs; whether it has ended in time."""
    task.cancelled.set()
    _start("alur-cancel", lambda: _cancel_jobs(task))
    # Whoever interrupts once more is done waiting; the work is being stopped already.
    with contextlib.suppress(KeyboardInterrupt):
        return task.ended.wait(CANCEL_SECONDS)
    return task.ended.is_set()


def _cancel_jobs(task: Task[Any]) -> None:
    """Cancel each job of the work until it has ended: Spark may be starting still, and then its first job comes."""
    is_over = False
    while not is_over:
        # Where the session is gone, no job of it runs.
        with contextlib.suppress(Exception):
            context = sys.modules["pyspark"].SparkContext._active_spark_context
            context.cancelJobGroup(task.group)
        is_over = task.ended.wait(TICK_SECONDS)


class _Progress:
    """The one output that shows where the work is, and keeps its last state; in a terminal a line a step."""

    def __init__(self, live: Live, task: Task[Any]) -> None:
        self._live = live
        self._task = task
        self._begin = time.monotonic()
        self._pace = Pace()
        self._shown: Shown | None = None
        self._shown_at = 0.0
        self._told = 0

    def show(self, state: State = "running") -> None:
        """Show the state where it is news; the last one always, so that two runs leave the same output."""
        now, is_last = time.monotonic(), state != "running"
        shown = self._now(state, now)
        is_old = shown == self._shown and now - self._shown_at < CLOCK_SECONDS
        if is_old and not is_last:
            return
        if self._live.can_update:
            self._live.update(shown.text(now - self._begin), shown.html(now - self._begin))
        else:
            self._tell_lines(shown, now, is_last=is_last)
        self._shown, self._shown_at = shown, now

    def _now(self, state: State, now: float) -> Shown:
        # Copies: the work adds to them while we read.
        parts = dict(self._task.parts)
        said = tuple(f"{subject}: {part}" for subject, part in parts.items())
        ended = sum(part.step == "ended" for part in parts.values())
        shown = Shown(f"{self._task.title}: {state}", said, ended, self._task.total, state=state)
        spark = self._task.spark if state == "running" else ""
        left = self._pace.time_left(spark, now) if isinstance(spark, SparkNow) else ""
        return replace(shown, spark=spark, time_left=left)

    def _tell_lines(self, shown: Shown, now: float, *, is_last: bool) -> None:
        """Add what is new to a terminal, which cannot replace what it has printed."""
        reached = self._task.reached[self._told :]
        self._told += len(reached)
        lines = [f"  {line}" for line in reached]
        if self._shown is None and not is_last:
            waits = f", {shown.spark}" if isinstance(shown.spark, str) and shown.spark else ""
            lines.insert(0, shown.head + waits)
        if is_last:
            lines.append(f"{shown.head}, {elapsed_text(now - self._begin)}")
        if lines:
            self._live.add(page(lines))


def _watch(task: Task[T]) -> None:
    """Note what Spark is doing, until the work ends.

    Never done where the cell waits: an interrupt in the middle of a call leaves its connection to Java unusable.
    """
    from alur_nb.authoring.local_spark import is_warm, starting_text

    while not task.ended.is_set():
        task.spark = _spark_tasks(task.group) if is_warm() else starting_text()
        task.ended.wait(TICK_SECONDS)


def _to_do(infos: Sequence[Any]) -> list[Any]:
    """Return the stages, by their numbers, less those that Spark skips since an earlier job has their rows.

    It does not say which. But a stage has a higher number than those that it waits for, and of those that can run
    the lowest is served first: one that was never begun, below one that was, never will be.
    """
    begun = [info.stageId for info in infos if info.numActiveTasks or info.numCompletedTasks]
    return [info for info in infos if not begun or info.stageId in begun or info.stageId > max(begun)]


def _spark_tasks(group: str) -> SparkNow | str:
    """Return how far the group's running job is; an empty text where Spark is not up, or between two jobs."""
    # Progress is a courtesy: pyspark may be half imported, and whatever Spark answers, the work goes on.
    with contextlib.suppress(Exception):
        context = sys.modules["pyspark"].SparkContext._active_spark_context
        tracker = context.statusTracker()
        known = sorted(tracker.getJobIdsForGroup(group))
        # Those that run are among the latest; to ask for each of a long run's jobs would take longer than a tick.
        jobs = {number: tracker.getJobInfo(number) for number in known[-_LATEST_JOBS:]}
        running = {number: job for number, job in jobs.items() if job and job.status == "RUNNING"}
        stages = {stage for job in running.values() for stage in job.stageIds}
        infos = _to_do([info for info in map(tracker.getStageInfo, sorted(stages)) if info])
        total = sum(info.numTasks for info in infos)
        if total:
            done = sum(info.numCompletedTasks for info in infos)
            whole = sum(info.numCompletedTasks >= info.numTasks for info in infos)
            return SparkNow(known.index(max(running)) + 1, whole, len(infos), done, total)
    return ""

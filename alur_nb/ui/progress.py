"""What the progress of long work says, as plain values: where each part is, what Spark does, how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from alur_nb.runtime.errors import plural
from alur_nb.ui.html import Html, card, details, items, joined, meter, paragraph
from alur_nb.ui.plain import page

if TYPE_CHECKING:
    from alur_nb.runtime.calling import Event

State = Literal["running", "done", "failed", "cancelled"]

_SHOWN = 20
_JUDGED_TASKS = 2
_JUDGED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SparkNow:
    """What Spark is doing for the work at one moment: its running job, and how far that is."""

    job: int
    """Which job of the work it is, counted from 1; of several at once the latest."""
    stages_done: int
    stages: int
    tasks_done: int
    tasks: int

    def __str__(self) -> str:
        stages = f"stages {self.stages_done:,} of {self.stages:,} done"
        return f"Spark: job {self.job:,}, {stages}, {self.tasks_done:,} of {plural(self.tasks, 'task')} done"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the work: the step that it has reached, and its numbers so far."""

    step: str
    detail: str = ""
    files_found: int | None = None
    files_done: int | None = None
    bytes_found: int | None = None
    rows: int | None = None

    def after(self, event: Event) -> Part:
        """Return the part after a step of a run; a number that the step does not tell stays as it was."""
        names = ("files_found", "files_done", "bytes_found", "rows")
        told = {name: getattr(event, name) for name in names if getattr(event, name) is not None}
        return replace(self, step=event.step, detail=event.detail, **told)

    def __str__(self) -> str:
        # How a pipeline ended says that it has.
        step = "" if self.step == "ended" and self.detail else self.step
        text = ": ".join(filter(None, (step, self.detail)))
        # These two steps say their own numbers.
        if self.step == "planned":
            return ", ".join([text, *self._size()])
        return text if self.step == "read" else ", ".join([text, *self._numbers()])

    def _numbers(self) -> list[str]:
        found, done = self.files_found, self.files_done
        files = [f"{done or 0:,} of {plural(found, 'file')}"] if found else []
        rows = [plural(self.rows, "row")] if self.rows is not None else []
        return [*files, *self._size(), *rows]

    def _size(self) -> list[str]:
        # Here: `%load_ext` would wait for all that a preview needs.
        from alur_nb.authoring.preview_notes import size_text

        return [size_text(self.bytes_found)] if self.bytes_found else []


class Pace:
    """Judges how long a Spark job may still take, by its tasks alone; before they tell anything it says so."""

    def __init__(self) -> None:
        self._job: tuple[int, int] | None = None
        self._begin = self._changed = 0.0
        self._first = self._done = 0

    def time_left(self, spark: SparkNow, now: float) -> str:
        """Return the time left in words, never below a second; `now` is a monotonic clock in seconds."""
        # Stages that join the job while it runs change what there is to do, and so the judgement.
        if (spark.job, spark.tasks) != self._job:
            self._job, self._begin, self._first = (spark.job, spark.tasks), now, spark.tasks_done
            self._changed, self._done = now, spark.tasks_done
        if spark.tasks_done != self._done:
            self._changed, self._done = now, spark.tasks_done
        gained, taken = self._done - self._first, self._changed - self._begin
        if gained < _JUDGED_TASKS or taken < _JUDGED_SECONDS:
            return "not known yet"
        left = taken / gained * (spark.tasks - self._done) - (now - self._changed)
        return f"about {span_text(left)} of this Spark job" if left >= 1 else "not known: slower than before"


def span_text(seconds: float) -> str:
    """Return a span as coarsely as it is known: `7 s`, `40 s`, `3 min`, `2 h`; at least `1 s`."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 57.5:
        return f"{5 * round(seconds / 5)} s"
    return f"{max(1, round(seconds / 60))} min" if seconds < 3570 else f"{round(seconds / 3600)} h"


@dataclass(frozen=True, slots=True)
class Shown:
    """One state of the progress: a head, the parts, what Spark does, and the one line that differs from run to run."""

    head: str
    parts: tuple[str, ...] = ()
    done: int = 0
    """Parts that have ended, of `total`; a total of 0 is not known."""
    total: int = 0
    spark: SparkNow | str = ""
    time_left: str = ""
    state: State = "running"

    @property
    def lines(self) -> list[str]:
        """What there is to say below the head."""
        many = [f"pipelines: {self.done:,} of {self.total:,} ended"] if self.total > 1 else []
        hidden = len(self.parts) - _SHOWN
        before = [f"{hidden:,} more before these"] if hidden > 0 else []
        spark = [str(self.spark)] if self.spark else []
        left = [f"time left: {self.time_left}"] if self.time_left else []
        return [*many, *before, *self.parts[-_SHOWN:], *spark, *left]

    def text(self, elapsed_seconds: float) -> str:
        """Return the state as plain text, with a time in one line: the last one, and the head once the work is over."""
        if self.state != "running":
            return page([self._over(elapsed_seconds), *(f"  {line}" for line in self.lines)])
        return page([self.head, *(f"  {line}" for line in self.lines), f"  {elapsed_text(elapsed_seconds)}"])

    def html(self, elapsed_seconds: float) -> Html:
        """Return the same words, with a bar where there is something to measure; what is done is one line to unfold."""
        lines = items(joined(line, self._bar(line)) for line in self.lines)
        if self.state == "running":
            return card(paragraph(self.head), lines, paragraph(elapsed_text(elapsed_seconds)))
        over = self._over(elapsed_seconds)
        is_folded = self.state == "done" and bool(self.lines)
        return card(details(over, lines) if is_folded else joined(paragraph(over), lines))

    def _over(self, elapsed_seconds: float) -> str:
        return f"{self.head}, {elapsed_text(elapsed_seconds)}"

    def _bar(self, line: str) -> Html | None:
        if isinstance(self.spark, SparkNow) and line == str(self.spark):
            return joined(" ", meter(self.spark.tasks_done, self.spark.tasks))
        return joined(" ", meter(self.done, self.total)) if line.startswith("pipelines: ") else None


def elapsed_text(seconds: float) -> str:
    """Return the marked line: nothing else in an output differs between two runs of the same work."""
    return f"elapsed: {seconds:.1f} s"

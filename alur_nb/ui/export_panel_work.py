"""What the panel's buttons do: one export at a time in a thread of its own, its progress and result in the panel's cell.

The cell has returned long ago, so nothing waits here: a watching thread shows where the export is and what came out.
The buttons may be clicked in any thread (ipykernel calls them in the main one, or in a subshell's).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.following import Following
from alur_nb.runtime.errors import AlurError, RunCancelledError
from alur_nb.ui.bundle_card import bundle_card, bundle_text
from alur_nb.ui.display import Live
from alur_nb.ui.errors import error_card, error_lines
from alur_nb.ui.html import Html, block, card, items, joined, paragraph, tag
from alur_nb.ui.work import TICK_SECONDS, Task

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")

Export = Callable[[str, Mapping[str, object], Following], Bundle]
"""Exports to an environment with these parameters."""

_lock = threading.Lock()
_running: Running | None = None
"""The one export of this kernel: two would write one folder."""


@dataclass(slots=True)
class Running:
    """An export that has been started: its task, and what it has said last."""

    environment: str
    task: Task[Bundle]
    cell: tuple[int, int, str] | None = None
    stage: str = ""
    note: str = ""

    def following(self) -> Following:
        """Return what the export tells, and the wish to stop it."""
        return Following(self._on_cell, self._on_stage, self.task.cancelled)

    def _on_cell(self, number: int, total: int, label: str) -> None:
        self.cell, self.stage = (number, total, label), ""

    def _on_stage(self, text: str) -> None:
        self.stage = text

    def lines(self) -> list[str]:
        """Return where the export is, the state left out."""
        cells = []
        if self.cell is not None:
            number, total, label = self.cell
            cells = [f"cell {number} of {total}: {label}"]
        return [*cells, *([f"now: {self.stage}"] if self.stage else []), *([self.note] if self.note else [])]


class ExportWork:
    """The panel's side of its exports; `on_change` is told whether one is running, in whatever thread that is."""

    def __init__(
        self,
        shell: InteractiveShell,
        export: Export,
        beside: Path,
        on_change: Callable[[bool], None] = lambda is_running: None,
    ) -> None:
        self.on_change = on_change
        self._shell = shell
        self._export = export
        self._beside = beside
        # Whatever is shown later belongs to the cell that shows the panel now.
        self._parent = shell.get_parent() if hasattr(shell, "get_parent") else None
        self._ended = threading.Event()
        self._ended.set()

    def start(self, environment: str, parameters: Mapping[str, object]) -> bool:
        """Start an export and return at once; while one is running say so there, start none, and return False."""
        global _running
        given = dict(parameters)
        with _lock:
            if _running is not None:
                _running.note = (
                    f"a second export, to {environment}, was not started: "
                    f"the one to {_running.environment} is running; wait for its end, or cancel it"
                )
                return False
            running = Running(environment, Task(f"export to {environment}", lambda task: work()))
            _running = running
            self._ended.clear()

        def work() -> Bundle:
            return in_own_loop(lambda: self._export(environment, given, running.following()))

        threading.Thread(target=self._do, args=(running,), name="alur-export", daemon=True).start()
        threading.Thread(target=self._watch, args=(running,), name="alur-export-watch", daemon=True).start()
        return True

    def cancel(self) -> None:
        """Ask the running export to stop; it ends soon after, and leaves the bundle on disk as it was."""
        with _lock:
            running = _running
        if running is not None:
            running.note = "it is being cancelled"
            running.task.cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the export's result is shown; whether it was within `timeout` seconds."""
        return self._ended.wait(timeout)

    def _do(self, running: Running) -> None:
        self._route()
        running.task.run()

    def _watch(self, running: Running) -> None:
        global _running
        try:
            self._route()
            self.on_change(True)
            progress = _Progress(Live(self._shell), running)
            progress.show("running")
            while not running.task.ended.wait(TICK_SECONDS):
                progress.show("running")
            self._finish(running, progress)
        finally:
            with _lock:
                _running = None
            self.on_change(False)
            self._ended.set()

    def _finish(self, running: Running, progress: _Progress) -> None:
        error, bundle = running.task.error, running.task.result
        running.stage = running.note = ""
        if isinstance(error, RunCancelledError):
            running.note = error.message
            progress.show("cancelled")
            return
        progress.show("failed" if error else "done")
        text, html = (
            (bundle_text(bundle, self._beside), bundle_card(bundle, self._beside))
            if bundle is not None
            else _error(error)
        )
        Live(self._shell).update(text, html)

    def _route(self) -> None:
        """Let what this thread shows go to the panel's cell, whichever runs then."""
        if self._parent is None:
            return
        # Newer kernels can say it of this thread alone (ipykernel 7, ZMQInteractiveShell.set_thread_parent).
        for name in ("set_thread_parent", "set_parent"):
            route = getattr(self._shell, name, None)
            if route is not None:
                route(self._parent)
                return


class _Progress:
    """The one output of an export that shows where it is."""

    def __init__(self, live: Live, running: Running) -> None:
        self._live, self._running = live, running
        self._begin = time.monotonic()

    def show(self, state: str) -> None:
        """Show the state; called as often as it may be shown."""
        head = f"{self._running.task.title}: {state}"
        lines = self._running.lines()
        elapsed = f"elapsed: {time.monotonic() - self._begin:.1f} s"
        text = "\n".join([head, *(f"  {line}" for line in lines), f"  {elapsed}"])
        html = card(paragraph(head, self._bar()), items(lines), paragraph(elapsed))
        self._live.update(text, html)

    def _bar(self) -> Html | None:
        if self._running.cell is None:
            return None
        number, total, _ = self._running.cell
        return joined(" ", tag("progress", f"{number} of {total}", max=str(total), value=str(number)))


def _error(error: BaseException | None) -> tuple[str, Html]:
    """Return what ended an export, in words; never its traceback."""
    if isinstance(error, AlurError):
        return "\n".join(error_lines(error)), error_card(error)
    first = (str(error).strip() or "no more is known").splitlines()[0]
    lines = [
        f"{type(error).__name__}: {first}",
        "  This is an error inside alur-nb that it does not explain.",
        "  next:  run `%alur --debug`, then `%alur_export --env ENV`, for the whole traceback.",
    ]
    return "\n".join(lines), card(block("\n".join(lines)))


def in_own_loop(work: Callable[[], T]) -> T:
    """Do the work, and close the loop that papermill's client opens in the thread that runs it, and leaves open."""
    try:
        return work()
    finally:
        with contextlib.suppress(RuntimeError):  # there is none where the export ended before it
            asyncio.get_event_loop_policy().get_event_loop().close()

"""Long work: its progress in one output, its errors in the cell's own thread, and the interrupt that stops it."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from alur_nb.authoring import local_spark
from alur_nb.ui import work
from alur_nb.ui.work import Task, in_background
from tests.ui.conftest import Notebook


def _pyspark(cancel: Callable[[str], None]) -> Any:
    """Return a stand-in for pyspark whose running context cancels by `cancel`."""
    context = SimpleNamespace(cancelJobGroup=cancel)
    return SimpleNamespace(SparkContext=SimpleNamespace(_active_spark_context=context))


def published(notebook: Notebook) -> list[dict[str, Any]]:
    """Return the outputs as they were published, updates among them."""
    outputs: list[dict[str, Any]] = notebook.publisher.outputs
    return outputs


def test_what_the_work_returns_is_returned(notebook: Notebook) -> None:
    assert in_background(notebook.shell, Task("sum", lambda task: 1 + 1)) == 2


def test_quick_work_shows_no_progress(notebook: Notebook) -> None:
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("sum", lambda task: None))
    assert not published(notebook)


def test_progress_is_one_output_and_its_last_state_stays(notebook: Notebook) -> None:
    def count(task: Task[str]) -> str:
        for number in range(4):
            task.tell("orders", f"step {number}")
            time.sleep(0.2)
        return "counted"

    notebook.publisher.outputs.clear()
    assert in_background(notebook.shell, Task("count", count)) == "counted"
    first, *updates = published(notebook)
    assert not first["update"]
    assert updates
    assert all(update["update"] for update in updates)
    assert len({output["transient"]["display_id"] for output in published(notebook)}) == 1
    assert updates[-1]["data"]["text/plain"].startswith("count: done\n  orders: step 3\n  elapsed: ")
    assert "count: done" in updates[-1]["data"]["text/html"]


def test_a_cell_that_waits_for_spark_says_how_far_its_start_is(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_spark, "is_warm", lambda: False)
    monkeypatch.setattr(local_spark, "starting_text", lambda: "starting Spark, 3 s of about 5 s")
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("preview", lambda task: task.cancelled.wait(0.6)))
    first, *_ = published(notebook)
    assert "  starting Spark, 3 s of about 5 s\n" in first["data"]["text/plain"]
    assert "starting Spark, 3 s of about 5 s" in first["data"]["text/html"]


def test_progress_is_shown_at_most_five_times_a_second(notebook: Notebook) -> None:
    def busy(task: Task[None]) -> None:
        deadline = time.monotonic() + 1.2
        while time.monotonic() < deadline:
            task.tell("orders", f"{time.monotonic()}")
            time.sleep(0.001)

    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("busy", busy))
    assert len(published(notebook)) <= 8


def test_a_standstill_shows_the_clock_once_a_second(notebook: Notebook) -> None:
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("wait", lambda task: time.sleep(0.9)))
    assert len(published(notebook)) == 2


def test_in_a_terminal_only_the_last_state_is_shown(notebook: Notebook) -> None:
    del notebook.shell.kernel  # type: ignore[attr-defined]
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("wait", lambda task: time.sleep(0.5)))
    assert [output["data"]["text/plain"].splitlines()[0] for output in published(notebook)] == ["wait: done"]


def test_an_error_is_raised_where_the_cell_waits(notebook: Notebook) -> None:
    def fail(task: Task[None]) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        in_background(notebook.shell, Task("fail", fail))
    assert caught.traceback[-1].name == "fail"


def test_an_interrupt_cancels_the_jobs_and_waits_for_the_work(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[str] = []
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(groups.append))
    ended = threading.Event()

    def wait(task: Task[None]) -> None:
        task.cancelled.wait(10)
        ended.set()

    task = Task("run of orders", wait)
    threading.Timer(0.5, _thread.interrupt_main).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        in_background(notebook.shell, task)
    assert time.monotonic() - begin < 3
    assert ended.is_set()
    assert set(groups) == {task.group}
    assert caught.value._render_traceback_() == ["cancelled: run of orders"]  # type: ignore[attr-defined]
    assert published(notebook)[-1]["data"]["text/plain"].startswith("run of orders: cancelled")


def test_jobs_that_come_after_the_cell_has_ended_are_cancelled_too(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[str] = []
    monkeypatch.setattr(work, "CANCEL_SECONDS", 0.2)
    release = threading.Event()
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        in_background(notebook.shell, Task("run", lambda task: release.wait(10)))
    # Spark is up now.
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(groups.append))
    time.sleep(0.5)
    release.set()
    assert groups


def test_work_that_cannot_be_stopped_is_said(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(lambda group: None))
    monkeypatch.setattr(work, "CANCEL_SECONDS", 0.3)
    release = threading.Event()
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        in_background(notebook.shell, Task("export", lambda task: release.wait(10)))
    release.set()
    (line,) = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert line == "cancelled: export; it ends in the background as soon as it can be stopped"

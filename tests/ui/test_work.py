"""Long work: its progress in one output, its errors in the cell's own thread, and the interrupt that stops it."""

from __future__ import annotations

import _thread
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from alur_nb.authoring import local_spark
from alur_nb.runtime.calling import Event
from alur_nb.runtime.errors import NotebookError
from alur_nb.ui import work
from alur_nb.ui.progress import SparkNow
from alur_nb.ui.work import Task, in_background
from tests.ui.conftest import Notebook

EVENTS = (
    Event("orders", "started"),
    Event("orders", "planned", "2 new files", files_found=2, bytes_found=1_536),
    Event("orders", "read", "2 of 2 files, 1,200 rows", files_found=2, files_done=2, rows=1_200),
    Event("orders", "ended", "loaded", files_done=2, rows=1_200),
)


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


def test_quick_work_shows_its_last_state_as_slow_work_does(notebook: Notebook) -> None:
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("sum", lambda task: None))
    (output,) = published(notebook)
    assert re.fullmatch(r"sum: done, elapsed: \d\.\d s", output["data"]["text/plain"])


def test_two_runs_differ_in_the_marked_line_alone(notebook: Notebook) -> None:
    def count(task: Task[None], pause_seconds: float) -> None:
        for event in EVENTS:
            task.follow(event)
            time.sleep(pause_seconds)

    texts = []
    for pause_seconds in (0.0, 0.15):
        notebook.publisher.outputs.clear()
        in_background(notebook.shell, Task("run", partial(count, pause_seconds=pause_seconds), total=2))
        texts.append(published(notebook)[-1]["data"])
    for kind, line in (("text/plain", r"elapsed: .*"), ("text/html", r"elapsed: [\d.]+ s")):
        first, second = (re.sub(line, "", data[kind]) for data in texts)
        assert first == second
        assert "orders: loaded, 2 of 2 files, 1.5 KB, 1,200 rows" in first


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
    last = updates[-1]["data"]["text/plain"]
    assert re.fullmatch(r"count: done, elapsed: \d\.\d s\n  orders: step 3", last)
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


def test_in_a_terminal_each_step_is_a_line_once(notebook: Notebook) -> None:
    def count(task: Task[None]) -> None:
        for event in EVENTS:
            time.sleep(0.25)
            task.follow(event)

    del notebook.shell.kernel  # type: ignore[attr-defined]
    notebook.publisher.outputs.clear()
    in_background(notebook.shell, Task("run of orders", count))
    assert not any(output["update"] for output in published(notebook))
    lines = "\n".join(output["data"]["text/plain"] for output in published(notebook)).splitlines()
    assert lines[:-1] == [
        "run of orders: running",
        "  orders: started",
        "  orders: planned: 2 new files, 1.5 KB",
        "  orders: read: 2 of 2 files, 1,200 rows",
        "  orders: loaded, 2 of 2 files, 1.5 KB, 1,200 rows",
    ]
    assert re.fullmatch(r"run of orders: done, elapsed: \d\.\d s", lines[-1])


@pytest.mark.parametrize(
    "line", ["%alur_preview ingest", "%alur_run ingest", "%alur_sql select 1", "%alur_export --env dev"]
)
def test_a_long_command_shows_a_sign_of_life_before_the_first_tick_of_its_work(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Whatever the work waits for, Spark's start or a slow disk: something is shown while none of it is done."""
    notebook.ok("%%alur_table t\nid int", "a")
    notebook.ok("%alur_pipeline ingest --from 'o/*.csv' --target t", "b")
    seen: list[int] = []

    def wait_until_shown(task: Task[Any]) -> None:
        deadline = time.monotonic() + 10
        while not notebook.publisher.outputs and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(len(notebook.publisher.outputs))
        task.error = NotebookError("enough")
        task.ended.set()

    monkeypatch.setattr(work.Task, "run", wait_until_shown)
    notebook.run(line, "c")
    assert notebook.error_lines[0] == "NotebookError: enough"
    assert seen == [1]
    assert work.FIRST_SIGN_SECONDS <= 0.2


def test_what_spark_does_is_told_by_its_running_job(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = {3: ("SUCCEEDED", [4]), 5: ("RUNNING", [6, 7]), 9: ("RUNNING", [8])}
    stages = {6: (8, 8), 7: (2, 3), 8: (0, 1)}
    tracker = SimpleNamespace(
        getJobIdsForGroup=lambda group: [9, 3, 5] if group == "mine" else [],
        getJobInfo=lambda job: SimpleNamespace(status=jobs[job][0], stageIds=jobs[job][1]),
        getStageInfo=lambda stage: SimpleNamespace(
            stageId=stage, numTasks=stages[stage][1], numCompletedTasks=stages[stage][0], numActiveTasks=0
        ),
    )
    context = SimpleNamespace(statusTracker=lambda: tracker)
    running = SimpleNamespace(SparkContext=SimpleNamespace(_active_spark_context=context))
    monkeypatch.setitem(sys.modules, "pyspark", running)
    assert work._spark_tasks("mine") == SparkNow(job=3, stages_done=1, stages=3, tasks_done=10, tasks=12)
    assert work._spark_tasks("another") == ""
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace())
    assert work._spark_tasks("mine") == ""


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


def test_a_second_interrupt_ends_the_wait_and_not_in_a_traceback(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(lambda group: None))
    release = threading.Event()
    main = threading.main_thread().ident
    assert main is not None
    for seconds in (0.3, 0.8):
        # A real signal: `interrupt_main` wakes no wait.
        threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        in_background(notebook.shell, Task("export", lambda task: release.wait(10)))
    release.set()
    assert time.monotonic() - begin < work.CANCEL_SECONDS
    (line,) = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert line.startswith("cancelled: export; it ends in the background")


def test_a_part_that_failed_is_in_the_head(notebook: Notebook) -> None:
    notebook.publisher.outputs.clear()
    event = Event("orders", "ended", "failed")
    in_background(notebook.shell, Task("run", lambda task: task.follow(event)))
    last = published(notebook)[-1]["data"]["text/plain"]
    assert re.fullmatch(r"run: failed, elapsed: \d\.\d s\n  orders: failed", last)


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


def test_stages_that_spark_skips_are_not_counted() -> None:
    def numbers(*stages: tuple[int, int, int]) -> list[int]:
        infos = [
            SimpleNamespace(stageId=number, numActiveTasks=active, numCompletedTasks=done)
            for number, active, done in stages
        ]
        return [info.stageId for info in work._to_do(infos)]

    # The rows of 7 and 8 are there from an earlier job; 10 waits for 9.
    assert numbers((7, 0, 0), (8, 0, 0), (9, 2, 0), (10, 0, 0)) == [9, 10]
    assert numbers((7, 0, 4), (8, 0, 0), (9, 0, 3)) == [7, 9]
    assert numbers((7, 0, 0), (8, 0, 0)) == [7, 8]


def test_work_after_cancelled_work_waits_for_its_end_and_says_so(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(lambda group: None))
    monkeypatch.setattr(work, "CANCEL_SECONDS", 0.1)
    release = threading.Event()
    threading.Timer(0.3, _thread.interrupt_main).start()
    before = Task("run of orders", lambda task: release.wait(10))
    with pytest.raises(KeyboardInterrupt):
        in_background(notebook.shell, before)
    notebook.publisher.outputs.clear()

    def after(task: Task[bool]) -> bool:
        threading.Timer(0.6, release.set).start()
        work.wait_for_cancelled(task)
        return before.ended.is_set()

    assert in_background(notebook.shell, Task("run", after))
    texts = [output["data"]["text/plain"] for output in published(notebook)]
    assert any("the cancelled run of orders: is ending, which is waited for" in text for text in texts)
    assert "orders" not in texts[-1]
    assert before not in work._stopping


def test_the_wait_for_cancelled_work_ends_by_an_interrupt(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck: Task[None] = Task("run of orders", lambda task: None)
    monkeypatch.setattr(work, "_stopping", [stuck])
    monkeypatch.setitem(sys.modules, "pyspark", _pyspark(lambda group: None))
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        in_background(notebook.shell, Task("run", work.wait_for_cancelled))
    assert caught.value._render_traceback_() == ["cancelled: run"]  # type: ignore[attr-defined]
    assert work._stopping == [stuck]

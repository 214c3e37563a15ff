"""The export behind the button: its thread, its progress, its result, and the one who clicks twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alur_nb.runtime.errors import ExportError, Place
from alur_nb.ui import export_panel_work
from alur_nb.ui.export_panel_work import ExportWork, Running
from alur_nb.ui.work import Task
from tests.ui.conftest import Notebook
from tests.ui.exporting import BUNDLE, WAIT_SECONDS, Steered


@pytest.fixture
def steered() -> Iterator[Steered]:
    made = Steered()
    yield made
    made.go_on.set()


def working(notebook: Notebook, steered: Steered) -> ExportWork:
    notebook.publisher.outputs.clear()
    return ExportWork(notebook.shell, steered, Path.cwd())


def texts(notebook: Notebook) -> list[str]:
    """Return each output's last state, in the order in which they appeared."""
    last: dict[str, str] = {}
    for output in notebook.publisher.outputs:
        last[output["transient"]["display_id"]] = output["data"]["text/plain"]
    return list(last.values())


def without_clock(text: str) -> list[str]:
    *lines, clock = text.splitlines()
    assert clock.startswith("  elapsed: ")
    return lines


def ended(work: ExportWork, steered: Steered) -> None:
    steered.go_on.set()
    assert work.wait(WAIT_SECONDS)


def test_it_returns_at_once_and_shows_progress_then_the_result(notebook: Notebook, steered: Steered) -> None:
    work = working(notebook, steered)
    assert work.start("dev", {"limit": 3})
    assert steered.begun.wait(WAIT_SECONDS)
    assert not work.wait(0)
    ended(work, steered)
    progress, result = texts(notebook)
    assert without_clock(progress) == ["export to dev: done", "  cell 3 of 9: declares <orders>"]
    assert result.startswith("Bundle for dev: 1 job, 1 table, in bundle\n")
    assert "added: jobs/ingest_orders.py" in result
    assert steered.calls == [("dev", {"limit": 3})]
    assert steered.threads[0] is not threading.main_thread()


def test_progress_is_one_output_with_a_bar_and_is_escaped(notebook: Notebook, steered: Steered) -> None:
    work = working(notebook, steered)
    work.start("dev", {})
    assert steered.begun.wait(WAIT_SECONDS)
    assert not work.wait(0.5)
    ended(work, steered)
    outputs: list[dict[str, Any]] = notebook.publisher.outputs
    first, *updates = outputs[:-1]
    assert not first["update"]
    assert updates
    assert all(update["update"] for update in updates)
    assert {one["transient"]["display_id"] for one in updates} == {first["transient"]["display_id"]}
    html = updates[0]["data"]["text/html"]
    assert '<progress max="9" value="3">3 of 9</progress>' in html
    # What came before the cells is over.
    assert "starts a clean kernel" not in html
    assert "declares &lt;orders&gt;" in html


def test_what_comes_after_the_cells_is_told_beside_them() -> None:
    running = Running("dev", Task("export to dev", lambda task: BUNDLE))
    following = running.following()
    following.stage("starts a clean kernel")
    assert running.lines() == ["now: starts a clean kernel"]
    following.on_cell(2, 2, "declares orders")
    following.stage("writes 1 job")
    assert running.lines() == ["cell 2 of 2: declares orders", "now: writes 1 job"]


def test_a_cancelled_export_says_so_and_shows_no_result(notebook: Notebook, steered: Steered) -> None:
    work = working(notebook, steered)
    work.start("dev", {})
    assert steered.begun.wait(WAIT_SECONDS)
    work.cancel()
    assert work.wait(WAIT_SECONDS)
    (progress,) = texts(notebook)
    assert without_clock(progress) == [
        "export to dev: cancelled",
        "  cell 3 of 9: declares <orders>",
        "  The export was cancelled; the bundle on disk is as it was.",
    ]


def test_a_second_click_is_refused_in_words_also_from_another_panel(
    notebook: Notebook, steered: Steered
) -> None:
    work = working(notebook, steered)
    other = ExportWork(notebook.shell, steered, Path.cwd())
    work.start("dev", {})
    assert steered.begun.wait(WAIT_SECONDS)
    assert not work.start("prod", {})
    assert not other.start("prod", {})
    assert not work.wait(0.5)
    assert (
        "a second export, to prod, was not started: the one to dev is running; wait for its end, or cancel it"
        in texts(notebook)[0]
    )
    ended(work, steered)
    assert len(steered.calls) == 1
    assert other.start("prod", {})
    assert other.wait(WAIT_SECONDS)
    assert [environment for environment, _ in steered.calls] == ["dev", "prod"]


def test_clicks_from_many_threads_start_one_export(notebook: Notebook, steered: Steered) -> None:
    work = working(notebook, steered)
    together, started = threading.Barrier(8), list[bool]()

    def click() -> None:
        together.wait(WAIT_SECONDS)
        started.append(work.start("dev", {}))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    ended(work, steered)
    assert sorted(started) == [False] * 7 + [True]
    assert len(steered.calls) == 1


def test_an_error_is_its_card_with_cell_line_and_fix(notebook: Notebook, steered: Steered) -> None:
    steered.error = ExportError(
        "`x` is <odd>.", place=Place(notebook="work.ipynb", cell=4, line=2), fix="Mend it."
    )
    work = working(notebook, steered)
    work.start("dev", {})
    ended(work, steered)
    progress, result = texts(notebook)
    assert without_clock(progress)[0] == "export to dev: failed"
    assert result.splitlines() == [
        "ExportError: `x` is <odd>.",
        "  where: work.ipynb, cell 4, line 2",
        "  next:  Mend it.",
    ]
    assert "<dd>work.ipynb, cell 4, line 2</dd>" in notebook.publisher.outputs[-1]["data"]["text/html"]


def test_an_error_of_our_own_is_told_without_a_traceback(
    notebook: Notebook, steered: Steered, capsys: pytest.CaptureFixture[str]
) -> None:
    steered.error = ZeroDivisionError("division\nby <zero>")
    work = working(notebook, steered)
    work.start("dev", {})
    ended(work, steered)
    result = texts(notebook)[1]
    assert result.startswith("ZeroDivisionError: division\n")
    assert "%alur --debug" in result
    assert "Traceback" not in result + capsys.readouterr().err


def test_buttons_are_told_when_an_export_runs(notebook: Notebook, steered: Steered) -> None:
    changes: list[bool] = []
    work = working(notebook, steered)
    work.on_change = changes.append
    work.start("dev", {})
    ended(work, steered)
    assert changes == [True, False]


@pytest.mark.parametrize("names", [("set_thread_parent", "set_parent"), ("set_parent",)])
def test_what_it_shows_belongs_to_the_cell_of_the_panel(
    notebook: Notebook, steered: Steered, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    routed: list[tuple[str, object, str]] = []

    def routes(name: str) -> object:
        return lambda parent: routed.append((name, parent, threading.current_thread().name))

    for name in names:
        monkeypatch.setattr(notebook.shell, name, routes(name), raising=False)
    own = notebook.parent = {"content": {"allow_stdin": True}, "cell": "the panel's"}
    work = working(notebook, steered)
    notebook.parent = {"cell": "another"}
    work.start("dev", {})
    ended(work, steered)
    assert sorted(routed, key=lambda one: one[2]) == [
        (names[0], own, "alur-export"),
        (names[0], own, "alur-export-watch"),
    ]


def test_a_cancel_when_nothing_runs_does_nothing(notebook: Notebook, steered: Steered) -> None:
    work = working(notebook, steered)
    work.cancel()
    assert export_panel_work._running is None
    assert not notebook.publisher.outputs

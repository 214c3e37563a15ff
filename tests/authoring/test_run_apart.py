"""A run in a process of its own: the parameters that its declarations get, what comes back, and how it is stopped."""

from __future__ import annotations

import pickle
import sys
import threading
from pathlib import Path

import nbformat
import pytest

from alur_nb.authoring import run_apart as running
from alur_nb.authoring.loading import load_project
from alur_nb.authoring.run_apart import run_apart
from alur_nb.cli import main
from alur_nb.runtime.calling import Event
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import CheckError, NotebookError, RunCancelledError, SettingsError
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

CELLS = {
    "load": "%load_ext alur_nb",
    "parameters": "folder = 'orders'\nlimit = 10",
    "late": "print('{\"pipeline\": 1}')\npattern = f'{folder}/*.csv'",
    "table": "%%alur_table orders\nid int",
    "ingest": "%alur_pipeline ingest_orders --from '{pattern}' --target OrdersBronze",
}
RUN = PipelineRun("p", "bronze.t", "failed")


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A project with a notebook of two parameters, saved."""
    save(CELLS)
    return workspace


def save(cells: dict[str, str]) -> None:
    code = [nbformat.v4.new_code_cell(text, id=name) for name, text in cells.items()]
    for cell in code:
        cell.metadata["tags"] = ["parameters"] if cell.id == "parameters" else []
    nbformat.write(nbformat.v4.new_notebook(cells=code), "shop.ipynb")


def apart(parameters: dict[str, str], cancelled: threading.Event | None = None) -> RunReport:
    events: list[Event] = []
    return run_apart("all", parameters, {}, cancelled=cancelled or threading.Event(), on_event=events.append)


def test_a_parameter_takes_the_place_of_its_default_behind_its_cell(shop: Workspace) -> None:
    for parameters, pattern in (({}, "orders/*.csv"), ({"folder": "late"}, "late/*.csv")):
        source = load_project(shop.settings, parameters).pipeline("ingest_orders").sources["orders"]
        assert source.patterns == (pattern,)  # type: ignore[union-attr]
    with pytest.raises(SettingsError, match="did you mean `limit`"):
        load_project(shop.settings, {"limt": "1"})


def test_an_error_comes_back_with_all_that_it_says() -> None:
    check = CheckResult("c", Severity.ERROR, False, "m", "rows break it", ({"id": 1},))
    error = CheckError("1 of 1 checks failed", checks=(check,), fix="Mend it.")
    error.__cause__ = ZeroDivisionError()
    run = running._portable_run(PipelineRun("p", "bronze.t", "failed", error=error))
    found = pickle.loads(pickle.dumps(run)).error
    assert (type(found), found.message, found.checks, found.fix) == (
        CheckError,
        error.message,
        (check,),
        "Mend it.",
    )


def test_a_users_error_comes_back_in_words() -> None:
    class Theirs(Exception):
        pass

    found = running._portable(Theirs("boom"))
    assert isinstance(found, NotebookError)
    assert found.message == "Theirs: boom"


@pytest.mark.parametrize("answer", [RunReport("r", (RUN,)), SettingsError("no", fix="yes")])
def test_the_answer_is_a_report_or_the_error(tmp_path: Path, answer: object) -> None:
    path = tmp_path / "answer"
    path.write_bytes(pickle.dumps(answer))
    if isinstance(answer, RunReport):
        assert running._answered(path, 0) == answer
    else:
        with pytest.raises(SettingsError, match="no"):
            running._answered(path, 0)


def test_a_process_that_says_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"without an answer \(exit code -9\)"):
        running._answered(tmp_path / "answer", -9)


@pytest.mark.slow
def test_what_cannot_be_loaded_is_raised_here(shop: Workspace) -> None:
    with pytest.raises(SettingsError, match="did you mean `limit`"):
        apart({"limt": "1"})
    save({**CELLS, "late": "import os\nos._exit(3)\npattern = 'x'"})
    with pytest.raises(NotebookError, match="exit code 3"):
        apart({"limit": "1"})


@pytest.mark.slow
def test_a_run_that_is_cancelled_ends_its_process(shop: Workspace) -> None:
    save({**CELLS, "late": "import time\ntime.sleep(600)\npattern = 'x'"})
    cancelled = threading.Event()
    threading.Timer(2.0, cancelled.set).start()
    with pytest.raises(RunCancelledError):
        apart({"limit": "1"}, cancelled)


@pytest.mark.slow
def test_a_run_loads_what_its_parameters_name(shop: Workspace, land: Land) -> None:
    land("orders/1.csv", "id\n1\n")
    land("late/1.csv", "id\n2\n3\n")
    events: list[Event] = []
    report = run_apart(
        ["ingest_orders"], {"folder": "late"}, {}, cancelled=threading.Event(), on_event=events.append
    )
    (run,) = report.runs
    assert (run.state, run.rows) == ("loaded", 2)
    assert not report.fingerprints
    assert {event.step for event in events} >= {"started", "published", "ended"}
    assert main(["run", "ingest_orders", "-p", "folder=orders"]) == 0
    (last,) = [batch for batch in shop.ledger.batches("bronze.orders") if batch.counts["rows"] == 1]
    assert last.pipeline == "ingest_orders"
    assert "ingest_orders" not in sys.modules

"""`%alur`: last batches, last runs, what is stale and why, where kernel and notebook differ, what to do next."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from alur_nb.runtime.ledger import State
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui.cards import to_html, to_text
from tests.ui.conftest import Notebook
from tests.ui.ledgers import begin_batch, note_batch
from tests.ui.test_cards import read

ORDERS = "%%alur_table orders --description 'What <script>alert(1)</script> sold'\nid int\namount int"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
LATE = "%%alur_table late\nid int"
FIND = """%%alur_pipeline
import alur_nb
@alur_nb.pipeline(sources={'orders': alur_nb.new(OrdersBronze)}, target=LateBronze)
def find_late(orders):
    return clean(orders).select("id").limit(LIMIT)"""
CLEAN = "def clean(frame):\n    return frame.where('amount > 3')"


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A notebook with two tables, an ingestion, and a pipeline with a helper and a parameter."""
    for number, cell in enumerate((ORDERS, LATE, INGEST, "LIMIT = 3", CLEAN, FIND)):
        notebook.ok(cell, f"id-{number}")
    return notebook


def ran(notebook: Notebook, project: Project, state: str = "loaded") -> None:
    """Have the session see a run of both pipelines, without Spark."""
    from alur_nb.authoring.fingerprint import fingerprint

    known = project.pipelines
    runs = tuple(PipelineRun(name, one.target.qualified_name, state) for name, one in known.items())  # type: ignore[arg-type]
    report = RunReport("run", runs, {name: fingerprint(one) for name, one in known.items()})
    notebook.shell.user_ns["report"] = report
    notebook.ok("report", "report")


def test_a_fresh_project_was_never_run(shop: Notebook) -> None:
    text = str(shop.ok("%alur"))
    assert text.count("never run") == 2
    assert "next: %alur_preview ingest_orders" in text


def test_last_batches_are_told_of_tables_and_pipelines(shop: Notebook, workspace: Workspace) -> None:
    note_batch(workspace.ledger, "bronze.orders", counts={"rows": 1_200, "rejected": 3, "skipped_files": 2})
    note_batch(workspace.ledger, "bronze.late", "find_late", aborted="2 rows break row(id > 0).\n  the rows")
    seen = shop.ok("%alur")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "THEN", str(seen))
    assert "  bronze.orders: 2 columns, 1,200 rows in 1 batch\n" in text
    whole = " ".join(text.split())
    assert "last batch: 00000001-0001 loaded, 1,200 rows, 3 rejected, 2 files skipped, THEN" in whole
    assert "last batch: 00000001-0001 failed, THEN: 2 rows break row(id > 0).\n" in text
    assert "last run: loaded, THEN\n" in text
    assert "last run: failed, THEN\n" in text
    assert seen.next_steps[0] == "%alur_history find_late"
    assert "pipeline: failed</text>" in str(to_html(seen))


@pytest.mark.parametrize(
    ("owner", "state", "word"),
    [
        (local_owner, State.PLANNED, "running now ("),
        (lambda: f"{socket.gethostname()}/{os.getpid()}/1/shop.ipynb", State.PLANNED, "interrupted, "),
        (
            lambda: f"{socket.gethostname()}/{os.getpid()}/1",
            State.SEALED,
            "interrupted before it was published, ",
        ),
        (
            lambda: "elsewhere/7/1/shop.ipynb",
            State.PLANNED,
            "running or interrupted (shop.ipynb, process 7 on",
        ),
    ],
)
def test_a_run_without_an_end_is_running_or_was_interrupted(
    shop: Notebook, workspace: Workspace, owner: Callable[[], str], state: State, word: str
) -> None:
    begin_batch(workspace.ledger, "bronze.orders", owner(), state)
    seen = shop.ok("%alur")
    (line,) = [line for line in seen.pipelines if line.name == "ingest_orders"]
    assert line.last.startswith(word)
    assert f"last batch: 00000001-0001 {word}" in " ".join(str(seen).split())
    assert ("%alur_run ingest_orders" in seen.next_steps) == word.startswith("interrupted")
    assert f"pipeline: {word.split(',')[0].split()[0]}" in str(to_html(seen))


def test_a_lease_that_was_given_up_or_taken_over_runs_no_longer(shop: Notebook, workspace: Workspace) -> None:
    lease = begin_batch(workspace.ledger, "bronze.orders", local_owner(), State.PLANNED)
    workspace.ledger.release(lease)
    assert "interrupted, " in str(shop.ok("%alur"))
    workspace.ledger.acquire("bronze.orders", local_owner())
    assert "running now" not in str(shop.ok("%alur"))


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("The run was cancelled.", "cancelled"),
        ("its run died before it had decided", "interrupted"),
        ("boom", "failed"),
    ],
)
def test_a_run_that_published_nothing_failed_or_was_stopped(
    shop: Notebook, workspace: Workspace, reason: str, word: str
) -> None:
    note_batch(workspace.ledger, "bronze.late", "find_late", aborted=reason)
    assert f"last run: {word}, " in str(shop.ok("%alur"))


def test_a_run_of_this_session_that_left_no_batch_is_told(shop: Notebook, project: Project) -> None:
    ran(shop, project, "failed")
    assert "last run: failed, in this session" in str(shop.ok("%alur"))


def test_nothing_is_stale_after_a_run(shop: Notebook, project: Project) -> None:
    ran(shop, project)
    shop.ok(CLEAN, "id-4")
    shop.ok(FIND + "  # a comment", "id-5")
    shop.ok(ORDERS, "id-0")
    assert "declared again" not in str(shop.ok("%alur"))


@pytest.mark.parametrize(
    ("cell", "cell_id", "name", "what"),
    [
        (CLEAN.replace("3", "4"), "another", "find_late", "`clean` in cell [9]"),
        ("LIMIT = 4", "id-3", "find_late", "`LIMIT` in cell [9]"),
        (FIND.replace('"id"', '"id", "amount"'), "id-5", "find_late", "pipeline find_late in cell [9]"),
        (ORDERS + "\nnote string", "id-0", "ingest_orders", "table bronze.orders in cell [9]"),
    ],
)
def test_what_was_declared_again_since_a_run_is_told_with_its_cell(
    shop: Notebook, project: Project, cell: str, cell_id: str, name: str, what: str
) -> None:
    ran(shop, project)
    shop.ok(cell, cell_id)
    seen = shop.ok("%alur")
    (line,) = [line for line in seen.pipelines if line.name == name]
    assert line.stale == (f"declared again since its last run: {what}",)
    assert line.stale[0] in " ".join(str(seen).split())
    assert line.stale[0] in read(str(to_html(seen)))
    assert any(name in step for step in seen.next_steps)
    # The same on the pipeline's own card, and where the old report is shown again.
    assert line.stale[0] in to_text(project.pipeline(name))
    report = shop.shell.user_ns["report"]
    assert f"{name} was declared again since this run: {what}" in to_text(report)
    assert f"{name} was declared again since this run: {what}" in read(str(to_html(report)))


def test_both_readings_fit_a_page_and_escape_what_is_declared(shop: Notebook, project: Project) -> None:
    shop.ok(f"%alur_pipeline long --from '{'/'.join(['folder'] * 30)}/*.csv' --target late", "long")
    seen = shop.ok("%alur")
    assert max(map(len, str(seen).splitlines())) <= 100
    html = str(to_html(seen))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "What <script>alert(1)</script> sold" in str(seen)
    assert "files(orders/*.csv) -> bronze.orders" in read(html)


def test_two_looks_give_the_same_bytes(shop: Notebook) -> None:
    first, second = shop.ok("%alur"), shop.ok("%alur")
    assert str(first) == str(second)
    assert to_html(first) == to_html(second)


def test_a_cycle_is_a_problem_and_shown_all_the_same(shop: Notebook) -> None:
    shop.ok("%%alur_pipeline back --target orders\nselect id, id as amount from new(late)", "back")
    seen = shop.ok("%alur")
    assert "Pipelines feed each other in a cycle" in str(seen)
    assert "<svg" in str(to_html(seen))


def test_cards_show_what_stands_around(shop: Notebook, project: Project) -> None:
    assert "  written by: ingest_orders\n  read by: find_late" in to_text(project.table("orders"))
    assert "  feeds: find_late" in to_text(project.pipeline("ingest_orders"))
    assert "  runs after: ingest_orders" in to_text(project.pipeline("find_late"))
    for value in (project.table("late"), project.pipeline("ingest_orders")):
        html = str(to_html(value))
        assert "find_late (pipeline)</title>" in html
    assert "orders/*.csv (files)" not in str(to_html(project.table("late")))


def test_of_many_pipelines_the_picture_shows_a_part_and_says_so(notebook: Notebook, project: Project) -> None:
    for number in range(40):
        notebook.ok(f"%%alur_table t{number}\nid int", f"t{number}")
        before = f"select id from new(t{number - 1})" if number % 4 else ""
        cell = f"%%alur_pipeline p{number:02} --target t{number}\n{before}"
        notebook.ok(
            cell if before else f"%alur_pipeline p{number:02} --from 'd{number}/*' --target t{number}",
            f"p{number}",
        )
    seen = notebook.ok("%alur")
    assert len(seen.graph.nodes) <= 60
    shown = [node.name for node in seen.graph.nodes if node.kind == "pipeline"]
    # Whole chains, not the first of each.
    assert shown == [f"p{number:02}" for number in range(len(shown))]
    said = f"The picture shows {len(shown)} of 40 pipelines; the list has all of them."
    assert said in read(str(to_html(seen)))
    assert len(seen.pipelines) == 40


def _save(cells: dict[str, str]) -> None:
    made = [
        {
            "cell_type": "code",
            "id": name,
            "source": text,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for name, text in cells.items()
    ]
    Path("shop.ipynb").write_text(
        json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )


def test_the_kernel_is_compared_with_the_saved_notebook(
    shop: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not shop.ok("%alur").notes
    monkeypatch.setenv("JPY_SESSION_NAME", str(Path("shop.ipynb").absolute()))
    _save({"id-0": ORDERS, "id-1": LATE, "id-2": INGEST, "id-5": FIND})
    assert not shop.ok("%alur").notes
    _save({"id-0": ORDERS, "id-1": LATE + "\nnote string", "id-2": INGEST})
    first, second = shop.ok("%alur").notes
    assert (
        first == "cell 2 was run but is not saved as it ran; it declares bronze.late; "
        "save the notebook, or, where the cell was deleted, restart the kernel"
    )
    assert second.startswith(
        "cell [7] was run but is not saved: it is in the kernel, not in the notebook, and declares find_late; save"
    )
    assert first in read(str(to_html(shop.ok("%alur"))))
    for text in ("{", "[]", '{"cells": [3]}', "[" * 100_000):
        Path("shop.ipynb").write_text(text)
        (note,) = shop.ok("%alur").notes
        assert note == "shop.ipynb was not compared with the kernel: it cannot be read as a notebook"


def test_without_cell_ids_a_cell_is_compared_by_its_text(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook.ok(ORDERS, None, stdin=False)
    notebook.ok(LATE, None, stdin=False)
    monkeypatch.setenv("JPY_SESSION_NAME", str(Path("shop.ipynb").absolute()))
    _save({"x": ORDERS})
    (note,) = notebook.ok("%alur", None, stdin=False).notes
    assert "declares bronze.late" in note
    assert "bronze.orders" not in note


def test_a_fresh_project_begins_with_the_files_that_are_there(
    notebook: Notebook, workspace: Workspace
) -> None:
    assert notebook.ok("%alur").next_steps[0] == (
        "to begin with files: put some into the folder data, then %alur again"
    )
    data = workspace.settings.root / "data"
    (data / "2024 sales").mkdir(parents=True)
    (data / "2024 sales" / "1.csv").write_text("id\n1\n")  # no name for a table
    (data / "customers.csv").write_text("id\n1\n")
    first = notebook.ok("%alur").next_steps[0]
    assert first == "infer a table: %alur_table customers --from 'customers.csv'"
    assert "inferred from customers.csv" in str(notebook.ok(first.partition(": ")[2], "infer"))
    notebook.ok("%%alur_table customers\nid int")
    assert notebook.ok("%alur").next_steps == (
        "declare a pipeline: %alur_pipeline ingest_customers --from 'customers.csv' --target CustomersBronze",
    )
    (data / "customers.csv").unlink()
    (data / "customers").mkdir()
    (data / "customers" / "a.csv.gz").touch()
    assert "--from 'customers/*.csv.gz'" in notebook.ok("%alur").next_steps[0]


def test_the_reason_of_an_aborted_batch_ends_without_its_colon(shop: Notebook, workspace: Workspace) -> None:
    note_batch(workspace.ledger, "bronze.late", "find_late", aborted="2 rows do not fit:\n  the rows")
    assert ": 2 rows do not fit\n" in str(shop.ok("%alur"))

"""A saved notebook: nothing but controls is lost with its widgets, and two runs of it are the same when cleaned."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from alur_nb.authoring.clean import WIDGET_VIEW, clean_text
from tests.ui.kernel import Kernel, Ran
from tests.ui.test_readings import Sanitized

pytestmark = pytest.mark.slow

CELLS = (
    "%load_ext alur_nb",
    "%%alur_table orders\nid int not null\namount decimal(10,2)",
    "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze --no-strict --reject-limit 0.5",
    "%alur",
    "%alur_table late --new",
    "%alur_table seen --from 'orders/*.csv'",
    "%alur_preview ingest_orders",
    "%alur_run --all",
    "%alur_sql select id, amount from orders order by id",
    "%alur_check",
    "%alur_run nothing",
)


def saved(ran: list[Ran]) -> Any:
    """Return the cells with their outputs as Jupyter saves them: of an output that was updated the last state."""
    book = nbformat.v4.new_notebook()
    for number, (source, one) in enumerate(zip(CELLS, ran, strict=True), start=1):
        cell = nbformat.v4.new_code_cell(source, id=f"cell-{number}", execution_count=number)
        shown: dict[str, Any] = {}
        for index, message in enumerate(one.outputs):
            if message["type"] not in ("display_data", "update_display_data", "execute_result"):
                continue
            identity = message.get("transient", {}).get("display_id", str(index))
            more = {"execution_count": number} if message["type"] == "execute_result" else {}
            kind = "execute_result" if more else "display_data"
            shown[identity] = nbformat.v4.new_output(kind, data=message["data"], **more)
        cell.outputs = list(shown.values())
        cell.outputs += [
            nbformat.v4.new_output("error", ename=o["ename"], evalue=o["evalue"], traceback=o["traceback"])
            for o in one.outputs
            if o["type"] == "error"
        ]
        book.cells.append(cell)
    states = {
        message["comm_id"]: {
            "model_name": message["data"]["state"]["_model_name"],
            "model_module": message["data"]["state"]["_model_module"],
            "model_module_version": message["data"]["state"]["_model_module_version"],
            "state": message["data"]["state"],
        }
        for one in ran
        for message in one.outputs
        if message["type"] == "comm_open" and "_model_name" in message["data"].get("state", {})
    }
    state = {"state": states, "version_major": 2, "version_minor": 0}
    book.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    return book


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook as two kernels ran it, each in the folder as it was before the first."""
    folder = tmp_path_factory.mktemp("shop")
    return [_run(folder) for _ in range(2)]


def _run(folder: Path) -> Any:
    shutil.rmtree(folder)
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "data" / "orders" / "1.csv").write_text("id,amount\n1,2.50\n2,3.50\nx,4\n")
    kernel = Kernel(folder)
    try:
        return saved([kernel.run(source, f"cell-{number}") for number, source in enumerate(CELLS)])
    finally:
        kernel.close()


def page(book: Any) -> str:
    """Return what nbconvert's page says, as a reader without scripts has it."""
    html, _ = HTMLExporter().from_notebook_node(book)
    return Sanitized(html).text


def without_widget_views(book: Any) -> Any:
    left = copy.deepcopy(book)
    for cell in left.cells:
        cell.outputs = [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
    return left


def test_two_runs_are_the_same_bytes_when_cleaned(twice: list[Any]) -> None:
    first, second = (nbformat.writes(book) for book in twice)
    assert first != second, "the durations and the ids of widgets differ"
    cleaned = clean_text(first)
    assert cleaned.splitlines() == clean_text(second).splitlines()
    for fact in ("loaded, 2 rows from 1 file", "1 row rejected", "declared table bronze.orders", "cell [11]"):
        assert fact in cleaned


def test_nothing_but_controls_is_lost_without_the_widgets(twice: list[Any]) -> None:
    book = twice[0]
    form = book.cells[4]
    views = [
        output for cell in book.cells for output in cell.outputs if WIDGET_VIEW in output.get("data", {})
    ]
    assert views
    for view in views:
        assert set(view["data"]) <= {WIDGET_VIEW, "text/plain"}
        assert view in form.outputs
    left = [o["data"]["text/plain"] for o in without_widget_views(book).cells[4].outputs]
    assert any("%%alur_table late --layer bronze" in text for text in left)
    assert all(cell.outputs for cell in without_widget_views(book).cells[1:])


def test_nbconvert_shows_the_same_with_and_without_the_state_of_widgets(twice: list[Any]) -> None:
    with_state = twice[0]
    without = copy.deepcopy(with_state)
    del without.metadata["widgets"]
    facts = {
        "form": "%%alur_table late --layer bronze",
        "preview": "preview of ingest_orders -> bronze.orders",
        "inference": "evidence for the columns of bronze.seen",
        "run": "rejected rows by reason",
        "error": "There is no pipeline",
    }
    pages = [page(book) for book in (with_state, without, without_widget_views(without))]
    for said in pages:
        assert {name for name, fact in facts.items() if fact not in said} == set()

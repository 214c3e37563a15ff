"""`%alur_history`: the batches of a table as text, as rows, and as bars with the same numbers."""

from __future__ import annotations

import re

import pytest

from alur_nb.authoring.history import History
from alur_nb.runtime.errors import NotebookError
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui.cards import to_html, to_text
from tests.ui.conftest import Notebook
from tests.ui.ledgers import note_batch
from tests.ui.test_cards import facts, read

ORDERS = "%%alur_table orders\nid int"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
PASSED, FAILED = (
    {"name": "positive", "passed": True},
    {"name": "fresh", "passed": False, "message": "old <b>"},
)


@pytest.fixture
def shop(notebook: Notebook, workspace: Workspace) -> Notebook:
    """A notebook whose table has three batches: loaded, aborted, and one in the first one's place."""
    notebook.ok(ORDERS, "a")
    notebook.ok(INGEST, "b")
    first = note_batch(
        workspace.ledger, "bronze.orders", counts={"rows": 1_000, "files": 3}, checks=(PASSED,)
    )
    note_batch(
        workspace.ledger, "bronze.orders", aborted=f"{'A very long reason. ' * 8}\n  orders/1.csv, line 3"
    )
    counts = {"rows": 500, "files": 2, "rejected": 7, "dropped": 4, "skipped_files": 1}
    note_batch(
        workspace.ledger, "bronze.orders", counts=counts, checks=(PASSED, FAILED), supersedes=(first.id,)
    )
    return notebook


@pytest.mark.parametrize("name", ["orders", "bronze.orders", "ingest_orders", ""])
def test_a_history_is_asked_for_by_table_pipeline_or_all(shop: Notebook, name: str) -> None:
    told = shop.ok(f"%alur_history {name}")
    assert isinstance(told, History)
    assert list(told.tables) == ["bronze.orders"]


def test_the_card_has_every_fact_of_the_text(shop: Notebook) -> None:
    told = shop.ok("%alur_history orders")
    text, shown = to_text(told), read(str(to_html(told)))
    assert max(map(len, text.splitlines())) <= 100
    assert not {fact for fact in facts(text) if fact not in shown} - {"rejected", "check"}
    assert "1 of 2 checks failed" in text
    assert "1 check passed" in text
    assert "00000001-0001 SUPERSEDED 1,000" in shown
    assert "00000002-0001 ABORTED" in shown
    assert "old <b>" in shown
    assert "<b>" not in str(to_html(told))


def test_the_bars_have_the_numbers_of_the_table(shop: Notebook) -> None:
    html = str(to_html(shop.ok("%alur_history orders")))
    titles = re.findall(r"<title>(\d{8}-\d{4}): ([\d,]+) rows, (\w+)</title>", html)
    assert titles == [
        ("00000001-0001", "1,000", "SUPERSEDED"),
        ("00000002-0001", "0", "ABORTED"),
        ("00000003-0001", "500", "COMMITTED"),
    ]
    heights = [int(height) for height in re.findall(r'<rect[^>]* height="(\d+)"', html)]
    assert heights == [72, 0, 36]
    # The live one alone is filled.
    assert html.count("fill-opacity") == 1
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', html)) == {"none", "currentColor"}
    assert 'role="img"' in html


def test_no_more_than_asked_for_is_shown_and_the_rest_is_counted(shop: Notebook) -> None:
    told = shop.ok("%alur_history orders -n 1")
    assert "2 older" in to_text(told)
    shown = read(str(to_html(told)))
    assert "2 older" in shown
    assert "00000001-0001: " not in shown
    assert "ABORTED" not in shown


def test_a_table_without_a_batch_and_a_project_without_a_table(notebook: Notebook) -> None:
    assert read(str(to_html(notebook.ok("%alur_history")))) == to_text(notebook.ok("%alur_history"))
    notebook.ok(ORDERS, "a")
    told = notebook.ok("%alur_history")
    assert (to_text(told), read(str(to_html(told)))) == ("bronze.orders: no batch",) * 2


def test_wrong_use_is_told(shop: Notebook) -> None:
    shop.run("%alur_history ordrs")
    assert "There is no table `ordrs` (did you mean `orders`?)." in shop.error_lines[0]
    shop.run("%alur_history -n 0")
    assert isinstance(shop.error, NotebookError)


def test_during_an_export_it_is_empty(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    assert shop.ok("%alur_history") == History({})

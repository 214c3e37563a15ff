"""`%alur_lineage` and `%alur_status`: what they answer, in text and as cards, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.lineage import LineageReport
from alur_nb.authoring.report_facts import Status
from alur_nb.runtime.errors import DeclarationError, SettingsError
from alur_nb.runtime.workspace import Workspace
from tests.ui.conftest import Notebook
from tests.ui.ledgers import note_batch
from tests.ui.test_readings import Sanitized

ORDERS = "%%alur_table orders\nid bigint\namount decimal(10,2)\nstate string"
SUMS = "%%alur_table sums\nstate string\ntotal decimal(20,2)"
SQL = (
    "%%alur_pipeline sum_orders --target SumsBronze\n"
    "select state, sum(amount) as total from new(orders) where id > 0 group by state"
)


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    for cell in (ORDERS, SUMS, SQL):
        notebook.ok(cell, cell[:30])
    return notebook


def test_a_column_of_a_sql_cell_is_followed_at_once(shop: Notebook) -> None:
    report = shop.ok("%alur_lineage sums.total")
    assert isinstance(report, LineageReport)
    formats = shop.formatted(report)
    assert "bronze.orders.amount  aggregated, by sum_orders" in formats["text/plain"]
    shown = Sanitized(formats["text/html"]).text
    assert "bronze.orders.amount aggregated, by sum_orders" in shown
    assert "bronze.orders.id (filter, by sum_orders)" in shown


def test_a_table_says_what_depends_on_it(shop: Notebook) -> None:
    report = shop.ok("%alur_lineage orders")
    formats = shop.formatted(report)
    assert "goes into bronze.sums.total (aggregated)" in formats["text/plain"]
    assert "bronze.sums.total (aggregated)" in Sanitized(formats["text/html"]).text
    assert report.notes == ()


def test_an_unknown_column_is_answered_with_the_one_that_was_meant(shop: Notebook) -> None:
    shop.run("%alur_lineage sums.totl")
    assert isinstance(shop.error, DeclarationError)
    assert "did you mean `total`" in shop.error_lines[0]


def test_status_shows_the_ledger(shop: Notebook, workspace: Workspace) -> None:
    note_batch(workspace.ledger, "bronze.sums", "sum_orders", counts={"rows": 3})
    found = shop.ok("%alur_status")
    assert isinstance(found, Status)
    formats = shop.formatted(found)
    for text in (formats["text/plain"], Sanitized(formats["text/html"]).text):
        assert "bronze.sums" in text
        assert "00000001-0001" in text
    assert "total from bronze.orders.amount (aggregated)" in formats["text/html"]


def test_an_unknown_environment_is_refused(shop: Notebook) -> None:
    shop.run("%alur_status --env nowhere")
    assert isinstance(shop.error, SettingsError)


def test_a_table_card_says_what_its_columns_are_made_of(shop: Notebook) -> None:
    formats = shop.formatted(shop.ok("%alur_table sums"))
    for text in (formats["text/plain"], Sanitized(formats["text/html"]).text):
        assert "total from bronze.orders.amount (aggregated)" in " ".join(text.split())


def test_during_an_export_both_do_nothing(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    assert shop.ok("%alur_lineage orders") == LineageReport()
    assert shop.ok("%alur_status") == Status()
    assert str(Status()) == "Nothing was looked at."
    assert not Path(".alur").exists()

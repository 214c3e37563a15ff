"""`%alur_rejects`: counted by reason from the ledger alone; the rows in both readings, and what is not shown."""

from __future__ import annotations

import pytest

from alur_nb.authoring.rejects import RejectsReport
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui import operating
from alur_nb.ui.cards import to_html, to_text
from tests.ui.conftest import Notebook
from tests.ui.ledgers import note_batch
from tests.ui.test_cards import read

ROW = {"source_file": "orders/1.csv", "line_number": 3, "column": "id", "reason": "`x` is not a whole number"}
REJECTS = RejectsReport(
    "bronze.orders",
    7,
    {"id: is not a whole number": 5, "null in a column that is not nullable": 2},
    ({**ROW, "raw": "x,<b>"}, {**ROW, "source_file": None, "line_number": None, "column": None, "raw": ""}),
    batch="00000002-0001",
    aborted="5 of 7 rows are rejected.\nmore",
    expired=1,
    written="rejects.csv",
)


@pytest.fixture
def shop(notebook: Notebook, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook with rejects in the ledger; where Spark was to be started, the test fails."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("it needs no Spark")

    monkeypatch.setattr(operating, "in_background", refuse)
    notebook.ok("%%alur_table orders\nid int", "a")
    notebook.ok("%%alur_table late\nid int", "b")
    notebook.ok("%alur_pipeline ingest_orders --from 'orders/*.csv' --target orders", "c")
    for reasons in ({"id: is not a whole number": 3}, {"id: is not a whole number": 1, "other": 2}):
        counts = {"rows": 5, "rejected": sum(reasons.values())}
        note_batch(workspace.ledger, "bronze.orders", counts=counts, reject_reasons=reasons)
    return notebook


def test_rejects_are_counted_by_reason_without_spark(shop: Notebook) -> None:
    for name in ("orders", "ingest_orders"):
        found = shop.ok(f"%alur_rejects {name} --by-reason")
        assert (found.total, found.by_reason) == (6, {"id: is not a whole number": 4, "other": 2})
        assert str(found).splitlines() == [
            "6 rejected rows in bronze.orders",
            "       4  id: is not a whole number",
            "       2  other",
        ]
    last = shop.ok("%alur_rejects orders --last --by-reason")
    assert (last.total, last.batch) == (3, "00000002-0001")
    assert str(shop.ok("%alur_rejects late")) == "0 rejected rows in bronze.late"


def test_rows_are_read_in_the_background_of_a_name_that_is_there(shop: Notebook) -> None:
    shop.run("%alur_rejects orders")
    assert "it needs no Spark" in str(shop.error)
    shop.run("%alur_rejects ordrs")
    assert isinstance(shop.error, DeclarationError)
    assert "did you mean `orders`?" in shop.error_lines[0]


def test_the_card_says_what_the_text_says() -> None:
    markup = str(to_html(REJECTS))
    assert "&lt;b&gt;" in markup
    card, text = read(markup), to_text(REJECTS)
    for fact in (
        "7 rejected rows in batch 00000002-0001 of bronze.orders",
        "aborted: 5 of 7",
        *REJECTS.notes,
    ):
        assert fact in card
        assert fact in text
    assert "(made by the pipeline)" in card
    assert "and 4 more rows: -n shows more" in text


def test_an_export_looks_at_nothing(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    found = shop.ok("%alur_rejects whatever")
    assert str(found) == "Nothing was looked at."
    assert read(str(to_html(found))) == str(found)

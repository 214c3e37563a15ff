"""`%alur_diff` and `%alur_maintain`: their lines, and what their objects show."""

from __future__ import annotations

import pytest

from alur_nb.authoring import diffing, maintaining
from alur_nb.authoring.diffing import DiffReport
from alur_nb.authoring.maintaining import MaintenanceReport
from alur_nb.runtime.iceberg_maintain import Maintained
from alur_nb.ui.cards import to_html
from tests.ui.conftest import Notebook

DIFF = DiffReport(
    "silver.orders", "batch 00000001-0001", "now", ("id",), 1_003, 1_003, 11, 12, 13, {"name": 13},
    [
        {"change": "added", "id": 4},
        {"change": "changed", "id": 2, "column": "name", "before": "<b>", "after": "B"},
    ],
    ("a note_of 3",),
)  # fmt: skip
MAINTAINED = MaintenanceReport((Maintained("silver.orders", 6, 1, 900, 2),), ("one note",))


def test_the_lines_reach_their_work(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def compared(_: object, *line: str, **options: int) -> DiffReport:
        asked.append((line, options))
        return DIFF

    def looked_after(_: object, name: str | None) -> MaintenanceReport:
        asked.append(name)
        return MAINTAINED

    monkeypatch.setattr("alur_nb.ui.table_states.in_job_group", lambda task: None)
    monkeypatch.setattr(diffing, "diff", compared)
    monkeypatch.setattr(maintaining, "maintain", looked_after)
    assert notebook.ok("%alur_diff orders 12 '2026-11-27 09:00' -n 2") is DIFF
    assert notebook.ok("%alur_diff orders 12") is DIFF
    assert notebook.ok("%alur_maintain") is MAINTAINED
    assert notebook.ok("%alur_maintain orders") is MAINTAINED
    assert asked == [
        (("orders", "12", "2026-11-27 09:00"), {"examples": 2}),
        (("orders", "12", "now"), {"examples": 5}),
        None,
        "orders",
    ]


def test_the_cards_hold_the_facts_of_the_texts() -> None:
    html = str(to_html(DIFF))
    for fact in ("1,003 -&gt; 1,003", ">11<", ">12<", ">13<", "name &#x27;&lt;b&gt;&#x27;", "a note_of 3"):
        assert fact in html, fact
    assert "6 files put together into 1" in str(to_html(MAINTAINED)) and "one note" in str(
        to_html(MAINTAINED)
    )
    assert "nothing to maintain" in str(to_html(MaintenanceReport()))


def test_an_export_compares_nothing(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    empty = notebook.ok("%alur_diff orders 1")
    assert isinstance(empty, DiffReport) and empty.is_equal
    assert notebook.ok("%alur_maintain") == MaintenanceReport()

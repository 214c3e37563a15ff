"""A run's card, and a failed run in a notebook: its report with the rows, then the error, each thing once."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb.authoring import operate
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import CheckError, SourceError
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui import operating
from alur_nb.ui.run_card import run_card
from tests.ui.conftest import Notebook
from tests.ui.test_cards import read

FAILED = CheckResult(
    "row(amount > 0)",
    Severity.ERROR,
    False,
    "2 of 3 rows",
    "2 of 3 rows break amount > 0.",
    ({"id": 1, "note": "<b>"}, {"id": 2, "note": None}),
)
PASSED = CheckResult("not_empty", Severity.ERROR, True, "3 rows", "3 rows.")
CHECK_ERROR = CheckError(
    "1 of 2 checks failed, so nothing is published:\n  row(amount > 0): 2 of 3 rows break amount > 0.",
    checks=(FAILED, PASSED),
    fix="Mend the data; then run again.",
)


def failed(error: BaseException, *more: PipelineRun, **parts: Any) -> RunReport:
    return RunReport("run", (PipelineRun("load", "bronze.orders", "failed", error=error, **parts), *more))


def ended(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, report: RunReport
) -> tuple[str, str, list[str]]:
    """Run a cell whose run ends in this report; return the report's text and card, and the lines that end the cell."""
    monkeypatch.setattr(operate, "selected", lambda *args, **more: ("load",))
    monkeypatch.setattr(operating, "in_background", lambda shell, task: report)
    notebook.run("%alur_run --all")
    return notebook.shown()[0], notebook.shown("text/html")[0], notebook.error_lines


def test_the_card_shows_the_rows_that_fail_each_check() -> None:
    markup = str(run_card(failed(CHECK_ERROR, checks=(FAILED, PASSED))))
    assert "&lt;b&gt;" in markup
    assert "<b>" not in markup
    card = read(markup)
    assert "rows that fail row(amount > 0)" in card
    assert "rows that fail not_empty" not in card
    assert "first" not in card


def test_of_a_full_report_the_card_says_that_these_are_the_first() -> None:
    many = CheckResult("c", Severity.WARN, False, "m", "rows break it", tuple({"id": n} for n in range(20)))
    wide = CheckResult("w", Severity.WARN, False, "m", "rows break it", ({f"c{n}": n for n in range(25)},))
    card = read(str(run_card(RunReport("r", (PipelineRun("p", "t", "loaded", checks=(many, wide)),)))))
    assert "the first 20 rows that fail c" in card
    assert "and 5 more columns: c20" in card


def test_a_check_that_failed_is_told_once(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    text, card, lines = ended(notebook, monkeypatch, failed(CHECK_ERROR, checks=(FAILED, PASSED)))
    everything = "\n".join([text, *lines])
    assert everything.count("2 of 3 rows break amount > 0.") == 1
    assert "      id=1, note=<b>" in text
    assert lines[0] == (
        "CheckError: load: 1 of 2 checks failed, so nothing is published; the report above has the rows."
    )
    assert lines[-1] == "  next:  Mend the data; then run again."
    assert "1 of 2 checks failed" not in card
    assert isinstance(notebook.error, CheckError)
    assert notebook.error.checks == (FAILED, PASSED)


def test_any_other_error_is_told_once(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    other = PipelineRun("other", "bronze.o", "failed", error=SourceError("gone too"))
    report = failed(SourceError("orders/1.csv is gone", fix="Put it back."), other)
    text, card, lines = ended(notebook, monkeypatch, report)
    for reading in (text, card):
        assert "orders/1.csv is gone" not in reading
        assert "note: why it failed ends this cell, below" in reading
        assert "gone too" in reading
    assert lines[0] == "SourceError: orders/1.csv is gone"
    assert lines[-1] == "  next:  Put it back."


def test_a_users_error_is_the_users_own(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _, _ = ended(notebook, monkeypatch, failed(ZeroDivisionError("division by zero")))
    assert "division by zero" not in text
    assert isinstance(notebook.error, ZeroDivisionError)

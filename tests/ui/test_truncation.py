"""No silent cap: an object that holds more than it shows says so, and each reading says how much there is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.fsck import Finding, FsckReport
from alur_nb.authoring.history import BatchLine, History
from alur_nb.authoring.operate import CheckReport
from alur_nb.authoring.planning import PlanReport
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ContractColumn,
    FileFact,
    Obstacle,
    Preview,
    RejectedRow,
    ResultColumn,
    SourcePreview,
)
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.rejects import RejectsReport
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.problems import Problem
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.glance import Glance, PipelineLine, TableLine
from alur_nb.ui.progress import Shown
from tests.conftest import Land
from tests.ui.conftest import Notebook

MANY = 150
NAMES = tuple(f"item_{number:03}" for number in range(MANY))
MARKS = re.compile(
    r"\band [\d,]+ more\b|\bfirst [\d,]+\b|\bthere are more\b|\b[\d,]+ (more|older)\b|\blast [\d,]+ of\b"
)
EXAMPLES = CheckResult(
    "c", Severity.ERROR, False, "m", "rows break it", tuple({"id": name} for name in NAMES[:20])
)
RESULTS = tuple(dataclasses.replace(EXAMPLES, name=name, examples=()) for name in NAMES)


def _preview(**parts: Any) -> Preview:
    return Preview("p", "bronze.t", "would load", **parts)


def _source(**parts: Any) -> Preview:
    return _preview(sources=(SourcePreview("o", "files", "o/*.csv", "new", **parts),))


def _run(**parts: Any) -> RunReport:
    return RunReport("r", (PipelineRun("p", "bronze.t", "failed", **parts),))


def _history() -> History:
    batches = (Batch("bronze.t", name, State.COMMITTED, 1, "p", "run") for name in NAMES)
    return History({"bronze.t": tuple(BatchLine(batch, live=True) for batch in batches)})


def _plan() -> PlanReport:
    pipeline = SimpleNamespace(name="p", target=SimpleNamespace(qualified_name="bronze.t", partition_by=()))
    return PlanReport(pipeline, upstream={"new(bronze.t)": NAMES})  # type: ignore[arg-type]


VALUES: dict[str, Callable[[], object]] = {
    "rows of a query": lambda: QueryResult(("x",), ("string",), tuple((name,) for name in NAMES[:20]), is_complete=False),
    "pipelines of a run": lambda: RunReport("r", tuple(PipelineRun(n, "bronze.t", "loaded") for n in NAMES)),
    "skipped files": lambda: _run(skipped_files=NAMES),
    "reasons of a run": lambda: _run(reject_reasons=dict.fromkeys(NAMES, 1)),
    "notes of a run": lambda: _run(warnings=NAMES),
    "checks of a run": lambda: _run(checks=RESULTS),
    "rows that fail a check": lambda: _run(checks=(EXAMPLES,)),
    "tables": lambda: Glance(tables=tuple(TableLine(name, 1, "nothing", "", "") for name in NAMES)),
    "pipelines": lambda: Glance(pipelines=tuple(PipelineLine(n, (), "t", (), "", 0) for n in NAMES)),
    "problems and notes": lambda: Glance(problems=NAMES[:75], notes=NAMES[75:]),
    "batches": _history,
    "findings": lambda: CheckReport((), (), tuple(Problem("error", n, n, n, n) for n in NAMES)),
    "files of a bundle": lambda: Bundle(Path("b"), "dev", (), NAMES, (), (), NAMES),
    "files of a preview": lambda: _source(
        counts={"new": MANY}, files=tuple(FileFact(name, "new", 1, opened=True) for name in NAMES)
    ),
    "columns of files": lambda: _source(columns=tuple(ContractColumn(n, "int", "ok", 1, 1) for n in NAMES)),
    "rows of a preview": lambda: _preview(columns=("x",), types=("string",), rows=tuple((n,) for n in NAMES)),
    "columns of a preview": lambda: _preview(columns=NAMES, types=("int",) * MANY, rows=((1,) * MANY,)),
    "columns of a result": lambda: _preview(result_columns=tuple(ResultColumn(n, "int", "int", "ok") for n in NAMES)),
    "rejected rows": lambda: _preview(
        rejected=tuple(RejectedRow("o/1.csv", 1, "x", name, "raw") for name in NAMES), rejected_rows=MANY
    ),
    "reasons of a preview": lambda: _preview(reject_reasons=dict.fromkeys(NAMES, 1), rejected_rows=MANY),
    "checks of a preview": lambda: _preview(checks=tuple(CheckPreview(one, "failed", on_sample=True) for one in RESULTS)),
    "problems of a preview": lambda: _preview(problems=tuple(Obstacle(name, "fix") for name in NAMES)),
    "warnings of a preview": lambda: _preview(warnings=NAMES),
    "notes of a preview": lambda: _preview(notes=NAMES),
    "batches of a plan": _plan,
    "rows of rejects": lambda: RejectsReport(
        "bronze.t", MANY, {}, tuple(dict.fromkeys(("source_file", "column", "reason", "raw"), n) | {"line_number": 1} for n in NAMES[:20])
    ),
    "findings of fsck": lambda: FsckReport("bronze.t", 1, 1, 1, 0, tuple(Finding(name, "fix") for name in NAMES)),
}  # fmt: skip


def unmarked(reading: str) -> list[str]:
    """Return the items that a reading leaves out without a word."""
    left_out = [name for name in NAMES if name not in reading]
    return [] if MARKS.search(reading) else left_out


@pytest.mark.parametrize("name", VALUES)
def test_what_is_left_out_is_said_in_each_reading(project: Project, name: str) -> None:
    value = VALUES[name]()
    text, card = to_text(value), to_html(value)
    assert "item_000" in text
    assert unmarked(text) == []
    assert card is None or unmarked(str(card)) == []


def test_progress_counts_the_parts_that_it_does_not_show() -> None:
    shown = Shown("run of all: running", NAMES)
    assert unmarked(shown.text(1.0)) == []
    assert unmarked(str(shown.html(1.0))) == []


def test_a_wide_file_is_inferred_whole_or_marked(notebook: Notebook, project: Project, land: Land) -> None:
    land("wide/1.csv", f"{','.join(NAMES)}\n{','.join('1' * MANY)}\n")
    formats = notebook.formatted(notebook.ok("%alur_table wide --from 'wide/*.csv'"))
    assert unmarked(formats["text/plain"]) == []
    assert unmarked(formats["text/html"]) == []


def test_the_search_finds_a_silent_cap() -> None:
    assert unmarked("item_000, item_001") == list(NAMES[2:])
    assert unmarked("item_000 and 149 more") == []

"""The step below what was done: short, in both readings, and silent once it was said or taken."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from alur_nb.authoring.preview_facts import Preview
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.rejects import RejectsReport
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.memory import Memory
from tests.ui.conftest import Notebook

ORDERS = "%%alur_table orders\nid int"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
LATE = "%%alur_table late\nid int"
FIND = "%%alur_pipeline find_late --target late\nselect id from new(orders)"
PREVIEW = Preview("ingest_orders", "bronze.orders", "would load")


def report(**parts: Any) -> RunReport:
    return RunReport("run", (PipelineRun("ingest_orders", "bronze.orders", **{"state": "loaded", **parts}),))


def step(memory: Memory, project: Project, value: object) -> str:
    """Return the step that a session would show below a value that it has just made."""
    memory.advice.consider(value, project)
    found = memory.advice.below(value)
    return str(found) if found else ""


def below(notebook: Notebook, value: object) -> list[str]:
    """Return the steps in the text, once the card was seen to say the same."""
    text = to_text(value).replace(":\n  %", ": %")
    steps = [line for line in text.splitlines() if line.startswith("next, to ")]
    card = " ".join(html.unescape(re.sub("<[^>]+>", "", str(to_html(value)))).split())
    assert all(line in card for line in steps)
    assert bool(steps) == ("next, to " in card)
    return steps


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A notebook whose declarations have been made, each with its step said."""
    for number, cell in enumerate((ORDERS, INGEST, LATE, FIND)):
        notebook.ok(cell, f"id-{number}")
    return notebook


def test_a_table_is_to_be_filled_and_a_pipeline_to_be_previewed(notebook: Notebook) -> None:
    assert below(notebook, notebook.ok(ORDERS, "a")) == [
        "next, to fill it from files: %alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
    ]
    assert below(notebook, notebook.ok(INGEST, "b")) == [
        "next, to see what a run would do: %alur_preview ingest_orders"
    ]
    assert below(notebook, notebook.ok(ORDERS, "a")) == []  # it is filled now


def test_a_kind_of_step_is_said_twice_at_most(notebook: Notebook) -> None:
    said = [below(notebook, notebook.ok(f"%%alur_table t{n}\nid int", f"t{n}")) for n in range(4)]
    assert [len(steps) for steps in said] == [1, 1, 0, 0]


def test_a_step_stands_below_its_own_cell_alone(notebook: Notebook) -> None:
    value = notebook.ok(ORDERS, "a")
    assert below(notebook, value)
    notebook.ok("1", "b")
    assert not below(notebook, value)


def test_a_table_of_a_later_layer_has_no_step(notebook: Notebook) -> None:
    assert not below(notebook, notebook.ok("%%alur_table orders --layer gold\nid int", "a"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (PREVIEW, "next, to load it: %alur_run ingest_orders"),
        (Preview("ingest_orders", "bronze.orders", "nothing new"), ""),
        (Preview("ingest_orders", "bronze.orders", "would fail"), ""),
        (report(rejected=2), "next, to see the rejected rows, and why: %alur_rejects ingest_orders"),
        (report(), "next, to run what it feeds: %alur_run ingest_orders --downstream"),
        (report(state="failed"), ""),
        (report(state="nothing new"), ""),
        (RunReport(""), ""),
        (QueryResult(), ""),
    ],
)
def test_what_follows(shop: Notebook, project: Project, value: object, said: str) -> None:
    assert step(Memory(), project, value) == said


def test_what_was_run_with_all_that_it_feeds_is_to_be_looked_at(shop: Notebook, project: Project) -> None:
    runs = (*report().runs, PipelineRun("find_late", "bronze.late", "loaded"))
    assert step(Memory(), project, RunReport("run", runs)) == (
        "next, to see its rows: %alur_sql select * from bronze.late"
    )


def test_a_step_that_was_taken_is_not_said_again(shop: Notebook, project: Project) -> None:
    memory = Memory()
    assert step(memory, project, PREVIEW)
    step(memory, project, report())
    assert not step(memory, project, PREVIEW)
    assert step(memory, project, report(rejected=1)).startswith("next, to see the rejected")
    step(memory, project, RejectsReport("bronze.orders", 1, {}))
    assert "rejects" not in step(memory, project, report(rejected=1))


def test_an_export_has_nobody_to_tell(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    assert not below(notebook, notebook.ok(ORDERS, "a"))

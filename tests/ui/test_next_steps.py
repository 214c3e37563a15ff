"""The step below what was done: short, in both readings, and silent once it was said or taken."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

import alur_nb
from alur_nb.authoring.preview_facts import Preview
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.rejects import RejectsReport
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import IntegerField
from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.memory import Memory
from tests.ui.conftest import Notebook

ORDERS = "%%alur_table orders\nid int"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
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
def shop(project: Project) -> Project:
    """A project of two pipelines, one behind the other."""
    orders, late = (
        Table("bronze", name, f"{name.title()}Bronze", {"id": IntegerField()}) for name in ("orders", "late")
    )
    for one in (orders, late):
        project.declare_table(one)
    alur_nb.pipeline(sources={"rows": alur_nb.files("o/*.csv")}, target=orders, name="ingest_orders")(_passed)
    alur_nb.pipeline(sources={"rows": alur_nb.new(orders)}, target=late, name="find_late")(_passed)
    return project


def _passed(rows: Any) -> Any:
    return rows


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
def test_what_follows(shop: Project, value: object, said: str) -> None:
    assert step(Memory(), shop, value) == said


def test_what_was_run_with_all_that_it_feeds_is_to_be_looked_at(shop: Project) -> None:
    runs = (*report().runs, PipelineRun("find_late", "bronze.late", "loaded"))
    assert step(Memory(), shop, RunReport("run", runs)) == (
        "next, to see its rows: %alur_sql select * from bronze.late"
    )


def test_a_step_that_was_taken_is_not_said_again(shop: Project) -> None:
    memory = Memory()
    assert step(memory, shop, PREVIEW)
    step(memory, shop, report())
    assert not step(memory, shop, PREVIEW)
    assert step(memory, shop, report(rejected=1)).startswith("next, to see the rejected")
    step(memory, shop, RejectsReport("bronze.orders", 1, {}))
    assert "rejects" not in step(memory, shop, report(rejected=1))


def test_an_export_has_nobody_to_tell(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    assert not below(notebook, notebook.ok(ORDERS, "a"))

"""`%alur_run -p`: what refuses before anything is started, and what the process is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import run_apart as running
from alur_nb.runtime.errors import ExportError, SettingsError
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.ui import operating
from tests.ui.conftest import Notebook
from tests.ui.test_export_panel import CELLS, SETTINGS, save


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the process would be asked for, in place of one."""
    found: list[tuple[Any, ...]] = []

    def run_apart(name: Any, parameters: Any, options: Any, **more: Any) -> RunReport:
        found.append((name, parameters, options, more["works_for"]))
        return RunReport("r", (PipelineRun("ingest_orders", "bronze.orders", "loaded", rows=3),))

    monkeypatch.setattr(running, "run_apart", run_apart)
    monkeypatch.setattr(operating, "in_background", lambda shell, task: task.work(task))
    return found


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A saved notebook with parameters, whose cells have run."""
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    save(CELLS)
    for cell_id in ("table", "ingest"):
        notebook.ok(CELLS[cell_id], cell_id)
    return notebook


def test_the_saved_notebook_runs_with_the_values(shop: Notebook, asked: list[tuple[Any, ...]]) -> None:
    report = shop.ok("%alur_run ingest_orders --full --since 2024-01-01 -p limit=3 -p day=x")
    ((name, parameters, options, works_for),) = asked
    assert (name, parameters) == (["ingest_orders"], {"limit": "3", "day": "x"})
    assert (options["full"], options["since"]) == (True, "2024-01-01")
    assert works_for == "shop.ipynb"
    assert "note: ran with limit=3, day=x, as the notebook is saved, in a process of its own" in str(report)


def test_all_is_asked_for_by_its_word(shop: Notebook, asked: list[tuple[Any, ...]]) -> None:
    shop.ok("%alur_run --all -p limit=3")
    assert asked[0][0] == "all"


@pytest.mark.parametrize(
    ("given", "said"),
    [("limt=3", "no parameter `limt` (did you mean `limit`?)"), ("limit=x", "`limit` is int by its default")],
)
def test_what_does_not_fit_is_refused_before_a_process_is_started(
    shop: Notebook, asked: list[tuple[Any, ...]], given: str, said: str
) -> None:
    shop.run(f"%alur_run --all -p {given}")
    assert isinstance(shop.error, SettingsError)
    assert said in shop.error_lines[0]
    assert not asked


def test_a_notebook_that_is_not_saved_as_it_ran_is_refused(
    shop: Notebook, asked: list[tuple[Any, ...]]
) -> None:
    shop.ok(CELLS["table"] + "\nnote string", "table")
    shop.run("%alur_run --all -p limit=3")
    assert isinstance(shop.error, ExportError)
    assert "Save the notebook (Ctrl-S), then run again" in shop.error_lines[-1]
    assert not asked


def test_among_several_notebooks_an_unsaved_one_is_refused(
    notebook: Notebook, asked: list[tuple[Any, ...]]
) -> None:
    save({"parameters": CELLS["parameters"]})
    Path("other.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    notebook.ok("%%alur_table orders\nid int", "unsaved")
    notebook.ok("%alur_pipeline ingest_orders --from 'o/*.csv' --target orders", "unsaved-2")
    notebook.run("%alur_run --all -p limit=3")
    assert "It is not clear which notebook is meant" in notebook.error_lines[0]
    assert "Save this notebook" in notebook.error_lines[-1]
    assert not asked

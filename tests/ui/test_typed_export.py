"""`%alur_export --env dev`: it exports the file, so it stops where that is not what ran here, as the panel does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import operate
from alur_nb.runtime.errors import ExportError
from tests.ui.conftest import Notebook
from tests.ui.exporting import BUNDLE
from tests.ui.test_export_panel import CELLS, SETTINGS, save


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The notebooks that were exported, with what an export would do left out."""
    names: list[str] = []

    def export(path: Path, *arguments: Any, **more: Any) -> Any:
        names.append(path.name)
        return BUNDLE

    monkeypatch.setattr(operate, "export", export)
    return names


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A saved notebook whose cells have run, and another one beside it."""
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    for cell_id in ("table", "ingest"):
        notebook.ok(CELLS[cell_id], cell_id)
    save(CELLS)
    Path("other.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return notebook


@pytest.mark.parametrize("line", ["--env dev", "--env dev --notebook shop.ipynb", "-p limit=3"])
def test_what_is_saved_as_it_ran_is_exported(shop: Notebook, exported: list[str], line: str) -> None:
    shop.ok(f"%alur_export {line}")
    assert exported == ["shop.ipynb"]


@pytest.mark.parametrize("line", ["--env dev", "--env dev --notebook shop.ipynb"])
def test_an_unsaved_cell_stops_it(shop: Notebook, exported: list[str], line: str) -> None:
    shop.ok(CELLS["table"] + "\nnote string", "table")
    shop.run(f"%alur_export {line}")
    assert isinstance(shop.error, ExportError)
    assert not exported
    assert shop.error_lines[0] == (
        "ExportError: Cell 3 was run but is not saved as it ran; it declares bronze.orders."
    )
    assert "Save the notebook (Ctrl-S), then export again" in shop.error_lines[-1]


def test_a_cell_that_is_not_in_the_file_stops_it(shop: Notebook, exported: list[str]) -> None:
    shop.ok("%%alur_table visits\nid int", "visits")
    shop.run("%alur_export --env dev")
    assert not exported
    assert "it is in the kernel, not in the notebook, and declares bronze.visits." in shop.error_lines[0]


def test_a_cell_that_failed_changes_nothing(shop: Notebook, exported: list[str]) -> None:
    shop.run(CELLS["table"] + "\nnote strng", "table")
    assert shop.error is not None
    shop.ok("%alur_export --env dev")
    assert exported == ["shop.ipynb"]


def test_another_notebook_is_none_of_this_kernels(shop: Notebook, exported: list[str]) -> None:
    shop.ok("%%alur_table visits\nid int", "visits")
    shop.ok("%alur_export --env dev --notebook other.ipynb")
    assert exported == ["other.ipynb"]


def test_a_batch_run_may_declare_and_export_in_one_cell(notebook: Notebook, exported: list[str]) -> None:
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    cell = (
        "import alur_nb\nclass OrdersBronze(alur_nb.BronzeTable):\n    id = alur_nb.IntegerField()\n"
        "get_ipython().run_line_magic('alur_export', '--env dev')"
    )
    save({"all": cell})
    notebook.ok(cell, None, stdin=False)
    assert exported == ["shop.ipynb"]

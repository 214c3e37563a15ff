"""Which cell declares what: run again, renamed, moved, failed; with cell ids and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.project import Project
from alur_nb.ui import magics
from tests.ui.conftest import Notebook

ORDERS = "%%alur_table orders\nid int"


def test_a_lease_of_this_kernel_names_its_notebook(
    notebook: Notebook, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = magics._sessions[shell]
    session.name_process()
    assert local_owner().count("/") == 2
    Path("notebooks").mkdir()
    Path("notebooks/shop.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    monkeypatch.setenv("JPY_SESSION_NAME", str(Path("notebooks/shop.ipynb").absolute()))
    session.name_process()
    assert local_owner().endswith("/notebooks/shop.ipynb")
    magics.unload(shell)
    assert local_owner().count("/") == 2


def test_the_same_cell_again_replaces(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("%%alur_table orders\nid int\nname string", "a")
    assert list(project.table("orders").columns) == ["id", "name"]
    assert not project.problems()
    assert not notebook.shown()


def test_a_renamed_table_retracts_the_old_name(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("%%alur_table purchases\nid int", "a")
    assert list(project.tables) == ["bronze.purchases"]


def test_a_cell_that_declares_nothing_any_more_retracts(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("x = 1", "a")
    assert not project.tables


def test_the_same_name_in_another_cell_is_a_warning_and_then_an_error(
    notebook: Notebook, project: Project
) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("%%alur_table orders\nnumber int", "b")
    (warning,) = notebook.shown()
    assert "the table bronze.orders is declared in cell [2] and cell [3]" in warning
    assert list(project.table("orders").columns) == ["number"]
    notebook.run("%alur_check", "c")
    assert notebook.error_lines[0].startswith(
        "NotebookError: The table bronze.orders is declared in cell [2] and"
    )


def test_plain_cells_that_declare_belong_to_their_cell(notebook: Notebook, project: Project) -> None:
    source = "import alur_nb\nclass {}(alur_nb.BronzeTable):\n    id = alur_nb.IntegerField()"
    notebook.ok(source.format("OrdersBronze"), "a")
    notebook.ok(source.format("PurchasesBronze"), "a")
    assert list(project.tables) == ["bronze.purchases"]
    notebook.ok(source.format("PurchasesBronze"), "b")
    assert "is declared in cell [3] and cell [4]" in notebook.shown()[0]


def test_several_declarations_in_a_cell_do_not_retract_each_other(
    notebook: Notebook, project: Project
) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("%%alur_table airlines\nid int", "b")
    line = "%alur_pipeline load_{} --from '{}/*.csv' --target {}"
    notebook.ok(line.format("o", "o", "orders") + "\n" + line.format("a", "a", "airlines"), "c")
    assert list(project.pipelines) == ["load_a", "load_o"]


@pytest.mark.parametrize("wrong", ["id int\nname strng", "import alur_nb\n1 / 0", "x = ("])
def test_a_failed_cell_changes_nothing(notebook: Notebook, project: Project, wrong: str) -> None:
    notebook.ok(ORDERS, "a")
    before = project.table("orders")
    notebook.run(f"%%alur_table orders\n{wrong}", "a")
    assert notebook.error is not None
    assert project.table("orders") == before


def test_a_cell_that_fails_halfway_changes_nothing(notebook: Notebook, project: Project) -> None:
    notebook.run(
        "%%alur_table\nimport alur_nb\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.StringField()\n1 / 0",
        "a",
    )
    assert not project.tables


def test_without_cell_ids_a_name_is_the_identity(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, None)
    notebook.ok("%%alur_table orders\nnumber int", None)
    notebook.ok("x = 1", None)
    assert list(project.table("orders").columns) == ["number"]
    assert not project.problems()


def test_in_a_batch_run_two_cells_with_one_name_are_a_conflict(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, None, stdin=False)
    notebook.ok(ORDERS, None, stdin=False)
    assert not project.problems()
    notebook.ok("%%alur_table orders\nnumber int", None, stdin=False)
    assert [problem.severity for problem in project.problems()] == ["error"]


def test_the_cell_that_loads_the_extension_declares_too(notebook: Notebook, project: Project) -> None:
    cell = "%reload_ext alur_nb\nimport alur_nb\nclass {}Bronze(alur_nb.BronzeTable):\n    id = alur_nb.IntegerField()"
    notebook.ok(cell.format("Orders"), "a")
    notebook.ok(cell.format("Purchases"), "a")
    assert list(project.tables) == ["bronze.purchases"]


def test_a_cell_within_a_cell_belongs_to_the_outer_one(notebook: Notebook, project: Project) -> None:
    notebook.ok("%%capture\n%alur_table\n", "a")
    notebook.ok(
        "%%capture out\nimport alur_nb\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.StringField()", "b"
    )
    notebook.ok("x = 1", "b")
    assert not project.tables


def test_loading_twice_hooks_once(notebook: Notebook, project: Project) -> None:
    notebook.ok("%reload_ext alur_nb", "load")
    notebook.ok(ORDERS, "a")
    notebook.ok("%%alur_table orders\nnumber int", "b")
    assert len(notebook.shown()) == 1


def test_a_pipeline_is_known_by_the_way_it_was_declared(notebook: Notebook, shell: InteractiveShell) -> None:
    session = magics._sessions[shell]
    notebook.ok(ORDERS, "a")
    notebook.ok("%alur_pipeline load --from 'o/*.csv' --target orders", "b")
    assert session.by_options == {"load"}
    python = (
        "import alur_nb\n@alur_nb.pipeline(sources={'o': alur_nb.files('o/*.csv')}, target=OrdersBronze)\n"
        "def load(o): return o"
    )
    for cell in (f"%%alur_pipeline\n{python}", python):
        notebook.ok("%alur_pipeline load --from 'o/*.csv' --target orders", "b")
        notebook.ok(cell, "b")
        assert not session.by_options

"""Whether the file is what ran: each way in which the two can differ, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.notebook import Notebook
from alur_nb.authoring.saved import RanCell, not_run, refuse_unsaved, unsaved_cells
from alur_nb.runtime.errors import ExportError
from tests.authoring.notebooks import make

ORDERS = "%%alur_table orders\nid int"
VISITS = "%%alur_table visits\nid int"


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return make(tmp_path, "#md title", "%load_ext alur_nb", ORDERS, VISITS)


def ran(notebook: Notebook, number: int, source: str | None = None, **changed: object) -> RanCell:
    cell = notebook.cells[number - 1]
    given = {"label": "cell [7]", "declares": ("orders",), "source": source, "cell_id": cell.cell_id}
    return RanCell(**{**given, **changed})  # type: ignore[arg-type]


def test_a_cell_as_it_is_saved_says_nothing(notebook: Notebook) -> None:
    cells = [ran(notebook, 3, ORDERS + "\n"), ran(notebook, 4, VISITS), ran(notebook, 3)]
    assert unsaved_cells(notebook.code, cells) == ()
    refuse_unsaved(notebook.path, cells)


def test_without_an_id_the_text_is_looked_for(notebook: Notebook) -> None:
    assert unsaved_cells(notebook.code, [ran(notebook, 3, ORDERS, cell_id=None)]) == ()
    assert unsaved_cells(notebook.code, [ran(notebook, 3, "other", cell_id=None)]) == (
        "cell [7] was run but is not saved: it is in the kernel, not in the notebook, and declares orders",
    )


def test_a_cell_that_is_saved_otherwise_is_named_by_its_number(notebook: Notebook) -> None:
    cells = [ran(notebook, 3, ORDERS + "\nname string")]
    assert unsaved_cells(notebook.code, cells) == (
        "cell 3 was run but is not saved as it ran; it declares orders",
    )
    with pytest.raises(ExportError, match=r"^Cell 3 was run but is not saved as it ran") as caught:
        refuse_unsaved(notebook.path, cells)
    assert "Save the notebook" in str(caught.value.fix)


def test_the_id_counts_before_the_text(notebook: Notebook) -> None:
    assert "cell 3" in unsaved_cells(notebook.code, [ran(notebook, 3, VISITS)])[0]


def test_a_cell_that_is_not_in_the_file_is_named_as_it_ran(notebook: Notebook) -> None:
    assert unsaved_cells(notebook.code, [ran(notebook, 3, "new", cell_id="gone", declares=("a", "b"))]) == (
        "cell [7] was run but is not saved: it is in the kernel, not in the notebook, and declares a, b",
    )


def test_cells_of_the_file_that_did_not_run_here_are_told(notebook: Notebook) -> None:
    assert not_run(notebook, [ran(notebook, 3, ORDERS)]) == (
        "cell 4 was not run in this kernel and declares visits: the export runs it",
    )
    assert not_run(notebook, [ran(notebook, 3, ORDERS), ran(notebook, 4, VISITS)]) == ()


def test_a_notebook_that_cannot_be_read_is_left_to_others(tmp_path: Path) -> None:
    assert not_run(make(tmp_path, "def ("), []) == ()

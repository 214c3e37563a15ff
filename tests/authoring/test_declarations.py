from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.declarations import declaration_cells
from alur_nb.authoring.notebook import MagicCell
from alur_nb.runtime.errors import ExportError, NotebookError
from tests.authoring.notebooks import Source, as_python, make

IMPORTS = "from alur_nb import BronzeTable, files, pipeline, schedule"


def chosen(folder: Path, *cells: Source) -> list[int]:
    return [cell.number for cell in declaration_cells(make(folder, *cells), as_python)]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ([("x = 1", "parameters"), ("y = 1", "setup"), "z = 1"], [1, 2]),
        (["x = 1", "%load_ext alur_nb", "%matplotlib inline", "%alur_run x"], [2]),
        (["%%alur_table\nclass A: ...", "%%alur_sql\nselect 1", "%%time\nx = 1", "%%html\n<b>"], [1, 2]),
        (["%alur_pipeline", "%alur_pipeline x", "y = 1\n%alur_pipeline x --from 'a/*.csv' --target A"], [3]),
        ([IMPORTS, "class A(BronzeTable): ...", "A.schema", "class B(A): ..."], [1, 2, 4]),
        (["import alur_nb as a", "class A(a.BronzeTable): ...", "class B: ..."], [1, 2]),
        (["from alur_nb.runtime.tables import GoldTable as G", "class A(G): ..."], [1, 2]),
        ([IMPORTS, "@schedule('0')\n@pipeline()\ndef f(): ...", "def g(): ...", "f()"], [1, 2]),
        ([IMPORTS, "def f(): ...", "pipeline(target=1)(f)"], [1, 2, 3]),
        (["from alur_nb import *", "class A(BronzeTable): ...", "x = 1"], [1, 2]),
        (["from math import *", "x = sin(1)"], [1]),
        # What a declaration needs, and what that needs
        (
            [
                IMPORTS,
                "y = 1",
                "x = y",
                "z = 2",
                "@pipeline(name=x)\ndef f(): return helper()",
                "def helper(): return z",
            ],
            [1, 2, 3, 4, 5, 6],
        ),
        ([IMPORTS, "rows = spark.range(1)", "@pipeline()\ndef f(rows): return rows"], [1, 3]),
        # Factories
        (
            [
                IMPORTS,
                "def make(t):\n    @pipeline(target=t)\n    def f(): ...",
                "for t in [1]: make(t)",
                "make",
                "x = 1",
            ],
            [1, 2, 3],
        ),
        (
            [IMPORTS, "def make():\n    class T(BronzeTable): ...\ndef both(): make()", "both()", "list()"],
            [1, 2, 3],
        ),
        (
            [IMPORTS, "def ingest(f): return pipeline(target=1)(f)", "@ingest\ndef f(): ...", "def g(): ..."],
            [1, 2, 3],
        ),
        (
            [
                IMPORTS,
                "for t in [1]:\n    @pipeline(target=t)\n    def f(): ...",
                "for t in [2]:\n    print(t)",
            ],
            [1, 2],
        ),
    ],
)
def test_the_cells_that_declare_and_what_they_need(
    cells: list[Source], numbers: list[int], tmp_path: Path
) -> None:
    assert chosen(tmp_path, *cells) == numbers


def test_a_local_module_may_declare(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import tables_of\n")
    (tmp_path / "tables_of.py").write_text("from alur_nb import BronzeTable\n")
    (tmp_path / "dates.py").write_text("import datetime\n")
    cells = ["import shop", "import dates", "shop.declare()", "dates.today()", "class A(shop.Base): ..."]
    assert chosen(tmp_path, *cells) == [1, 3, 5]


def test_before_anything_is_declared_a_line_still_names_what_it_needs(tmp_path: Path) -> None:
    def unfold(magic: MagicCell) -> str:
        raise NotebookError("No such table.", fix="Declare it.")

    notebook = make(
        tmp_path,
        "folder = 'x'",
        "class Mine: ...",
        "orders = 1",
        "%%alur_pipeline orders --from '{folder}/orders.csv' --target Mine\n",
    )
    assert [cell.number for cell in declaration_cells(notebook, unfold)] == [1, 2, 4]


def test_a_cell_that_is_not_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not valid Python") as caught:
        chosen(tmp_path, "x = 1", "y = (")
    assert caught.value.place is not None
    assert (caught.value.place.cell, caught.value.place.line) == (2, 1)

"""What each cell does, in words."""

from __future__ import annotations

from pathlib import Path

from alur_nb.authoring.cell_labels import cell_labels
from tests.authoring.notebooks import make

PYTHON = """\
class Orders(BronzeTable):
    id = StringField()

@pipeline(sources={"orders": files("*.csv")}, target=Orders)
def ingest(orders):
    return orders

def helper(): ..."""


def test_a_cell_is_called_by_what_it_declares(tmp_path: Path) -> None:
    notebook = make(
        tmp_path,
        ("limit = 1", "parameters"),
        ("import os", "setup"),
        "from alur_nb import BronzeTable, StringField, files, pipeline",
        PYTHON,
        "%%alur_table lines --layer bronze\nid int",
        "%%alur_table\nclass Visits(BronzeTable):\n    id = StringField()",
        "%alur_pipeline load --from 'x/*.csv' --target LinesBronze",
        "%%alur_pipeline big --target lines\nselect * from orders where",
        "x = 1",
    )
    assert cell_labels(notebook, notebook.code) == {
        1: "sets the parameters' defaults",
        2: "sets up",
        4: "declares Orders, ingest",
        5: "declares lines",
        6: "declares Visits",
        7: "declares load",
        8: "declares big",
    }

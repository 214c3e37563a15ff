"""What a cell of a notebook does, in a few words for whoever watches it run."""

from __future__ import annotations

from collections.abc import Sequence

from alur_nb.authoring.declarations import declared_statements
from alur_nb.authoring.notebook import (
    DECLARING_MAGICS,
    PARAMETERS,
    SETUP,
    Cell,
    MagicCell,
    Notebook,
    SplitCell,
    split_cells,
)
from alur_nb.authoring.program import Program


def cell_labels(notebook: Notebook, cells: Sequence[Cell]) -> dict[int, str]:
    """Return by a cell's number what it does, for the cells of which that can be seen; nothing is run.

    Raises ExportError for a cell that is not valid Python.
    """
    splits = split_cells(cells, _body, notebook.path.name)
    declared: dict[int, list[str]] = {}
    for split in splits:
        declared[split.cell.number] = _named_by_magics(split)
    for statement in declared_statements(Program(splits, notebook.path.name), notebook.path.parent):
        name = getattr(statement.node, "name", None)
        declared[statement.cell.number] += [name] if name else []
    labels = {cell.number: _tagged(cell) for cell in cells}
    labels |= {number: f"declares {', '.join(names)}" for number, names in declared.items() if names}
    return {number: label for number, label in labels.items() if label}


def _body(magic: MagicCell) -> str:
    """Unfold nothing: where the magic's line has a name, that is all that is asked for."""
    return "" if magic.line.strip() else magic.body or ""


def _named_by_magics(split: SplitCell) -> list[str]:
    lines = [
        magic.text.split() for magic in (*split.cell_magics, *split.magics) if magic.name in DECLARING_MAGICS
    ]
    return [words[0] for words in lines if words and not words[0].startswith("-")]


def _tagged(cell: Cell) -> str:
    if PARAMETERS in cell.tags:
        return "sets the parameters' defaults"
    return "sets up" if SETUP in cell.tags else ""

"""Whether the notebook on disk is what ran in the kernel: an export reads the file, not the kernel.

The one comparison behind `%alur`, the export's panel and the typed export. Imports nothing that takes long: `%alur`
asks it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alur_nb.authoring.notebook import Cell, Notebook
from alur_nb.authoring.which_notebook import code_cells
from alur_nb.runtime.errors import AlurError, ExportError, Place

TEXT = "text:"
"""Begins the id of a cell that is known by its text alone."""


def text_id(source: str) -> str:
    """Return the id of a cell that the front end sends without one."""
    return TEXT + hashlib.sha256(source.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RanCell:
    """A cell that declared something in the kernel, as it ran last."""

    label: str
    declares: tuple[str, ...]
    source: str | None = None
    """None where the kernel has forgotten it."""
    cell_id: str | None = None
    """The notebook's own id of the cell; None where the front end sends none."""


def unsaved_cells(cells: Sequence[Cell], ran: Iterable[RanCell]) -> tuple[str, ...]:
    """Return in words which cells ran and are not among those of the file, or not as they ran."""
    return tuple(text for one in ran if (text := _unsaved(cells, one)))


def unsaved_notes(notebook: Path | None, ran: Iterable[RanCell]) -> tuple[str, ...]:
    """Return the same with what to do about it; where it is not known which file is meant, nothing."""
    cells = code_cells(notebook) if notebook is not None else ()
    if notebook is not None and cells is None:
        return (f"{notebook.name} was not compared with the kernel: it cannot be read as a notebook",)
    advice = "save the notebook, or, where the cell was deleted, restart the kernel"
    return tuple(f"{text}; {advice}" for text in unsaved_cells(cells or (), ran)) if notebook else ()


def refuse_unsaved(path: Path, ran: Iterable[RanCell], again: str = "export again") -> None:
    """Raise ExportError for the first cell that ran and is not in the file as it ran; then do it `again`.

    A file that cannot be read is left to whoever exports it.
    """
    cells = code_cells(path)
    for text in unsaved_cells(cells, ran) if cells is not None else ():
        raise ExportError(
            f"{text[:1].upper()}{text[1:]}.",
            place=Place(notebook=path.name),
            fix=f"Save the notebook (Ctrl-S), then {again}; where the cell was deleted, restart the kernel first.",
        )


def not_run(notebook: Notebook, ran: Sequence[RanCell]) -> tuple[str, ...]:
    """Return in words which cells of the file declare something that this kernel has not run."""
    from alur_nb.authoring.cell_labels import cell_labels

    try:
        labels = cell_labels(notebook, notebook.code)
    except AlurError:
        # A cell that cannot be read is told of by whoever slices it.
        return ()
    seen = {cell.number for one in ran if (cell := _saved(notebook.code, one))}
    return tuple(
        f"cell {number} was not run in this kernel and {label}: the export runs it"
        for number, label in labels.items()
        if label.startswith("declares ") and number not in seen
    )


def _unsaved(cells: Sequence[Cell], ran: RanCell) -> str | None:
    cell = _saved(cells, ran)
    declares = f"declares {', '.join(ran.declares)}"
    if cell is None:
        return (
            f"{ran.label} was run but is not saved: it is in the kernel, not in the notebook, and {declares}"
        )
    if ran.source is not None and not _same(cell.source, ran.source):
        return f"cell {cell.number} was run but is not saved as it ran; it {declares}"
    return None


def _saved(cells: Sequence[Cell], ran: RanCell) -> Cell | None:
    """Return the file's cell that ran: by its id, else by its text."""
    if ran.cell_id is not None:
        found = [cell for cell in cells if cell.cell_id == ran.cell_id]
        if found:
            return found[0]
    same = [cell for cell in cells if ran.source is not None and _same(cell.source, ran.source)]
    return same[0] if same else None


def _same(saved: str, ran: str) -> bool:
    return saved.strip() == ran.strip()

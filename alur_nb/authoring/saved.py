"""Whether the notebook on disk is what ran in the kernel: an export reads the file, not the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alur_nb.authoring.cell_labels import cell_labels
from alur_nb.authoring.notebook import Cell, Notebook
from alur_nb.runtime.errors import AlurError, ExportError, Place


@dataclass(frozen=True, slots=True)
class RanCell:
    """A cell that declared something in the kernel, as it ran last."""

    label: str
    declares: tuple[str, ...]
    source: str | None = None
    """None where the kernel has forgotten it."""
    cell_id: str | None = None
    """The notebook's own id of the cell; None where the front end sends none."""


def unsaved_cells(notebook: Notebook, ran: Iterable[RanCell]) -> tuple[str, ...]:
    """Return in words which cells ran and are not in the file, or not as they ran."""
    return tuple(text for cell in ran if (text := _unsaved(notebook, cell)))


def refuse_unsaved(notebook: Notebook, ran: Iterable[RanCell]) -> None:
    """Raise ExportError for the first cell that ran and is not in the file as it ran."""
    for text in unsaved_cells(notebook, ran):
        raise ExportError(
            f"{text[:1].upper()}{text[1:]}.",
            place=Place(notebook=notebook.path.name),
            fix="Save the notebook (Ctrl-S), then export again.",
        )


def not_run(notebook: Notebook, ran: Sequence[RanCell]) -> tuple[str, ...]:
    """Return in words which cells of the file declare something that this kernel has not run."""
    try:
        labels = cell_labels(notebook, notebook.code)
    except AlurError:
        # A cell that cannot be read is told of by whoever slices it.
        return ()
    seen = {cell.number for one in ran if (cell := _saved(notebook, one))}
    return tuple(
        f"cell {number} was not run in this kernel and {label}: the export runs it"
        for number, label in labels.items()
        if label.startswith("declares ") and number not in seen
    )


def _unsaved(notebook: Notebook, ran: RanCell) -> str | None:
    cell = _saved(notebook, ran)
    declares = f"declares {', '.join(ran.declares)}"
    if cell is None:
        return f"{ran.label} was run but is not saved: the notebook on disk has no such cell; it {declares}"
    if ran.source is not None and not _same(cell.source, ran.source):
        return f"cell {cell.number} was run but is not saved as it ran; it {declares}"
    return None


def _saved(notebook: Notebook, ran: RanCell) -> Cell | None:
    """Return the file's cell that ran: by its id, else by its text."""
    if ran.cell_id is not None:
        found = [cell for cell in notebook.code if cell.cell_id == ran.cell_id]
        if found:
            return found[0]
    same = [cell for cell in notebook.code if ran.source is not None and _same(cell.source, ran.source)]
    return same[0] if same else None


def _same(saved: str, ran: str) -> bool:
    return saved.strip() == ran.strip()

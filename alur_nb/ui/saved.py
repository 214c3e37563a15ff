"""The kernel against the saved notebook: what is declared in the one and not, or not so, in the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from alur_nb.runtime.project import Origin, Project

TEXT = "text:"
"""Begins the id of a cell that is known by its text alone."""


def text_id(source: str) -> str:
    """Return the id of a cell that the front end sends without one."""
    return TEXT + hashlib.sha256(source.encode()).hexdigest()


def unsaved(project: Project, ran: Mapping[str, str], notebook: Path | None) -> tuple[str, ...]:
    """Return in words the declarations that the saved notebook lacks, by cell; `ran` is the source of each cell id."""
    if notebook is None:
        return ()
    saved = _saved_cells(notebook)
    if saved is None:
        return (f"{notebook.name} was not compared with the kernel: it cannot be read as a notebook",)
    by_cell: dict[Origin, list[str]] = {}
    for declared, origin in project.origins().items():
        by_cell.setdefault(origin, []).append(declared)
    said = [_difference(origin, ", ".join(names), ran, saved) for origin, names in by_cell.items()]
    return tuple(text for text in said if text)


def _saved_cells(path: Path) -> dict[str, str] | None:
    """Return the code cells of a notebook file by id, or by text where it has no ids; None where it is no notebook.

    Not by nbformat: importing it takes most of a second, and `%alur` should not.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        # A source is a text or a list of lines, ids came with format 4.5 (nbformat.readthedocs.io).
        code = [(cell, "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        return {str(cell.get("id") or text_id(text)): text for cell, text in code}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _difference(origin: Origin, names: str, ran: Mapping[str, str], saved: Mapping[str, str]) -> str:
    cell_id = origin.cell_id
    if cell_id is None:
        return ""
    if cell_id.startswith(TEXT):
        is_there = cell_id in {text_id(text) for text in saved.values()}
    else:
        is_there = cell_id in saved
    if not is_there:
        return (
            f"in the kernel, not in the saved notebook: {names} ({origin}); save the notebook, or, where the cell was "
            "deleted, restart the kernel"
        )
    if cell_id in saved and cell_id in ran and saved[cell_id].strip() != ran[cell_id].strip():
        return f"{origin} was run, and is not saved as it ran: {names}; run it again, or save the notebook"
    return ""

"""Which notebook file is meant: the project's, and among them the one that a kernel belongs to.

Imports nothing that takes long: `%alur` asks it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

from alur_nb.authoring.notebook import Cell
from alur_nb.runtime.settings import Settings


def project_notebooks(settings: Settings) -> list[Path]:
    """Return the project's notebooks, by path; checkpoints and hidden folders are left out."""
    found = {path for pattern in settings.notebooks for path in settings.root.glob(pattern)}
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts[1:]))


def kernel_notebook(settings: Settings, cell_ids: Collection[str] = ()) -> Path | None:
    """Return the saved notebook of this kernel; None where nothing on disk says which it is.

    `cell_ids` are of the cells that ran in it: they stay when a notebook is renamed, the name that the kernel was
    started with does not.
    """
    # Jupyter Server tells a kernel which notebook it was started for (jupyter_server, sessions).
    session = Path(os.environ.get("JPY_SESSION_NAME", ""))
    named = session.resolve() if session.suffix == ".ipynb" and session.is_file() else None
    if named is not None and _has_any(named, cell_ids):
        return named
    holding = [path for path in project_notebooks(settings) if _has_any(path, cell_ids)]
    # A copy holds the same ids: then it is anybody's guess.
    return holding[0] if len(holding) == 1 else named


def code_cells(path: Path) -> tuple[Cell, ...] | None:
    """Return the code cells of a notebook file; None where it cannot be read as one.

    Not by nbformat: importing it takes most of a second. Ids came with format 4.5.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        shown = [cell for cell in cells if cell["cell_type"] in ("code", "markdown")]
        # A source is a text or a list of lines (nbformat.readthedocs.io).
        return tuple(
            Cell(number, "".join(cell["source"]), cell.get("id"))
            for number, cell in enumerate(shown, start=1)
            if cell["cell_type"] == "code"
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _has_any(path: Path, cell_ids: Collection[str]) -> bool:
    return bool(cell_ids) and any(cell.cell_id in cell_ids for cell in code_cells(path) or ())

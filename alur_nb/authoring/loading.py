"""What a project's notebooks and modules declare, by executing their declaration cells in this process."""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from alur_nb.authoring.declarations import declaration_cells
from alur_nb.authoring.notebook import PARAMETERS, Cell, Code, MagicCell, read_notebook, split_cell
from alur_nb.authoring.parameters import typed_by_notebook
from alur_nb.authoring.unfold import unfold
from alur_nb.authoring.which_notebook import project_notebooks
from alur_nb.runtime.errors import AlurError, NotebookError, Place
from alur_nb.runtime.project import Origin, Project, use_project
from alur_nb.runtime.settings import Settings


def load_project(settings: Settings, parameters: Mapping[str, object] | None = None) -> Project:
    """Return a registry with everything that the project's notebooks and modules declare.

    Each notebook has a namespace of its own, in which `parameters` take the place of its parameters' defaults.
    Raises NotebookError with the cell and line that failed, SettingsError for a parameter that no notebook has.
    """
    project = Project()
    paths = project_notebooks(settings)
    values = typed_by_notebook([read_notebook(path) for path in paths], parameters) if parameters else {}
    if str(settings.root) not in sys.path:
        sys.path.insert(0, str(settings.root))  # modules beside the notebooks are imported as in Jupyter
    with use_project(project):
        for module in settings.modules:
            _import(module, settings)
        for path in paths:
            declare_notebook(path, project, settings.root, values.get(path))
    return project


def declare_notebook(
    path: Path, project: Project, root: Path, parameters: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Execute a notebook's declaration cells into `project`, and return the namespace that they filled.

    `parameters` are bound behind the cell that is tagged so, as papermill does it.
    """
    label = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    notebook = read_notebook(path)
    # A notebook's cells run as `__main__`, there as here: what they declare belongs to their cell, not to a module.
    namespace = ModuleType("__main__").__dict__

    def unfolded(magic: MagicCell) -> str:
        return unfold(magic.name, magic.line, magic.body, project, namespace)

    for cell in declaration_cells(notebook, unfolded):
        with project.declaring(Origin(f"{label}, cell {cell.number}", cell.cell_id)):
            for code in split_cell(cell, unfolded, label).codes:
                _execute(code, cell, label, namespace)
        if PARAMETERS in cell.tags:
            namespace.update(parameters or {})
    return namespace


def _execute(code: Code, cell: Cell, notebook: str, namespace: dict[str, Any]) -> None:
    """Run a cell's Python without its other magics; what it raises is told with its cell and line."""
    name = f"<{notebook}, cell {cell.number}>"
    linecache.cache[name] = (len(code.text), None, code.text.splitlines(keepends=True), name)
    python = [node for node in code.tree.body if not ast.unparse(node).startswith("get_ipython()")]
    try:
        exec(compile(ast.Module(python, []), name, "exec"), namespace)
    except AlurError as error:
        error.place = error.place or Place(notebook=notebook, cell=cell.number)
        raise
    # The cell is the user's code: whatever it raises is told with its place, as a failing declaration.
    except Exception as error:
        raise NotebookError(
            f"{type(error).__name__}: {error}",
            place=Place(notebook=notebook, cell=cell.number, line=_line(error, name)),
            fix="Run the cell in Jupyter to see it fail, mend it, and save the notebook.",
        ) from error


def _line(error: BaseException, name: str) -> int | None:
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == name:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _import(module: str, settings: Settings) -> None:
    name = module.removesuffix(".py").replace("/", ".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise NotebookError(
            f"[project] modules names `{module}`, which cannot be imported: {error}.",
            fix=f"Modules are looked for in {settings.root}.",
        ) from error

"""The cell tagged `parameters`: its literals are the defaults, and a value's type is its default's."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from alur_nb.authoring.notebook import PARAMETERS, Notebook, split_cell
from alur_nb.runtime.errors import ExportError, Place, SettingsError, suggest

_WORDS = {"true": True, "false": False}


def parameter_defaults(notebook: Notebook) -> dict[str, object]:
    """Return the literals that the `parameters` cell binds; an empty mapping where there is no such cell.

    Raises ExportError for a second such cell, and for a value that is no literal.
    """
    cells = notebook.tagged(PARAMETERS)
    if len(cells) > 1:
        raise ExportError(
            f"Cell {cells[0].number} and cell {cells[1].number} are both tagged `{PARAMETERS}`.",
            place=Place(notebook=notebook.path.name, cell=cells[1].number),
            fix="Keep all parameters in one cell.",
        )
    found: dict[str, object] = {}
    for cell in cells:
        for code in split_cell(cell, lambda magic: magic.body or "", notebook.path.name).codes:
            for node in code.tree.body:
                place = Place(notebook=notebook.path.name, cell=cell.number, line=code.shown(node.lineno))
                found |= literal_of(node, place)
    return found


def literal_of(node: ast.stmt, place: Place) -> dict[str, object]:
    """Return the name and value that a statement of the `parameters` cell binds; imports and texts bind none.

    Raises ExportError for anything but `name = literal`.
    """
    if isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        return {}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    try:
        if value is not None and len(targets) == 1 and isinstance(targets[0], ast.Name):
            return {targets[0].id: ast.literal_eval(value)}
    except ValueError:
        # Not a literal: refused below, like every other statement.
        pass
    raise ExportError(
        f"The parameters cell holds more than literals: `{ast.unparse(node)}`",
        place=place,
        fix="Write `name = value` with a number, text, True, None or a list of them; compute in another cell.",
    )


def typed_parameters(notebook: Notebook, given: Mapping[str, object]) -> dict[str, object]:
    """Return the given values, each with the type of its default; text is read as that type.

    Raises ExportError where the notebook has no cell for them, SettingsError for an unknown name or a wrong type.
    """
    if given and not notebook.tagged(PARAMETERS):
        name, value = next(iter(given.items()))
        raise ExportError(
            f"The notebook has no cell tagged `{PARAMETERS}`, so `{name}` cannot be given.",
            place=Place(notebook=notebook.path.name),
            fix=f"Add a cell at the top, tag it `{PARAMETERS}`, and write the default in it:\n{name} = {value!r}",
        )
    defaults = parameter_defaults(notebook)
    return {name: _typed(name, value, defaults) for name, value in given.items()}


def typed_by_notebook(
    notebooks: Sequence[Notebook], given: Mapping[str, object]
) -> dict[Path, dict[str, object]]:
    """Return for each notebook of a project those of the given values that are parameters of it, typed.

    Raises SettingsError for a name that none of them has, and what `typed_parameters` raises.
    """
    if not given:
        return {}
    if len(notebooks) == 1:
        return {notebooks[0].path: typed_parameters(notebooks[0], given)}
    defaults = {notebook.path: parameter_defaults(notebook) for notebook in notebooks}
    known = sorted({name for names in defaults.values() for name in names})
    for name in given:
        if name not in known:
            raise SettingsError(
                f"No notebook of the project has a parameter `{name}`{suggest(name, known)}.",
                fix=f"Their parameters are: {', '.join(known)}."
                if known
                else f"Add a cell at the top of one, tag it `{PARAMETERS}`, and write the default in it.",
            )
    return {
        notebook.path: typed_parameters(
            notebook, {name: value for name, value in given.items() if name in defaults[notebook.path]}
        )
        for notebook in notebooks
    }


def _typed(name: str, value: object, defaults: Mapping[str, object]) -> object:
    if name not in defaults:
        raise SettingsError(
            f"The notebook has no parameter `{name}`{suggest(name, defaults)}.",
            fix=f"Its parameters are: {', '.join(sorted(defaults)) or 'none'}.",
        )
    default = defaults[name]
    read = _read(value, default) if isinstance(value, str) else value
    if default is None or type(read) is type(default) or (type(default), type(read)) == (float, int):
        return read
    raise SettingsError(
        f"The parameter `{name}` is {type(default).__name__} by its default, and {value!r} is not.",
        fix=f"Give a value like {default!r}.",
    )


def _read(text: str, default: object) -> object:
    """Read text as a value of the default's type; text that is none stays text, and is refused then."""
    try:
        match default:
            case bool():
                return _WORDS.get(text.lower(), text)
            case int():
                return int(text)
            case float():
                return float(text)
            case list() | dict():
                return json.loads(text)
            case _:
                return text
    except ValueError:
        return text

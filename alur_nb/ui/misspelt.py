"""A magic of ours that is misspelt: IPython's own error names none that is near."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from typing import Any

from alur_nb.runtime.errors import NotebookError, suggest

MAGIC = "alur_misspelt"
"""The magic that takes the place of one that is not there; its line is what was typed."""

_PERCENTS = {"run_line_magic": "%", "run_cell_magic": "%%"}


class Misspelt(ast.NodeTransformer):
    """Lets a cell that calls an unknown magic of ours call `alur_misspelt` there; what stands before it still runs.

    One of IPython's `ast_transformers`: a line is a magic only once IPython has read the cell.
    """

    def __init__(self, known: Callable[[str], Collection[str]]) -> None:
        self._known = known
        """The magics that there are, by "line" or "cell"."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Exchange the name of an unknown magic."""
        self.generic_visit(node)
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=attribute),
                args=[ast.Constant(value=str(name)), *_],
            ) if attribute in _PERCENTS and name.startswith("alur"):
                percents = _PERCENTS[attribute]
                if name not in self._known("line" if percents == "%" else "cell"):
                    assert isinstance(node.func, ast.Attribute)
                    node.func.attr = "run_line_magic"
                    node.args = [ast.Constant(MAGIC), ast.Constant(f"{percents}{name}")]
        return node


def known_magics(manager: Any) -> Callable[[str], Collection[str]]:
    """Return what tells the names of a kind of magics, of anybody's, as they are when it is asked."""
    return lambda kind: manager.magics[kind]


def refuse(typed: str, ours: Collection[str], with_body: Collection[str]) -> None:
    """Raise NotebookError for a magic that is not there, with the nearest of ours; `with_body` take a body."""
    percents, name = typed[: typed.rindex("%") + 1], typed.lstrip("%")
    if percents == "%%" and name in ours:
        raise NotebookError(f"%{name} takes no body.", fix=f"Write %{name} in a line of its own.")
    among = with_body if percents == "%%" else ours
    raise NotebookError(
        f"There is no magic `{typed}`{suggest(typed, [percents + one for one in among])}.",
        fix="`%alur help` shows every magic with an example.",
    )

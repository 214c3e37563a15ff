"""A cell's top-level statements, each with its text as written and with what it binds, uses and changes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alur_nb.authoring.bindings import Bindings, bindings_of
from alur_nb.authoring.changes import Effects, FunctionEffects, effects_of, functions_in
from alur_nb.authoring.notebook import Cell, Code, SplitCell

ImportNode = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One top-level statement of a cell; `index` is its place in the notebook."""

    index: int
    cell: Cell
    code: Code
    node: ast.stmt
    text: str
    follows: bool
    """Whether it stands right below the statement before it."""
    bindings: Bindings
    effects: Effects
    functions: tuple[FunctionEffects, ...]

    def shown(self, line: int) -> int:
        """Return the line in the cell, as the notebook shows it."""
        return self.code.shown(line)

    @property
    def star(self) -> str | None:
        """The module of a `from module import *`."""
        node = self.node
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return "." * node.level + (node.module or "")
        return None

    @property
    def imports(self) -> dict[str, str]:
        """The imported object of each name that the statement binds by a plain import."""
        return imported_names(self.node) if isinstance(self.node, ImportNode) else {}

    @property
    def is_definition(self) -> bool:
        """Whether this is a `def` or `class`."""
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def imported_names(node: ImportNode) -> dict[str, str]:
    """Return the dotted object that each name of an import stands for."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: alias.name
            if alias.asname
            else alias.name.partition(".")[0]
            for alias in node.names
        }
    module = "." * node.level + (node.module or "")
    return {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names if alias.name != "*"}


def statements_of(cells: Sequence[SplitCell]) -> tuple[Statement, ...]:
    """Return every top-level statement in notebook order."""
    future = bool(future_features(cells))
    found: list[Statement] = []
    for cell in cells:
        for code, node, text, follows in _texts(cell):
            if _is_future(node):
                continue
            found.append(
                Statement(
                    len(found),
                    cell.cell,
                    code,
                    node,
                    text,
                    follows,
                    bindings_of(node, annotations_are_text=future),
                    effects_of(node),
                    functions_in(node),
                )
            )
    return tuple(found)


def future_features(cells: Sequence[SplitCell]) -> tuple[str, ...]:
    """Return what the cells import from `__future__`: IPython keeps it on for every later cell."""
    nodes = [node for cell in cells for code in cell.codes for node in code.tree.body if _is_future(node)]
    return tuple(
        sorted({alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names})
    )


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _texts(cell: SplitCell) -> Iterator[tuple[Code, ast.stmt, str, bool]]:
    placed = [(code.shown(_first_line(node)), code, node) for code in cell.codes for node in code.tree.body]
    end, before = -1, None
    for _, code, node in sorted(placed, key=lambda item: item[0]):
        first = _first_line(node)
        lines = code.text.split("\n")
        start = first
        while start > 1 and lines[start - 2].startswith("#") and (code is not before or start - 1 > end):
            start -= 1
        follows = code is before and start == end + 1
        yield code, node, _text(code, node, lines, start), follows
        end, before = node.end_lineno or first, code


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _text(code: Code, node: ast.stmt, lines: Sequence[str], start: int) -> str:
    """Return the statement as written, with the comments right above it and the one at its end."""
    last = node.end_lineno or node.lineno
    others = [other for other in code.tree.body if other is not node]
    if any(_first_line(other) <= last and (other.end_lineno or 0) >= node.lineno for other in others):
        # Two statements on one line: this one's part alone.
        comments = lines[start - 1 : node.lineno - 1]
        return "\n".join([*comments, ast.get_source_segment(code.text, node) or ast.unparse(node)])
    text = "\n".join(lines[start - 1 : last]).rstrip()
    return text[:-1].rstrip() if text.endswith(";") else text

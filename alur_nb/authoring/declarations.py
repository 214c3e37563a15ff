"""Which statements and cells declare tables and pipelines, seen without running anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from alur_nb.authoring.expressions import path_of
from alur_nb.authoring.local_modules import local_files
from alur_nb.authoring.notebook import (
    PARAMETERS,
    SETUP,
    Cell,
    MagicCell,
    Notebook,
    SplitCell,
    Unfold,
    declares,
    split_cells,
)
from alur_nb.authoring.program import PACKAGE, Program
from alur_nb.authoring.statements import Statement
from alur_nb.runtime.errors import AlurError, ExportError, Place, suggest

_TABLES = frozenset(["BaseTable", "BronzeTable", "SilverTable", "GoldTable"])
_DECORATORS = frozenset(["pipeline", "schedule", "expect"])


def declared_statements(program: Program, folder: Path | None = None) -> tuple[Statement, ...]:
    """Return the statements that declare when they run: by themselves, or by calling what declares."""
    declaring = _Declaring(program, folder)
    return tuple(statement for statement in program.statements if declaring.at_once(statement))


class _Declaring:
    """Tells what declares; `folder` is where local modules are, which may declare too."""

    def __init__(self, program: Program, folder: Path | None) -> None:
        self.program = program
        self.folder = folder
        self._modules: dict[str, bool] = {}

    def at_once(self, statement: Statement) -> bool:
        if any(self._is_declared(node) for node in _run_at_once(statement.node)):
            return True
        if any(self._is_declaring_module(target) for target in statement.imports.values()):
            return True
        called = [reach.path[0] for reach in statement.effects.reaches if "()" in reach.path]
        return any(self._call_declares(name, set()) for name in called)

    def _call_declares(self, name: str, seen: set[str]) -> bool:
        if name in seen:
            return False
        seen.add(name)
        for statement in self.program.binders(name):
            if any(self._is_declaring_module(target) for target in statement.imports.values()):
                return True
            inside = [
                node
                for function in _functions(statement.node)
                for node in ast.walk(function)
                if node is not function
            ]
            if any(self._is_declared(node) for node in inside):
                return True
            reaches = [reach for function in statement.functions for reach in function.reaches]
            if any("()" in reach.path and self._call_declares(reach.path[0], seen) for reach in reaches):
                return True
        return False

    def _is_declared(self, node: ast.AST) -> bool:
        """Whether a node declares: a table class, a decorated function, a call of a decorator's result."""
        match node:
            case ast.ClassDef():
                return any(self._is_table(base, set()) for base in node.bases)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return any(self._is_decorator(decorator) for decorator in node.decorator_list)
            case ast.Call(func=ast.Call() as inner):
                return self._is_decorator(inner)
            case _:
                return False

    def _is_decorator(self, node: ast.expr) -> bool:
        path = path_of(node)
        if path is None:
            return False
        resolved = self.program.resolved(path)
        steps = [step for step in resolved if step != "()"]
        if steps[0] == PACKAGE:
            return steps[-1] in _DECORATORS
        return self._is_declaring_module(".".join(resolved)) or self._decorates(path[0])

    def _decorates(self, name: str) -> bool:
        """Whether a function of the notebook applies one of the decorators."""
        for statement in self.program.binders(name):
            for function in _functions(statement.node):
                paths = [path_of(node) for node in ast.walk(function) if isinstance(node, ast.Call)]
                if any(path and self.program.resolved(path)[:2] in _DECORATOR_PATHS for path in paths):
                    return True
        return False

    def _is_table(self, base: ast.expr, seen: set[str]) -> bool:
        path = path_of(base)
        if path is None:
            return False
        resolved = self.program.resolved(path)
        if resolved[0] == PACKAGE:
            return resolved[-1] in _TABLES
        if self._is_declaring_module(".".join(resolved)):
            return True
        if path[0] in seen:
            return False
        seen.add(path[0])
        classes = [s.node for s in self.program.binders(path[0]) if isinstance(s.node, ast.ClassDef)]
        return any(self._is_table(inner, seen) for node in classes for inner in node.bases)

    def _is_declaring_module(self, target: str) -> bool:
        """Whether a local module, or one that it imports, uses the package: importing or calling it may declare."""
        top = target.partition(".")[0]
        if self.folder is None or not top.isidentifier():
            return False
        if top not in self._modules:
            texts = [
                (self.folder / name).read_text(encoding="utf-8") for name in local_files(self.folder, [top])
            ]
            self._modules[top] = any(PACKAGE in text for text in texts)
        return self._modules[top]


_DECORATOR_PATHS = frozenset((PACKAGE, name) for name in _DECORATORS)


def _functions(node: ast.AST) -> list[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return [child for child in ast.walk(node) if isinstance(child, kinds)]


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement's nodes that run with its cell: what is inside of functions is left out."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _run_at_once(child)


# One pipeline's declaration


def root_statements(program: Program, pipeline: str, function: str) -> tuple[Statement, ...]:
    """Return the statements that declare a pipeline: its decorated function, or the loop or factory that makes it.

    Raises ExportError where none is found, or where a factory is called in several cells.
    """
    for name in (function, pipeline):
        binders = [s for s in program.binders(name) if not s.imports]
        if binders:
            return tuple(binders)
    found = [s for s in declared_statements(program) if _makes(program, s, function)]
    cells = sorted({statement.cell.number for statement in found})
    if len(cells) > 1:
        listed = " and ".join(f"cell {number}" for number in cells)
        raise ExportError(
            f"its function `{function}` is made in {listed}",
            place=Place(notebook=program.label, cell=cells[1]),
            fix="Make all pipelines of one factory in one cell, in a loop.",
        )
    if not found:
        raise ExportError(
            f"no cell binds its function `{function}`{suggest(function, program.names)}",
            place=Place(notebook=program.label),
            fix="Save the notebook with the cell that declares it, and leave the function's name as it is.",
        )
    return tuple(found)


def _makes(program: Program, statement: Statement, function: str) -> bool:
    """Whether a statement defines a function of this name inside, or calls one that does."""
    waiting, seen = [statement], set[int]()
    while waiting:
        current = waiting.pop()
        if current.index in seen:
            continue
        seen.add(current.index)
        if any(getattr(node, "name", None) == function for node in _functions(current.node)):
            return True
        reaches = [*current.effects.reaches, *(r for f in current.functions for r in f.reaches)]
        for reach in reaches:
            if "()" in reach.path:
                waiting += program.binders(reach.path[0])
    return False


# The cells that are executed


def declaration_cells(notebook: Notebook, unfold: Unfold) -> tuple[Cell, ...]:
    """Return the cells that declare, and transitively those that bind a name they need, in notebook order.

    Nothing has run yet, so a SQL body whose tables are not known counts with the names on its line alone.
    Raises ExportError for a cell that is not valid Python.
    """
    label = notebook.path.name
    splits = split_cells(notebook.cells, _tolerant(unfold), label)
    program = Program(splits, label)
    declaring = {s.cell.number for s in declared_statements(program, notebook.path.parent)}
    chosen = {split.cell.number for split in splits if _is_chosen(split)} | declaring
    chosen |= {statement.cell.number for statement in program.stars}
    waiting = sorted(chosen)
    while waiting:
        number = waiting.pop()
        for name in _needed_names(program, number):
            for binder in program.binders(name):
                if binder.cell.number not in chosen:
                    chosen.add(binder.cell.number)
                    waiting.append(binder.cell.number)
    return tuple(cell for cell in notebook.code if cell.number in chosen)


def _is_chosen(split: SplitCell) -> bool:
    if {PARAMETERS, SETUP} & set(split.cell.tags):
        return True
    names = [magic.name for magic in split.magics]
    cell_magics = [magic.name for magic in split.cell_magics]
    return (
        "load_ext" in names
        or any(map(declares, split.magics))
        or any(n.startswith("alur_") for n in cell_magics)
    )


def _needed_names(program: Program, cell: int) -> set[str]:
    return {use.name for s in program.statements if s.cell.number == cell for use in s.bindings.uses}


def _tolerant(unfold: Unfold) -> Unfold:
    """Unfold what can be unfolded before anything is declared; of the rest, keep the names that its line uses."""

    def unfolded(magic: MagicCell) -> str:
        try:
            return unfold(magic)
        except AlurError:
            names = re.findall(r"\{([^\W\d]\w*)\}|--(?:target|contract)[= ]+([^\W\d]\w*)", magic.line)
            return "\n".join(name for pair in names for name in pair if name)

    return unfolded

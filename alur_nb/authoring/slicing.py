"""Cuts a notebook into one slice per pipeline: the statements that it needs, in notebook order.

Static analysis, exact because of one rule: a name that a pipeline needs is bound in exactly one cell, and changed
only there. What breaks the rule, or cannot leave the notebook, is an error with cell, line and fix.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alur_nb.authoring.checks import dropped_effects
from alur_nb.authoring.conflicts import NameConflict, patched_packages, place_of
from alur_nb.authoring.declarations import declaration_cells, declared_statements, root_statements
from alur_nb.authoring.local_modules import imported_modules, local_files
from alur_nb.authoring.needs import Needs, StarResolver
from alur_nb.authoring.notebook import PARAMETERS, Cell, Notebook, SplitCell, Unfold, split_cell, split_cells
from alur_nb.authoring.packages import foreign_modules, pinned_packages
from alur_nb.authoring.parameters import literal_of
from alur_nb.authoring.program import Program
from alur_nb.authoring.statements import ImportNode, Statement
from alur_nb.runtime.errors import AlurError, ExportError

__all__ = [
    "NameConflict",
    "Piece",
    "Slice",
    "StarResolver",
    "declaration_cells",
    "name_conflicts",
    "slice_pipelines",
]

Style = Literal["cells", "plain"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a slice: one statement as written, and the cell that it comes from."""

    cell: int
    cell_id: str | None
    line: int
    text: str
    is_definition: bool = False
    follows: bool = False
    """Whether it stands right below the piece before it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one pipeline needs of its notebook."""

    pipeline: str
    pieces: tuple[Piece, ...]
    future: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    """The names of the cell tagged `parameters` that the pipeline uses, with their values."""
    modules: tuple[str, ...] = ()
    """Local modules as paths relative to the notebook's folder."""
    pip: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[int, ...]:
        """The numbers of the cells that the slice takes something from."""
        return tuple(dict.fromkeys(piece.cell for piece in self.pieces))

    def source(self, style: Style = "cells") -> str:
        """Return the slice as Python source; `cells` names the cell above its statements, `plain` does not."""
        lines = [f"from __future__ import {feature}" for feature in self.future]
        before: Piece | None = None
        for piece in self.pieces:
            lines += [""] * (_blank_lines(before, piece) if lines else 0)
            if style == "cells" and (before is None or before.cell != piece.cell):
                lines.append(f"# cell {piece.cell}")
            lines.append(piece.text)
            before = piece
        return "\n".join(lines) + "\n"


def _blank_lines(before: Piece | None, piece: Piece) -> int:
    if before is None:
        return 1
    if before.cell != piece.cell or before.is_definition or piece.is_definition:
        return 2
    return 0 if piece.follows else 1


def slice_pipelines(
    notebook: Notebook,
    pipelines: Mapping[str, str],
    unfold: Unfold,
    resolve_star: StarResolver | None = None,
) -> dict[str, Slice]:
    """Return the slice of each pipeline; `pipelines` gives, by a pipeline's name, its function's.

    Raises ExportError, with cell, line and fix, for what cannot be written as a job.
    """
    label = notebook.path.name
    program = Program(split_cells(notebook.cells, unfold, label), label)
    for error in patched_packages(program):
        raise error
    return {
        pipeline: _slice(program, notebook, pipeline, function, resolve_star)
        for pipeline, function in pipelines.items()
    }


def _slice(
    program: Program, notebook: Notebook, pipeline: str, function: str, resolve_star: StarResolver | None
) -> Slice:
    needs = Needs(program, resolve_star)
    try:
        needs.follow(root_statements(program, pipeline, function))
        kept = [program.statements[index] for index in sorted(needs.kept)]
        nodes = [_kept_node(statement, needs.kept[statement.index]) for statement in kept]
        modules = imported_modules(nodes)
        pip, notices = pinned_packages(program, modules)
        local = local_files(notebook.path.parent, modules)
        foreign = foreign_modules(program, modules, pip, local)
        return Slice(
            pipeline,
            tuple(_piece(statement, node, needs.kept) for statement, node in zip(kept, nodes, strict=True)),
            program.future,
            _parameters(program, kept),
            local,
            pip,
            (*notices, *foreign, *dropped_effects(program, needs.kept)),
        )
    except ExportError as error:
        error.message = f"Pipeline `{pipeline}`: {error.message.removesuffix('.')}."
        raise


def name_conflicts(cells: Sequence[Cell], unfold: Unfold, label: str | None = None) -> list[NameConflict]:
    """Return each name that declarations need and that a second cell binds or changes; nothing is raised.

    Cells that cannot be read are left out: the notebook shows their errors itself.
    """
    program = Program([split for cell in cells if (split := _readable(cell, unfold, label))], label)
    problems: list[ExportError] = []
    Needs(program, problems=problems).follow(declared_statements(program))
    found = {problem.name: problem for problem in reversed(problems) if isinstance(problem, NameConflict)}
    return [found[name] for name in sorted(found)]


def _readable(cell: Cell, unfold: Unfold, label: str | None) -> SplitCell | None:
    try:
        return split_cell(cell, unfold, label) if cell.kind == "code" else None
    except AlurError:
        return None


def _piece(statement: Statement, node: ast.stmt, kept: Mapping[int, object]) -> Piece:
    cell, line = statement.cell, statement.shown(statement.node.lineno)
    text = statement.text if node is statement.node else "\n".join([*_comments(statement), ast.unparse(node)])
    follows = statement.follows and statement.index - 1 in kept
    return Piece(cell.number, cell.cell_id, line, text, statement.is_definition, follows)


def _comments(statement: Statement) -> Iterator[str]:
    """Yield the comment lines right above a statement."""
    for line in statement.text.split("\n"):
        if not line.startswith("#"):
            return
        yield line


def _kept_node(statement: Statement, names: set[str]) -> ast.stmt:
    """Return an import with the needed names alone, every other statement as it is."""
    node = statement.node
    if statement.star is not None and isinstance(node, ast.ImportFrom):
        return ast.ImportFrom(node.module, [ast.alias(name) for name in sorted(names)], node.level)
    if not isinstance(node, ImportNode):
        return node
    aliases = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in names]
    if len(aliases) == len(node.names):
        return node
    return (
        ast.Import(aliases)
        if isinstance(node, ast.Import)
        else ast.ImportFrom(node.module, aliases, node.level)
    )


def _parameters(program: Program, kept: Sequence[Statement]) -> dict[str, object]:
    """Return the literals that kept statements of the `parameters` cell bind."""
    found: dict[str, object] = {}
    for statement in kept:
        if PARAMETERS in statement.cell.tags:
            found |= literal_of(statement.node, place_of(program, statement, statement.node.lineno))
    return found

"""The rule for names: what a pipeline needs is bound in exactly one cell, and changed only there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from alur_nb.authoring.changes import How
from alur_nb.authoring.hazards import only_shows, process_setting
from alur_nb.authoring.program import PACKAGE, Changing, Program
from alur_nb.authoring.statements import ImportNode, Statement
from alur_nb.runtime.errors import ExportError, Place


class NameConflict(ExportError):
    """A name that a pipeline needs is bound, or changed, in a second cell; `cells` has the binding's number first."""

    def __init__(self, name: str, cells: tuple[int, int], message: str, *, place: Place, fix: str) -> None:
        super().__init__(message, place=place, fix=fix)
        self.name = name
        self.cells = cells


def place_of(program: Program, statement: Statement, line: int) -> Place:
    """Return the place of a line of a statement, as the notebook shows it."""
    return Place(notebook=program.label, cell=statement.cell.number, line=statement.shown(line))


def one_binding(program: Program, name: str, binders: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return the statements that bind a name, all of one cell; the same import in several cells counts once.

    Raises NameConflict for a second cell.
    """
    imports = _same_imports(name, binders)
    if imports:
        return imports
    first = binders[0]
    for other in binders[1:]:
        if other.cell.number != first.cell.number:
            raise _bound_twice(program, name, first, other)
    return tuple(binders)


def _same_imports(name: str, binders: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return several imports of one object, or the first of several statements that do nothing but import."""
    if all(isinstance(binder.node, ImportNode) for binder in binders):
        return tuple(binders) if len({binder.imports[name] for binder in binders}) == 1 else ()
    whole = {ast.dump(binder.node) for binder in binders}
    return (binders[0],) if len(whole) == 1 and _only_imports(binders[0].node) else ()


def nearest_imports(name: str, binders: Sequence[Statement], user: Statement) -> tuple[Statement, ...]:
    """Return which of several imports of one object to keep: the one in its first user's cell, else the first.

    `import a.b` beside `import a` are both kept.
    """
    found: dict[str, Statement] = {}
    for binder in binders:
        near = binder.cell.number == user.cell.number and binder.index < user.index
        for alias in _aliases(binder.node, name):
            if alias not in found or (near and found[alias].cell.number != user.cell.number):
                found[alias] = binder
    return tuple(dict.fromkeys(found.values()))


def _aliases(node: ast.stmt, name: str) -> Iterator[str]:
    assert isinstance(node, ImportNode)
    for alias in node.names:
        if (alias.asname or alias.name.partition(".")[0]) == name:
            yield alias.name if isinstance(node, ast.Import) else ""


def _only_imports(node: ast.stmt) -> bool:
    """Whether a statement does nothing but import, one way or the other."""
    if isinstance(node, ast.Try | ast.If):
        parts = [*node.body, *node.orelse]
        parts += [s for handler in getattr(node, "handlers", []) for s in handler.body]
        return all(_only_imports(part) for part in parts)
    return isinstance(node, ImportNode | ast.Pass)


def _bound_twice(program: Program, name: str, first: Statement, second: Statement) -> NameConflict:
    cells = (first.cell.number, second.cell.number)
    line = second.bindings.binds.get(name, second.node.lineno)
    return NameConflict(
        name,
        cells,
        f"`{name}` is bound in cell {cells[0]} and again in cell {cells[1]}",
        place=place_of(program, second, line),
        fix=f"Give it another name in cell {cells[1]}, or bind it in cell {cells[0]} alone.",
    )


def changed_elsewhere(program: Program, name: str, binders: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return the statements of the binding's own cell that change what a name stands for.

    Raises NameConflict where another cell changes it.
    """
    home, own = binders[0].cell.number, list[Statement]()
    for changing in program.changes.get(name, ()):
        if _is_module(binders):
            _refuse_patching(program, binders, changing)
        elif changing.statement.cell.number != home:
            if _counts(changing, binders):
                raise _changed(program, name, home, changing)
        elif changing.statement not in binders and _counts(changing, binders):
            own.append(changing.statement)
    return tuple(own)


def _is_module(binders: Sequence[Statement]) -> bool:
    return any(isinstance(binder.node, ast.Import) for binder in binders)


def _counts(changing: Changing, binders: Sequence[Statement]) -> bool:
    """Whether a change is one: a method called for its effect is none where a `def` or `class` is asked."""
    is_value = any(isinstance(binder.node, ast.Assign | ast.AnnAssign | ast.AugAssign) for binder in binders)
    return changing.change.how is not How.EFFECT or is_value


def _changed(program: Program, name: str, home: int, changing: Changing) -> NameConflict:
    statement, change = changing
    number = statement.cell.number
    return NameConflict(
        name,
        (home, number),
        f"`{name}` is bound in cell {home}, and cell {number} {change.how.value}: `{change.text}`",
        place=place_of(program, statement, change.line),
        fix=f"Move the line into cell {home}, or change a copy under another name.",
    )


def _refuse_patching(program: Program, binders: Sequence[Statement], changing: Changing) -> None:
    statement, change = changing
    path = program.resolved((change.name, *change.attributes))
    if change.how is How.EFFECT or process_setting(path) or only_shows(path):
        return
    if change.how is How.DELETE:
        raise _changed(program, change.name, binders[0].cell.number, changing)
    raise ExportError(
        f"cell {statement.cell.number} changes the imported module `{change.name}` (cell "
        f"{binders[0].cell.number}): `{change.text}`",
        place=place_of(program, statement, change.line),
        fix="Write a function of your own instead of changing the module.",
    )


def patched_packages(program: Program) -> Iterator[ExportError]:
    """Yield an error for each cell that assigns into pyspark or alur_nb, whatever a pipeline uses of them."""
    for name, changings in program.changes.items():
        for statement, change in changings:
            path = program.resolved((name, *change.attributes))
            is_import = any(isinstance(binder.node, ImportNode) for binder in program.binders(name))
            if (
                is_import
                and change.how is How.ASSIGN
                and change.attributes
                and path[0] in ("pyspark", PACKAGE)
            ):
                yield ExportError(
                    f"cell {statement.cell.number} changes the package `{path[0]}` itself: `{change.text}`",
                    place=place_of(program, statement, change.line),
                    fix="Write a function of your own and call it with the frame.",
                )

"""Follows what a pipeline needs: from its declaration through every name, to the statements that bind them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import alur_nb
from alur_nb.authoring.bindings import Use, When
from alur_nb.authoring.checks import check_import, check_statement, is_effect
from alur_nb.authoring.conflicts import changed_elsewhere, nearest_imports, one_binding, place_of
from alur_nb.authoring.notebook import SETUP
from alur_nb.authoring.program import Program
from alur_nb.authoring.statements import ImportNode, Statement
from alur_nb.runtime.errors import ExportError, suggest

StarResolver = Callable[[str], Mapping[str, str]]
"""For a module, the names that `from module import *` binds; the value tells one object from another."""

# Names that a module has without binding them.
_GIVEN = frozenset([*dir(builtins), "__name__", "__doc__", "__module__", "__qualname__", "__annotations__"])


class Needs:
    """What is kept of a program; with `problems` given, errors are collected there and the rest goes on."""

    def __init__(
        self,
        program: Program,
        resolve_star: StarResolver | None = None,
        problems: list[ExportError] | None = None,
    ) -> None:
        self.program = program
        self.kept: dict[int, set[str]] = {}
        """By the index of each statement that is kept, the names that are needed of it."""
        self._resolve_star = resolve_star
        self._problems = problems
        self._resolved: set[str] = set()
        self._waiting: list[Statement] = []
        self._imported: dict[str, Sequence[Statement]] = {}
        self._first_user: dict[str, Statement] = {}

    def follow(self, roots: Sequence[Statement]) -> None:
        """Keep the roots, what `setup` cells do for its effect, and all that these need.

        Raises ExportError for what cannot be written as a job.
        """
        for statement in roots:
            self._keep(statement)
            if statement.is_definition:
                for name, line in statement.bindings.binds.items():
                    self._need(Use(name, line, When.CALL), statement)
        for statement in self.program.statements:
            if SETUP in statement.cell.tags and is_effect(self.program, statement):
                self._keep(statement)
        while self._waiting:
            statement = self._waiting.pop()
            with self._collecting():
                check_statement(self.program, statement)
            for use in statement.bindings.uses:
                self._need(use, statement)
        for name, binders in self._imported.items():
            for statement in nearest_imports(name, binders, self._first_user[name]):
                self._keep(statement, name)

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        try:
            yield
        except ExportError as error:
            if self._problems is None:
                raise
            self._problems.append(error)

    def _keep(self, statement: Statement, name: str | None = None) -> None:
        is_import = isinstance(statement.node, ImportNode)
        if statement.index not in self.kept and not is_import:
            self._waiting.append(statement)
        names = self.kept.setdefault(statement.index, set())
        if name and name not in names:
            names.add(name)
            if is_import:
                with self._collecting():
                    check_import(self.program, statement, name)

    def _need(self, use: Use, user: Statement) -> None:
        name = use.name
        binders = self.program.binders(name)
        if use.when is When.MAYBE:
            binders = [binder for binder in binders if binder.index < user.index]
        with self._collecting():
            if not binders:
                if not self._from_star(use, user) and use.when in (When.NOW, When.CALL):
                    self._refuse_unknown(use, user)
                return
            self._refuse_late(use, user, binders[0])
        if user.index < self._first_user.setdefault(name, user).index:
            self._first_user[name] = user
        if name not in self._resolved:
            self._resolved.add(name)
            with self._collecting():
                self._keep_binders(name)

    def _keep_binders(self, name: str) -> None:
        binders = self.program.binders(name)
        self._refuse_star_beside(name, binders)
        found = one_binding(self.program, name, binders)
        changes = changed_elsewhere(self.program, name, found)
        if all(isinstance(statement.node, ImportNode) for statement in found):
            # Which import is kept depends on who is the first to use it.
            self._imported[name], found = found, ()
        for statement in (*found, *changes):
            self._keep(statement, name)

    def _refuse_late(self, use: Use, user: Statement, first: Statement) -> None:
        if use.when is When.NOW and first.index > user.index:
            raise ExportError(
                f"`{use.name}` is bound in cell {first.cell.number}, below its use in cell {user.cell.number}",
                place=place_of(self.program, user, use.line),
                fix=f"Move the binding of `{use.name}` above: a job runs from top to bottom.",
            )

    # Star imports

    def _from_star(self, use: Use, user: Statement) -> bool:
        """Take a name from the star import that gives it, if one does."""
        found = self._star_objects(use.name)
        if not found:
            return False
        self._refuse_two_stars(use.name, found)
        first = next(iter(found.values()))
        self._refuse_late(use, user, first)
        self._keep(first, use.name)
        return True

    def _star_objects(self, name: str) -> dict[str, Statement]:
        """Return, by object, the first star import that binds a name to it."""
        found: dict[str, Statement] = {}
        for statement in self.program.stars:
            module = statement.star or ""
            if self._resolve_star is None:
                raise ExportError(
                    f"`from {module} import *` hides which names it binds, and `{name}` may be one of them",
                    place=place_of(self.program, statement, statement.node.lineno),
                    fix=f"Name what you use: from {module} import {name}",
                )
            names = self._resolve_star(module)
            if name in names:
                found.setdefault(names[name], statement)
        return found

    def _refuse_two_stars(self, name: str, found: Mapping[str, Statement]) -> None:
        if len(found) > 1:
            first, second, *_ = found.values()
            raise ExportError(
                f"`{name}` comes from two star imports: {first.star} (cell {first.cell.number}) and {second.star} "
                f"(cell {second.cell.number})",
                place=place_of(self.program, second, second.node.lineno),
                fix=f"Import the one that is meant by name: from {second.star} import {name}",
            )

    def _refuse_star_beside(self, name: str, binders: Sequence[Statement]) -> None:
        if not self.program.stars:
            return
        own = {binder.imports.get(name) for binder in binders}
        for target, star in self._star_objects(name).items():
            if own != {target} and own != {f"{star.star}.{name}"}:
                raise ExportError(
                    f"`{name}` is bound in cell {binders[0].cell.number}, and `from {star.star} import *` in cell "
                    f"{star.cell.number} binds it too",
                    place=place_of(self.program, star, star.node.lineno),
                    fix=f"Import what you use of {star.star} by name.",
                )

    # What is not there

    def _refuse_unknown(self, use: Use, user: Statement) -> None:
        name = use.name
        if name in _GIVEN:
            return
        known = [] if name == "spark" else [*self.program.names, *_GIVEN]
        raise ExportError(
            f"name `{name}` is not defined in any cell{suggest(name, known)}",
            place=place_of(self.program, user, use.line),
            fix=_where_it_may_be(self.program, name),
        )


def _where_it_may_be(program: Program, name: str) -> str:
    """Return the next step for a name that no cell binds."""
    if name == "spark":
        return "Write in a cell: from alur_nb import get_spark_session; spark = get_spark_session()"
    if name in alur_nb.__all__:
        return f"Write in a cell: from alur_nb import {name}"
    for cell in program.cells:
        number = cell.cell.number
        for magic in cell.magics:
            if magic.name == "run":
                return f"Cell {number} runs `{magic.text}`: put what you need of it into a local module and import it."
        for magic in cell.cell_magics:
            if cell.opaque and name in cell.cell.source.split("\n", 1)[-1]:
                return f"Cell {number} is `%%{magic.name}`, which binds nothing: take the magic away."
    return f"Bind `{name}` in a cell of its own, or import it."

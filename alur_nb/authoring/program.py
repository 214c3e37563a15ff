"""The notebook as one program: who binds a name, who changes what it stands for, what an expression reaches."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from alur_nb.authoring.changes import Change, FunctionEffects, How, Reach
from alur_nb.authoring.expressions import Kind, Link, Links, Pass, linked
from alur_nb.authoring.hazards import SESSION
from alur_nb.authoring.notebook import SplitCell
from alur_nb.authoring.scopes import global_names
from alur_nb.authoring.statements import ImportNode, Statement, future_features, imported_names, statements_of

PACKAGE = "alur_nb"
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__")
_SESSION_MAKERS = ("get_spark_session", "getOrCreate")
_IMMUTABLE_CALLS = frozenset(
    ["int", "str", "float", "bool", "len", "sum", "abs", "round", "bytes", "repr", "complex"]
)


class Changing(NamedTuple):
    """A statement and the change that it makes, or causes by a call."""

    statement: Statement
    change: Change


class Program:
    """All statements of a notebook, indexed by name."""

    def __init__(self, cells: Sequence[SplitCell], label: str | None = None) -> None:
        self.cells = tuple(cells)
        self.label = label
        self.future = future_features(cells)
        self.statements = statements_of(cells)
        self.stars = tuple(statement for statement in self.statements if statement.star)
        self._binders: dict[str, list[Statement]] = defaultdict(list)
        for statement in self.statements:
            for name in {**statement.bindings.binds, **dict.fromkeys(_declared_global(statement.node), 0)}:
                self._binders[name].append(statement)
        self._imports = {
            name: target
            for statement in self.statements
            for name, target in _all_imports(statement.node).items()
        }
        self._self_changing = _self_changing_methods(self.statements)
        self._links = self._all_links()
        self.changes = self._all_changes()

    @property
    def names(self) -> Iterable[str]:
        """Every name that a cell binds."""
        return self._binders.keys()

    def binders(self, name: str) -> Sequence[Statement]:
        """Return the statements that bind a name, in notebook order."""
        return self._binders.get(name, ())

    # What an expression reaches

    def resolved(self, path: Sequence[str]) -> tuple[str, ...]:
        """Write a path with its first name as what it stands for: an imported object, or the Spark session."""
        name, rest = path[0], tuple(path[1:])
        if self.is_session(name):
            return (SESSION, *rest)
        if name in self._imports:
            return (*self._imports[name].split("."), *rest)
        if not self.binders(name) and any(star.star == PACKAGE for star in self.stars):
            return (PACKAGE, name, *rest)
        return (f"<{name}>" if self.binders(name) else name, *rest)

    def is_session(self, name: str) -> bool:
        """Whether a name is the Spark session: bound to one, or `spark` that nobody binds."""
        binders = self.binders(name)
        if not binders:
            return name == "spark"
        values = [statement.node.value for statement in binders if isinstance(statement.node, ast.Assign)]
        calls = [value.func for value in values if isinstance(value, ast.Call)]
        return bool(calls) and all(ast.unparse(call).endswith(_SESSION_MAKERS) for call in calls)

    def changes_by_call(self, name: str) -> Iterator[Change]:
        """Yield what a call of a notebook's function or class changes, through all that it may call."""
        for function in self._called(name, lambda function: function.reaches):
            yield from self._function_changes(function)

    def reaches_by_call(self, name: str) -> Iterator[Reach]:
        """Yield what a call of a notebook's function or class reaches before it returns."""
        for function in self._called(name, lambda function: function.direct):
            if not function.is_method or function.name in _CONSTRUCTORS:
                yield from function.direct

    def _called(
        self, name: str, reaches: Callable[[FunctionEffects], Iterable[Reach]]
    ) -> Iterator[FunctionEffects]:
        seen, waiting = set[str](), [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            for function in self.functions(current):
                yield function
                waiting += [reach.path[0] for reach in reaches(function) if "()" in reach.path]

    def functions(self, name: str) -> tuple[FunctionEffects, ...]:
        """Return the functions that a call of the name may run: for a class, all of its methods."""
        return tuple(function for statement in self.binders(name) for function in statement.functions)

    def reached(self, statement: Statement) -> Iterator[tuple[Reach, Reach]]:
        """Yield what a statement reaches when it runs, calls included, each with the reach in the statement itself."""
        for reach in statement.effects.reaches:
            yield reach, reach
            if "()" in reach.path:
                yield from ((inner, reach) for inner in self.reaches_by_call(reach.path[0]))

    # Changes

    def _function_changes(self, function: FunctionEffects) -> Iterator[Change]:
        yield from function.changes
        for given in function.passes:
            for name in self._changed_arguments(given) - set(function.parameters):
                yield Change(name, given.line, How.ARGUMENT, f"{given.function}(..)")

    def _changed_arguments(self, given: Pass) -> set[str]:
        """Return the names whose objects a call changes through its arguments."""
        found = set[str]()
        for function in self.functions(given.function):
            parameters = function.parameters[1:] if function.is_method else function.parameters
            found |= given.arguments(parameters, self._changed_parameters(function))
        return found

    def _changed_parameters(self, function: FunctionEffects, depth: int = 5) -> set[str]:
        """Return the parameters that a function changes, itself or by passing them on."""
        changed = set(function.changed_parameters)
        for given in function.passes if depth else ():
            for inner in self.functions(given.function):
                changed |= given.arguments(inner.parameters, self._changed_parameters(inner, depth - 1))
        return changed & {*function.parameters, "*"}

    def _all_links(self) -> Links:
        links: dict[str, set[Link]] = defaultdict(set)
        for statement in self.statements:
            for name, others in statement.effects.links.items():
                links[name] |= others
            for given in statement.effects.passes:
                if given.result:
                    links[given.result] |= {Link(name, Kind.INNER) for name in self._handed_through(given)}
        return links

    def _handed_through(self, given: Pass) -> set[str]:
        """Return the names whose objects may be, or be in, the result of a call."""
        found = set[str]()
        for function in self.functions(given.function):
            if function.is_method:
                found |= given.arguments((), ["*"])
            else:
                found |= given.arguments(function.parameters, function.returned_parameters)
        return found

    def _all_changes(self) -> Mapping[str, Sequence[Changing]]:
        found: dict[str, list[Changing]] = defaultdict(list)
        for statement in self.statements:
            for change in self._changes_of(statement):
                for name in linked(self._links, change.name, deep=change.deep):
                    if self._can_change(name, change):
                        found[name].append(Changing(statement, replace(change, name=name)))
        return found

    def _changes_of(self, statement: Statement) -> Iterator[Change]:
        yield from statement.effects.changes
        for given in statement.effects.passes:
            for name in self._changed_arguments(given):
                yield Change(name, given.line, How.ARGUMENT, f"{given.function}(..)")
        for reach in statement.effects.reaches:
            if "()" not in reach.path:
                continue
            for change in self.changes_by_call(reach.path[0]):
                yield replace(change, line=reach.line, text=f"{reach.path[0]}(..)")
            if len(reach.path) > 2 and reach.path[1] in self._self_changing and reach.path[2] == "()":
                text = f"{reach.path[0]}.{reach.path[1]}(..)"
                yield Change(reach.path[0], reach.line, How.METHOD, text)
            if self._is_declaration(reach):
                yield from self._declared_again(statement, reach)

    def _is_declaration(self, reach: Reach) -> bool:
        return self.resolved(reach.path)[:2] in {
            (PACKAGE, name) for name in ("pipeline", "schedule", "expect")
        }

    def _declared_again(self, statement: Statement, reach: Reach) -> Iterator[Change]:
        """`schedule(..)(orders)` declares `orders` once more."""
        if reach.path[-2:] != ("()", "()"):
            return
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
                for name in node.args:
                    if isinstance(name, ast.Name):
                        yield Change(name.id, node.lineno, How.ARGUMENT, ast.unparse(node))

    def _can_change(self, name: str, change: Change) -> bool:
        if name == change.name:
            # `x += 1` binds `x`; only what `x` shares is changed beside.
            return change.how is not How.AUGMENT and not self.is_session(name)
        if name in self._imports and name not in self._imported_objects():
            return False
        return not (change.how in (How.AUGMENT, How.EFFECT) and self._is_immutable(name)) and (
            change.how is not How.DELETE and change.how is not How.REBIND
        )

    def _imported_objects(self) -> frozenset[str]:
        return frozenset(name for name, target in self._imports.items() if "." in target)

    def _is_immutable(self, name: str, depth: int = 5) -> bool:
        binders = self.binders(name)
        return (
            bool(binders)
            and depth > 0
            and all(self._binds_immutable(binder.node, depth) for binder in binders)
        )

    def _binds_immutable(self, node: ast.stmt, depth: int) -> bool:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Import):
            return True
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) else None
        return value is not None and self._immutable_value(value, depth)

    def _immutable_value(self, value: ast.expr, depth: int) -> bool:
        match value:
            case ast.Constant() | ast.JoinedStr() | ast.Compare():
                return True
            case ast.Name():
                return self._is_immutable(value.id, depth - 1)
            case ast.UnaryOp():
                return self._immutable_value(value.operand, depth)
            case ast.BinOp():
                return self._immutable_value(value.left, depth) and self._immutable_value(value.right, depth)
            case ast.Tuple():
                return all(self._immutable_value(item, depth) for item in value.elts)
            case ast.Call():
                return isinstance(value.func, ast.Name) and value.func.id in _IMMUTABLE_CALLS
            case _:
                return False


def _all_imports(node: ast.stmt) -> dict[str, str]:
    """Return what a statement's imports at cell level stand for, those inside of `if` and `try` included."""
    if isinstance(node, ImportNode):
        return imported_names(node)
    found: dict[str, str] = {}
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                # The first one is the one that is meant: what follows is the way out.
                found = {**_all_imports(child), **found} if isinstance(child, ast.stmt) else found
    return found


def _declared_global(node: ast.stmt) -> frozenset[str]:
    functions = [
        child for child in ast.walk(node) if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return frozenset(name for function in functions for name in global_names(function))


def _self_changing_methods(statements: Iterable[Statement]) -> frozenset[str]:
    """Return the methods of the notebook's classes that change the object they are called on."""
    return frozenset(
        function.name
        for statement in statements
        for function in statement.functions
        if function.is_method and set(function.parameters[:1]) & function.changed_parameters
    )

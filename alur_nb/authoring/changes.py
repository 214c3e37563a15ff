"""What a statement does to objects that names of the notebook stand for: changes, shared objects, reached attributes.

Syntax alone decides, without the order of statements: where it cannot tell, it says that there is a change.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alur_nb.authoring.expressions import (
    CHANGERS,
    LOOKING,
    MUTATORS,
    Kind,
    Link,
    Pass,
    attributes,
    inner,
    is_unbound_method,
    linked,
    links_of,
    pass_of,
    path_of,
    roots,
)
from alur_nb.authoring.scopes import Function, free_names, global_names


class How(StrEnum):
    """The ways in which a statement changes an object."""

    ASSIGN = "assigns to a part of it"
    METHOD = "calls a method that changes it"
    EFFECT = "calls a method for its effect"
    AUGMENT = "changes it in place"
    DELETE = "deletes it"
    ARGUMENT = "passes it to a function that changes it"
    REBIND = "binds it by `global`"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what `name` stands for; `text` is the code that does it, `attributes` what it goes through.

    Not `deep` is a change of that object alone, not of what it holds.
    """

    name: str
    line: int
    how: How
    text: str
    attributes: tuple[str, ...] = ()
    deep: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """An expression that starts at a name, as its steps: `open("x").read()` is `open () read ()`."""

    path: tuple[str, ...]
    line: int
    stored: bool = False


@dataclass(slots=True)
class Effects:
    """All that some code does; `links` gives, for a name, the names whose objects belong to what it stands for."""

    changes: list[Change] = field(default_factory=list)
    links: dict[str, set[Link]] = field(default_factory=dict)
    reaches: list[Reach] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)

    def changed(self, change: Change) -> set[str]:
        """Return the names whose objects a change reaches inside of this code."""
        return linked(self.links, change.name, deep=change.deep)


@dataclass(frozen=True, slots=True)
class FunctionEffects:
    """What calling a function does: to names of its module, and to its arguments (`*` is every one not named)."""

    name: str
    parameters: tuple[str, ...]
    changes: tuple[Change, ...]
    changed_parameters: frozenset[str]
    returned_parameters: frozenset[str]
    reaches: tuple[Reach, ...]
    direct: tuple[Reach, ...]
    """The reaches outside of functions inside: what a decorator returns has not run yet."""
    passes: tuple[Pass, ...]
    is_method: bool = False


def effects_of(statement: ast.stmt) -> Effects:
    """Return what a statement does at once, when its cell runs."""
    visitor = _Visitor(enter_functions=False)
    visitor.visit(statement)
    return visitor.effects


def functions_in(statement: ast.stmt) -> tuple[FunctionEffects, ...]:
    """Return what calling each function defined in a statement does; nested functions count with their outer one."""
    found = _Functions()
    found.visit(statement)
    return tuple(found.functions)


class _Functions(ast.NodeVisitor):
    def __init__(self) -> None:
        self.functions: list[FunctionEffects] = []
        self.in_class = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions.append(_function_effects(node.name, node, node.body, self.in_class))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.functions.append(_function_effects(node.name, node, node.body, self.in_class))

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.functions.append(_function_effects("<lambda>", node, [ast.Return(node.body)], self.in_class))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        around, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = around


def _function_effects(
    name: str, node: Function | ast.Lambda, body: Sequence[ast.stmt], is_method: bool
) -> FunctionEffects:
    visitor, own = _Visitor(enter_functions=True), _Visitor(enter_functions=False)
    for statement in body:
        visitor.visit(statement)
        own.visit(statement)
    effects, free = visitor.effects, free_names(node)
    plain = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    rest = [argument.arg for argument in (node.args.vararg, node.args.kwarg) if argument]
    changes = [
        replace(change, name=name)
        for change in effects.changes
        for name in sorted(effects.changed(change) & free)
        if change.how is not How.EFFECT
    ]
    if not isinstance(node, ast.Lambda):
        changes += [
            Change(name, node.lineno, How.REBIND, f"global {name}") for name in sorted(global_names(node))
        ]
    changed = {name for change in effects.changes for name in effects.changed(change)}
    returned = {name for value in visitor.returned for name in linked(effects.links, value, deep=True)}
    return FunctionEffects(
        name,
        tuple(plain),
        tuple(changes),
        frozenset(_of_parameters(changed, plain, rest)),
        frozenset(_of_parameters(returned, plain, rest)),
        tuple(reach for reach in effects.reaches if reach.path[0] in free),
        tuple(reach for reach in own.effects.reaches if reach.path[0] in free),
        tuple(effects.passes),
        is_method,
    )


def _of_parameters(names: set[str], plain: Sequence[str], rest: Sequence[str]) -> set[str]:
    return (names & set(plain)) | ({"*"} if names & set(rest) else set())


class _Visitor(ast.NodeVisitor):
    """Collects effects; `enter_functions` tells whether functions inside count as run."""

    def __init__(self, *, enter_functions: bool) -> None:
        self.enter_functions = enter_functions
        self.effects = Effects()
        self.returned: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def _function(self, node: Function | ast.Lambda, body: Sequence[ast.AST]) -> None:
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        for decorator in decorators:
            # `@f` calls `f` as `@f()` does.
            path = path_of(decorator)
            if path and path[-1] != "()":
                self._reach((*path, "()"), decorator)
            if isinstance(decorator, ast.Attribute) and decorator.attr in MUTATORS:
                for name in roots(decorator.value):
                    self._change(name, decorator, How.METHOD, attributes(decorator))
        defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default]
        for child in [*decorators, *defaults, *(body if self.enter_functions else ())]:
            self.visit(child)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value:
            self.returned |= roots(node.value)
            self.visit(node.value)

    # Binding: the target may share the value's object

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self._bind(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, node.iter, part=True)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._bind(node.target, node.iter, part=True)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, node.iter, part=True)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars:
            self._bind(node.optional_vars, node.context_expr, part=True)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._change(node.target.id, node, How.AUGMENT, deep=False)
            # The old object stays, changed or not; what is added becomes a part of it.
            self._hold(node.target.id, [node.value])
        else:
            self._bind(node.target, node.value)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._change(target.id, node, How.DELETE)
            else:
                self._assigned_part(target, node)
        self.generic_visit(node)

    def _bind(self, target: ast.expr, value: ast.expr, *, part: bool = False) -> None:
        """Link a target to its value, or to a part of it: what a loop or an unpacking takes out."""
        match target:
            case ast.Name():
                self._link(target.id, value, part=part)
            case ast.Starred():
                self._bind(target.value, value, part=part)
            case ast.Tuple() | ast.List():
                values = value.elts if isinstance(value, ast.Tuple | ast.List) and not part else []
                if len(values) == len(target.elts):
                    for inner_target, inner_value in zip(target.elts, values, strict=True):
                        self._bind(inner_target, inner_value)
                else:
                    for inner_target in target.elts:
                        self._bind(inner_target, value, part=True)
            case _:
                self._assigned_part(target, target)
                for name in roots(target):
                    self._hold(name, [value])

    def _hold(self, name: str, values: Sequence[ast.expr]) -> None:
        held = {Link(link.name, Kind.HOLDS) for value in values for link in links_of(value)}
        self.effects.links.setdefault(name, set()).update(held)

    def _link(self, name: str, value: ast.expr, *, part: bool = False) -> None:
        links = {Link(link.name, Kind.INNER) for link in links_of(value)} if part else links_of(value)
        self.effects.links.setdefault(name, set()).update(links)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            self.effects.passes.append(pass_of(value, value.func.id, name))

    # Changing

    def _assigned_part(self, target: ast.expr, node: ast.AST) -> None:
        for name in roots(target):
            self._change(name, node, How.ASSIGN, attributes(target), deep=not _is_of_name(target))

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            owner, method = call.func.value, call.func.attr
            if isinstance(owner, ast.Name) and method not in LOOKING | MUTATORS:
                self._change(owner.id, node, How.EFFECT, (method,))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        last = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if isinstance(function, ast.Attribute) and function.attr in MUTATORS:
            for name in roots(function.value):
                self._hold(name, [*node.args, *(keyword.value for keyword in node.keywords)])
                self._change(name, node, How.METHOD, attributes(function), deep=not _is_of_name(function))
        if node.args and (last in CHANGERS or is_unbound_method(function)):
            for name in roots(node.args[0]):
                self._change(name, node, How.ARGUMENT, attributes(node.args[0]))
        if isinstance(function, ast.Name):
            self.effects.passes.append(pass_of(node, function.id))
        self._visit_chain(node)

    def _change(
        self, name: str, node: ast.AST, how: How, through: tuple[str, ...] = (), *, deep: bool = True
    ) -> None:
        text = ast.unparse(node).split("\n")[0]
        self.effects.changes.append(Change(name, getattr(node, "lineno", 1), how, text, through, deep))

    # Reaching: each longest chain is reported once, at its outermost expression

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._visit_chain(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._visit_chain(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._visit_chain(node)

    def _visit_chain(self, node: ast.expr) -> None:
        path = path_of(node)
        if path:
            self._reach(path, node)
        current: ast.AST = node
        while isinstance(current, ast.Attribute | ast.Subscript | ast.Call):
            for child in ast.iter_child_nodes(current):
                if child is not inner(current):
                    self.visit(child)
            current = inner(current)
        if not isinstance(current, ast.Name):
            self.visit(current)

    def _reach(self, path: tuple[str, ...], node: ast.expr) -> None:
        stored = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        self.effects.reaches.append(Reach(path, node.lineno, stored))


def _is_of_name(node: ast.expr) -> bool:
    """Whether an attribute or item is a name's own, not that of a part of it."""
    return isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name)

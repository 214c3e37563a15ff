"""Which names a top-level statement binds, and which names of the notebook it uses.

What runs at once is walked in the order in which Python runs it, so that a loop's own variable is no use of the
notebook's name. What runs when a function is called is asked of `symtable`: a function's free names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from alur_nb.authoring.scopes import Function, arguments_of, free_names

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class When(StrEnum):
    """When a use happens, and how sure it is."""

    NOW = "now"
    MAYBE = "maybe"
    """The statement binds the name too, but perhaps only after the use."""
    CALL = "call"
    ANNOTATION = "annotation"
    """In an annotation that is text: a use only where it names a notebook's name."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name that a statement needs from the notebook; `line` is counted in the cell's text."""

    name: str
    line: int
    when: When


@dataclass(frozen=True, slots=True)
class Bindings:
    """The names that a statement leaves bound, with the line of the first binding, and the names it uses."""

    binds: dict[str, int]
    uses: tuple[Use, ...]


def bindings_of(statement: ast.stmt, *, annotations_are_text: bool = False) -> Bindings:
    """Analyze one top-level statement; `annotations_are_text` is what `from __future__ import annotations` does."""
    walker = _Walker(annotations_are_text)
    walker.visit(statement)
    uses = [
        Use(name, line, When.MAYBE if when is When.NOW and name in walker.binds else when)
        for (name, when), line in walker.uses.items()
    ]
    return Bindings(walker.binds, tuple(uses))


@dataclass(slots=True)
class _Scope:
    kind: str
    stored: set[str] = field(default_factory=set)
    """Bound somewhere so far."""
    definite: set[str] = field(default_factory=set)
    """Bound on every way that leads here."""


class _Walker(ast.NodeVisitor):
    """Visits what runs at once, in order; functions are entered only for their free names."""

    def __init__(self, annotations_are_text: bool) -> None:
        self.annotations_are_text = annotations_are_text
        self.module = _Scope("module")
        self.scopes = [self.module]
        self.binds: dict[str, int] = {}
        self.uses: dict[tuple[str, When], int] = {}

    # Names

    def visit_Name(self, node: ast.Name) -> None:
        match node.ctx:
            case ast.Load():
                self._read(node.id, node.lineno)
            case ast.Store():
                self._store(node.id, node.lineno)
            case _:
                self._read(node.id, node.lineno)
                self._scope.definite.discard(node.id)

    def _read(self, name: str, line: int) -> None:
        when, hidden = When.NOW, False
        for scope in reversed(self.scopes):
            if scope.kind == "comprehension":
                if name in scope.stored:
                    return
                hidden = True
            elif not (hidden and scope.kind == "class"):
                if name in scope.definite:
                    return
                if name in scope.stored:
                    when = When.MAYBE
        self._use(name, line, when)

    def _use(self, name: str, line: int, when: When) -> None:
        first = self.uses.setdefault((name, when), line)
        self.uses[name, when] = min(first, line)

    @property
    def _scope(self) -> _Scope:
        """The scope that an assignment binds in: a comprehension binds its own targets only."""
        return next(scope for scope in reversed(self.scopes) if scope.kind != "comprehension")

    def _store(self, name: str, line: int) -> None:
        scope = self._scope
        scope.stored.add(name)
        scope.definite.add(name)
        if scope is self.module:
            self.binds.setdefault(name, line)

    # Definitions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: Function) -> None:
        self._visit_all(node.decorator_list)
        self._defaults(node.args)
        self.scopes.append(_type_parameters(node))
        for argument in arguments_of(node.args):
            self._annotation(argument.annotation)
        self._annotation(node.returns)
        self._free_names(node)
        self.scopes.pop()
        self._store(node.name, node.lineno)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self._free_names(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all(node.decorator_list)
        self.scopes.append(_type_parameters(node))
        self._visit_all([*node.bases, *node.keywords])
        self.scopes.append(_Scope("class"))
        self._visit_all(node.body)
        del self.scopes[-2:]
        self._store(node.name, node.lineno)

    def _defaults(self, arguments: ast.arguments) -> None:
        self._visit_all([*arguments.defaults, *(default for default in arguments.kw_defaults if default)])

    def _free_names(self, node: Function | ast.Lambda) -> None:
        around = {name for scope in self.scopes if scope.kind == "comprehension" for name in scope.stored}
        lines = {name.id: name.lineno for name in reversed(_names(node))}
        for name in free_names(node, annotations_are_text=self.annotations_are_text) - around:
            self._use(name, lines.get(name, node.lineno), When.CALL)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        if not self.annotations_are_text:
            self.visit(node)
        for name in _annotated(node, self.annotations_are_text):
            self._use(name, node.lineno, When.ANNOTATION)

    # Statements that bind in their own way

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._store(alias.asname or alias.name.partition(".")[0], node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "__future__":
            return
        for alias in node.names:
            if alias.name != "*":
                self._store(alias.asname or alias.name, node.lineno)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._visit_all([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id, node.lineno)
        self._visit_all([node.value, node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        if node.value is not None:
            self._visit_all([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._visit_all([node.value, node.target])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type:
            self.visit(node.type)
        if node.name:
            self._store(node.name, node.lineno)
        self._visit_all(node.body)
        if node.name:
            self._scope.definite.discard(node.name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        if node.name:
            self._store(node.name, node.lineno)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self._store(node.name, node.lineno)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._store(node.rest, node.lineno)

    # Ways that part

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node.body, node.orelse)

    def visit_For(self, node: ast.For) -> None:
        self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._loop(node)

    def _loop(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._branches([node.target, *node.body], [])
        self._branches(node.orelse, [])

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._branches(node.body, [])
        self._branches(node.orelse, [])

    def visit_With(self, node: ast.With) -> None:
        self._with(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._with(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        self._visit_all(node.items)
        # `contextlib.suppress` leaves the body anywhere.
        self._branches(node.body, [])

    def visit_Try(self, node: ast.Try) -> None:
        self._try(node)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self._try(node)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        handlers = [[handler] for handler in node.handlers]
        self._branches([*node.body, *node.orelse], *(handlers or [[]]))
        self._visit_all(node.finalbody)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._branches(*([case] for case in node.cases), [])

    def _branches(self, *branches: Sequence[ast.AST]) -> None:
        """Visit each branch from the same start; bound for sure is then what every branch binds."""
        scope = self._scope
        start, ends = scope.definite, []
        for branch in branches:
            scope.definite = set(start)
            self._visit_all(branch)
            ends.append(scope.definite)
        scope.definite = set.intersection(*ends)

    # Comprehensions

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node, [node.key, node.value])

    def _comprehension(self, node: Comprehension, results: Sequence[ast.expr]) -> None:
        self.visit(node.generators[0].iter)
        scope = _Scope("comprehension")
        self.scopes.append(scope)
        for number, generator in enumerate(node.generators):
            if number:
                self.visit(generator.iter)
            for target in _names(generator.target):
                if isinstance(target.ctx, ast.Store):
                    scope.stored.add(target.id)
                else:
                    self.visit(target)
            self._visit_all(generator.ifs)
        self._visit_all(results)
        self.scopes.pop()

    def _visit_all(self, nodes: Sequence[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _type_parameters(node: Function | ast.ClassDef) -> _Scope:
    # Python 3.12's `def f[T]`; a comprehension's scope hides names in the same way.
    return _Scope("comprehension", {parameter.name for parameter in getattr(node, "type_params", ())})


def _names(node: ast.AST) -> list[ast.Name]:
    return [name for name in ast.walk(node) if isinstance(name, ast.Name)]


def _annotated(node: ast.expr, is_text: bool) -> Iterator[str]:
    """Yield the names in an annotation's text, or in the quoted parts of one that is evaluated."""
    if is_text:
        yield from (name.id for name in _names(node))
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            yield from (name.id for name in _names(ast.parse(node.value, mode="eval")))
        except SyntaxError:
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _annotated(child, False)

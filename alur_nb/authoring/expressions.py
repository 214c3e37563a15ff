"""What an expression stands for, by its text: the names whose objects it may share, and its steps from a name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Methods that change the object they are called on.
MUTATORS = _words(
    """append extend insert remove pop popitem popleft appendleft extendleft rotate clear update setdefault add
    discard sort reverse register move_to_end subtract difference_update intersection_update
    symmetric_difference_update __setitem__ __delitem__ __setattr__ setLevel addHandler removeHandler"""
)
# Methods that show or look; what else is called for nothing but its effect is taken for a change.
LOOKING = _words(
    """show head tail info describe display plot count collect take first keys values items get copy explain
    printSchema toPandas to_string summary debug warning warn error exception critical log __repr__ index
    startswith endswith isdisjoint issubset issuperset print persist cache unpersist hist"""
)
# Functions that change their first argument, by their last name.
CHANGERS = _words(
    """setattr delattr next heappush heappop heapify heapreplace heappushpop insort insort_left insort_right shuffle
    setitem delitem iadd iconcat"""
)
# Methods that hand out what is inside of the object, or the object itself.
_INNER = _words("get values items keys setdefault pop popitem copy __getitem__ most_common")
# Functions that hand out a part of their arguments, and functions whose result holds such parts.
_TAKING_OUT = _words("next max min getattr vars iter")
_PASSING = _words("list tuple set dict sorted reversed enumerate zip filter map copy frozenset")


@dataclass(frozen=True, slots=True)
class Pass:
    """A call of a name with arguments that may be other names' objects."""

    function: str
    line: int
    positional: tuple[frozenset[str], ...]
    keywords: tuple[tuple[str, frozenset[str]], ...]
    result: str | None = None
    """The name that the call's result is bound to."""

    def arguments(self, parameters: Sequence[str], among: Iterable[str]) -> set[str]:
        """Return the names whose objects arrive in one of the parameters `among`."""
        wanted, found = set(among), set[str]()
        for number, names in enumerate(self.positional):
            if (parameters[number] if number < len(parameters) else "*") in wanted:
                found |= names
        for keyword, names in self.keywords:
            if (keyword if keyword in parameters else "*") in wanted:
                found |= names
        return found


class Kind(StrEnum):
    """How an expression's value and a name's object belong together."""

    SAME = "same"
    INNER = "inner"
    """The value is a part of the object, or may be."""
    HOLDS = "holds"
    """The object is a part of the value: what changes the value alone leaves the object as it is."""


@dataclass(frozen=True, slots=True)
class Link:
    """A name whose object an expression's value may be, be a part of, or hold."""

    name: str
    kind: Kind


Links = Mapping[str, set[Link]]


def linked(links: Links, name: str, *, deep: bool) -> set[str]:
    """Return the names whose objects change when `name`'s does; `deep` when a part of it does."""
    found, waiting = set[tuple[str, bool]](), [(name, deep)]
    while waiting:
        current, inside = waiting.pop()
        if (current, inside) in found:
            continue
        found.add((current, inside))
        # A part of something may be what that something holds.
        waiting += [
            (link.name, inside or link.kind is Kind.INNER)
            for link in links.get(current, ())
            if inside or link.kind is not Kind.HOLDS
        ]
    return {current for current, _ in found}


def roots(node: ast.expr) -> set[str]:
    """Return the names whose objects an expression's value may be, hold, or be a part of."""
    return {link.name for link in links_of(node)}


def links_of(node: ast.expr) -> set[Link]:
    """Return how an expression's value belongs to the objects of names."""
    if isinstance(node, ast.Name):
        return {Link(node.id, Kind.SAME)}
    kind, parts = _parts(node)
    found = set[Link]().union(*(links_of(part) for part in parts))
    return found if kind is Kind.SAME else {Link(link.name, kind) for link in found}


def _parts(node: ast.expr) -> tuple[Kind, list[ast.expr]]:
    """Return the expressions whose objects are in this one's value, and how."""
    match node:
        case ast.Attribute() | ast.Subscript():
            return Kind.INNER, [node.value]
        case ast.Starred() | ast.Await() | ast.NamedExpr():
            return Kind.SAME, [node.value]
        case ast.IfExp():
            return Kind.SAME, [node.body, node.orelse]
        case ast.BoolOp():
            return Kind.SAME, node.values
        case ast.Call():
            return _passed_on(node)
        case _:
            return Kind.HOLDS, _members(node)


def _members(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return node.elts
        case ast.Dict():
            return node.values
        case ast.BinOp():
            return [node.left, node.right]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return [node.elt, *(generator.iter for generator in node.generators)]
        case ast.DictComp():
            return [node.value, *(generator.iter for generator in node.generators)]
        case _:
            return []


def _passed_on(node: ast.Call) -> tuple[Kind, list[ast.expr]]:
    """Return what a call hands through to its result, for the functions and methods that are known to."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in _INNER:
        return Kind.INNER, [function.value, *node.args]
    last = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if last in _TAKING_OUT:
        return Kind.INNER, arguments
    return Kind.HOLDS, arguments if last in _PASSING else []


def pass_of(node: ast.Call, function: str, result: str | None = None) -> Pass:
    """Read a call of `function` as what it is given."""
    return Pass(
        function,
        node.lineno,
        tuple(frozenset(roots(argument)) for argument in node.args),
        tuple((keyword.arg or "*", frozenset(roots(keyword.value))) for keyword in node.keywords),
        result,
    )


def is_unbound_method(function: ast.expr) -> bool:
    """Whether this is `list.append` or the like, which changes its first argument."""
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return False
    return function.attr in MUTATORS and function.value.id in ("list", "dict", "set")


def attributes(node: ast.expr) -> tuple[str, ...]:
    """Return the attributes that an expression goes through from its name."""
    return tuple(step for step in (path_of(node) or ())[1:] if step not in ("()", "[]"))


def inner(node: ast.Attribute | ast.Subscript | ast.Call) -> ast.expr:
    """Return the expression that one step of a chain starts from."""
    return node.func if isinstance(node, ast.Call) else node.value


def path_of(node: ast.AST) -> tuple[str, ...] | None:
    """Return the steps of a chain from its name; `?` stands for a beginning that is no name."""
    match node:
        case ast.Name():
            return (node.id,)
        case ast.Attribute():
            return (*(path_of(node.value) or ("?",)), node.attr)
        case ast.Subscript():
            return (*(path_of(node.value) or ("?",)), "[]")
        case ast.Call():
            return (*(path_of(node.func) or ("?",)), "()")
        case _:
            return None

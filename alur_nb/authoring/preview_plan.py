"""By which columns a pipeline joins its sources, read from Spark's analysed plan of its result.

The plan is taken as Catalyst's own JSON (`TreeNode.toJSON`): nodes in preorder, expressions as lists of nodes in
preorder, a column by its `exprId`. Whatever cannot be followed gives no key: then a preview keeps to its samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NUMBERS = ("byte", "short", "integer", "long", "float", "double", "decimal")

Node = Mapping[str, Any]
Column = tuple[str, str]
"""A source's parameter, and a column of its frame."""


@dataclass(frozen=True, slots=True)
class JoinKey:
    """Two sources that are joined, and the pairs of columns that must be equal."""

    left: str
    right: str
    columns: tuple[tuple[str, str], ...]

    def seen_from(self, parameter: str) -> JoinKey:
        """Return the same with `parameter` on the right."""
        if parameter == self.right:
            return self
        return JoinKey(self.right, self.left, tuple((right, left) for left, right in self.columns))


def join_keys(plan: str, sources: Mapping[str, Mapping[int, str]]) -> list[JoinKey]:
    """Return the joins between sources, `parameter -> exprId -> column`, that the plan's JSON tells.

    Only columns that are joined as they are count: renamed, or cast from one type of number to another.
    """
    origins = {number: (name, column) for name, found in sources.items() for number, column in found.items()}
    nodes: list[Node] = json.loads(plan)
    renamed = dict(_renamed(nodes))
    keys = []
    for node in nodes:
        if _class(node) != "Join" or not node.get("condition"):
            continue
        pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for left, right in _equalities(node["condition"]):
            one, other = _origin(left, renamed, origins), _origin(right, renamed, origins)
            if one is None or other is None or one[0] == other[0]:
                continue
            if (other[0], one[0]) in pairs:
                one, other = other, one
            pairs.setdefault((one[0], other[0]), []).append((one[1], other[1]))
        keys += [JoinKey(left, right, tuple(columns)) for (left, right), columns in pairs.items()]
    return keys


def _class(node: Node) -> str:
    return str(node["class"]).rpartition(".")[2]


def _renamed(nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """Yield the number of each alias of a plain column, with that column's."""
    for expression in _expressions(nodes):
        if _class(expression[0]) == "Alias" and len(expression) == 2 and _is_column(expression[1]):
            yield _number(expression[0]), _number(expression[1])


def _expressions(value: Any) -> Iterator[list[Node]]:
    """Yield every expression in the plan, however deep its node keeps it."""
    if isinstance(value, list):
        if value and isinstance(value[0], Mapping) and "num-children" in value[0] and "exprId" in value[0]:
            yield value
            return
        for inner in value:
            yield from _expressions(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            if isinstance(inner, list | Mapping):
                yield from _expressions(inner)


def _equalities(condition: Sequence[Node]) -> Iterator[tuple[list[Node], list[Node]]]:
    """Yield both sides of each equality that all rows of the join must keep."""
    tree, _ = _tree(condition, 0)
    waiting = [tree]
    while waiting:
        start, children = waiting.pop(0)
        kind = _class(condition[start])
        if kind == "And":
            waiting += children
        elif kind in ("EqualTo", "EqualNullSafe"):
            ends = [children[1][0], _end(children[1])]
            yield list(condition[start + 1 : ends[0]]), list(condition[ends[0] : ends[1]])


_Tree = tuple[int, list[Any]]


def _tree(nodes: Sequence[Node], start: int) -> tuple[_Tree, int]:
    """Return where each subtree of a preorder begins, and where this one ends."""
    children, position = [], start + 1
    for _ in range(int(nodes[start]["num-children"])):
        child, position = _tree(nodes, position)
        children.append(child)
    return (start, children), position


def _end(tree: _Tree) -> int:
    start, children = tree
    return _end(children[-1]) if children else start + 1


def _origin(side: Sequence[Node], renamed: Mapping[int, int], origins: Mapping[int, Column]) -> Column | None:
    """Follow one side of an equality to a source's column."""
    if len(side) == 2 and _class(side[0]) == "Cast" and _is_number(side[0]) and _is_number(side[1]):
        side = side[1:]
    if len(side) != 1 or not _is_column(side[0]):
        return None
    number, seen = _number(side[0]), set[int]()
    while number not in origins and number in renamed and number not in seen:
        seen.add(number)
        number = renamed[number]
    return origins.get(number)


def _is_column(node: Node) -> bool:
    return _class(node) == "AttributeReference"


def _is_number(node: Node) -> bool:
    return str(node.get("dataType", "")).partition("(")[0] in _NUMBERS


def _number(node: Node) -> int:
    return int(node["exprId"]["id"])

"""Catalyst's JSON as trees, and the sources of a pipeline found in it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Nodes = Sequence[Mapping[str, Any]]


class NotFollowedError(Exception):
    """A plan or a query whose columns cannot be followed; its text is why, to be set behind `table level:`."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a plan or an expression, and where its piece of the preorder list begins and ends."""

    kind: str
    fields: Mapping[str, Any]
    children: tuple[Node, ...]
    nodes: Nodes


def tree_of(nodes: Nodes) -> Node:
    """Return a preorder list as a tree; raises NotFollowedError for what is no such list."""
    try:
        node, end = _tree(nodes, 0)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NotFollowedError("Spark writes its plan in a form that is not known here") from error
    if end != len(nodes):
        raise NotFollowedError("Spark writes its plan in a form that is not known here")
    return node


def _tree(nodes: Nodes, start: int) -> tuple[Node, int]:
    children, position = [], start + 1
    for _ in range(int(nodes[start]["num-children"])):
        child, position = _tree(nodes, position)
        children.append(child)
    kind = str(nodes[start]["class"]).rpartition(".")[2]
    return Node(kind, nodes[start], tuple(children), nodes[start:position]), position


def number_of(node: Node) -> int:
    """Return the number by which Spark knows a column; raises NotFollowedError for a node that names none."""
    number = node.fields.get("exprId")
    if not isinstance(number, Mapping):
        raise NotFollowedError(f"Spark's plan lists {node.kind} as a column")
    return int(number["id"])


def numbers_of(listed: Sequence[Nodes]) -> list[int]:
    """Return the numbers of listed columns."""
    return [number_of(tree_of(nodes)) for nodes in listed]


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source as the function was given it: its plan, its columns, and the numbers that Spark knows them by."""

    nodes: Nodes
    columns: Sequence[str]
    numbers: Sequence[int]


def named(value: Any) -> Iterator[tuple[int, str]]:
    """Yield number and name of every column that a plan mentions."""
    if isinstance(value, Mapping):
        if isinstance(value.get("exprId"), Mapping) and "name" in value:
            yield int(value["exprId"]["id"]), str(value["name"])
        for inner in value.values():
            yield from named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner)


class Sources:
    """The plans of a pipeline's sources; where one is joined to itself, Spark has given its columns new numbers."""

    def __init__(self, plans: Mapping[str, SourcePlan]) -> None:
        self._plans = plans
        self._kinds = {name: _kinds(plan.nodes) for name, plan in plans.items()}
        self._shapes = {name: _shape(plan.nodes) for name, plan in plans.items()}
        leaves = (node for plan in plans.values() for node in plan.nodes if int(node["num-children"]) == 0)
        self._leaves = {_shape([leaf])[0] for leaf in leaves}

    def find(self, node: Node) -> tuple[str, dict[int, str]] | None:
        """Return parameter and columns by their numbers where the node is a source; None where it is none.

        Raises NotFollowedError where it might be one of several.
        """
        kinds = _kinds(node.nodes)
        alike = [name for name, known in self._kinds.items() if known == kinds]
        for name in alike:
            plan = self._plans[name]
            if plan.nodes == node.nodes:
                return name, dict(zip(plan.numbers, plan.columns, strict=True))
        shape, numbers = _shape(node.nodes) if alike else ("", {})
        found = [name for name in alike if self._shapes[name][0] == shape]
        if len(found) > 1:
            raise NotFollowedError(
                "several of its sources look alike, and Spark has given their columns new numbers"
            )
        if not found:
            return None
        plan, known = self._plans[found[0]], self._shapes[found[0]][1]
        by_place = {place: number for number, place in numbers.items()}
        return found[0], {
            by_place[known[n]]: name for n, name in zip(plan.numbers, plan.columns, strict=True)
        }

    def may_hold(self, leaf: Node) -> bool:
        """Whether a leaf looks like one of a source's own: then rows of it come in a way that was not followed."""
        return _shape([leaf.fields])[0] in self._leaves


def _kinds(nodes: Nodes) -> tuple[str, ...]:
    return tuple(str(node["class"]) for node in nodes)


def _shape(nodes: Nodes) -> tuple[str, dict[int, int]]:
    """Return a piece of plan with its columns numbered by when they first come, and number -> that place."""
    seen: dict[int, int] = {}
    return json.dumps([_unnumbered(node, seen) for node in nodes]), seen


def _unnumbered(value: Any, seen: dict[int, int]) -> Any:
    if isinstance(value, Mapping):
        if "jvmId" in value and "id" in value:
            return seen.setdefault(int(value["id"]), len(seen))
        return {key: _unnumbered(inner, seen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unnumbered(inner, seen) for inner in value]
    return value

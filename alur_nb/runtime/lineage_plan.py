"""From which source columns a result is made, read from Spark's analysed plan.

The plan is taken as Catalyst's own JSON (`TreeNode.toJSON`): nodes in preorder, expressions as lists of nodes in
preorder, a column by its `exprId`. A source is found again in the plan of the result as the very piece of plan that it
was handed over as. What cannot be followed raises NotFollowedError: a guess would be worse than a whole table's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.lineage import ColumnKind, Origins, RowKind, SourceColumn, Traced, merged, through
from alur_nb.runtime.lineage_tree import (
    Node,
    Nodes,
    NotFollowedError,
    SourcePlan,
    Sources,
    named,
    number_of,
    numbers_of,
    tree_of,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# They hand on what is below them, row by row or fewer rows.
_PASSING = (
    *(
        "SubqueryAlias",
        "View",
        "GlobalLimit",
        "LocalLimit",
        "Offset",
        "Tail",
        "Sample",
        "Distinct",
        "ResolvedHint",
    ),
    *(
        "Repartition",
        "RepartitionByExpression",
        "RebalancePartitions",
        "CollectMetrics",
        "EventTimeWatermark",
    ),
    *("WithCTE", "CTERelationDef", "UnresolvedHint"),
)
_CONSTANT = ("OneRowRelation", "LocalRelation", "Range")
# Each of their rows is made by a function of Python's from whole rows.
_OPAQUE = (
    *("MapInPandas", "PythonMapInArrow", "MapInArrow", "FlatMapGroupsInPandas", "FlatMapGroupsInArrow"),
    *("FlatMapCoGroupsInPandas", "FlatMapCoGroupsInArrow", "FlatMapGroupsInPandasWithState"),
)
_SEMI = ("LeftSemi", "LeftAnti")
# A number for each of a ROLLUP's groupings (Spark, `VirtualColumn.groupingIdName`): of no column.
_GROUPING_ID = "spark_grouping_id"


@dataclass(slots=True)
class _Flow:
    """The columns that a plan's node gives, in order, with their origins; and what has decided on its rows."""

    order: list[int]
    origins: dict[int, Origins]
    rows: dict[SourceColumn, frozenset[RowKind]] = field(default_factory=dict)

    def decided_by(self, origins: Origins, kind: RowKind) -> None:
        for column in origins:
            self.rows[column] = self.rows.get(column, frozenset()) | {kind}

    def add_rows(self, other: _Flow) -> None:
        for column, kinds in other.rows.items():
            self.rows[column] = self.rows.get(column, frozenset()) | kinds

    @property
    def together(self) -> Origins:
        return merged(self.origins.get(number, {}) for number in self.order)


def trace_plan(nodes: Nodes, names: Sequence[str], sources: Mapping[str, SourcePlan]) -> Traced:
    """Follow the columns of a result, its plan and their names, back to its sources; raises NotFollowedError."""
    flow = _Reading(nodes, Sources(sources)).plan(tree_of(nodes), {})
    if len(flow.order) != len(names):
        raise NotFollowedError("Spark's plan has other columns than the result")
    columns = {name: flow.origins.get(number, {}) for name, number in zip(names, flow.order, strict=True)}
    return Traced(columns, flow.rows)


def trace_frames(result: DataFrame, frames: Mapping[str, DataFrame]) -> Traced:
    """Follow the columns of a result back to the frames that its function was given; raises NotFollowedError."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return trace_plan(
            plan_of(result).nodes, result.columns, {name: plan_of(one) for name, one in frames.items()}
        )
    # Catalyst's JSON is nobody's promise: another version may write it otherwise, or fail at a node of its own.
    except (Py4JError, PySparkException, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NotFollowedError(f"Spark's plan cannot be read ({type(error).__name__}: {reason})") from error


def plan_of(frame: DataFrame) -> SourcePlan:
    """Return a frame's analysed plan, and its columns in it."""
    plan = frame._jdf.queryExecution().analyzed()
    listed = str(plan.output().mkString("\n")).split("\n")
    # `amount#12`, or `id#7L` where it is a long.
    numbers = [int(found[1]) for one in listed if (found := re.search(r"#([0-9]+)L?$", one))]
    return SourcePlan(json.loads(plan.toJSON()), frame.columns, numbers)


class _Reading:
    """One reading of a plan, from its sources upwards."""

    def __init__(self, nodes: Nodes, sources: Sources) -> None:
        self._names = dict(named(nodes))
        self._sources = sources
        self._ctes: dict[int, _Flow] = {}

    def plan(self, node: Node, outer: Mapping[int, Origins]) -> _Flow:
        """Return what a node gives; `outer` are the columns that a subquery sees of the query around it."""
        found = self._sources.find(node)
        if found is not None:
            parameter, columns = found
            return _Flow(list(columns), {n: {(parameter, column): "direct"} for n, column in columns.items()})
        below = [self.plan(child, outer) for child in node.children]
        if node.kind == "CTERelationDef":
            self._ctes[int(node.fields["id"])] = below[0]
        flow = self._given(node, below, outer)
        for one in below:
            flow.add_rows(one)
        return flow

    def _given(self, node: Node, below: list[_Flow], outer: Mapping[int, Origins]) -> _Flow:
        make = getattr(self, f"_of_{node.kind.lower()}", None)
        if make is not None:
            flow: _Flow = make(node, below, _seen(below, outer))
            return flow
        if node.kind in _PASSING and below:
            return _Flow(below[-1].order, below[-1].origins)
        if node.kind in _CONSTANT and not self._sources.may_hold(node):
            return _Flow(numbers_of(node.fields.get("output", [])), {})
        if node.kind in _OPAQUE:
            everything = through(merged(one.together for one in below), "derived")
            order = numbers_of(node.fields["output"])
            return _Flow(order, dict.fromkeys(order, everything))
        if not node.children:
            raise NotFollowedError(
                "some of its rows come through Python, or from a place that is no source of it"
            )
        raise NotFollowedError(f"Spark's plan has a step, {node.kind}, that is not followed")

    # One method a kind of node; `seen` are the columns below it, and outside of a subquery.

    def _of_project(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        return self._listed(node.fields["projectList"], seen)

    def _of_aggregate(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        flow = self._listed(node.fields["aggregateExpressions"], seen)
        for expression in node.fields["groupingExpressions"]:
            self._decide(flow, expression, "group", seen)
        return flow

    def _of_window(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        made = self._listed(node.fields["windowExpressions"], seen)
        made.order = [*below[0].order, *made.order]
        made.origins |= below[0].origins
        return made

    def _of_filter(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        flow = _Flow(below[0].order, below[0].origins)
        self._decide(flow, node.fields["condition"], "filter", seen)
        return flow

    def _of_sort(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        flow = _Flow(below[0].order, below[0].origins)
        for expression in node.fields["order"]:
            self._decide(flow, expression, "sort", seen)
        return flow

    def _of_deduplicate(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        flow = _Flow(below[0].order, below[0].origins)
        for expression in node.fields["keys"]:
            self._decide(flow, expression, "group", seen)
        return flow

    def _of_join(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        left, right = below
        kind = _join_kind(node.fields["joinType"])
        order = list(left.order) if kind in _SEMI else [*left.order, *right.order]
        flow = _Flow(order, left.origins | right.origins)
        if node.fields.get("condition"):
            self._decide(flow, node.fields["condition"], "join", seen)
        return flow

    def _of_union(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        # It keeps the numbers of its first child (Spark, `Union.output`).
        columns = zip(*([one.origins.get(n, {}) for n in one.order] for one in below), strict=True)
        return _Flow(below[0].order, dict(zip(below[0].order, map(merged, columns), strict=True)))

    def _of_except(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        flow = _Flow(below[0].order, below[0].origins)
        flow.decided_by(merged([below[0].together, below[1].together]), "filter")
        return flow

    _of_intersect = _of_except

    def _of_generate(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        dropped = set(node.fields.get("unrequiredChildIndex") or ())
        kept = [number for place, number in enumerate(below[0].order) if place not in dropped]
        made = numbers_of(node.fields["generatorOutput"])
        origins = through(self._origins(tree_of(node.fields["generator"]), seen, None), "derived")
        return _Flow([*kept, *made], below[0].origins | dict.fromkeys(made, origins))

    def _of_expand(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        # Catalyst leaves out which expression stands behind which column (`Expand.projections`, a list of lists). What
        # a ROLLUP groups by keeps its name; what UNPIVOT makes may be of any column.
        made = [tree_of(nodes) for nodes in node.fields["output"]]
        flow = _Flow([number_of(one) for one in made], {})
        for one, number in zip(made, flow.order, strict=True):
            if one.fields.get("name") == _GROUPING_ID:
                flow.origins[number] = {}
                continue
            alike = [n for n in below[0].order if self._names.get(n) == one.fields.get("name")]
            origins = merged(seen[n] for n in alike) if alike else through(below[0].together, "derived")
            flow.origins[number] = seen.get(number, origins)
        return flow

    def _of_cterelationref(self, node: Node, below: list[_Flow], seen: Mapping[int, Origins]) -> _Flow:
        known = self._ctes[int(node.fields["cteId"])]
        order = numbers_of(node.fields["output"])
        pairs = zip(order, known.order, strict=True)
        return _Flow(order, {number: known.origins.get(old, {}) for number, old in pairs}, dict(known.rows))

    # Expressions

    def _listed(self, listed: Sequence[Sequence[Any]], seen: Mapping[int, Origins]) -> _Flow:
        flow = _Flow([], {})
        for nodes in listed:
            root = tree_of(nodes)
            number = number_of(root)
            flow.order.append(number)
            flow.origins[number] = self._origins(root, {**seen, **flow.origins}, flow)
        return flow

    def _decide(self, flow: _Flow, nodes: Sequence[Any], kind: RowKind, seen: Mapping[int, Origins]) -> None:
        flow.decided_by(self._origins(tree_of(nodes), seen, flow), kind)

    def _origins(self, node: Node, seen: Mapping[int, Origins], flow: _Flow | None) -> Origins:
        """Return from which columns a value is made; a subquery's own filters are noted in `flow`."""
        if node.kind == "AttributeReference":
            number = number_of(node)
            if number not in seen:
                raise NotFollowedError("Spark's plan names a column that no step before it gives")
            return seen[number]
        # The children of a scalar subquery are what it sees of the query around it: they decide on its rows.
        children = () if node.kind == "ScalarSubquery" else node.children
        parts = [self._origins(child, seen, flow) for child in children]
        if (
            node.kind == "OuterReference"
        ):  # a leaf to Catalyst, which looks for columns of the query inside only
            return self._origins(tree_of(node.fields["e"]), seen, flow)
        if node.kind == "Alias":
            return parts[0]
        parts += [through(origins, "derived") for origins in self._subqueries(node, seen, flow)]
        if node.kind == "WindowExpression":
            # Over a window each row keeps a value of its own, also where the function is `sum`.
            own: Origins = {
                column: "window" if way == "window" else "derived" for column, way in parts[0].items()
            }
            return merged([own, *(through(one, "window") for one in parts[1:])])
        kind: ColumnKind = "aggregated" if node.kind == "AggregateExpression" else "derived"
        return through(merged(parts), kind)

    def _subqueries(self, node: Node, seen: Mapping[int, Origins], flow: _Flow | None) -> Iterator[Origins]:
        for nodes in (node.fields.get("plan"),):
            if isinstance(nodes, list) and nodes:
                found = self.plan(tree_of(nodes), seen)
                if flow is not None:
                    flow.add_rows(found)
                yield found.together


def _seen(below: Sequence[_Flow], outer: Mapping[int, Origins]) -> dict[int, Origins]:
    seen = dict(outer)
    for one in below:
        # A constant's columns have no origins, and are columns all the same.
        seen |= {number: one.origins.get(number, {}) for number in one.order} | one.origins
    return seen


def _join_kind(value: Any) -> str:
    """Return the join's type, which Catalyst writes as an object: `LeftSemi`."""
    name = (
        str(value.get("object") or value.get("product-class") or "")
        if isinstance(value, Mapping)
        else str(value)
    )
    return name.rpartition(".")[2].rstrip("$")

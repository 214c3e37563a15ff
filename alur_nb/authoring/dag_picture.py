"""A graph as a picture: nodes in layers from left to right, drawn by lines and words in the colour of the text.

The layout is the usual one in small: each node as far right as its longest way in, long edges led through every layer,
nodes of a layer ordered by the middle of their neighbours. No colour, style sheet, script or id is in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from alur_nb.authoring.html import Html, tag

Kind = Literal["files", "pipeline", "table"]
Edge = tuple[int, int]
Point = tuple[float, float]

_WIDTH, _HEIGHT, _GAP, _ROW, _EDGE = 184, 40, 56, 56, 8
_LABEL = 26
"""Characters of a name that fit into a node; the node's title has all of it."""
_SWEEPS = 8
MAX_STEPS = 400
"""Layers that all drawn edges cross together: each is a curve of some 60 bytes, and all of them are compared."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what it is called, what it is, and a few words on its state."""

    name: str
    kind: Kind
    note: str = ""

    @property
    def words(self) -> str:
        """Its kind and its state."""
        return f"{self.kind}: {self.note}" if self.note else self.kind


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, edges as pairs of their numbers, and in words what was left out."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    cut: str = ""


def picture(graph: Graph, title: str) -> Html:
    """Return the graph as inline SVG; the same graph gives the same bytes. Empty for a graph without nodes."""
    if not graph.nodes:
        return Html("")
    layers, ways = layout(len(graph.nodes), graph.edges)
    places = _places(layers)
    rows = max(map(len, layers))
    width = len(layers) * (_WIDTH + _GAP) - _GAP + 2 * _EDGE
    height = rows * _ROW - (_ROW - _HEIGHT) + 2 * _EDGE
    drawn = [_edge([places[key] for key in way]) for way in ways]
    drawn += [_node(node, places[number]) for number, node in enumerate(graph.nodes)]
    attributes = {
        "role": "img",
        "viewBox": f"0 0 {width} {height}",
        "width": str(width),
        "height": str(height),
        "fill": "none",
        "stroke": "currentColor",
        "style": "max-width:100%;height:auto",
    }
    return tag("svg", tag("title", title), *drawn, **attributes)


def kept_edges(count: int, edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Return the edges that a picture has room for, in their order: the short ones, and of each node one first.

    A long edge mostly says again what a way of short ones says, and crosses whatever is between.
    """
    wanted = list(dict.fromkeys(edges))
    depths = _depths(count, wanted)
    seen = Counter[int]()
    ranked: list[tuple[int, int, Edge]] = []
    for edge in sorted(wanted, key=lambda edge: abs(depths[edge[1]] - depths[edge[0]])):
        ranked.append((abs(depths[edge[1]] - depths[edge[0]]), seen[edge[0]], edge))
        seen[edge[0]] += 1
    kept, steps = set[Edge](), 0
    for length, _, edge in sorted(ranked, key=lambda one: one[:2]):
        steps += max(length, 1)
        if steps > MAX_STEPS:
            break
        kept.add(edge)
    return tuple(edge for edge in wanted if edge in kept)


def layout(count: int, edges: Iterable[Edge]) -> tuple[list[list[int]], list[tuple[int, ...]]]:
    """Return the nodes of each layer in order, and each edge as the places it passes.

    Numbers from `count` on are places where an edge crosses a layer. An edge that closes a cycle goes back to the left,
    straight, through no layer's place.
    """
    wanted = list(dict.fromkeys(edges))
    depths = _depths(count, wanted)
    layers: list[list[int]] = [[] for _ in range(max(depths, default=-1) + 1)]
    for number, depth in enumerate(depths):
        layers[depth].append(number)
    ways: list[tuple[int, ...]] = []
    fresh = count
    for begin, end in wanted:
        between = range(depths[begin] + 1, depths[end])
        ways.append((begin, *range(fresh, fresh + len(between)), end))
        for number, depth in enumerate(between, start=fresh):
            layers[depth].append(number)
        fresh += len(between)
    steps = [step for way in ways for step in pairwise(way)]
    return _untangled(layers, steps), ways


def _depths(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return each node's layer; a node that nothing leads to stands right before what it leads to."""
    after, waiting = defaultdict[int, list[int]](list), [0] * count
    for begin, end in edges:
        after[begin].append(end)
        waiting[end] += 1
    depths, left = [0] * count, dict.fromkeys(range(count))
    ready = [number for number in left if waiting[number] == 0]
    roots = set(ready)
    while left:
        # Where only cycles are left, one of them is opened at its first node.
        number = ready.pop(0) if ready else next(iter(left))
        if number not in left:
            continue
        del left[number]
        for end in after[number]:
            if end in left:
                depths[end] = max(depths[end], depths[number] + 1)
                waiting[end] -= 1
                if waiting[end] == 0:
                    ready.append(end)
    for number in roots:
        depths[number] = min((depths[end] for end in after[number]), default=1) - 1
    return depths


def _untangled(layers: list[list[int]], steps: Sequence[Edge]) -> list[list[int]]:
    """Order each layer by the middle of its neighbours, to and fro, and keep the order with the fewest crossings."""
    before, after = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
    for begin, end in steps:
        after[begin].append(end)
        before[end].append(begin)
    best, fewest = layers, _crossings(layers, after)
    current = layers
    for sweep in range(_SWEEPS if fewest else 0):
        current = _swept(current, after if sweep % 2 else before, backwards=bool(sweep % 2))
        crossings = _crossings(current, after)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _swept(
    layers: list[list[int]], neighbours: Mapping[int, list[int]], *, backwards: bool
) -> list[list[int]]:
    ordered: list[list[int]] = []
    ranks: dict[int, float] = {}
    for layer in reversed(layers) if backwards else layers:
        middles: dict[int, float] = {}
        for place, number in enumerate(layer):
            near = [ranks[other] for other in neighbours[number] if other in ranks]
            middles[number] = sum(near) / len(near) if near else place
        ordered.append(sorted(layer, key=lambda number: middles[number]))
        ranks |= {number: place for place, number in enumerate(ordered[-1])}
    return ordered[::-1] if backwards else ordered


def _crossings(layers: list[list[int]], after: Mapping[int, list[int]]) -> int:
    ranks = {number: place for layer in layers for place, number in enumerate(layer)}
    depth = {number: index for index, layer in enumerate(layers) for number in layer}
    found = 0
    for layer in layers:
        lines = [
            (ranks[begin], ranks[end])
            for begin in layer
            for end in after[begin]
            if depth[end] == depth[begin] + 1
        ]
        found += sum(
            (a[0] - b[0]) * (a[1] - b[1]) < 0 for index, a in enumerate(lines) for b in lines[:index]
        )
    return found


def _places(layers: list[list[int]]) -> dict[int, Point]:
    """Return the middle of each place; the layers stand centred beside each other."""
    rows = max(map(len, layers))
    return {
        number: (
            _EDGE + depth * (_WIDTH + _GAP) + _WIDTH / 2,
            _EDGE + (place + (rows - len(layer)) / 2) * _ROW + _HEIGHT / 2,
        )
        for depth, layer in enumerate(layers)
        for place, number in enumerate(layer)
    }


def _edge(points: Sequence[Point]) -> Html:
    """Draw an edge: a curve between two layers, straight through the places between, and a tip."""
    x, y = points[0][0] + _WIDTH / 2, points[0][1]
    path = [f"M{x:g} {y:g}"]
    for number, (middle, y2) in enumerate(points[1:], start=1):
        is_last = number == len(points) - 1
        x2 = middle - _WIDTH / 2
        bend = _GAP / 2
        path.append(f"C{x + bend:g} {y:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}")
        x, y = (x2, y2) if is_last else (middle + _WIDTH / 2, y2)
        path += [] if is_last else [f"L{x:g} {y:g}"]
    tip = f"M{x - 7:g} {y - 4:g}L{x:g} {y:g}L{x - 7:g} {y + 4:g}"
    return tag("path", d="".join(path) + tip)


def _node(node: Node, middle: Point) -> Html:
    x, y = middle[0] - _WIDTH / 2, middle[1] - _HEIGHT / 2
    name = node.name if len(node.name) <= _LABEL else node.name[: _LABEL - 1] + "…"
    words = node.words if len(node.words) <= _LABEL + 4 else node.words[: _LABEL + 3] + "…"
    shown = {"x": f"{middle[0]:g}", "text-anchor": "middle", "fill": "currentColor", "stroke": "none"}
    return tag(
        "g",
        tag("title", f"{node.name} ({node.words})"),
        _SHAPES[node.kind](x, y),
        tag("text", name, y=f"{middle[1] - 3:g}", **shown, **{"font-size": "12"}),
        tag("text", words, y=f"{middle[1] + 12:g}", **shown, **{"font-size": "10"}),
    )


def _sheet(x: float, y: float) -> Html:
    """Files: a sheet with its corner folded."""
    right, bottom, fold = x + _WIDTH, y + _HEIGHT, 10
    outline = f"M{x:g} {y:g}H{right - fold:g}L{right:g} {y + fold:g}V{bottom:g}H{x:g}Z"
    return tag("path", d=f"{outline}M{right - fold:g} {y:g}V{y + fold:g}H{right:g}")


def _pill(x: float, y: float) -> Html:
    """A pipeline: round ends."""
    return tag("rect", x=f"{x:g}", y=f"{y:g}", width=f"{_WIDTH}", height=f"{_HEIGHT}", rx=f"{_HEIGHT // 2}")


def _grid(x: float, y: float) -> Html:
    """A table: square corners, and a column at either side."""
    right, bottom = x + _WIDTH, y + _HEIGHT
    sides = f"M{x + 6:g} {y:g}V{bottom:g}M{right - 6:g} {y:g}V{bottom:g}"
    return tag("path", d=f"M{x:g} {y:g}H{right:g}V{bottom:g}H{x:g}Z{sides}")


_SHAPES = {"files": _sheet, "pipeline": _pill, "table": _grid}

"""The picture of the DAG: a layout that holds for any graph, and SVG that any theme and any reader can use."""

from __future__ import annotations

import re
from html import escape, unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.authoring.dag_picture import MAX_STEPS, Edge, Graph, Node, kept_edges, layout, picture

CHAIN = Graph(
    (
        Node("orders/*.csv", "files"),
        Node("ingest_orders", "pipeline", "loaded"),
        Node("bronze.orders", "table"),
        Node("find_late", "pipeline", "never run"),
        Node("bronze.late", "table"),
    ),
    ((0, 1), (1, 2), (2, 3), (3, 4), (2, 4)),
)

graphs = st.integers(1, 14).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda e: e[0] != e[1]),
            max_size=24,
        ),
    )
)


def depth_of(layers: list[list[int]]) -> dict[int, int]:
    return {number: depth for depth, layer in enumerate(layers) for number in layer}


@given(graphs)
def test_each_node_has_one_place_and_each_edge_one_way(graph: tuple[int, list[Edge]]) -> None:
    count, edges = graph
    layers, ways = layout(count, edges)
    depths = depth_of(layers)
    assert sorted(number for layer in layers for number in layer) == list(range(len(depths)))
    assert [(way[0], way[-1]) for way in ways] == list(dict.fromkeys(edges))
    for way in ways:
        steps = [depths[b] - depths[a] for a, b in pairwise(way)]
        # From layer to layer, or, where it closes a cycle, straight back.
        assert set(steps) == {1} or len(steps) == 1


@given(graphs)
def test_edges_of_a_dag_lead_to_the_right(graph: tuple[int, list[Edge]]) -> None:
    count, edges = graph
    forward = [edge for edge in edges if edge[0] < edge[1]]
    layers, _ = layout(count, forward)
    depths = depth_of(layers)
    assert all(depths[begin] < depths[end] for begin, end in forward)
    assert all(layers)


@given(graphs)
def test_the_same_graph_gives_the_same_bytes(graph: tuple[int, list[Edge]]) -> None:
    count, edges = graph
    made = Graph(tuple(Node(f"n{n}", "table") for n in range(count)), tuple(edges))
    assert picture(made, "x") == picture(made, "x")


def test_crossings_are_undone() -> None:
    layers, _ = layout(6, [(0, 5), (1, 4), (2, 3)])
    ranks = {number: place for layer in layers for place, number in enumerate(layer)}
    assert all(ranks[begin] == ranks[end] for begin, end in ((0, 5), (1, 4), (2, 3)))


def test_what_nothing_leads_to_stands_before_what_it_feeds() -> None:
    layers, _ = layout(5, [(0, 1), (1, 2), (2, 3), (4, 3)])
    assert depth_of(layers)[4] == 2


def test_the_picture_is_an_image_with_a_title_and_says_the_kind_in_words() -> None:
    svg = str(picture(CHAIN, "5 nodes"))
    assert svg.startswith('<svg role="img" viewBox="0 0 ')
    assert "<title>5 nodes</title>" in svg
    for node in CHAIN.nodes:
        assert f"<title>{node.name} ({node.words})</title>" in svg
        assert f">{node.words}</text>" in svg
    assert {"files", "pipeline: loaded", "table"} <= {node.words for node in CHAIN.nodes}


def test_the_kinds_differ_in_shape() -> None:
    shapes = []
    for kind in ("files", "pipeline", "table"):
        svg = str(picture(Graph((Node("x", kind),)), "x"))
        shapes.append(re.sub(r"<title>.*?</title>|<text.*?</text>", "", svg))
    assert len(set(shapes)) == 3


def test_there_is_no_colour_but_that_of_the_text() -> None:
    svg = str(picture(CHAIN, "x"))
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg)) == {"none", "currentColor"}
    assert not re.search(r"#[0-9a-f]{3}|rgb|<style|<script| id=", svg)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b&c', "x" * 200])
def test_names_are_escaped_and_cut_with_a_mark(name: str) -> None:
    svg = str(picture(Graph((Node(name, "files"),)), name))
    assert "<script" not in svg
    assert 'a"b' not in svg
    assert f"<title>{escape(name)} (files)</title>" in svg
    shown = re.search(r'font-size="12">(.*?)</text>', svg)
    assert shown
    assert unescape(shown[1]) == (name if len(name) <= 26 else name[:25] + "…")


def test_a_graph_without_nodes_is_no_picture() -> None:
    assert str(picture(Graph(), "x")) == ""


def test_of_too_many_edges_the_short_ones_are_kept() -> None:
    """Of all pairs of 30 nodes the chain is left first: where a way leads at all, one is drawn."""
    every = [(begin, end) for end in range(30) for begin in range(end)]
    kept = kept_edges(30, every)
    assert len(kept) < len(every)
    assert {(number, number + 1) for number in range(29)} <= set(kept)
    assert sum(end - begin for begin, end in kept) <= MAX_STEPS
    assert list(kept) == [edge for edge in every if edge in kept]


def test_of_too_many_short_edges_each_node_keeps_one() -> None:
    every = [(begin, end) for begin in range(30) for end in range(30, 60)]
    kept = kept_edges(60, every)
    assert len(kept) == MAX_STEPS
    assert {begin for begin, _ in kept} == set(range(30))


@given(graphs)
def test_few_edges_are_all_kept(graph: tuple[int, list[Edge]]) -> None:
    count, edges = graph
    assert kept_edges(count, edges) == tuple(dict.fromkeys(edges))

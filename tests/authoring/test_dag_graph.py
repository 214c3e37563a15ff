"""Which nodes and edges are drawn: the whole project, a part that fits, or what stands around one pipeline."""

from __future__ import annotations

from typing import Any

from alur_nb import BronzeTable, IntegerField, expect, files, new, pipeline, references
from alur_nb.authoring.dag_graph import MAX_NODES, around, whole
from alur_nb.authoring.dag_picture import Graph, picture
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table


class OrdersBronze(BronzeTable):
    id = IntegerField()


class LateBronze(BronzeTable):
    id = IntegerField()


class CountriesBronze(BronzeTable):
    id = IntegerField()


def declare() -> None:
    @pipeline(sources={"orders": files(["a/*", "b/*"])}, target=OrdersBronze)
    def ingest(orders: Any) -> Any:
        return orders

    @expect(check_fn=references("id", CountriesBronze))
    @pipeline(sources={"orders": new(OrdersBronze)}, target=LateBronze)
    def find_late(orders: Any) -> Any:
        return orders


def lines(graph: Graph) -> set[str]:
    """Return the edges as text."""
    return {f"{graph.nodes[begin].name} -> {graph.nodes[end].name}" for begin, end in graph.edges}


def test_files_tables_and_what_checks_look_into_are_drawn(project: Project) -> None:
    declare()
    graph = whole(project.pipelines, project.order(), {"ingest": "loaded"})
    assert lines(graph) == {
        "a/*, b/* -> ingest",
        "ingest -> bronze.orders",
        "bronze.orders -> find_late",
        "bronze.countries -> find_late",
        "find_late -> bronze.late",
    }
    assert {(node.name, node.words) for node in graph.nodes} >= {
        ("ingest", "pipeline: loaded"),
        ("a/*, b/*", "files"),
    }
    assert graph.cut == ""


def test_around_a_pipeline_are_those_next_to_it(project: Project) -> None:
    declare()
    graph = around(project.pipelines, [project.pipeline("ingest")])
    assert {node.name for node in graph.nodes if node.kind == "pipeline"} == {"ingest", "find_late"}


def test_one_that_is_no_longer_declared_is_drawn_alone(project: Project) -> None:
    declare()
    known = project.pipeline("ingest")
    assert lines(around({}, [known])) == {"a/*, b/* -> ingest", "ingest -> bronze.orders"}


def test_more_than_fits_is_cut_and_said(project: Project) -> None:
    for number in range(100):
        pipeline({"orders": files(f"{number}/*")}, OrdersBronze, f"p{number:02}")(lambda orders: orders)
    graph = whole(project.pipelines, project.order())
    assert len(graph.nodes) <= MAX_NODES
    shown = sum(node.kind == "pipeline" for node in graph.nodes)
    assert graph.cut == f"The picture shows {shown} of 100 pipelines; the list has all of them."
    around_all = around(project.pipelines, list(project.pipelines.values()))
    assert len(around_all.nodes) <= MAX_NODES
    assert around_all.cut == graph.cut


def test_of_lines_too_many_to_draw_the_picture_says_how_many_are_left_out() -> None:
    """30 pipelines that each read all before them were 394 KB."""
    tables = [Table("bronze", f"t{number}", f"T{number}", {"a": IntegerField()}) for number in range(29)]
    known = {}
    for number, target in enumerate(tables):
        sources = {f"t{other}": new(tables[other]) for other in range(number)} or {"t": files("a/*")}
        known[f"p{number}"] = Pipeline(f"p{number}", lambda: None, sources, target)
    graph = whole(known, list(known))
    every = 1 + 29 + 29 * 28 // 2
    assert graph.cut == (
        f"The picture shows {len(graph.edges)} of {every} lines between them; the list has all of them."
    )
    assert 29 < len(graph.edges) < every
    assert len(str(picture(graph, "all"))) < 100_000

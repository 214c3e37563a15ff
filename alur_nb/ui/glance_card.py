"""The card of the project at a glance, and the picture of what stands around one pipeline or table."""

from __future__ import annotations

from dataclasses import dataclass

from alur_nb.authoring.dag_graph import around
from alur_nb.authoring.dag_picture import Graph, picture
from alur_nb.authoring.lineage_found import NOT_LOOKED, found_lineage
from alur_nb.authoring.lineage_text import pipeline_lines
from alur_nb.runtime.errors import plural
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project, current_project
from alur_nb.runtime.tables import Table
from alur_nb.ui.glance import Glance, PipelineLine, state_texts, step_text
from alur_nb.ui.html import Content, Html, card, code, items, joined, paragraph, strong, table


def glance_card(value: Glance) -> Html:
    """Show the project: tables, the DAG as a picture and as an ordered list, problems, next steps."""
    parts: list[Content] = []
    if value.tables is not None:
        rows = [(t.name, t.columns, t.holds, t.last, t.description) for t in value.tables]
        headers = ("table", "columns", "holds", "last batch", "description")
        parts.append(table(plural(len(rows), "table"), headers, rows))
    if value.pipelines is not None:
        parts.append(paragraph(strong(f"{plural(len(value.pipelines), 'pipeline')}, in the order of a run")))
        parts += [drawn(value.graph), items((_step(line) for line in value.pipelines), ordered=True)]
    parts += [paragraph(strong("problem: "), problem) for problem in value.problems]
    parts += [paragraph(strong("note: "), note) for note in value.notes]
    if value.next_steps:
        parts += [paragraph(strong("next")), items(code(step) for step in value.next_steps)]
    return card(*parts) if parts else card(paragraph("Nothing was looked at."))


def _step(line: PipelineLine) -> Html:
    texts = state_texts(line)
    return joined(strong(line.name), step_text(line).removeprefix(line.name), items(texts) if texts else None)


def drawn(graph: Graph) -> Html:
    """Return the picture, with what it leaves out said beside it."""
    if not graph.edges:
        return Html("")
    count = plural(sum(node.kind == "pipeline" for node in graph.nodes), "pipeline")
    title = f"{count} with their sources and tables; the text beside the picture says the same"
    return joined(picture(graph, title), paragraph(graph.cut) if graph.cut else None)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands around a pipeline or a table: as facts in words, and as a graph to be drawn."""

    facts: tuple[tuple[str, str], ...] = ()
    graph: Graph = Graph()  # noqa: RUF009 - it is frozen

    @property
    def lines(self) -> list[str]:
        """The facts as lines of a text."""
        return [f"  {name}: {value}" for name, value in self.facts]


def around_pipeline(value: Pipeline, project: Project | None = None) -> Neighbours:
    """Return who feeds a pipeline and whom it feeds, among what is declared now."""
    known = (project or current_project()).pipelines
    feeding = [one.name for one in known.values() if one.target.qualified_name in value.upstream_tables]
    fed = [one.name for one in known.values() if value.target.qualified_name in one.upstream_tables]
    return Neighbours(_named(("runs after", feeding), ("feeds", fed)), around(known, [value]))


def around_table(value: Table, project: Project | None = None) -> Neighbours:
    """Return which pipelines write a table and which read it, among what is declared now."""
    known = (project or current_project()).pipelines
    writers = [one for one in known.values() if one.target.qualified_name == value.qualified_name]
    readers = [one for one in known.values() if value.qualified_name in one.upstream_tables]
    facts = _named(("written by", [one.name for one in writers]), ("read by", [one.name for one in readers]))
    # A card calls no function of the user's: of Python it has what a preview or %alur_lineage has told.
    known_of = [found_lineage(one, may_call=False) for one in writers]
    lines = [line for one in known_of if one.reason != NOT_LOOKED for line in pipeline_lines(one)]
    facts += (("made of", "; ".join(lines)),) if lines else ()
    return Neighbours(facts, around({}, [*writers, *readers]))


def _named(*facts: tuple[str, list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, ", ".join(names)) for name, names in facts if names)

"""What feeds what, as a graph to be drawn: files, pipelines and tables of the whole project, or around one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alur_nb.authoring.dag_picture import Graph, Kind, Node, kept_edges
from alur_nb.runtime.errors import plural
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.sources import FileSource

MAX_NODES = 60

Key = tuple[Kind, str]


def whole(
    pipelines: Mapping[str, Pipeline], order: Sequence[str], notes: Mapping[str, str] | None = None
) -> Graph:
    """Return the graph of all pipelines, or of as many as fit: each followed by those that it feeds.

    `notes` says a pipeline's state in words.
    """
    found = _Graph(notes or {})
    readers = _readers(pipelines)
    waiting, seen = list(reversed(order)), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        if not found.has_room(pipelines[name]):
            break
        seen.add(name)
        found.add(pipelines[name])
        waiting += reversed(readers.get(pipelines[name].target.qualified_name, ()))
    return found.made(_cut_text(len(seen), len(order)))


def around(pipelines: Mapping[str, Pipeline], chosen: Sequence[Pipeline]) -> Graph:
    """Return the graph of some pipelines with those that write what they read, and those that read what they write."""
    read = {table for one in chosen for table in one.upstream_tables}
    written = {one.target.qualified_name for one in chosen}
    writers = [one for one in pipelines.values() if one.target.qualified_name in read]
    readers = [one for one in pipelines.values() if written & one.upstream_tables]
    found, drawn = _Graph({}), list({one.name: one for one in [*chosen, *writers, *readers]}.values())
    kept = []
    for one in drawn:
        if found.has_room(one):
            found.add(one)
            kept.append(one)
    return found.made(_cut_text(len(kept), len(drawn)))


def _cut_text(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return f"The picture shows {shown:,} of {plural(total, 'pipeline')}; the list has all of them."


def inputs_of(pipeline: Pipeline) -> Iterator[Key]:
    """Yield what a pipeline reads, tables that only its checks look into among it."""
    for source in pipeline.sources.values():
        if isinstance(source, FileSource):
            yield "files", ", ".join(source.patterns)
        else:
            yield "table", source.table.qualified_name
    for table in pipeline.referenced_tables:
        yield "table", table.qualified_name


def _readers(pipelines: Mapping[str, Pipeline]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in pipelines.values():
        for table in sorted(one.upstream_tables):
            found.setdefault(table, []).append(one.name)
    return found


class _Graph:
    """A graph in the making: each file pattern, table and pipeline is one node."""

    def __init__(self, notes: Mapping[str, str]) -> None:
        self._notes = notes
        self._nodes: dict[Key, Node] = {}
        self._edges: dict[tuple[Key, Key], None] = {}

    def has_room(self, pipeline: Pipeline) -> bool:
        """Whether the pipeline and what it touches fit in; the first one always does."""
        own: Key = ("pipeline", pipeline.name)
        keys: set[Key] = {*inputs_of(pipeline), own, ("table", pipeline.target.qualified_name)}
        return not self._nodes or len(self._nodes.keys() | keys) <= MAX_NODES

    def add(self, pipeline: Pipeline) -> None:
        """Add the pipeline with what it reads and writes."""
        own: Key = ("pipeline", pipeline.name)
        target: Key = ("table", pipeline.target.qualified_name)
        for key in inputs_of(pipeline):
            self._edges[self._node(key), self._node(own)] = None
        self._edges[self._node(own), self._node(target)] = None

    def made(self, cut: str) -> Graph:
        """Return the graph, its nodes in the order in which they came."""
        numbers = {key: number for number, key in enumerate(self._nodes)}
        edges = [(numbers[begin], numbers[end]) for begin, end in self._edges]
        drawn = kept_edges(len(numbers), edges)
        if len(drawn) < len(edges):
            lines = f"The picture shows {len(drawn):,} of {len(edges):,} lines between them; the list has all of them."
            cut = f"{cut} {lines}".strip()
        return Graph(tuple(self._nodes.values()), drawn, cut)

    def _node(self, key: Key) -> Key:
        kind, name = key
        note = self._notes.get(name, "") if kind == "pipeline" else ""
        self._nodes.setdefault(key, Node(name, kind, note))
        return key

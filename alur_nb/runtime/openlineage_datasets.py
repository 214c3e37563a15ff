"""What OpenLineage calls the tables and files of a pipeline: by where they lie, as its naming rules say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alur_nb import __version__
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.globs import split_pattern
from alur_nb.runtime.lineage import source_name
from alur_nb.runtime.sources import FileSource, Source
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

VERSION = __version__
PRODUCER = f"https://pypi.org/project/alur-nb/{VERSION}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with its facets; `own_facets` are those that only an input or only an output has."""

    namespace: str
    name: str
    facets: dict[str, Any] = field(default_factory=dict)
    own_facets: dict[str, Any] = field(default_factory=dict)

    def to_dict(self, own: str) -> dict[str, Any]:
        """Return what an event holds; `own` is `inputFacets` or `outputFacets`."""
        return {"namespace": self.namespace, "name": self.name, "facets": self.facets, own: self.own_facets}


def facet(name: str, version: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a facet with the two keys that each of them has."""
    schema = f"https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": schema, **values}


class Datasets:
    """The datasets of one environment."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def inputs(self, pipeline: Pipeline, loads: Mapping[str, FileSource]) -> dict[str, tuple[Dataset, ...]]:
        """Return the datasets of each source, by what lineage calls it; several patterns are several datasets."""
        sources: list[Source] = [*pipeline.sources.values(), *loads.values()]
        return {source_name(one): self._of_source(one, pipeline.target) for one in sources}

    def target(self, pipeline: Pipeline) -> Dataset:
        """Return the table that the pipeline writes."""
        return self._of_table(pipeline.target)

    def _of_source(self, source: Source, target: Table) -> tuple[Dataset, ...]:
        if not isinstance(source, FileSource):
            return (self._of_table(source.table),)
        fields = [
            {"name": column.source or name, "type": column.ddl}
            for name, column in (source.contract or target).file_columns.items()
        ]
        facets = {"schema": facet("SchemaDatasetFacet", "1-2-0", {"fields": fields})}
        places = dict.fromkeys(self._folder(pattern) for pattern in source.patterns)
        return tuple(Dataset(*_split(place), dict(facets)) for place in places)

    def _folder(self, pattern: str) -> str:
        """Return the folder of a pattern, up to its first wildcard, under the landing zone where it is relative."""
        folder, _ = split_pattern(pattern)
        if "://" in pattern or pattern.startswith("/"):
            return folder
        return f"{(self._workspace.environment.landing or '').rstrip('/')}/{folder}"

    def _of_table(self, table: Table) -> Dataset:
        fields = [
            {
                "name": name,
                "type": column.ddl,
                **({"description": column.description} if column.description else {}),
            }
            for name, column in table.columns.items()
        ]
        schema = facet("SchemaDatasetFacet", "1-2-0", {"fields": fields})
        place = self._workspace.lake.table_uri(table.qualified_name)
        return Dataset(*_split(place), {"schema": schema})


def _split(place: str) -> tuple[str, str]:
    """Return namespace and name: `s3://bucket` and the key, or `file` and the path (OpenLineage, "Naming")."""
    if place.startswith("s3://"):
        bucket, _, key = place.removeprefix("s3://").partition("/")
        return f"s3://{bucket}", key.rstrip("/") or "/"
    return "file", place.removeprefix("file://").rstrip("/") or "/"

"""The project at a glance, as plain values: tables, pipelines and what feeds what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alur_nb.runtime.errors import plural
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.sources import FileSource, NewSource, Source


@dataclass(frozen=True, slots=True)
class Listing:
    """Every table with its columns, every pipeline in the DAG's order."""

    tables: tuple[dict[str, Any], ...]
    pipelines: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"tables": list(self.tables), "pipelines": list(self.pipelines)}

    def __str__(self) -> str:
        lines = [plural(len(self.tables), "table")]
        lines += [f"  {t['name']}: {plural(len(t['columns']), 'column')}" for t in self.tables]
        lines.append(plural(len(self.pipelines), "pipeline"))
        for pipeline in self.pipelines:
            sources = ", ".join(pipeline["sources"].values()) or "no source"
            lines.append(f"  {pipeline['name']}: {sources} -> {pipeline['target']}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def list_project(project: Project) -> Listing:
    """Describe what is declared; pipelines come in the order in which a run takes them."""
    tables = tuple(
        {
            "name": name,
            "description": table.description,
            "columns": {column: field.ddl for column, field in table.columns.items()},
        }
        for name, table in sorted(project.tables.items())
    )
    return Listing(tables, tuple(_described(project.pipeline(name)) for name in project.order()))


def source_text(source: Source) -> str:
    """Return a source as one reads it: `files(orders/*.csv)`, `new(bronze.orders)`, `bronze.orders`."""
    if isinstance(source, FileSource):
        return f"files({', '.join(source.patterns)})"
    name = source.table.qualified_name
    return f"new({name})" if isinstance(source, NewSource) else name


def _described(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "target": pipeline.target.qualified_name,
        "sources": {name: source_text(source) for name, source in pipeline.sources.items()},
        "schedule": pipeline.schedule.cron if pipeline.schedule else None,
        "checks": [expectation.name for expectation in pipeline.expectations],
    }

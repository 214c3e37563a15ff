"""Examples in the project's own names: what is declared is shown, and what is not yet stays `orders`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from string import Template

from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import current_project
from alur_nb.runtime.settings import LOCAL, load_settings
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table

_FREE_NAMES = ("orders", "customers", "products", "payments", "visits")


def in_own_names(example: str) -> str:
    """Return an example with its `$names` filled in: the words of `%alur_preview $pipeline` become what is declared."""
    return Template(example).substitute(_names()) if "$" in example else example


def _names() -> dict[str, str]:
    project = current_project()
    tables, pipelines = [*project.tables.values()], [*project.pipelines.values()]
    ingestion = next(filter(_patterns, pipelines), None)
    fed = {one.target.qualified_name for one in pipelines}
    waiting = next((one for one in tables if one.qualified_name not in fed), None)
    target = ingestion.target if ingestion else waiting or next(iter(tables), None)
    word = target.name if target else "orders"
    taken = {one.name for one in tables}
    return {
        "table": target.qualified_name if target and _is_ambiguous(word, tables) else word,
        "target": target.class_name if target else "OrdersBronze",
        "ingestion": ingestion.name if ingestion else f"ingest_{word}",
        "pattern": _quoted(_patterns(ingestion)[0] if ingestion else f"{word}/*.csv"),
        "pipeline": pipelines[0].name if pipelines else f"ingest_{word}",
        "free": next((name for name in _FREE_NAMES if name not in taken), f"{_FREE_NAMES[0]}_2"),
        "environment": _environment(),
    }


def _is_ambiguous(name: str, tables: Sequence[Table]) -> bool:
    return sum(one.name == name for one in tables) > 1


def _quoted(pattern: str) -> str:
    """Return a pattern as a line takes it: quoted, its braces doubled, for single ones may hold a name."""
    text = pattern.replace("{", "{{").replace("}", "}}")
    return shlex.quote(text) if "'" in text else f"'{text}'"


def _patterns(pipeline: Pipeline | None) -> tuple[str, ...]:
    """Return the landing files of an ingestion of one source, which is what a line without a body declares."""
    sources = [*pipeline.sources.values()] if pipeline else []
    return sources[0].patterns if len(sources) == 1 and isinstance(sources[0], FileSource) else ()


def _environment() -> str:
    try:
        deployed = [name for name in load_settings().environments if name != LOCAL]
    # An example is no place to hear of a wrong alur.toml.
    except AlurError:
        deployed = []
    return deployed[0] if deployed else "dev"

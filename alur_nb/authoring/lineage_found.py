"""The lineage of declared pipelines: SQL by sqlglot, Python by one call with empty frames, else at table level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alur_nb.authoring.fingerprint import fingerprint
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.flow import Pipeline, reaches_loader
from alur_nb.runtime.lineage import PipelineLineage, at_column_level, at_table_level
from alur_nb.runtime.sources import FileSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NOT_LOOKED = "its function has not been looked into yet"

_known: dict[str, tuple[dict[str, str], PipelineLineage]] = {}
"""What a call of a function has told, with what the pipeline was made of then."""


def found_lineage(pipeline: Pipeline, *, may_call: bool) -> PipelineLineage:
    """Return a pipeline's lineage.

    SQL is read, nothing is called for it. With `may_call` a Python function is called once with empty typed frames,
    for which Spark is started; without, what an earlier call told is returned while the pipeline is the same.
    """
    parts = fingerprint(pipeline)
    earlier = _known.get(pipeline.name)
    if earlier is not None and earlier[0] == parts:
        return earlier[1]
    found = _by_sql(pipeline) or _without_sources(pipeline)
    if found is not None and (found.level == "column" or not pipeline.sources):
        return found
    if not may_call:
        return found or at_table_level(pipeline, NOT_LOOKED)
    return remember(pipeline, _by_call(pipeline))


def remember(pipeline: Pipeline, lineage: PipelineLineage) -> PipelineLineage:
    """Keep what a call of the pipeline's function has told."""
    _known[pipeline.name] = fingerprint(pipeline), lineage
    return lineage


def note_call(
    pipeline: Pipeline, result: DataFrame, frames: Mapping[str, DataFrame], loads: Mapping[str, FileSource]
) -> None:
    """Keep what somebody else's call of the function tells, a preview's: then it need not be called once more."""
    from alur_nb.runtime.lineage_plan import trace_frames
    from alur_nb.runtime.lineage_tree import NotFollowedError

    if found_lineage(pipeline, may_call=False).level == "column" or _without_sources(pipeline) is not None:
        return
    try:
        remember(pipeline, at_column_level(pipeline, trace_frames(result, frames), loads))
    except NotFollowedError as error:
        remember(pipeline, at_table_level(pipeline, str(error), loads))


def _by_sql(pipeline: Pipeline) -> PipelineLineage | None:
    # sqlglot is imported where SQL is to be read: the command line starts without it.
    from alur_nb.authoring.lineage_sql import sql_of, trace_sql
    from alur_nb.runtime.lineage_tree import NotFollowedError

    if (query := sql_of(pipeline)) is None:
        return None
    try:
        return at_column_level(pipeline, trace_sql(query, pipeline))
    except NotFollowedError as error:
        return at_table_level(pipeline, str(error))


def _without_sources(pipeline: Pipeline) -> PipelineLineage | None:
    """Return the lineage of what is never called for it: it would ask whatever the function asks, an API perhaps."""
    if pipeline.sources or reaches_loader(pipeline.function):
        return None
    return at_table_level(pipeline, "it declares no source")


def _by_call(pipeline: Pipeline) -> PipelineLineage:
    from pyspark.sql import DataFrame

    from alur_nb.runtime.tracing import EmptyCall

    call = EmptyCall(pipeline)
    try:
        result = call.run()
    # Empty frames take ways that data would not: a function that fails on them may be right.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        text = error.message if isinstance(error, AlurError) else str(error).strip().partition("\n")[0]
        return at_table_level(pipeline, f"its function raises with empty frames: {text}", call.loads)
    if not isinstance(result, DataFrame):
        return at_table_level(pipeline, f"its function returned {type(result).__name__}", call.loads)
    return call.lineage(result)

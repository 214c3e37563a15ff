"""One call of a pipeline's function with empty typed frames: what it loads, what it returns, from which columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.context import LoadCall, get_spark_session, loading_by
from alur_nb.runtime.flow import LOADER, Pipeline
from alur_nb.runtime.lineage import PipelineLineage, at_column_level, at_table_level
from alur_nb.runtime.lineage_plan import trace_frames
from alur_nb.runtime.lineage_tree import NotFollowedError
from alur_nb.runtime.load import contract_for, source_for
from alur_nb.runtime.sources import FileSource, Source
from alur_nb.runtime.tables import METADATA_TYPES, RESCUED
from alur_nb.runtime.write_modes import read_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(slots=True)
class EmptyCall:
    """A call in the making; also where the function raises, what it loaded until then is kept."""

    pipeline: Pipeline
    frames: dict[str, DataFrame] = field(default_factory=dict)
    calls: list[LoadCall] = field(default_factory=list)
    loads: dict[str, FileSource] = field(default_factory=dict)

    def run(self) -> Any:
        """Call the function and return what it returns; raises whatever it raises."""
        for name, source in self.pipeline.sources.items():
            self.frames[name] = self._frame(source)
        given = dict(self.frames)
        with loading_by(self._load):
            return self.pipeline.function(**given)

    def lineage(self, result: DataFrame) -> PipelineLineage:
        """Return from which columns the result is made; at table level where its plan cannot be followed."""
        try:
            return at_column_level(self.pipeline, trace_frames(result, self.frames), self.loads)
        except NotFollowedError as error:
            return at_table_level(self.pipeline, str(error), self.loads)

    def _frame(self, source: Source) -> DataFrame:
        if not isinstance(source, FileSource):
            return self._empty(read_columns(source.table))
        contract = source.contract or self.pipeline.target
        columns = {name: column.ddl for name, column in contract.file_columns.items()} | dict(METADATA_TYPES)
        return self._empty(columns | _rescued(source))

    def _load(self, call: LoadCall) -> DataFrame:
        from pyspark.sql import functions as F

        self.calls.append(call)
        columns = {name: column.ddl for name, column in contract_for(call).file_columns.items()}
        frame = self._empty(columns | dict(METADATA_TYPES) | _rescued(call.source)).drop(
            *call.exclude_metadata
        )
        name = f"{LOADER} {len(self.calls)}"
        self.frames[name], self.loads[name] = frame, source_for(call)
        for column, value in (call.custom_metadata or {}).items():
            frame = frame.withColumn(column, F.lit(value))
        return frame

    def _empty(self, columns: Mapping[str, str]) -> DataFrame:
        # Not an RDD of nothing: counting this needs no Python worker.
        casts = (f"CAST(NULL AS {kind}) AS `{name.replace('`', '``')}`" for name, kind in columns.items())
        # Each begins, and ends, at a number of its own: so frames of equal columns have unequal plans.
        number = len(self.frames) + 1
        return get_spark_session().range(number, number).selectExpr(*casts)


def _rescued(source: FileSource) -> dict[str, str]:
    return {RESCUED: "string"} if source.schema_mode == "rescue" else {}

"""The one engine of users: Spark, on the laptop as on Glue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import readers
from alur_nb.runtime.aborted import keep
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.drops import Dropped, as_rejects, is_dropped, measure
from alur_nb.runtime.engine import SourceRead, Stage, StagedResult
from alur_nb.runtime.errors import CheckError
from alur_nb.runtime.examples import MAX_EXAMPLES
from alur_nb.runtime.lake import Lake, footer_rows, read_rows, read_staged, storage_errors
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.quality import Evaluation, Expectation, evaluate
from alur_nb.runtime.rejects import Rejects, stage_rejects
from alur_nb.runtime.result import OUTCOME, OUTCOMES, conform, partition_columns, staged_by, with_metadata
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType


class SparkEngine:
    """An Engine on this process's Spark session, which the first operation starts."""

    @property
    def spark(self) -> SparkSession:
        """The session of this process."""
        return get_spark_session()

    def begin(self, run_id: str, what: str) -> None:
        """Set the job group, a property of this thread (PySpark pins threads): a notebook's interrupt cancels it."""
        self.spark.sparkContext.setJobGroup(run_id, what, interruptOnCancel=True)

    def cancel(self, run_id: str) -> None:
        """Cancel the job group."""
        self.spark.sparkContext.cancelJobGroup(run_id)

    def is_frame(self, value: object) -> bool:
        """Whether it is a DataFrame."""
        from pyspark.sql import DataFrame

        return isinstance(value, DataFrame)

    def empty_source(self, read: SourceRead) -> DataFrame:
        """Return an empty DataFrame with the source's columns."""
        return self._read(read).drop("_rejected")

    def stage_source(self, lake: Lake, read: SourceRead, prefix: str, rejects_prefix: str) -> Stage:
        """Write both outcomes side by side in one pass: a second pass would parse every file again."""
        from pyspark.sql import functions as F

        frame = self._read(read)
        schema = frame.drop("_rejected").schema
        outcome, dropping = F.when(F.col("_rejected"), "rejected"), _dropping(frame, read.drops)
        if dropping is not None:
            outcome = outcome.when(dropping, "dropped")
        marked = frame.withColumn(OUTCOME, outcome.otherwise("accepted")).drop("_rejected")
        staged, names = partition_columns(marked, read.partitions)
        accepted, rejected, apart = (f"{prefix}/{OUTCOME}={name}" for name in OUTCOMES)
        with storage_errors(lake.stage_uri(prefix)):
            staged.write.partitionBy(OUTCOME, *names).parquet(lake.stage_uri(prefix))
            rejects = self._stage_rejects(lake, read, rejected, rejects_prefix)
        rows, dropped = self.staged_rows(lake, accepted), self.staged_rows(lake, apart)
        kept = back = self._staged(lake, accepted, schema, rows)
        if dropped:
            back = kept.unionByName(self._staged(lake, apart, schema, dropped))
        decided = kept if dropping is not None else None
        return Stage(read.plan, back, accepted, rows, rejects, decided, dropped, apart)

    def fit(self, result: DataFrame, target: Table, started_at: datetime) -> tuple[DataFrame, bool]:
        """Conform the result to the target, and compare the types before and after."""
        fitted = conform(result, target, started_at)
        return fitted, _types(fitted) == _types(result)

    def stage_result(self, lake: Lake, frame: DataFrame, target: Table, prefix: str) -> DataFrame:
        """Write the frame by the target's partitions."""
        staged, names = partition_columns(frame, staged_by(target))
        with storage_errors(lake.stage_uri(prefix)):
            writer = staged.write.partitionBy(*names) if names else staged.write
            writer.parquet(lake.stage_uri(prefix))
        return read_staged(self.spark, lake.stage_uri(prefix), frame.schema)

    def stage_kept(
        self, lake: Lake, frame: DataFrame, target: Table, prefix: str, drops: Sequence[Expectation]
    ) -> StagedResult:
        """Write both outcomes side by side in one pass, by the target's partitions."""
        from pyspark.sql import functions as F

        outcome = F.when(is_dropped(frame, drops), "dropped").otherwise("accepted")
        staged, names = partition_columns(frame.withColumn(OUTCOME, outcome), staged_by(target))
        accepted, _, apart = (f"{prefix}/{OUTCOME}={name}" for name in OUTCOMES)
        with storage_errors(lake.stage_uri(prefix)):
            staged.write.partitionBy(OUTCOME, *names).parquet(lake.stage_uri(prefix))
        rows = self.staged_rows(lake, accepted)
        kept = self._staged(lake, accepted, frame.schema, rows)
        return StagedResult(kept, accepted, self.staged_rows(lake, apart), apart)

    def reject_dropped(
        self,
        lake: Lake,
        staged: StagedResult,
        drops: Sequence[Expectation],
        rejects_prefix: str,
        *,
        of_files: bool,
    ) -> Dropped:
        """Append them to what the reading has rejected."""
        if not staged.dropped or staged.dropped_prefix is None:
            return Dropped()
        rejects_uri = lake.stage_uri(rejects_prefix)
        frame = read_staged(self.spark, lake.stage_uri(staged.dropped_prefix), staged.frame.schema)
        with storage_errors(rejects_uri):
            as_rejects(frame, drops, of_file=of_files).write.mode("append").parquet(rejects_uri)
        found = measure(frame, drops, examples=MAX_EXAMPLES)
        return found if of_files else replace(found, by_file={})

    def keep_rejects(self, lake: Lake, target: Table, batch_id: str) -> int:
        """Copy them in one small job."""
        return keep(self.spark, lake, target, batch_id)

    def evaluate(
        self, frame: DataFrame, rules: Sequence[Expectation], *, examples: int, group_by: str | None
    ) -> Evaluation:
        """Measure all rules in one narrow aggregation, and one job a key set."""
        return evaluate(frame, rules, examples=examples, group_by=group_by)

    def rows_by_file(self, frame: DataFrame) -> Mapping[str | None, int]:
        """Count by `_source_file` in one job."""
        return {row[0]: row[1] for row in frame.groupBy("_source_file").count().collect()}

    def staged_rows(self, lake: Lake, prefix: str) -> int:
        """Add up the Parquet footers."""
        return footer_rows(self.spark, lake.stage_uri(prefix), lake.staged_files(prefix))

    def read_batches(
        self, lake: Lake, table: Table, batches: Sequence[Batch], *, whole: bool = False
    ) -> DataFrame:
        """Read the batches' Parquet by name, or their rows of the Iceberg table."""
        return read_rows(self.spark, lake, table, batches, whole=whole)

    def _staged(self, lake: Lake, prefix: str, schema: StructType, rows: int) -> DataFrame:
        # Where no row was written there is no folder to read.
        if not rows:
            return self.spark.createDataFrame([], schema)
        return read_staged(self.spark, lake.stage_uri(prefix), schema)

    def _read(self, read: SourceRead) -> DataFrame:
        source = read.plan.source
        files = [item.readable for item in read.plan.new if item.readable is not None]
        with storage_errors("the landing files"):  # Spark looks for the files when it is told of them
            frame = readers.read(self.spark, files, read.plan.contract, source)
        return with_metadata(frame, source.source_system, read.started_at, read.custom)

    def _stage_rejects(self, lake: Lake, read: SourceRead, rejected: str, rejects_prefix: str) -> Rejects:
        from pyspark.sql.types import StringType, StructType

        if not lake.staged_files(rejected):
            return Rejects()
        only_file = StructType().add("_source_file", StringType())
        rows = read_staged(self.spark, lake.stage_uri(rejected), only_file)
        return stage_rejects(self.spark, read.plan, rows, lake.stage_uri(rejects_prefix))


def _dropping(frame: DataFrame, drops: Sequence[Expectation]) -> Column | None:
    """Return when a row of a source is to be dropped; None where the rules are for what is made of it."""
    if not drops:
        return None
    try:
        return is_dropped(frame, drops)
    except CheckError:  # told when the result is staged, if its columns do not fit the rules either
        return None


def _types(frame: DataFrame) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}

"""The one engine of users: Spark, on the laptop as on Glue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import readers
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.engine import SourceRead, Stage
from alur_nb.runtime.lake import Lake, footer_rows, read_rows, read_staged, storage_errors
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.quality import Evaluation, Expectation, evaluate
from alur_nb.runtime.rejects import Rejects, stage_rejects
from alur_nb.runtime.result import OUTCOME, conform, partition_columns, with_metadata
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
        outcome = F.when(F.col("_rejected"), "rejected").otherwise("accepted")
        staged, names = partition_columns(
            frame.withColumn(OUTCOME, outcome).drop("_rejected"), read.partitions
        )
        accepted, rejected = f"{prefix}/{OUTCOME}=accepted", f"{prefix}/{OUTCOME}=rejected"
        with storage_errors(lake.stage_uri(prefix)):
            staged.write.partitionBy(OUTCOME, *names).parquet(lake.stage_uri(prefix))
            rejects = self._stage_rejects(lake, read, rejected, rejects_prefix)
        rows = self.staged_rows(lake, accepted)
        back = self.spark.createDataFrame([], schema)
        if rows:
            back = read_staged(self.spark, lake.stage_uri(accepted), schema)
        return Stage(read.plan, back, accepted, rows, rejects)

    def fit(self, result: DataFrame, target: Table, started_at: datetime) -> tuple[DataFrame, bool]:
        """Conform the result to the target, and compare the types before and after."""
        fitted = conform(result, target, started_at)
        return fitted, _types(fitted) == _types(result)

    def stage_result(self, lake: Lake, frame: DataFrame, target: Table, prefix: str) -> DataFrame:
        """Write the frame by the target's partitions."""
        staged, names = partition_columns(frame, target.partition_by)
        with storage_errors(lake.stage_uri(prefix)):
            writer = staged.write.partitionBy(*names) if names else staged.write
            writer.parquet(lake.stage_uri(prefix))
        return read_staged(self.spark, lake.stage_uri(prefix), frame.schema)

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

    def read_batches(self, lake: Lake, table: Table, batches: Sequence[Batch]) -> DataFrame:
        """Read the batches' Parquet by name."""
        return read_rows(self.spark, lake, table, batches)

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


def _types(frame: DataFrame) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}

"""The first rejected rows of the last aborted batch: kept until the table's next batch commits, or they expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.lake import Lake, aborted_prefix, footer_rows, rejects_prefix, storage_errors
from alur_nb.runtime.tables import Table, rejects_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MAX_ROWS = 1_000
# The lines serve to find the fault; a row may be 20 MB, and a thousand of them no message.
_RAW_WIDTH = 10_000


def keep(spark: SparkSession, lake: Lake, target: Table, batch_id: str) -> int:
    """Copy the first 1,000 staged rejects of a batch; one table keeps those of one batch. Returns how many.

    They are lines of JSON under a prefix that is neither the table's nor its rejects': no engine takes them for data.
    """
    from pyspark.sql import functions as F

    prefix = rejects_prefix(target.qualified_name, batch_id)
    staged = lake.staged_files(prefix)
    rows = footer_rows(spark, lake.stage_uri(prefix), staged)
    if not rows:
        return 0
    kept_uri = lake.stage_uri(aborted_prefix(target.qualified_name))
    with storage_errors(kept_uri):
        found = spark.read.schema(rejects_of(target).schema()).parquet(literal_uri(lake.stage_uri(prefix)))
        first = found.orderBy("source_file", "line_number", "raw").limit(MAX_ROWS)
        cut = first.withColumn("raw", F.substring("raw", 1, _RAW_WIDTH)).withColumn("batch", F.lit(batch_id))
        cut.coalesce(1).write.mode("overwrite").json(kept_uri, compression="gzip")
    return min(rows, MAX_ROWS)


def read_kept(spark: SparkSession, lake: Lake, target: Table, batch_id: str) -> DataFrame:
    """Return what `keep` has kept of a batch: `raw, source_file, line_number, column, reason`."""
    from pyspark.sql import functions as F

    schema = rejects_of(target).schema()
    kept_uri = lake.stage_uri(aborted_prefix(target.qualified_name))
    with storage_errors(kept_uri):
        found = spark.read.schema(schema.add("batch", "string")).json(literal_uri(kept_uri))
    return found.where(F.col("batch") == batch_id).drop("batch")

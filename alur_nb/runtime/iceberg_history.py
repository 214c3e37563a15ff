"""Versions of rows with the time that each was valid in, and what a batch changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from alur_nb.runtime.iceberg_schema import BATCH_ID
from alur_nb.runtime.lake import quoted

_TIME, _RANK, _OLD_END, _IS_OLD = "alur_time", "alur_rank", "alur_old_end", "alur_is_old"


def changed_versions(
    known: DataFrame, rows: DataFrame, key: Sequence[str], time: str, batch_id: str, deleted: str
) -> DataFrame:
    """Return the versions that the rows add or close, with the table's columns, and those that they take away.

    `deleted` is the rows' own mark of a delete, and the result's of a version that is to go. A row begins a version at
    its time, a delete ends the one before it; of two at one time the later batch's counts. What ended without another
    version was deleted then, which is how a row that comes late finds its place.
    """
    keys = [quoted(name) for name in key]
    touched = rows.select(*keys).distinct()
    old = known.join(touched, list(key), "left_semi")
    begins = old.withColumns(
        {_TIME: F.col("valid_from"), deleted: F.lit(False), _RANK: F.lit(1), _IS_OLD: F.lit(True)}
    ).withColumn(_OLD_END, F.col("valid_to"))
    ends = begins.where("valid_to IS NOT NULL").withColumns(
        {_TIME: F.col("valid_to"), deleted: F.lit(True), _RANK: F.lit(0), _IS_OLD: F.lit(False)}
    )
    new = rows.withColumns({_TIME: F.col(quoted(time)), _RANK: F.lit(2), _IS_OLD: F.lit(False)}).withColumn(
        _OLD_END, F.lit(None).cast(known.schema["valid_to"].dataType)
    )
    events = reduce(DataFrame.unionByName, (begins, ends, new))
    at_one_time = Window.partitionBy(*keys, _TIME).orderBy(F.col(_RANK).desc())
    first = events.withColumn("alur_place", F.row_number().over(at_one_time)).where("alur_place = 1")
    end = F.lead(_TIME).over(Window.partitionBy(*keys).orderBy(_TIME))
    return _changed(first.withColumn("alur_end", end), known, batch_id, deleted)


def _changed(events: DataFrame, known: DataFrame, batch_id: str, deleted: str) -> DataFrame:
    moved = F.col(_IS_OLD) & ~F.col(_OLD_END).eqNullSafe(F.col("alur_end"))
    changed = events.where((F.col(_RANK) == 2) | moved)
    values = {
        "valid_from": F.col(_TIME),
        "valid_to": F.col("alur_end"),
        "is_current": F.col("alur_end").isNull(),
        # Also of a version that is only closed: whoever reads what is new in the table is to see it.
        BATCH_ID: F.lit(batch_id),
    }
    return changed.withColumns(values).select(*map(quoted, known.columns), deleted)

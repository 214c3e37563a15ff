"""What a table would hold once rows to come have joined it: for a preview of what is made of a table that merges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from alur_nb.runtime.lake import quoted
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DELETES, _TIME, _RANK, _PLACE = "alur_deletes", "alur_time", "alur_rank", "alur_place"
_END, _THERE, _COMING = range(3)


def joined(
    table: Table,
    there: DataFrame,
    coming: Sequence[DataFrame],
    started_at: datetime,
    *,
    is_empty: bool = False,
) -> DataFrame:
    """Return the rows of a table with those to come, as a run of the pipelines that bring them would leave it.

    Into partitions that would be overwritten they are put beside what is there. `is_empty` where nothing is there:
    a union with no rows is a job all the same.
    """
    if not coming:
        return there
    if table.write_mode == "overwrite" and not table.partition_by:
        return united(coming)
    if table.write_mode not in ("merge", "history"):
        return united(coming if is_empty else [there, *coming])
    marked = [_ranked(there, _THERE, None), _ranked(united(coming), _COMING, table.delete_when)]
    rows = _last(table, marked) if table.write_mode == "merge" else _versions(table, marked, started_at)
    return rows.where(f"NOT {_DELETES}").select(*map(quoted, there.columns))


def united(frames: Sequence[DataFrame]) -> DataFrame:
    """Return the rows of all frames; a column that one lacks is null there."""
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), frames)


def _ranked(rows: DataFrame, rank: int, delete_when: str | None) -> DataFrame:
    from pyspark.sql import functions as F

    deletes = F.coalesce(F.expr(delete_when), F.lit(False)) if delete_when else F.lit(False)
    return rows.withColumns({_RANK: F.lit(rank), _DELETES: deletes})


def _last(table: Table, rows: Sequence[DataFrame]) -> DataFrame:
    return _first_of(united(rows), table.primary_key, [table.sequence_by] if table.sequence_by else [])


def _versions(table: Table, rows: Sequence[DataFrame], started_at: datetime) -> DataFrame:
    """Begin a version at each row's time, and end it where the next begins; what had ended was deleted then."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    there, coming = rows
    begin = F.col(quoted(table.sequence_by)) if table.sequence_by else F.lit(started_at)
    ends = _ranked(there.where("valid_to IS NOT NULL"), _END, "true").withColumn(_TIME, F.col("valid_to"))
    events = united([there.withColumn(_TIME, F.col("valid_from")), coming.withColumn(_TIME, begin), ends])
    first = _first_of(events, (*table.primary_key, _TIME), [])
    end = F.lead(_TIME).over(Window.partitionBy(*map(quoted, table.primary_key)).orderBy(_TIME))
    return first.withColumns({"valid_from": F.col(_TIME), "valid_to": end, "is_current": end.isNull()})


def _first_of(rows: DataFrame, key: Sequence[str], by: Sequence[str]) -> DataFrame:
    """Keep one row of each key: the greatest, and of equal ones that which is to come."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    order = [F.col(quoted(name)).desc() for name in (*by, _RANK)]
    place = F.row_number().over(Window.partitionBy(*map(quoted, key)).orderBy(*order))
    return rows.withColumn(_PLACE, place).where(f"{_PLACE} = 1")

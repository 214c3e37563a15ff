"""How many rows a table holds: the sum of its batches, or where these replace rows, what Iceberg counts."""

from __future__ import annotations

from collections.abc import Sequence

from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.iceberg_tables import load_local
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.workspace import Workspace

# Iceberg's specification, "Optional Snapshot Summary Fields".
_RECORDS, _DELETES = "total-records", ("total-position-deletes", "total-equality-deletes")


def rows_held(place: Workspace, alive: Sequence[Batch]) -> int | None:
    """Return how many rows the live batches of one table have left in it; starts no Spark.

    None where that is not known from here: of a deployed table that merges, or one whose files have deletes beside them.
    """
    last = alive[-1].publication if alive else None
    if last is None or last.mode == "append" or (last.mode == "overwrite" and not last.partitions):
        return sum(batch.counts.get("rows", 0) for batch in alive)
    if not place.environment.is_local:
        return None
    try:
        stored = load_local(place.settings.warehouse / alive[-1].table.replace(".", "/"))
    except StorageError:
        return None  # `alur fsck` tells what is wrong with it
    current = [one.summary for one in stored.snapshots if one.id == stored.current] if stored else []
    if (
        not current
        or _RECORDS not in current[0]
        or any(current[0].get(name, "0") != "0" for name in _DELETES)
    ):
        return None
    return int(current[0][_RECORDS])

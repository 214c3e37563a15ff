"""What `alur fsck` compares of an Iceberg table: the rows of each batch in its current snapshot, and the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.lake import Lake, storage_errors
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.tables import Table

Found = tuple[str, str, bool]
"""What does not agree, the next step, and whether `--repair` mends it."""


def iceberg_findings(
    lake: Lake, table: Table, batches: Sequence[Batch], alive: Sequence[Batch]
) -> list[Found]:
    """Compare a table with its ledger; nothing is asked where no batch was ever published."""
    if not any(batch.state not in (State.PLANNED, State.ABORTED) for batch in batches):
        return []
    return list(compared(table, rows_by_batch(lake, table), batches, alive))


def rows_by_batch(lake: Lake, table: Table) -> dict[str, int]:
    """Count the rows of each batch in one job."""
    name = lake.iceberg_name(table.qualified_name)
    with storage_errors(name):
        counted = get_spark_session().table(name).groupBy("batch_id").count().collect()
    return {row[0]: row[1] for row in counted}


def compared(
    table: Table, rows: Mapping[str, int], batches: Sequence[Batch], alive: Sequence[Batch]
) -> Iterator[Found]:
    """Yield what does not agree; of a table whose batches replace rows only what no batch can have written."""
    known, name = {batch.id: batch for batch in batches}, table.qualified_name
    appends = table.write_mode == "append"
    for batch in alive if appends else ():
        counted, there = batch.counts.get("rows", 0), rows.get(batch.id, 0)
        if there != counted:
            yield (
                f"batch {batch.id} of {name} holds {there:,} rows, the ledger says {counted:,}",
                "Load its inputs again: alur replay.",
                False,
            )
    ids = {batch.id for batch in alive}
    for batch_id in sorted(set(rows) - ids):
        batch_known = known.get(batch_id)
        if batch_known is None or batch_known.state in (State.PLANNED, State.ABORTED):
            state = batch_known.state if batch_known else "unknown to the ledger"
            yield (
                f"{name} holds {rows[batch_id]:,} rows of batch {batch_id}, which is {state}",
                "A ledger was restored, or somebody wrote them: look at them, then delete them.",
                False,
            )
        elif appends and batch_known.state is not State.SEALED:
            yield (
                f"{name} holds {rows[batch_id]:,} rows of batch {batch_id}, which is dead",
                "--repair deletes them; no reader of alur shows them.",
                not batch_known.cleaned,
            )

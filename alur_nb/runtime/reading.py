"""Reading tables back: exactly the rows of the batches that are live at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alur_nb.runtime.aborted import read_kept
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.lake import added_by, read_rows
from alur_nb.runtime.ledger import Batch, State, live
from alur_nb.runtime.project import current_project
from alur_nb.runtime.publish import KEPT, expired
from alur_nb.runtime.tables import RESCUED, Table, rejects_of, table_of
from alur_nb.runtime.time_travel import At, read_at
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def read(
    table: object, *, metadata: bool = False, at: At = None, workspace: Workspace | None = None
) -> DataFrame:
    """Return a table's committed rows: the contract's columns; `metadata=True` adds `_ingested_at`, `_source_*`.

    Columns that schema_mode="evolve" has added come behind the contract's until they are declared, and `_rescued`
    with the metadata, null in batches that lack them.
    `at` gives the table as it was: a moment, a batch's id or number, or an Iceberg snapshot's id.
    `table` is a table class or a declared name (`"orders"`, `"bronze.orders"`). A table without a batch is empty.
    Raises DeclarationError for an unknown name, LedgerError, StorageError.
    """
    known = _declared(table)
    place = workspace or open_workspace()
    if at is not None:
        return read_at(get_spark_session(), place, known, at, metadata=metadata)
    batches = live(place.ledger.batches(known.qualified_name))
    added = added_by(known, batches)
    if not metadata:
        added.pop(RESCUED, None)
    return read_rows(
        get_spark_session(), place.lake, known, batches, metadata=metadata, added=added, whole=True
    )


def read_rejects(table: object, *, last: bool = False, workspace: Workspace | None = None) -> DataFrame:
    """Return a table's rejected rows: `raw, source_file, line_number, column, reason`.

    Those that have expired (`rejects_retention_days`) are not among them. `last=True` gives those of the last batch
    alone; where it was aborted, the first 1,000 of them.
    Raises DeclarationError for an unknown name, LedgerError, StorageError.
    """
    known = _declared(table)
    place = workspace or open_workspace()
    batches = place.ledger.batches(known.qualified_name)
    spark = get_spark_session()
    if not last:
        kept = [batch for batch in live(batches) if not expired(place, batch)]
        return read_rows(spark, place.lake, rejects_of(known), kept)
    found = last_batch(batches)
    if found is None or expired(place, found):
        return read_rows(spark, place.lake, rejects_of(known), [])
    if found.counts.get(KEPT, 0):
        return read_kept(spark, place.lake, known, found.id)
    ended = [found] if found.state is State.COMMITTED else []
    return read_rows(spark, place.lake, rejects_of(known), ended)


def last_batch(batches: Sequence[Batch]) -> Batch | None:
    """Return the newest batch that has ended: live, or aborted with what it had rejected."""
    ended = {batch.id for batch in live(batches)}
    ended |= {batch.id for batch in batches if batch.state is State.ABORTED}
    return max((batch for batch in batches if batch.id in ended), key=lambda batch: batch.id, default=None)


def _declared(table: object) -> Table:
    return current_project().table(table) if isinstance(table, str) else table_of(table)

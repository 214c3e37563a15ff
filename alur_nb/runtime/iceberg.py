"""Publishing a batch into an Iceberg table, exactly once: pin, read, look, commit.

What an owner sees as SEALED after it has pinned a snapshot, nobody has published over: the next batch of the table
is only planned once this one is COMMITTED. So what the pin holds is the table before this batch, or with it; and a
commit that is refused where the table has moved on from the pin can neither double rows nor bring any back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from alur_nb.runtime.errors import AlurError, StorageError
from alur_nb.runtime.ledger import Batch, State

log = logging.getLogger(__name__)

ReadBatch = Callable[[], Batch | None]


class MovedError(Exception):
    """A commit was refused, or not answered: others have changed the table since the snapshot it was made for."""


class IcebergTable(Protocol):
    """What publishing needs of one Iceberg table; each commit is atomic, and raises MovedError where it is refused."""

    def pin(self) -> str:
        """Return the table's current snapshot; where there is none yet, one without rows is made."""

    def holds(self, pin: str, batch_id: str) -> bool:
        """Whether the snapshot holds any row of the batch."""

    def append(self, pin: str, batch: Batch) -> None:
        """Add the batch's rows, in place of such as are there under its id; refused where any came since the pin."""

    def overwrite(self, pin: str, batch: Batch) -> None:
        """Put the batch's rows in place of all rows, or of those in its partitions; refused as `append` is."""

    def merge(self, pin: str, batch: Batch) -> None:
        """Replace rows by key, add and delete; refused where the table is at any other snapshot than the pin."""

    def keep_history(self, pin: str, batch: Batch) -> None:
        """Close versions and add new ones, by key and time; refused as `merge` is."""

    def delete(self, batch_id: str) -> None:
        """Delete the batch's rows from the current snapshot, however files hold them; again is nothing."""


def publish(table: IcebergTable, read_batch: ReadBatch) -> bool:
    """Publish a batch while it is SEALED; False where it is so no longer: then somebody else has ended it.

    Raises StorageError where a commit is refused again although the table has not changed: nobody can go on then.
    """
    refused_at: str | None = None
    while True:
        pin = table.pin()
        # Only now: read before the pin, a batch could be committed, taken back and cleaned in between, and this
        # owner would bring its rows back into a table that it has pinned after that.
        batch = read_batch()
        if batch is None or batch.state is not State.SEALED:
            return False
        try:
            _commit(table, pin, batch)
        except MovedError as error:
            log.info("%s: batch %s was refused at snapshot %s: %s", batch.table, batch.id, pin, error)
            if refused_at == pin:
                raise StorageError(
                    f"Iceberg refuses batch {batch.id} of {batch.table}, although the table has not changed: {error}",
                    fix="Nothing of it is shown. Look at what Iceberg says; the batch is published by the next run "
                    "once that is mended.",
                ) from error
            refused_at = pin
        except (AlurError, OSError):
            # Its staged files may be gone because another owner has ended it, and cleaned up.
            if _is_ended(read_batch()):
                return False
            raise
        else:
            return True


def _commit(table: IcebergTable, pin: str, batch: Batch) -> None:
    mode = batch.publication.mode
    if mode == "merge":
        table.merge(pin, batch)
    elif mode == "history":
        table.keep_history(pin, batch)
    # A merge made twice is the merge; rows that were appended or put in place already are looked for: after a
    # compaction they share files with others, and Iceberg would refuse to replace them.
    elif not table.holds(pin, batch.id):
        if mode == "append":
            table.append(pin, batch)
        else:
            table.overwrite(pin, batch)


def _is_ended(batch: Batch | None) -> bool:
    return batch is None or batch.state is not State.SEALED

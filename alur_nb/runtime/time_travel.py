"""A table as it was: after a batch, at a moment, or in one of its snapshots.

Two kinds of table, two memories. Plain Parquet keeps what its live batches are; so it can be read as it was only while
none of the batches of then has been taken out. Iceberg keeps snapshots, until they expire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from alur_nb.runtime.errors import LedgerError, NotYetSupportedError, SettingsError, StorageError, suggest
from alur_nb.runtime.iceberg_catalog import identifier, open_catalog
from alur_nb.runtime.iceberg_metadata import StoredTable
from alur_nb.runtime.iceberg_schema import BATCH_ID
from alur_nb.runtime.iceberg_tables import load
from alur_nb.runtime.lake import quoted, read_rows
from alur_nb.runtime.ledger import Batch, State, epoch_of, live
from alur_nb.runtime.tables import METADATA, METADATA_TYPES, Table
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.write_modes import read_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

At = str | int | datetime | date | None
"""A moment, as `datetime`, `date` or ISO text (UTC where it names no zone; a day is its beginning), a batch's id or
number, or an Iceberg snapshot's id; None is now."""

NOW = "now"
# A batch's number counts runs of one table; a snapshot's id is a random number of 63 bits.
_LARGEST_NUMBER = 10**8


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a table: the batches that were live then, and the moment or the snapshot."""

    label: str
    batches: tuple[Batch, ...] = ()
    at: datetime | None = None
    snapshot: int | None = None


def version_at(batches: Sequence[Batch], table: str, at: At) -> Version:
    """Return which state of the table is meant; `batches` are all that the ledger knows of it.

    Raises LedgerError for a batch that was never committed, SettingsError for what names no moment.
    """
    if at is None or at == NOW:
        return Version(NOW, tuple(live(batches)))
    number = _number(at)
    if number is not None and number >= _LARGEST_NUMBER:
        return Version(f"snapshot {number}", snapshot=number)
    batch = _batch(batches, str(at) if number is None else number)
    if batch is not None:
        return _after(batches, batch)
    moment = None if number is not None else _moment(at)
    if moment is None:
        known = [one.id for one in batches if _time(one, State.COMMITTED)]
        raise SettingsError(
            f"`{at}` is no batch of {table}, no moment and no snapshot{suggest(str(at), known)}.",
            fix=f'A batch: alur history {table}; a moment: "2026-11-27 09:00" (UTC); a snapshot of Iceberg: its id.',
        )
    return Version(f"{moment:%Y-%m-%d %H:%M:%S} UTC", tuple(live_at(batches, moment)), moment)


def live_at(batches: Sequence[Batch], moment: datetime) -> list[Batch]:
    """Return the batches that were live at a moment, by the times that the ledger has of them."""
    superseded = {
        old for batch in batches if _before(batch, State.COMMITTED, moment) for old in batch.supersedes
    }
    return [
        batch
        for batch in batches
        if _before(batch, State.COMMITTED, moment)
        and not _before(batch, State.ROLLED_BACK, moment)
        and batch.id not in superseded
    ]


def read_at(
    spark: SparkSession, place: Workspace, table: Table, at: At, *, metadata: bool = False
) -> DataFrame:
    """Return the table's rows as they were: the columns of the contract of today, null where there was none yet.

    Raises StorageError where the rows or the snapshot of then are gone, LedgerError, SettingsError.
    """
    batches = place.ledger.batches(table.qualified_name)
    version = version_at(batches, table.qualified_name, at)
    if table.format == "iceberg":
        return _read_iceberg(spark, place, table, version, metadata=metadata)
    if version.snapshot is not None:
        raise SettingsError(
            f"{table.qualified_name} is plain Parquet and has no snapshots.",
            fix=f"Name a batch (alur history {table.qualified_name}), or a moment.",
        )
    _refuse_gone(table, batches, version)
    return read_rows(spark, place.lake, table, version.batches, metadata=metadata)


def _refuse_gone(table: Table, batches: Sequence[Batch], version: Version) -> None:
    alive = {batch.id for batch in live(batches)}
    gone = [batch for batch in version.batches if batch.id not in alive]
    if gone:
        why = "rolled back" if gone[0].state is State.ROLLED_BACK else "loaded anew by a later batch"
        raise StorageError(
            f"{table.qualified_name} cannot be read as it was at {version.label}: batch {gone[0].id} was {why} since, "
            "and its rows are deleted.",
            fix='Read a later state of it. Tables that keep what they were are Iceberg\'s: format = "iceberg".',
        )


def _read_iceberg(
    spark: SparkSession, place: Workspace, table: Table, version: Version, *, metadata: bool
) -> DataFrame:
    from pyspark.sql import functions as F

    columns = read_columns(table)
    if metadata:
        columns |= {name: METADATA_TYPES[name] for name in METADATA if name not in columns}
    name = _name(spark, place, table)
    stored = load(spark, name)
    snapshot = None if stored is None else _snapshot(table, stored, version)
    if snapshot is None:
        return spark.createDataFrame([], ", ".join(f"{quoted(one)} {ddl}" for one, ddl in columns.items()))
    frame = spark.read.option("snapshot-id", snapshot).table(name)
    if table.write_mode == "append" and version.snapshot is None:
        # A batch that was published and not yet committed is in the snapshot, and was not live.
        frame = frame.where(F.col(BATCH_ID).isin([batch.id for batch in version.batches]))
    there = set(frame.columns)
    return frame.select(
        *(
            (F.col(quoted(one)) if one in there else F.lit(None)).cast(ddl).alias(one)
            for one, ddl in columns.items()
        )
    )


def _name(spark: SparkSession, place: Workspace, table: Table) -> str:
    if not place.environment.is_local:
        raise NotYetSupportedError(
            f"{table.qualified_name} on `{place.environment.name}` cannot be read as it was from here.",
            fix="Ask Athena: SELECT * FROM the table FOR TIMESTAMP AS OF a moment.",
        )
    open_catalog(spark, place.settings.warehouse)
    return identifier(table.layer, table.name)


def _snapshot(table: Table, stored: StoredTable, version: Version) -> int | None:
    """Return the snapshot to read; None where the table was empty then."""
    if version.snapshot is not None:
        known = [snapshot.id for snapshot in stored.snapshots]
        if version.snapshot not in known:
            raise StorageError(
                f"{table.qualified_name} has no {version.label}: it has expired, or was never there.",
                fix=f"Those that are there: {', '.join(map(str, known[-5:])) or 'none'}.",
            )
        return version.snapshot
    if version.at is None:
        return stored.current
    found = stored.snapshot_at(version.at)
    if found is None and version.batches:
        first = min((snapshot.at for snapshot in stored.snapshots), default=None)
        since = f"{first:%Y-%m-%d %H:%M:%S} UTC" if first else "now"
        raise StorageError(
            f"{table.qualified_name} cannot be read as it was at {version.label}: its snapshot has expired.",
            fix=f"It can be read as it was since {since}.",
        )
    return found


def _after(batches: Sequence[Batch], batch: Batch) -> Version:
    moment = _time(batch, State.COMMITTED)
    if moment is None:
        raise LedgerError(
            f"Batch {batch.id} of {batch.table} was never committed: it is {batch.state}.",
            fix=f"alur history {batch.table}",
        )
    return Version(f"batch {batch.id}", tuple(live_at(batches, moment)), moment)


def _batch(batches: Sequence[Batch], name: str | int) -> Batch | None:
    return next((one for one in batches if name in (one.id, epoch_of(one.id))), None)


def _number(at: At) -> int | None:
    if isinstance(at, int):
        return at
    return int(at) if isinstance(at, str) and at.isdigit() else None


def _moment(at: At) -> datetime | None:
    if isinstance(at, datetime):
        moment = at
    elif isinstance(at, date):
        moment = datetime(at.year, at.month, at.day)  # noqa: DTZ001 - the zone is set below
    else:
        try:
            moment = datetime.fromisoformat(str(at).strip())
        except ValueError:
            return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _time(batch: Batch, state: State) -> datetime | None:
    text = batch.times.get(state.lower())
    return None if text is None else _moment(text)


def _before(batch: Batch, state: State, moment: datetime) -> bool:
    time = _time(batch, state)
    return time is not None and time <= moment

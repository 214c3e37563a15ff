"""The embedded lake: a batch is staged beside the warehouse, and published by one rename."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import SettingsError, StorageError
from alur_nb.runtime.globs import is_hidden
from alur_nb.runtime.iceberg import IcebergTable
from alur_nb.runtime.iceberg_catalog import identifier, is_available, open_catalog
from alur_nb.runtime.iceberg_jar import SETUP
from alur_nb.runtime.iceberg_metadata import StoredTable
from alur_nb.runtime.iceberg_tables import ensure, load_local
from alur_nb.runtime.lake import Survey, aborted_prefix, storage_errors
from alur_nb.runtime.ledger import BATCH_ID_WIDTH, Batch
from alur_nb.runtime.tables import REJECTS_SUFFIX, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class LocalLake:
    """`.alur/warehouse/<layer>/<table>/batch_id=<id>/`, with staging beside it on the same file system."""

    def __init__(self, root: Path) -> None:
        self.warehouse = root / "warehouse"
        self.staging = root / "staging"

    def prepare(self, table: Table, added: Collection[str] = ()) -> tuple[str, ...]:
        """Create or evolve an Iceberg table; Parquet is its folders, and old files lack new columns, read as null."""
        if table.format != "iceberg":
            return ()
        with commits_held(self.warehouse, table.qualified_name):
            return ensure(self._session(), table, self._identifier(table.qualified_name), added=added)

    def add_columns(self, table: Table, added: Mapping[str, str]) -> None:
        """Add them to an Iceberg table; of Parquet the ledger's word is enough for our readers."""
        if table.format == "iceberg":
            from alur_nb.runtime.iceberg_spark import add_columns  # pyspark takes its time to import

            with commits_held(self.warehouse, table.qualified_name):
                add_columns(self._session(), self._identifier(table.qualified_name), added)

    def iceberg(self, batch: Batch) -> IcebergTable | None:
        """Return the table in the hadoop catalog whose warehouse is this lake's."""
        if batch.publication.format != "iceberg":
            return None
        from alur_nb.runtime.iceberg_spark import SparkIcebergTable  # pyspark takes its time to import

        return SparkIcebergTable(
            self._session(),
            batch.table,
            self._identifier(batch.table),
            lambda sealed: self.stage_uri(sealed.data_prefix or ""),
            lambda: commits_held(self.warehouse, batch.table),
        )

    def iceberg_name(self, table: str) -> str:
        """Name it in the catalog `alur`, which is opened on this warehouse first."""
        self._session()
        return self._identifier(table)

    def stored(self, table: Table) -> StoredTable | None:
        """Read the newest metadata file of the table's folder."""
        return load_local(self._table(table.qualified_name))

    def refuse_leftovers(self, table: str, batch_id: str) -> None:
        """The one cheap guard against a ledger that was restored or deleted: then epochs come again."""
        for kind in (table, table + REJECTS_SUFFIX):
            found = [self._published(kind, batch_id), *(self.staging / kind).glob(f"batch_id={batch_id}*")]
            for folder in found:
                if folder.exists():
                    raise StorageError(
                        f"{folder} exists already, although batch {batch_id} of {table} is new.",
                        fix="The ledger was restored or deleted behind the lake: put the ledger that belongs to this "
                        "lake back, or start both anew in an empty .alur folder.",
                    )

    def stage_uri(self, prefix: str) -> str:
        """Return the staged prefix as a `file://` URI."""
        return _uri(self.staging / prefix)

    def staged_files(self, prefix: str) -> tuple[str, ...]:
        """List the files and flush each to the disk: after SEAL they may have to outlive a power cut."""
        folder = self.staging / prefix
        files = sorted(folder.rglob("*.parquet"))
        for path in files:
            with storage_errors(path), path.open("rb") as stream:
                os.fsync(stream.fileno())
        return tuple(path.relative_to(folder).as_posix() for path in files)

    def staged_batches(self, table: str) -> frozenset[str]:
        """Look for the folders of rows and of rejects."""
        folders = [
            path
            for kind in (table, table + REJECTS_SUFFIX)
            for path in (self.staging / kind).glob("batch_id=*")
        ]
        return frozenset(path.name.removeprefix("batch_id=")[:BATCH_ID_WIDTH] for path in folders)

    def publish(self, batch: Batch) -> None:
        """Rename the sealed rows and rejects into the warehouse, in either order."""
        if batch.data_prefix is not None and batch.publication.format == "parquet":
            self._rename(batch.data_prefix, self._published(batch.table, batch.id))
        if batch.rejects_prefix is not None:
            self._rename(batch.rejects_prefix, self._published(batch.table + REJECTS_SUFFIX, batch.id))

    def discard(self, batch: Batch) -> None:
        """Delete the batch's folders below `staging`."""
        for table in (batch.table, batch.table + REJECTS_SUFFIX):
            for folder in (self.staging / table).glob(f"batch_id={batch.id}*"):
                # A run that was taken over may still be writing here; what stays is found by the next recovery.
                shutil.rmtree(folder, ignore_errors=True)

    def forget_aborted(self, table: str) -> None:
        """Delete the folder; StorageError where raw lines stay in it."""
        folder = self.staging / aborted_prefix(table)
        with storage_errors(folder), suppress(FileNotFoundError):  # deleted before, or by another owner now
            if folder.exists():
                shutil.rmtree(folder)

    def clean(self, batch: Batch) -> None:
        """Delete the batch's folders in the warehouse, then what is left of it in staging."""
        for table in (batch.table, batch.table + REJECTS_SUFFIX):
            folder = self._published(table, batch.id)
            with (
                storage_errors(folder),
                suppress(FileNotFoundError),
            ):  # cleaned before, or by another owner now
                shutil.rmtree(folder)
        self.discard(batch)

    def forget_rejects(self, batch: Batch) -> None:
        """Delete the folder of the batch's rejects in the warehouse."""
        folder = self._published(batch.table + REJECTS_SUFFIX, batch.id)
        with storage_errors(folder), suppress(FileNotFoundError):  # deleted before
            shutil.rmtree(folder)

    def batch_uris(self, table: str, batches: Sequence[Batch]) -> list[str]:
        """Return one directory a batch, leaving out those without rows of this kind."""
        rejects = table.endswith(REJECTS_SUFFIX)
        uris = []
        for batch in batches:
            if (batch.rejects_prefix if rejects else batch.data_prefix) is None:
                continue
            folder = self._published(table, batch.id)
            if not folder.is_dir():
                raise StorageError(
                    f"Batch {batch.id} of {table} is committed, but {folder} is gone.",
                    fix="Restore the folder from a backup; rows were deleted outside of alur-nb.",
                )
            uris.append(_uri(folder))
        return uris

    def table_uri(self, table: str) -> str:
        """Return the table's directory as a `file://` URI."""
        return _uri(self._table(table))

    def survey(self, table: str, batches: Sequence[Batch]) -> Survey:
        """Walk through the table's folder; what lies there is what other engines see."""
        ids = {batch.id for batch in batches}
        folders = {path.name: path for path in self._table(table).glob("batch_id=*")}
        files = {
            batch_id: frozenset(
                path.relative_to(folder).as_posix()
                for path in folder.rglob("*.parquet")
                if not any(map(is_hidden, path.relative_to(folder).parts))
            )
            for batch_id in ids
            for folder in [self._published(table, batch_id)]
        }
        strays = sorted(name for name in folders if name.removeprefix("batch_id=") not in ids)
        return Survey(files, tuple(strays))

    def _session(self) -> SparkSession:
        spark = get_spark_session()
        if not is_available(spark):
            raise SettingsError(
                "Spark runs without Iceberg here, which this table needs.",
                fix=f"Fetch it once, in a terminal: {SETUP}. Then start the kernel, or the command, anew.",
            )
        open_catalog(spark, self.warehouse)
        return spark

    @staticmethod
    def _identifier(table: str) -> str:
        layer, _, name = table.partition(".")
        return identifier(layer, name)

    def _table(self, table: str) -> Path:
        layer, _, name = table.partition(".")
        return self.warehouse / layer / name

    def _published(self, table: str, batch_id: str) -> Path:
        return self._table(table) / f"batch_id={batch_id}"

    def _rename(self, prefix: str, target: Path) -> None:
        source = self.staging / prefix
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.exists() and not target.exists():
                with suppress(
                    FileNotFoundError
                ):  # another owner renamed it a moment ago: the check below decides
                    os.rename(source, target)
                _flush_folder(target.parent)
        if source.exists() or not target.exists():
            state = "both in staging and published" if source.exists() else "neither in staging nor published"
            raise StorageError(
                f"Cannot publish {target}: the batch is {state}.",
                fix="Folders were moved or a ledger restored outside of alur-nb; nothing more is changed until "
                f"{source} and {target} are looked at.",
            )


@contextmanager
def commits_held(warehouse: Path, table: str) -> Iterator[None]:
    """Hold off other processes: the hadoop catalog looks for the next version's file and then renames its own.

    Between the two another process may have done so too, and a local rename replaces what is there (Hadoop's
    RawLocalFileSystem.rename). A lock of the operating system ends with its process. Whoever holds the table's lease
    as well takes it first; and nobody who holds the lock takes it again.
    """
    path = warehouse.parent / "locks" / table
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _uri(path: Path) -> str:
    # Hadoop takes the path as it stands: an encoded URI would become a folder named `batch_id%3D..`.
    return f"file://{path.as_posix()}"


def _flush_folder(folder: Path) -> None:
    """Make a rename outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

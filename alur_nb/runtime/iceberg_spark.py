"""An Iceberg table through Spark: its snapshots by Iceberg's own Java objects, its rows by Spark's writers and SQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.iceberg import MovedError
from alur_nb.runtime.iceberg_history import changed_versions
from alur_nb.runtime.iceberg_schema import BATCH_ID
from alur_nb.runtime.iceberg_tables import java_table
from alur_nb.runtime.lake import quoted, storage_errors
from alur_nb.runtime.ledger import Batch

_DELETED = "alur_deleted"
_BRANCH = "alur_"
# What Iceberg says where a commit was made for a snapshot that others have moved on from, and where it does not know
# whether its commit has landed (org.apache.iceberg.exceptions; SnapshotManager and UpdateSnapshotReferencesOperation
# say the last two with an IllegalArgumentException).
_MOVED = (
    "ValidationException",
    "CommitFailedException",
    "CommitStateUnknownException",
    "Cannot find snapshot",  # the pin itself has expired since
    "is not an ancestor of",
    "Ref does not exist",
    "Branch does not exist",
)
_TRIES = 5
Lock = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class SparkIcebergTable:
    """An `iceberg.IcebergTable` in this process's session."""

    spark: SparkSession
    name: str
    """`layer.table`, for messages."""
    identifier: str
    """The table in SQL, quoted, in three parts."""
    rows_uri: Callable[[Batch], str]
    """Where a batch's sealed rows lie."""
    lock: Lock
    """Holds off the commits of other processes, where the catalog itself cannot tell them apart."""

    def pin(self) -> str:
        """Return the current snapshot's id."""
        table = self._table()
        if table.currentSnapshot() is None:
            with self.lock(), _refusals():
                table.newAppend().commit()
        return str(table.currentSnapshot().snapshotId())

    def holds(self, pin: str, batch_id: str) -> bool:
        """Ask the files' metrics first: a new id is greater than all that are there, and then no file is read."""
        jvm: Any = self.spark._jvm
        wanted = jvm.org.apache.iceberg.expressions.Expressions.equal(BATCH_ID, batch_id)
        with _refusals():
            files = self._table().newScan().useSnapshot(int(pin)).filter(wanted).planFiles()
            try:
                may_hold = files.iterator().hasNext()
            finally:
                files.close()
            return may_hold and bool(self.at(pin).where(F.col(BATCH_ID) == batch_id).head(1))

    def at(self, pin: str) -> DataFrame:
        """Return the table's rows at a snapshot, with the columns that the table has now: a snapshot has its own."""
        with _refusals():
            found = self.spark.sql(f"SELECT * FROM {self.identifier} VERSION AS OF {int(pin)}")
        return self._fitted(found)

    def append(self, pin: str, batch: Batch) -> None:
        """Overwrite the rows of this batch id, of which there are none: that is what Iceberg validates from the pin."""
        rows = self._rows(batch)
        if rows is not None:
            self._overwrite(pin, rows, F.col(BATCH_ID) == batch.id)

    def overwrite(self, pin: str, batch: Batch) -> None:
        """Overwrite all rows; with partitions those of them that the batch has rows in."""
        rows = self._rows(batch)
        if not batch.publication.partitions:
            self._replace(pin, rows)
        elif rows is not None:
            with self.lock(), _refusals():
                self._writer(pin, rows).overwritePartitions()

    def merge(self, pin: str, batch: Batch) -> None:
        """Merge on a branch of the pin, and let the table follow it; whole anew where the batch supersedes others."""
        rows, how = self._rows(batch), batch.publication
        last = None if rows is None else _last(_marked(rows, how.delete_when), how.key, how.sequence_by)
        if batch.supersedes:
            kept = None if last is None else last.where(~F.col(_DELETED)).drop(_DELETED)
            self._replace(pin, kept)
        elif last is not None:
            newer = _newer(how.sequence_by)
            self._merge_on_branch(pin, last, [_same(name) for name in how.key], newer)

    def keep_history(self, pin: str, batch: Batch) -> None:
        """Merge the versions that the batch adds, closes or takes away."""
        rows, how = self._rows(batch), batch.publication
        marked = None if rows is None else _marked(rows, how.delete_when)
        known = self.at(pin)
        if batch.supersedes:
            known = known.limit(0)
        if marked is not None:
            time = how.sequence_by or "_ingested_at"
            changes = changed_versions(known, marked, how.key, time, batch.id, _DELETED)
            if not batch.supersedes:
                self._merge_on_branch(pin, changes, [_same(name) for name in (*how.key, "valid_from")], "")
                return
            marked = changes.where(~F.col(_DELETED)).drop(_DELETED)
        if batch.supersedes:
            self._replace(pin, marked)

    def delete(self, batch_id: str) -> None:
        """Delete by SQL; where a compaction came in between it is done again on what that has left."""
        for again in range(_TRIES):
            try:
                with self.lock(), _refusals():
                    self.spark.sql(
                        f"DELETE FROM {self.identifier} WHERE {BATCH_ID} = '{batch_id}'"  # an id is digits and a dash
                    )
            except MovedError as error:
                if again == _TRIES - 1:
                    raise StorageError(
                        f"The rows of batch {batch_id} of {self.name} could not be deleted: {error}",
                        fix="Run again once nobody else changes the table: the next run deletes them.",
                    ) from error
            else:
                return

    def _table(self) -> Any:
        with storage_errors(self.identifier):
            return java_table(self.spark, self.identifier)

    def _rows(self, batch: Batch) -> DataFrame | None:
        """Return the sealed rows with the table's columns; None where there are none."""
        if batch.data_prefix is None:
            return None
        uri = self.rows_uri(batch)
        gone = StorageError(
            f"{uri} does not hold the {len(batch.files)} files of batch {batch.id} any more.",
            fix="Restore them; they were deleted outside of alur-nb.",
        )
        try:
            staged = self.spark.read.parquet(literal_uri(uri))
        except AnalysisException as error:  # no such folder, or none of its files
            raise gone from error
        if len(staged.inputFiles()) != len(batch.files):
            raise gone
        staged = staged.withColumn(BATCH_ID, F.lit(batch.id))
        known = self.spark.table(self.identifier).columns
        unknown = [name for name in staged.columns if name not in known]
        if unknown:
            raise StorageError(
                f"{self.name} has no column {', '.join(unknown)}, which batch {batch.id} brings.",
                fix="Add it to the table again: it was dropped after the batch had been sealed.",
            )
        return self._fitted(staged)

    def _fitted(self, frame: DataFrame) -> DataFrame:
        wanted, given = self.spark.table(self.identifier).schema, set(frame.columns)
        columns = [F.col(quoted(field.name)) if field.name in given else F.lit(None) for field in wanted]
        return frame.select(
            *(
                column.cast(field.dataType).alias(field.name)
                for column, field in zip(columns, wanted, strict=True)
            )
        )

    def _writer(self, pin: str, rows: DataFrame) -> Any:
        writer = rows.writeTo(self.identifier).option("isolation-level", "serializable")
        return writer.option("validate-from-snapshot-id", pin)

    def _overwrite(self, pin: str, rows: DataFrame, condition: Column) -> None:
        with self.lock(), _refusals():
            self._writer(pin, rows).overwrite(condition)

    def _replace(self, pin: str, rows: DataFrame | None) -> None:
        if rows is None:
            rows = self.spark.createDataFrame([], self.spark.table(self.identifier).schema)
        self._overwrite(pin, rows, F.lit(True))

    def _merge_on_branch(self, pin: str, rows: DataFrame, on: list[str], newer: str) -> None:
        # A MERGE on the table itself would be made for the snapshot that it finds when it begins, whatever was pinned.
        view = f"{_BRANCH}{uuid.uuid4().hex}"
        columns = [name for name in rows.columns if name != _DELETED]
        values = ", ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in columns)
        names = ", ".join(map(quoted, columns))
        rows.createOrReplaceTempView(view)
        try:
            with self.lock(), _refusals(), self._branch(pin, view):
                self.spark.sql(
                    f"MERGE INTO {self.identifier}.branch_{view} t USING {view} s ON {' AND '.join(on)} "
                    f"WHEN MATCHED AND s.{_DELETED}{newer} THEN DELETE "
                    f"WHEN MATCHED AND NOT s.{_DELETED}{newer} THEN UPDATE SET {values} "
                    f"WHEN NOT MATCHED AND NOT s.{_DELETED} THEN "
                    f"INSERT ({names}) VALUES ({', '.join(f's.{quoted(name)}' for name in columns)})"
                )
        finally:
            self.spark.catalog.dropTempView(view)

    @contextmanager
    def _branch(self, pin: str, name: str) -> Iterator[None]:
        """Make a branch of the pin for the block, and then let the table follow it if it is at the pin still."""
        table = self._table()
        changes = table.manageSnapshots()
        for left in [ref for ref in table.refs() if ref.startswith(_BRANCH)]:
            # Of an owner that died; one that lives is refused, and begins anew.
            changes = changes.removeBranch(left)
        changes.createBranch(name, int(pin)).commit()
        yield
        # Iceberg itself refuses a table that is at no ancestor of the branch; an older ancestor is for us to refuse.
        table = self._table()
        if str(table.currentSnapshot().snapshotId()) != pin:
            raise MovedError(f"{self.name} is at no ancestor of the merge any more")
        table.manageSnapshots().fastForwardBranch("main", name).removeBranch(name).commit()


def _marked(rows: DataFrame, delete_when: str | None) -> DataFrame:
    condition = F.expr(delete_when) if delete_when else F.lit(False)
    return rows.withColumn(_DELETED, F.coalesce(condition, F.lit(False)))


def _last(rows: DataFrame, key: tuple[str, ...], sequence_by: str | None) -> DataFrame:
    """Return the last row of each key; without a sequence the audit has seen that there is one only."""
    if sequence_by is None:
        return rows
    from pyspark.sql import Window

    order = Window.partitionBy(*map(quoted, key)).orderBy(F.col(quoted(sequence_by)).desc())
    return (
        rows.withColumn("alur_place", F.row_number().over(order)).where("alur_place = 1").drop("alur_place")
    )


def _same(name: str) -> str:
    return f"t.{quoted(name)} = s.{quoted(name)}"


def _newer(sequence_by: str | None) -> str:
    """Return when a row takes the place of the one that is there: never for one that is later by its sequence."""
    if sequence_by is None:
        return ""
    name = quoted(sequence_by)
    return f" AND (t.{name} IS NULL OR s.{name} >= t.{name})"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        said = _said(error)
        if any(sign in said for sign in _MOVED):
            raise MovedError(said.splitlines()[0]) from error
        with storage_errors("an Iceberg table"):
            raise


def _said(error: Exception) -> str:
    """Return what Java said, with its causes: Spark wraps what a commit raises."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    lines: list[str] = []
    while java is not None and len(lines) < 10:
        lines.append(str(java.toString()))
        java = java.getCause()
    return "\n".join(lines) or str(error)


def add_columns(spark: SparkSession, identifier: str, added: Mapping[str, str]) -> None:
    """Add the columns that the table lacks, name -> type; their older rows are null."""
    known = spark.table(identifier).columns
    missing = [f"{quoted(name)} {ddl}" for name, ddl in added.items() if name not in known]
    if missing:
        spark.sql(f"ALTER TABLE {identifier} ADD COLUMNS ({', '.join(missing)})")

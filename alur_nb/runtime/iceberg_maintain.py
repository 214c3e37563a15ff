"""Looks after one Iceberg table: small files are put together, old snapshots and files of no snapshot go.

Each step is a commit of Iceberg's own, or touches no file that a snapshot has; stopped anywhere, the table is whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.errors import plural
from alur_nb.runtime.iceberg_catalog import CATALOG

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

SNAPSHOT_DAYS = 7
"""So far back a table can be read as it was."""
KEPT_SNAPSHOTS = 10
"""So many stay however old they are: a table that is written once a month keeps its last versions."""
ORPHAN_DAYS = 3
"""A file that no snapshot has may be one that is being written; Iceberg's own guard, never to be shortened."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table."""

    table: str
    files_rewritten: int = 0
    files_written: int = 0
    bytes_rewritten: int = 0
    snapshots_expired: int = 0
    files_deleted: int = 0
    orphans_removed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        done = []
        if self.files_rewritten:
            done.append(f"{plural(self.files_rewritten, 'file')} put together into {self.files_written:,}")
        if self.snapshots_expired:
            done.append(f"{plural(self.snapshots_expired, 'snapshot')} expired")
        if self.files_deleted:
            done.append(f"{plural(self.files_deleted, 'file')} of them deleted")
        if self.orphans_removed:
            done.append(f"{plural(self.orphans_removed, 'file')} of no snapshot removed")
        return f"{self.table}: {', '.join(done) or 'nothing to do'}"


def statements(database: str, table: str, now: datetime) -> dict[str, str]:
    """Return the calls of Iceberg's procedures, in their order (its documentation, "Spark Procedures")."""
    name = f"{database}.{table}"
    expire = _timestamp(now - timedelta(days=SNAPSHOT_DAYS))
    orphans = _timestamp(now - timedelta(days=ORPHAN_DAYS))
    return {
        "rewrite": f"CALL {CATALOG}.system.rewrite_data_files(table => '{name}')",
        "expire": f"CALL {CATALOG}.system.expire_snapshots(table => '{name}', older_than => {expire}, "
        f"retain_last => {KEPT_SNAPSHOTS})",
        "orphans": f"CALL {CATALOG}.system.remove_orphan_files(table => '{name}', older_than => {orphans})",
    }


def maintain(
    spark: SparkSession, database: str, table: str, *, label: str, now: datetime | None = None
) -> Maintained:
    """Do all three; only for whoever holds the table's lease, with every batch recovered: no batch is between steps.

    A file of a batch that is sealed and not yet published is in no snapshot, and lies below the table on S3.
    """
    calls = statements(database, table, now or datetime.now(UTC))
    before = _snapshots(spark, database, table)
    rewritten = _call(spark, calls["rewrite"])
    expired = _call(spark, calls["expire"])
    orphans = spark.sql(calls["orphans"]).count()
    after = _snapshots(spark, database, table)
    return Maintained(
        label,
        files_rewritten=rewritten["rewritten_data_files_count"],
        files_written=rewritten["added_data_files_count"],
        bytes_rewritten=rewritten["rewritten_bytes_count"],
        snapshots_expired=len(before - after),
        files_deleted=sum(expired[name] or 0 for name in expired.__fields__ if name.endswith("_count")),
        orphans_removed=orphans,
    )


def _call(spark: SparkSession, statement: str) -> Row:
    return spark.sql(statement).collect()[0]


def _snapshots(spark: SparkSession, database: str, table: str) -> set[int]:
    rows = spark.sql(f"SELECT snapshot_id FROM {CATALOG}.`{database}`.`{table}`.snapshots").collect()
    return {row.snapshot_id for row in rows}


def _timestamp(moment: datetime) -> str:
    # Procedures take literals only; the session's zone is UTC.
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"

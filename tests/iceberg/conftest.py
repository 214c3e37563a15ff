"""Real Iceberg for the proofs: a table of three columns in a catalog of its own, and what may happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.runtime.iceberg_catalog import identifier, open_catalog
from alur_nb.runtime.iceberg_spark import SparkIcebergTable
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.write_modes import Publication

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = "k int, v string, place string"
NAME = "silver.t"


@dataclass
class Bench:
    """One Iceberg table, staged batches for it, and a ledger of them in a dict."""

    spark: SparkSession
    folder: Path
    how: Publication
    batches: dict[str, Batch]

    @property
    def identifier(self) -> str:
        return identifier("silver", "t")

    def owner(self) -> SparkIcebergTable:
        """Return the table as one owner has it."""
        return SparkIcebergTable(
            self.spark,
            NAME,
            self.identifier,
            lambda batch: f"file://{self.folder}/{batch.data_prefix}",
            nullcontext,
        )

    def seal(self, number: int, *rows: tuple[Any, ...], supersedes: tuple[str, ...] = ()) -> str:
        """Stage rows as a batch, which is SEALED."""
        batch_id = f"{number:08d}-0001"
        prefix = f"{NAME}/batch_id={batch_id}"
        if rows:
            frame = self.spark.createDataFrame(list(rows), COLUMNS)
            frame.coalesce(1).write.parquet(f"file://{self.folder}/{prefix}")
        files = tuple(path.name for path in (self.folder / prefix).glob("*.parquet"))
        self.batches[batch_id] = Batch(
            NAME,
            batch_id,
            State.SEALED,
            number,
            "p",
            "r",
            supersedes=supersedes,
            data_prefix=prefix if rows else None,
            files=files,
            publication=self.how,
        )
        return batch_id

    def move(self, batch_id: str, state: State) -> None:
        self.batches[batch_id] = replace(self.batches[batch_id], state=state)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return `k, v, batch number` of the current snapshot, sorted."""
        found = self.spark.table(self.identifier).collect()
        return sorted((row.k, row.v, int(row.batch_id.split("-")[0])) for row in found)

    def compact(self) -> None:
        """Write all files anew, as Glue's optimizer may at any moment."""
        self.spark.sql(
            "CALL alur.system.rewrite_data_files(table => 'silver.t', options => map('rewrite-all', 'true'))"
        ).collect()

    def expire(self) -> None:
        """Forget every snapshot but the last."""
        self.spark.sql(
            "CALL alur.system.expire_snapshots(table => 'silver.t', retain_last => 1, "
            "older_than => TIMESTAMP '2100-01-01 00:00:00')"
        ).collect()


@pytest.fixture
def bench(iceberg: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A fresh table; the test's `how` parameter says how batches join it."""
    open_catalog(iceberg, tmp_path / "warehouse")
    made = Bench(iceberg, tmp_path / "staging", request.param, {})
    iceberg.sql(
        f"CREATE TABLE {made.identifier} ({COLUMNS}, batch_id string) USING iceberg PARTITIONED BY (place) "
        "TBLPROPERTIES ('format-version'='2', 'write.metadata.metrics.column.batch_id'='full')"
    )
    yield made
    iceberg.sql(f"DROP TABLE {made.identifier}")

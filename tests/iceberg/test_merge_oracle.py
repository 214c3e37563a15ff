"""Random batches with duplicates, deletes and late rows, each published twice, on real Iceberg: the oracle's result."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb import DateField, IntegerField, SilverTable, StringField
from alur_nb.runtime import iceberg as protocol
from alur_nb.runtime.lake import data_prefix
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.write_modes import publication_of
from tests.iceberg.oracle import History, Merged, Row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
FIRST = date(2026, 1, 1)
SHOWN = {"merge": ["k", "at", "v"], "history": ["k", "at", "v", "valid_from", "valid_to", "is_current"]}


def random_batch(chance: random.Random) -> list[Row]:
    """Return rows of few keys and days, so that they meet; no two of one key and day."""
    found = {}
    for _ in range(chance.randrange(1, 9)):
        key, day = chance.randrange(4), FIRST + timedelta(days=chance.randrange(8))
        found[key, day] = Row(key, day, chance.choice(["a", "b", "c", "gone"]))
    return list(found.values())


def things(kind: str) -> Table:
    """A table that merges by `k`, or keeps history."""

    class ThingsSilver(SilverTable):
        k = IntegerField()
        at = DateField()
        v = StringField()

        class Meta:
            primary_key = ["k"]
            sequence_by = "at"
            delete_when = "v = 'gone'"
            scd_type = 2 if kind == "history" else 1

    return ThingsSilver.__table__


@pytest.mark.parametrize("kind", ["merge", "history"])
def test_the_table_is_what_the_oracle_says(
    iceberg: SparkSession, tmp_path: Path, project: Project, kind: str
) -> None:
    table, lake, chance = things(kind), LocalLake(tmp_path), random.Random(kind)
    lake.prepare(table)
    name = lake.iceberg_name(table.qualified_name)
    oracle: Any = History() if kind == "history" else Merged()
    shown = SHOWN[kind]
    for number in range(1, 8):
        rows = random_batch(chance)
        batch = _sealed(iceberg, lake, table, number, rows)
        oracle.take(rows)
        for again in (False, True):
            if again:
                iceberg.sql(
                    "CALL alur.system.rewrite_data_files(table => 'silver.things', "
                    "options => map('rewrite-all', 'true'))"
                ).collect()
            found = lake.iceberg(batch)
            assert found is not None
            assert protocol.publish(found, lambda batch=batch: batch)
            there = sorted((tuple(row) for row in iceberg.table(name).select(*shown).collect()), key=_order)
            assert there == sorted(oracle.result(), key=_order), f"batch {number}: {rows}"


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # The delete has left no trace: what says that it is older than the delete is a new row all the same.
        ("merge", [(1, on(3), "older"), (2, on(8), "newer")]),
        # The ended version is there: the older row is put before it, and brings nothing back.
        (
            "history",
            [
                (1, on(3), "older", on(3), on(5), False),
                (1, on(5), "first", on(5), on(6), False),
                (2, on(5), "first", on(5), on(6), False),
                (2, on(8), "newer", on(8), None, True),
            ],
        ),
    ],
)
def test_a_row_that_comes_after_the_delete_of_its_key(
    iceberg: SparkSession, tmp_path: Path, project: Project, kind: str, expected: list[tuple[Any, ...]]
) -> None:
    table, lake = things(kind), LocalLake(tmp_path)
    lake.prepare(table)
    for number, rows in enumerate(
        [
            [Row(1, on(5), "first"), Row(2, on(5), "first")],
            [Row(1, on(6), "gone"), Row(2, on(6), "gone")],
            [Row(1, on(3), "older"), Row(2, on(8), "newer")],
        ],
        1,
    ):
        batch = _sealed(iceberg, lake, table, number, rows)
        found = lake.iceberg(batch)
        assert found is not None and protocol.publish(found, lambda batch=batch: batch)
    there = iceberg.table(lake.iceberg_name(table.qualified_name)).select(*SHOWN[kind])
    assert sorted((tuple(row) for row in there.collect()), key=_order) == expected


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:3]


def _sealed(spark: SparkSession, lake: LocalLake, table: Any, number: int, rows: list[Row]) -> Batch:
    batch_id = f"{number:08d}-0001"
    prefix = data_prefix(table.qualified_name, batch_id)
    frame = spark.createDataFrame(rows, "k int, at date, v string").coalesce(1)
    frame.selectExpr("*", "timestamp'2026-01-01' _ingested_at").write.parquet(lake.stage_uri(prefix))
    batch = Batch(table.qualified_name, batch_id, State.SEALED, number, "p", "r", data_prefix=prefix)
    return replace(batch, files=lake.staged_files(prefix), publication=publication_of(table))

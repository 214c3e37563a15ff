"""What a preview takes a table that merges to hold once its rows to come are in: the oracle's result."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb import (
    BronzeTable,
    DateField,
    GoldTable,
    IntegerField,
    SilverTable,
    StringField,
    files,
    new,
    pipeline,
)
from alur_nb.authoring.preview import preview
from alur_nb.authoring.preview_merged import joined
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table, table_of
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land
from tests.iceberg.oracle import History, Merged, Row
from tests.iceberg.test_merge_oracle import random_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NOW = datetime(2026, 11, 27, tzinfo=UTC)
COLUMNS = "k int, at date, v string"
HISTORY = f"{COLUMNS}, valid_from date, valid_to date, is_current boolean"


def things(scd: int, sequence: str | None = "at") -> Table:
    class ThingsSilver(SilverTable):
        k = IntegerField()
        at = DateField()
        v = StringField()

        class Meta:
            primary_key = ["k"]
            sequence_by = sequence
            delete_when = "v = 'gone'"
            scd_type = scd

    return table_of(ThingsSilver)


def rows_of(frame: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


@pytest.mark.parametrize("kind", ["merge", "history"])
def test_rows_to_come_join_as_a_run_would_join_them(spark: SparkSession, project: Project, kind: str) -> None:
    is_history, chance = kind == "history", random.Random(kind)
    oracle: Any = History() if is_history else Merged()
    table = things(2 if is_history else 1)
    for _ in range(6):
        there = spark.createDataFrame(oracle.result(), HISTORY if is_history else COLUMNS)
        batch = random_batch(chance)
        oracle.take(batch)
        found = joined(table, there, [spark.createDataFrame(batch, COLUMNS)], NOW)
        assert found.columns == there.columns
        assert rows_of(found) == oracle.result()


def test_without_a_sequence_what_is_to_come_is_the_last(spark: SparkSession, project: Project) -> None:
    there = spark.createDataFrame([Row(1, date(2026, 2, 2), "a"), Row(2, date(2026, 2, 2), "a")], COLUMNS)
    coming = spark.createDataFrame([Row(1, date(2026, 1, 1), "b")], COLUMNS)
    found = joined(things(1, None), there, [coming], NOW)
    assert rows_of(found.select("k", "v")) == [(1, "b"), (2, "a")]


def test_gold_is_what_is_to_come(spark: SparkSession, project: Project) -> None:
    class TotalsGold(GoldTable):
        k = IntegerField()

    there, coming = (spark.createDataFrame([(k,)], "k int") for k in (1, 2))
    assert rows_of(joined(table_of(TotalsGold), there, [coming], NOW)) == [(2,)]
    assert joined(table_of(TotalsGold), there, [], NOW) is there


def test_a_preview_behind_a_merge_counts_each_key_once(
    spark: SparkSession, project: Project, workspace: Workspace, land: Land
) -> None:
    class RowsBronze(BronzeTable):
        k = IntegerField()
        at = DateField()
        v = StringField()

    class CurrentGold(GoldTable):
        v = StringField()
        since = DateField()

    target = things(2)

    @pipeline(sources={"rows": files("rows/*")}, target=RowsBronze)
    def ingest(rows: DataFrame) -> DataFrame:
        return rows

    @pipeline(sources={"rows": new(RowsBronze)}, target=target)
    def keep(rows: DataFrame) -> DataFrame:
        return rows

    @pipeline(sources={"things": target}, target=CurrentGold)
    def current(things: DataFrame) -> DataFrame:
        return things.where("is_current").selectExpr("v", "valid_from AS since")

    land("rows/1.csv", "k,at,v\n1,2026-01-01,a\n1,2026-01-03,c\n2,2026-01-02,b\n")
    land("rows/2.csv", "k,at,v\n1,2026-01-02,b\n2,2026-01-05,gone\n")
    found = preview(workspace, project, "current")
    assert found.columns == ("v", "since")
    assert found.rows == (("c", date(2026, 1, 3)),)

"""Two states of a table, compared: on frames, on batches of Parquet, and on snapshots of Iceberg."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.authoring.diffing import DiffReport, compare, diff
from alur_nb.authoring.operate import run
from alur_nb.runtime.iceberg_catalog import identifier, open_catalog
from alur_nb.runtime.iceberg_tables import ensure, load
from alur_nb.runtime.pipelines import files, pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.reading import read
from alur_nb.runtime.tables import BronzeTable, SilverTable, Table, table_of
from alur_nb.runtime.types import DoubleField, LongField, MapField, StringField
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = {
    "id": LongField(),
    "name": StringField(),
    "price": DoubleField(),
    "tags": MapField(StringField(), LongField()),
}
KEYED = Table("silver", "orders", "OrdersSilver", COLUMNS, primary_key=("id",), format="iceberg")
OLD = [(1, "a", 1.0, {"x": 1}), (2, "b", None, None), (3, "c", 3.0, None), (5, "e", float("nan"), None)]
NEW = [(1, "a", 1.0, {"x": 1}), (2, "B", 2.0, None), (4, "d", 4.0, None), (5, "e", float("nan"), None)]


def test_a_report_is_short() -> None:
    report = DiffReport("silver.orders", "batch 1", "now", ("id",), 3, 3, 1, 1, 1, {"name": 1}, [
        {"change": "added", "id": 4},
        {"change": "changed", "id": 2, "column": "name", "before": "b", "after": "B"},
    ])  # fmt: skip
    assert str(report).splitlines() == [
        "silver.orders: batch 1 -> now",
        "  rows: 3 -> 3",
        "  by id: 1 added, 1 removed, 1 changed",
        "  name: differs in 1 row",
        "    added: id=4",
        "    changed: id=2: name 'b' -> 'B'",
    ]
    assert report.to_dict()["examples"][1]["after"] == "B" and not report.is_equal
    assert "the same rows" in str(replace(report, added=0, removed=0, changed=0, columns={}, examples=()))


@pytest.mark.slow
def test_keys_are_compared_column_by_column(spark: SparkSession) -> None:
    old, new = (spark.createDataFrame(rows, KEYED.schema()) for rows in (OLD, NEW))
    report = compare(KEYED, old, new)
    assert (report.added, report.removed, report.changed) == (1, 1, 1)
    assert (report.rows_before, report.rows_after) == (4, 4)
    assert report.columns == {"name": 1, "price": 1}
    assert list(report.examples) == [
        {"change": "added", "id": 4},
        {"change": "removed", "id": 3},
        {"change": "changed", "id": 2, "column": "name", "before": "b", "after": "B"},
        {"change": "changed", "id": 2, "column": "price", "before": None, "after": 2.0},
    ]
    assert compare(KEYED, old, old).is_equal


@pytest.mark.slow
@pytest.mark.parametrize(("key", "notes"), [((), 0), (("name",), 1)])
def test_without_a_key_rows_are_compared_whole(spark: SparkSession, key: Any, notes: int) -> None:
    table = replace(KEYED, primary_key=key)
    twice = [*OLD, OLD[0], (9, None, None, None), (9, None, 1.0, None)]
    old, new = (spark.createDataFrame(rows, table.schema()) for rows in (twice, [*NEW, OLD[0], OLD[0]]))
    report = compare(table, old, new)
    # The first row is there once more, 2 and 3 and the 9s are gone, another 2 and a 4 are there.
    assert (report.added, report.removed, report.changed) == (3, 4, 0)
    assert (report.rows_before, report.rows_after) == (7, 6)
    assert len(report.notes) == notes


@pytest.mark.slow
def test_batches_of_parquet_are_compared(
    spark: SparkSession, workspace: Workspace, project: Project, land: Land
) -> None:
    meta = type("Meta", (), {"primary_key": "id"})
    table = type("OrdersBronze", (BronzeTable,), {"id": LongField(), "name": StringField(), "Meta": meta})
    pipeline(sources={"orders": files("orders/*.csv")}, target=table)(_ingest)
    for number in (1, 2):
        land(f"orders/{number}.csv", f"id,name\n{number},n\n")
        assert run(_name(project), project=project, workspace=workspace).ok
    report = diff(project, "orders", "1", workspace=workspace)
    assert (report.before[:6], report.after, report.rows_before, report.rows_after) == ("batch ", "now", 1, 2)
    assert (report.added, report.removed) == (1, 0)
    assert [row.id for row in read(table, at=1, workspace=workspace).collect()] == [1]
    assert read(table, at="2020-01-01", workspace=workspace).count() == 0


def _ingest(orders: Any) -> Any:
    return orders


def _name(project: Project) -> str:
    return next(iter(project.pipelines))


@pytest.mark.slow
def test_snapshots_are_compared_though_the_table_has_grown(
    iceberg: SparkSession, workspace: Workspace, project: Project, tmp_path: Path
) -> None:
    open_catalog(iceberg, workspace.settings.warehouse)
    meta = type("Meta", (), {"primary_key": "id"})
    first = type("OrdersSilver", (SilverTable,), {"id": LongField(), "Meta": meta})
    name = identifier("silver", "orders")
    ensure(iceberg, table_of(first), name)
    rest = [
        f"cast(null as {ddl}) {one}"
        for one, ddl in (("_ingested_at", "timestamp"), ("_source_system", "string"))
    ]
    rest += ["cast(null as string) _source_file", "'00000001-0001' batch_id"]
    iceberg.range(2).selectExpr("id", *rest).writeTo(name).append()
    before = load(iceberg, name)
    after = type("OrdersSilver", (SilverTable,), {"id": LongField(), "note": StringField(), "Meta": meta})
    ensure(iceberg, table_of(after), name)
    iceberg.range(2, 3).selectExpr("id", "'new' note", *rest).writeTo(name).append()
    assert before is not None and before.current is not None

    old = read(after, at=before.current, workspace=workspace)
    assert old.columns == ["id", "note"] and sorted(map(tuple, old.collect())) == [(0, None), (1, None)]
    report = diff(project, "orders", str(before.current), workspace=workspace)
    assert (report.added, report.removed, report.changed) == (1, 0, 0)
    assert read(after, at=before.snapshots[0].at, workspace=workspace).count() == 2

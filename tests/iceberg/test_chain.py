"""Landing -> bronze -> silver -> gold in Iceberg tables: twice, after one more file, and what may be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from alur_nb import (
    BronzeTable,
    GoldTable,
    IntegerField,
    LongField,
    SilverTable,
    StringField,
    files,
    new,
    pipeline,
)
from alur_nb.authoring.fsck import fsck
from alur_nb.authoring.preview import preview
from alur_nb.authoring.query import query
from alur_nb.runtime import rollback
from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import live
from alur_nb.runtime.project import Project
from alur_nb.runtime.reading import read
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.selection import Selection
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land
from tests.lake_state import iceberg_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("iceberg")]


FSCK = ("bronze.orders", "silver.orders", "gold.revenue")


def declare() -> dict[str, Any]:
    class OrdersBronze(BronzeTable):
        order_id = IntegerField()
        customer = StringField()
        amount = LongField()
        status = StringField()
        version = IntegerField()

        class Meta:
            format = "iceberg"

    class OrdersSilver(SilverTable):
        order_id = IntegerField()
        customer = StringField()
        amount = LongField()
        status = StringField()
        version = IntegerField()

        class Meta:
            primary_key = ["order_id"]
            sequence_by = "version"
            delete_when = "status = 'cancelled'"

    class RevenueGold(GoldTable):
        customer = StringField()
        revenue = LongField()

    landed = files("orders/*.csv", source_system="shop", strict=False, reject_limit=1)

    @pipeline(sources={"orders": landed}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"orders": new(OrdersBronze)}, target=OrdersSilver)
    def clean_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"orders": OrdersSilver}, target=RevenueGold)
    def revenue(orders: DataFrame) -> DataFrame:
        return orders.groupBy("customer").sum("amount").withColumnRenamed("sum(amount)", "revenue")

    return {"bronze": OrdersBronze, "silver": OrdersSilver, "gold": RevenueGold}


def rows(table: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in read(table).collect())


def states(report: RunReport) -> list[str]:
    for run in report.runs:
        if run.error is not None:
            raise run.error
    return [run.state for run in report.runs]


def test_the_chain(workspace: Workspace, project: Project, land: Land, iceberg: SparkSession) -> None:
    tables = declare()

    def run(**selection: Any) -> RunReport:
        return run_pipelines(workspace, project, selection=Selection(**selection))

    land(
        "orders/1.csv",
        "order_id,customer,amount,status,version\n1,ann,10,new,1\n2,bob,5,new,1\n3,bob,x,new,1\n",
    )
    assert states(run()) == ["loaded"] * 3
    assert rows(tables["bronze"]) == [(1, "ann", 10, "new", 1), (2, "bob", 5, "new", 1)]
    assert rows(tables["silver"]) == rows(tables["bronze"])
    assert rows(tables["gold"]) == [("ann", 10), ("bob", 5)]

    before = iceberg.sparkContext._jsc.sc().dagScheduler().nextJobId()
    assert states(run()) == ["nothing new"] * 3
    assert iceberg.sparkContext._jsc.sc().dagScheduler().nextJobId() == before

    land(
        "orders/2.csv",
        "order_id,customer,amount,status,version\n2,bob,7,paid,2\n1,ann,10,cancelled,2\n4,eve,1,new,1\n",
    )
    # The whole chain previews from the landing file: what a merge will do to rows that are there is not in it.
    shown = preview(workspace, project, "revenue")
    assert shown.verdict == "would load"
    report = run()
    assert states(report) == ["loaded"] * 3
    assert [one.rows for one in report.runs] == [3, 3, 2]
    assert len(rows(tables["bronze"])) == 5
    assert rows(tables["silver"]) == [(2, "bob", 7, "paid", 2), (4, "eve", 1, "new", 1)]
    assert rows(tables["gold"]) == [("bob", 7), ("eve", 1)]

    # Everything anew, through a table that merges, gives what is there.
    assert states(run(full=True)) == ["loaded"] * 3
    assert rows(tables["silver"]) == [(2, "bob", 7, "paid", 2), (4, "eve", 1, "new", 1)]
    assert rows(tables["gold"]) == [("bob", 7), ("eve", 1)]
    assert len(rows(tables["bronze"])) == 5
    _other_engines_agree(workspace, tables)
    found = query("SELECT count(*) AS n FROM silver.orders", project, workspace)
    assert str(found.rows[0][0]) == "2"
    assert [fsck(project, name, workspace=workspace).findings for name in FSCK] == [()] * 3
    iceberg.sql(f"DELETE FROM {workspace.lake.iceberg_name('bronze.orders')} WHERE order_id = 4")
    (finding,) = fsck(project, FSCK[0], workspace=workspace).findings
    assert "holds 4 rows, the ledger says 5" in finding.what

    (batch,) = live(workspace.ledger.batches("silver.orders"))
    with pytest.raises(LedgerError, match="--full"):
        rollback.roll_back(workspace, project, tables["silver"].__table__, [batch.id])


def _other_engines_agree(workspace: Workspace, tables: dict[str, Any]) -> None:
    """Read by pyiceberg, from the files alone: the live rows, and nothing of batches that are superseded."""
    for layer, name in (("bronze", "orders"), ("silver", "orders"), ("gold", "revenue")):
        names = list(tables[layer].__table__.columns)
        found = iceberg_rows(workspace.settings.warehouse / layer / name).select(names).to_pylist()
        assert sorted(tuple(row.values()) for row in found) == rows(tables[layer])


def test_a_changed_file_takes_the_place_of_its_rows(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class PricesBronze(BronzeTable):
        id = IntegerField()
        price = IntegerField()

        class Meta:
            format = "iceberg"

    landed = files("prices/*.csv", on_changed="replace")

    @pipeline(sources={"prices": landed}, target=PricesBronze)
    def ingest_prices(prices: DataFrame) -> DataFrame:
        return prices

    land("prices/1.csv", "id,price\n1,10\n")
    land("prices/2.csv", "id,price\n2,20\n")
    assert states(run_pipelines(workspace, project)) == ["loaded"]
    land("prices/1.csv", "id,price\n1,11\n3,30\n")
    (report,) = run_pipelines(workspace, project).runs
    assert (report.state, report.rows, len(report.supersedes)) == ("loaded", 3, 1)
    assert rows(PricesBronze) == [(1, 11), (2, 20), (3, 30)]
    assert states(run_pipelines(workspace, project)) == ["nothing new"]


def test_a_merged_table_is_loaded_anew_where_its_upstream_was_taken_back(
    workspace: Workspace, project: Project, land: Land
) -> None:
    tables = declare()
    land("orders/1.csv", "order_id,customer,amount,status,version\n1,ann,10,new,1\n")
    states(run_pipelines(workspace, project))
    land("orders/2.csv", "order_id,customer,amount,status,version\n1,ann,99,new,2\n2,bob,5,new,1\n")
    states(run_pipelines(workspace, project))
    newest = live(workspace.ledger.batches("bronze.orders"))[-1]
    with pytest.raises(LedgerError, match="--cascade"):
        rollback.roll_back(workspace, project, tables["bronze"].__table__, [newest.id])
    done = rollback.roll_back(workspace, project, tables["bronze"].__table__, [newest.id], cascade=True)
    assert any("loads the whole table anew" in note for note in done.notes)
    assert rows(tables["bronze"]) == [(1, "ann", 10, "new", 1)]
    (workspace.settings.root / "data" / "orders" / "2.csv").unlink()
    assert states(run_pipelines(workspace, project)) == ["nothing new", "loaded", "loaded"]
    assert rows(tables["silver"]) == [(1, "ann", 10, "new", 1)]
    assert rows(tables["gold"]) == [("ann", 10)]


def test_gold_overwrites_its_partitions_and_anew_all_of_them(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class SalesBronze(BronzeTable):
        day = StringField()
        amount = LongField()

    class DailyGold(GoldTable):
        day = StringField()
        total = LongField()

        class Meta:
            partition_by = ["day"]

    landed = files("sales/*.csv")

    @pipeline(sources={"sales": landed}, target=SalesBronze)
    def ingest_sales(sales: DataFrame) -> DataFrame:
        return sales

    @pipeline(sources={"sales": new(SalesBronze)}, target=DailyGold)
    def daily(sales: DataFrame) -> DataFrame:
        return sales.groupBy("day").sum("amount").withColumnRenamed("sum(amount)", "total")

    land("sales/1.csv", "day,amount\nmon,1\nmon,2\ntue,5\n")
    states(run_pipelines(workspace, project))
    land("sales/2.csv", "day,amount\ntue,7\n")
    states(run_pipelines(workspace, project))
    assert rows(DailyGold) == [("mon", 3), ("tue", 7)]
    states(run_pipelines(workspace, project, ["daily"], selection=Selection(full=True)))
    assert rows(DailyGold) == [("mon", 3), ("tue", 12)]


def test_an_append_table_gives_a_batch_back(workspace: Workspace, project: Project, land: Land) -> None:
    class EventsBronze(BronzeTable):
        id = IntegerField()

        class Meta:
            format = "iceberg"
            partition_by = ["id"]

    landed = files("events/*.csv")

    @pipeline(sources={"events": landed}, target=EventsBronze)
    def ingest_events(events: DataFrame) -> DataFrame:
        return events

    land("events/1.csv", "id\n1\n2\n")
    assert states(run_pipelines(workspace, project)) == ["loaded"]
    land("events/2.csv", "id\n2\n3\n")
    assert states(run_pipelines(workspace, project)) == ["loaded"]
    assert rows(EventsBronze) == [(1,), (2,), (2,), (3,)]
    newest = live(workspace.ledger.batches("bronze.events"))[-1]
    rollback.roll_back(workspace, project, EventsBronze.__table__, [newest.id])
    assert rows(EventsBronze) == [(1,), (2,)]
    assert states(run_pipelines(workspace, project)) == ["loaded"]
    assert rows(EventsBronze) == [(1,), (2,), (2,), (3,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,at,v\n1,1,a\n1,1,b\n", "one row for each id, at"), ("id,at,v\n,1,a\n", "id is never null")],
)
def test_a_batch_that_a_merge_cannot_decide_about_is_not_sealed(
    workspace: Workspace, project: Project, land: Land, text: str, said: str
) -> None:
    class ThingsSilver(SilverTable):
        id = IntegerField()
        at = IntegerField()
        v = StringField()

        class Meta:
            primary_key = ["id"]
            sequence_by = "at"

    landed = files("things/*.csv", contract=ThingsSilver)

    @pipeline(sources={"things": landed}, target=ThingsSilver)
    def ingest_things(things: DataFrame) -> DataFrame:
        return things

    land("things/1.csv", text)
    (one,) = run_pipelines(workspace, project).runs
    assert one.state == "failed"
    assert said in str(one.error)

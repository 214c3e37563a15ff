"""A small project like anybody's on the first day: what warms a fresh Java, and what lists the classes that it loads."""

from __future__ import annotations

from pathlib import Path

from alur_nb.runtime.contract import Table
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.iceberg_catalog import identifier, is_available, open_catalog
from alur_nb.runtime.pipelines import files
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import Expectation, no_nulls_in_column
from alur_nb.runtime.settings import SETTINGS_FILE
from alur_nb.runtime.types import (
    DateField,
    DecimalField,
    DoubleField,
    Field,
    IntegerField,
    StringField,
    TimestampField,
)
from alur_nb.runtime.workspace import Workspace, open_workspace

_LANDING = {
    "orders/1.csv": "order_id,customer,amount,ordered,at\n"
    + "".join(f"{n},c {n % 7},{n}.50,2024-01-{n % 28 + 1:02},2024-01-01T00:00:00Z\n" for n in range(200)),
    "orders/2.csv": "order_id,customer,amount,ordered,at\nx,c,1.0,2024-02-30,\n",
    "events/1.jsonl": '{"order_id": 1, "weight": 2.5}\n' * 50,
}


def lay(root: Path) -> Path:
    """Write the project's settings and landing files into a folder, which is made; return it."""
    for name, text in _LANDING.items():
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / SETTINGS_FILE).write_text("[project]\nclass_archive = false\n", encoding="utf-8")
    return root


def declared() -> Project:
    """Return its two ingestions; made without classes and decorators, so that no notebook hears of them."""
    orders = _table(
        "orders",
        order_id=IntegerField(nullable=False),
        customer=StringField(),
        amount=DecimalField(10, 2),
        ordered=DateField(),
        at=TimestampField(),
    )
    events = _table("events", order_id=IntegerField(nullable=False), weight=DoubleField())
    project = Project()
    project.declare_table(orders)
    project.declare_table(events)
    project.declare_pipeline(_ingestion(orders, "orders/*.csv"))
    project.declare_pipeline(_ingestion(events, "events/*.jsonl"))
    return project


def _table(name: str, **columns: Field) -> Table:
    return Table("bronze", name, name.title(), columns)


def _ingestion(target: Table, pattern: str) -> Pipeline:
    check = Expectation("has an id", no_nulls_in_column("order_id"))
    source = files(pattern, format=pattern.rpartition(".")[2], strict=False, reject_limit=1.0)
    return Pipeline(
        f"ingest_{target.name}", lambda rows: rows, {"rows": source}, target, expectations=(check,)
    )


def work(root: Path) -> None:
    """Preview, run and query everything in it, as a first day does."""
    from alur_nb.authoring import operate
    from alur_nb.authoring.query import query

    project, place = declared(), open_workspace(root)
    for name in project.order():
        str(operate.preview(name, project=project, workspace=place))
    operate.run_here(project=project, workspace=place)
    query("SELECT customer, count(*) AS orders FROM orders GROUP BY customer", project, place)
    _merge(place)


def _merge(place: Workspace) -> None:
    """Make, fill, merge and read an Iceberg table where the session has Iceberg; it takes Java longest of all."""
    from alur_nb.runtime.context import get_spark_session

    spark = get_spark_session()
    if not is_available(spark):
        return
    open_catalog(spark, place.settings.warehouse)
    name = identifier("silver", "orders")
    spark.sql(f"CREATE TABLE {name} (id BIGINT, n INT, batch_id STRING) USING iceberg")
    spark.range(100).selectExpr("id", "1 n", "'1' batch_id").writeTo(name).append()
    spark.range(50, 150).selectExpr("id", "2 n", "'2' batch_id").createOrReplaceTempView("alur_first_day")
    spark.sql(
        f"MERGE INTO {name} t USING alur_first_day s ON t.id = s.id "
        "WHEN MATCHED AND s.batch_id >= t.batch_id THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    spark.catalog.dropTempView("alur_first_day")
    spark.table(name).where("batch_id = '2'").count()


def preview(root: Path) -> None:
    """Preview its CSV files: what most people do first."""
    from alur_nb.authoring import operate

    operate.preview("ingest_orders", project=declared(), workspace=open_workspace(root))

"""What is killed on real Iceberg: a chain whose tables are appended to, merged into and overwritten, at a step of one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from alur_nb.runtime.iceberg_spark import SparkIcebergTable
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace, open_workspace
from tests.crash.kill_story import Dying, die

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TABLES = {"bronze.orders": "append", "silver.orders": "merge", "gold.revenue": "overwrite"}
"""How each table of the chain is published."""
POINTS = tuple(
    f"{table} {step}"
    for table, mode in TABLES.items()
    for step in (
        "before ledger.seal",
        "after ledger.seal",
        "after iceberg.pin",
        f"before iceberg.{mode}",
        *(("on the branch", "before the table follows") if mode == "merge" else ()),
        f"after iceberg.{mode}",
        "before ledger.commit",
        "after ledger.commit",
    )
)
# Where the decision falls: the others are played by `make test-crash`.
DECISIVE = ("silver.orders before the table follows", "silver.orders after iceberg.merge")


def declare() -> Project:
    """Return the chain: each order's last version, and what each customer has ordered."""
    project = Project()
    with use_project(project):

        class OrdersBronze(BronzeTable):
            id = IntegerField(nullable=False)
            customer = StringField()
            amount = LongField()
            version = IntegerField()

            class Meta:
                format = "iceberg"

        class OrdersSilver(SilverTable):
            id = IntegerField(nullable=False)
            customer = StringField()
            amount = LongField()
            version = IntegerField()

            class Meta:
                primary_key = ("id",)
                sequence_by = "version"
                delete_when = "amount = 0"

        class RevenueGold(GoldTable):
            customer = StringField()
            revenue = LongField()

        @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
        def ingest_orders(orders: DataFrame) -> DataFrame:
            return orders

        @pipeline(sources={"orders": new(OrdersBronze)}, target=OrdersSilver)
        def last_orders(orders: DataFrame) -> DataFrame:
            return orders

        @pipeline(sources={"orders": OrdersSilver}, target=RevenueGold)
        def revenue(orders: DataFrame) -> DataFrame:
            return orders.groupBy("customer").sum("amount").withColumnRenamed("sum(amount)", "revenue")

    return project


class MortalTable(SparkIcebergTable):
    """A table whose merge dies with its branch made, or with the rows merged on it and not yet shown."""

    point = ""

    @contextmanager
    def _branch(self, pin: str, name: str) -> Iterator[None]:
        with super()._branch(pin, name):
            if self.point == "on the branch":
                die()
            yield
            if self.point == "before the table follows":
                die()


class DyingLake:
    """A lake of which one table dies."""

    def __init__(self, inner: Any, table: str, point: str) -> None:
        self._inner, self._table, self._point = inner, table, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def iceberg(self, batch: Batch) -> Any:
        """Return the table of the batch, mortal where it is the one."""
        found = self._inner.iceberg(batch)
        if batch.table != self._table:
            return found
        MortalTable.point = self._point
        mortal = MortalTable(*(getattr(found, field.name) for field in fields(found)))
        return Dying(mortal, "iceberg", self._point)


def dying(place: Workspace, point: str) -> Workspace:
    """Return the workspace of a run that dies at the point."""
    table, _, step = point.partition(" ")
    lake: Any = DyingLake(place.lake, table, step)
    ledger: Any = Dying(place.ledger, "ledger", step, table)
    return replace(place, lake=lake, ledger=ledger)


def main(root: str, point: str) -> None:
    """Run the chain until the point where it dies."""
    report = run_pipelines(dying(open_workspace(Path(root)), point), declare())
    sys.exit(f"nothing died at {point!r}:\n{report}")


if __name__ == "__main__":
    main(*sys.argv[1:])

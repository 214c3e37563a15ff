"""The columns of files as a class of their own, which is no table of the lake."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame

from alur_nb import BaseTable, BronzeTable, DoubleField, LongField, StringField, files, pipeline
from alur_nb.authoring.preview import preview
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.tables import TableType
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.usefixtures("spark"), pytest.mark.slow]


@pytest.mark.parametrize("bases", [(BaseTable,), (BronzeTable,)], ids=["base", "abstract"])
def test_a_contract_that_is_no_table_is_previewed_and_loaded(
    workspace: Workspace, project: Project, land: Land, bases: tuple[type, ...]
) -> None:
    columns = {"id": StringField(source="Order No."), "amount": DoubleField()}
    orders_file: Any = TableType(
        "OrdersFile", bases, columns | {"Meta": type("Meta", (), {"abstract": True})}
    )

    class OrdersBronze(BronzeTable):
        id = StringField()
        cents = LongField()

    source = files("orders/*.csv", contract=orders_file, strict=False, reject_limit=0.5)

    @pipeline(sources={"orders": source}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.selectExpr("id", "cast(amount * 100 as bigint) cents")

    land("orders/1.csv", "Order No.,amount\na,2\nb,x\n")
    assert preview(workspace, project, "ingest_orders").rows == (("a", 200),)
    (run,) = run_pipelines(workspace, project).runs
    assert (run.rows, run.rejected) == (1, 1), run.error_text
    assert list(project.tables) == ["bronze.orders"]

from __future__ import annotations

import threading

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, files, pipeline, read
from alur_nb.runtime.calling import Event
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


@pytest.mark.parametrize("moment", ["before", "planned", "staged"])
def test_a_cancelled_run_publishes_nothing_and_the_next_one_loads_all(
    workspace: Workspace, project: Project, land: Land, spark: object, moment: str
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id\n1\n")
    cancelled = threading.Event()
    if moment == "before":
        cancelled.set()

    def cancel(event: Event) -> None:
        if event.step == moment:
            cancelled.set()

    (run,) = run_pipelines(workspace, project, cancelled=cancelled, on_event=cancel).runs
    assert (run.state, run.error) == ("cancelled", None)
    assert read(OrdersBronze).count() == 0
    assert not any((workspace.lake_root / "staging").rglob("*.parquet"))
    (again,) = run_pipelines(workspace, project).runs
    assert (again.state, again.rows) == ("loaded", 1)

"""What a run does before and around its batches; the batches themselves are tested in `test_ingestion`."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from alur_nb import BronzeTable, IntegerField, files, new, pipeline
from alur_nb.runtime.calling import Event
from alur_nb.runtime.errors import AuditError
from alur_nb.runtime.ingest import reason_of
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


class NoEngine:
    """An engine that must not be used: where nothing is new, no Spark is started."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"engine.{name} was used")


@pytest.fixture
def chain(project: Project) -> Project:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    class CopyBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*", strict=False)}, target=OrdersBronze)
    def ingest_orders(orders: Any) -> Any:
        return orders

    @pipeline(sources={"orders": new(OrdersBronze)}, target=CopyBronze)
    def copy_orders(orders: Any) -> Any:
        return orders

    return project


def test_nothing_new_needs_no_engine(chain: Project, workspace: Workspace, land: Land) -> None:
    land("orders/.hidden", "")
    report = run_pipelines(workspace, chain, engine=NoEngine())
    assert [run.state for run in report.runs] == ["nothing new", "nothing new"]
    assert workspace.ledger.batches("bronze.orders") == []


def test_files_that_are_only_skipped_need_no_engine(chain: Project, workspace: Workspace, land: Land) -> None:
    land("orders/empty.csv", "")
    report = run_pipelines(workspace, chain, engine=NoEngine())
    (first, second) = report.runs
    assert (first.state, first.skipped_files) == ("nothing new", ("orders/empty.csv: the file has 0 bytes",))
    assert second.state == "nothing new"
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert batch.counts["skipped_files"] == 1
    again = run_pipelines(workspace, chain, engine=NoEngine())
    assert again.runs[0].skipped_files == ()


def test_a_cancelled_run_begins_nothing(chain: Project, workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", "id\n1\n")
    cancelled, events = threading.Event(), []
    cancelled.set()
    told = events.append
    report = run_pipelines(workspace, chain, engine=NoEngine(), cancelled=cancelled, on_event=told)
    assert [run.state for run in report.runs] == ["cancelled", "cancelled"]
    assert events == [
        Event("ingest_orders", "ended", "cancelled"),
        Event("copy_orders", "ended", "cancelled"),
    ]
    assert workspace.ledger.batches("bronze.orders") == []


def test_the_ledger_keeps_what_an_error_says_without_javas_frames() -> None:
    said = "An error occurred while calling o1.parquet.\n: java.io.IOException: disk full\n"
    frames = "\tat a.b.C$.d(C.scala:12)\n\tat java.base/e.F.g(Native Method)\nCaused by: X\n\t... 48 more\n"
    assert reason_of(RuntimeError(said + frames)).splitlines() == [*said.splitlines(), "Caused by: X"]
    assert reason_of(AuditError("2 rows do not fit:\n  at home | 1")) == "2 rows do not fit:\n  at home | 1"
    assert reason_of(KeyboardInterrupt()) == "KeyboardInterrupt"

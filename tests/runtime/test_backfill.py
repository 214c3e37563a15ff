"""Runs that are asked for some files only, for skipped ones again, or for everything anew: on Spark, each row once."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, DecimalField, IntegerField, StringField, files, new, pipeline, read
from alur_nb.authoring import operate
from alur_nb.runtime.ledger import live
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.usefixtures("spark"), pytest.mark.slow]


def declare(
    amount: type[DecimalField] | type[StringField] = StringField, **source: object
) -> type[BronzeTable]:
    orders = type(  # a class, made with a column that differs
        "OrdersBronze",
        (BronzeTable,),
        {"id": IntegerField(nullable=False), "amount": amount(10, 2) if amount is DecimalField else amount()},
    )
    landed = files("orders/**/*.csv", **source)  # type: ignore[arg-type]

    @pipeline(sources={"orders": landed}, target=orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return orders


def run(workspace: Workspace, project: Project, **options: object) -> PipelineRun:
    report = operate.run(project=project, workspace=workspace, **options)  # type: ignore[arg-type]
    return report.runs[0]


def ids(table: type[BronzeTable]) -> list[int]:
    return sorted(row["id"] for row in read(table).collect())


def test_a_backfill_takes_what_it_is_asked_for_and_the_rest_later(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare()
    for number in range(1, 7):
        land(f"orders/2024/01/{number:02}.csv", f"id,amount\n{number},1\n")
    first = run(workspace, project, since="2024-01-02", until="2024-01-03")
    assert (first.files, ids(table)) == (2, [2, 3])
    assert "2 files left for later runs" in str(first.warnings) or "left for later runs" in str(
        first.warnings
    )
    assert run(workspace, project, files="orders/2024/01/{05,06}.csv").files == 2
    oldest = run(workspace, project, max_files=1)
    assert (oldest.files, ids(table)) == (1, [1, 2, 3, 5, 6])
    assert run(workspace, project).files == 1
    assert ids(table) == [1, 2, 3, 4, 5, 6]
    assert run(workspace, project).state == "nothing new"


def test_skipped_files_are_retried_once_the_declaration_takes_them(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare(strict=False)
    land("orders/1.csv", "id,amount\n1,1\n")
    land("orders/2.csv", "id,amount,note\n2,1,late\n")
    assert len(run(workspace, project).skipped_files) == 1
    again = run(workspace, project, retry=True)
    assert (again.state, len(again.skipped_files)) == ("nothing new", 1), "it is skipped again"
    assert run(workspace, project).state == "nothing new"
    table = declare(strict=False, extra_columns="ignore")
    assert run(workspace, project).state == "nothing new", "only a retry looks at it again"
    mended = run(workspace, project, retry=True)
    assert (mended.state, mended.files, ids(table)) == ("loaded", 1, [1, 2])
    assert run(workspace, project, retry=True).state == "nothing new"


def test_a_full_run_after_the_contract_was_mended(workspace: Workspace, project: Project, land: Land) -> None:
    table = declare()
    for number in (1, 2):
        land(f"orders/{number}.csv", f"id,amount\n{number},1.50\n")
        run(workspace, project)
    table = declare(DecimalField)
    done = run(workspace, project, full=True)
    assert (done.state, done.files, len(done.supersedes)) == ("loaded", 2, 2), done.error_text
    assert dict(read(table).dtypes)["amount"] == "decimal(10,2)"
    assert ids(table) == [1, 2]
    folders = list((workspace.settings.root / ".alur/warehouse/bronze/orders").glob("batch_id=*"))
    assert len(folders) == 1, "what was superseded is cleaned"


def test_a_replay_with_a_corrected_file_and_what_had_read_it(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare()

    class CopiesBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": new(table)}, target=CopiesBronze)
    def copy_orders(orders: DataFrame) -> DataFrame:
        return orders.select("id")

    for number in (1, 2):
        land(f"orders/{number}.csv", f"id,amount\n{number},1\n")
        run(workspace, project)
    land("orders/1.csv", "id,amount\n10,1\n11,1\n")
    refused = run(workspace, project, name="ingest_orders")
    assert "has changed since it was loaded" in str(refused.error_text)
    assert "alur replay" in str(refused.error_text)
    done = operate.replay("orders", "1", project=project, workspace=workspace).runs[0]
    assert (done.state, done.supersedes) == ("loaded", ("00000001-0001",)), done.error_text
    assert ids(table) == [2, 10, 11]
    copied = run(workspace, project, name="copy_orders")
    assert len(copied.supersedes) == 1
    assert ids(CopiesBronze) == [2, 10, 11]
    assert len(live(workspace.ledger.batches("bronze.copies"))) == 2

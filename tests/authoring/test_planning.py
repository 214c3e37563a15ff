"""`alur plan`: each file's fate and why, without writing a thing."""

from __future__ import annotations

import json
import os

import pytest
from pyspark.sql import DataFrame, SparkSession

from alur_nb import BronzeTable, IntegerField, StringField, files, load_to_bronze, new, pipeline
from alur_nb.authoring.planning import PlanReport, plan
from alur_nb.runtime.errors import DeclarationError, SourceError
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.selection import Selection, day
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


def declare(**source: object) -> type[BronzeTable]:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        country = StringField()

        class Meta:
            partition_by = ("country",)

    @pipeline(sources={"orders": files("orders/*.csv", **source)}, target=OrdersBronze)  # type: ignore[arg-type]
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return OrdersBronze


def look(workspace: Workspace, project: Project, **options: object) -> PlanReport:
    return plan(project, "ingest_orders", workspace=workspace, **options)  # type: ignore[arg-type]


def fates(report: PlanReport) -> dict[str, str]:
    return {one.file.path: one.status for source in report.files for one in source.files}


def test_new_files_are_told_and_nothing_is_written(
    workspace: Workspace, project: Project, land: Land
) -> None:
    declare()
    land("orders/1.csv", "id,country\n1,de\n")
    report = look(workspace, project)
    assert report.verdict == "1 file to load"
    text = str(report)
    assert "to load: 1 file, 16 bytes" in text
    assert "partitions by country: known when the rows are read" in text
    assert not (workspace.settings.root / ".alur").exists()
    told = json.loads(json.dumps(report.to_dict()))
    assert told["files"] == [
        {
            "source": "orders",
            "path": "orders/1.csv",
            "status": "new",
            "bytes": 16,
            "reason": None,
            "next": None,
        }
    ]


def test_what_a_run_would_refuse_is_told_with_all_the_rest(
    workspace: Workspace, project: Project, land: Land
) -> None:
    declare()
    land("orders/1.csv", "id,country\n1,de\n")
    land("orders/2.csv", "id,total\n1,de\n")
    report = look(workspace, project)
    assert fates(report) == {"orders/1.csv": "new", "orders/2.csv": "bad"}
    assert report.verdict == "a run would refuse this and load nothing"
    assert "the column `total` is not in bronze.orders" in str(report)


def test_what_is_left_out_says_why(workspace: Workspace, project: Project, land: Land) -> None:
    declare()
    for number in (1, 2, 3):
        land(f"orders/2024-01-0{number}.csv", f"id,country\n{number},de\n")
    asked = Selection(since=day("2024-01-02"), max_files=1)
    report = look(workspace, project, selection=asked)
    assert list(fates(report).values()) == ["left_out", "new", "left_out"]
    text = str(report)
    assert "orders/2024-01-01.csv: of 2024-01-01, before --since 2024-01-02" in text
    assert "orders/2024-01-03.csv: more than --max-files 1" in text


def test_a_folder_that_is_not_there_is_an_error(workspace: Workspace, project: Project) -> None:
    declare()
    with pytest.raises(SourceError, match="does not exist"):
        look(workspace, project)


def test_an_unknown_name_is_told(workspace: Workspace, project: Project) -> None:
    declare()
    with pytest.raises(DeclarationError, match="ingest_orders"):
        plan(project, "ingest_order", workspace=workspace)


def test_many_files_are_counted_and_the_first_shown(
    workspace: Workspace, project: Project, land: Land
) -> None:
    declare()
    for number in range(30):
        land(f"orders/{number:02}.csv", f"id,country\n{number},de\n")
    report = look(workspace, project, shown=3)
    assert "to load: 30 files" in str(report)
    assert "... and 27 more files" in str(report)
    assert len(report.to_dict()["files"]) == 30


@pytest.mark.slow
def test_every_fate_of_a_file(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    table = declare(strict=False, same_content="skip")

    class CopiesBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": new(table)}, target=CopiesBronze)
    def copy_orders(orders: DataFrame) -> DataFrame:
        return orders.select("id")

    land("orders/1.csv", "id,country\n1,de\n")
    land("orders/2.csv", "id,country\n2,fr\n")
    land("orders/3.csv", "id,total\n3,fr\n")
    run_pipelines(workspace, project, ["ingest_orders"])
    changed = land("orders/1.csv", "id,country\n1,at\n")
    touched = land("orders/2.csv", "id,country\n2,fr\n")
    for path in (changed, touched):
        os.utime(path, (1, 1))
    land("orders/4.csv", "id,country\n2,fr\n")
    land("orders/5.csv", "id,country\n5,fr\n")
    report = look(workspace, project)
    assert fates(report) == {
        "orders/1.csv": "changed",
        "orders/2.csv": "done",
        "orders/3.csv": "skipped",
        "orders/4.csv": "same_content",
        "orders/5.csv": "new",
    }
    text = str(report)
    for said in (
        "orders/1.csv has changed since it was loaded",
        "alur replay",
        "orders/2.csv: touched, but its content is the same",
        "next: alur retry",
        "orders/4.csv: same content as orders/2.csv",
    ):
        assert said in text, said
    copies = plan(project, "copy_orders", workspace=workspace)
    assert copies.verdict == "1 upstream batch to load"
    assert "new(bronze.orders): 1 new batch: 00000001-0001" in str(copies)


@pytest.mark.slow
def test_loads_inside_a_function_are_found_by_calling_it(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    table = declare()
    project.retract(project.origin_of("ingest_orders"))
    fail = [False]

    class SalesBronze(BronzeTable):
        id = IntegerField()

    @pipeline(target=SalesBronze)
    def ingest_sales() -> DataFrame:
        if fail[0]:
            raise ValueError("no rows")
        return load_to_bronze(spark, "sales/*.csv", "shop", SalesBronze)

    land("sales/1.csv", "id\n1\n")
    report = plan(project, "sales", workspace=workspace)
    assert report.verdict == "1 file to load"
    fail[0] = True
    assert "called without rows it raised no rows" in str(plan(project, "sales", workspace=workspace))
    assert table.schema

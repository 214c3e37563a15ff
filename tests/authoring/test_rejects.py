"""`alur rejects`: what was rejected, by reason, as rows and as CSV; also of a run that published nothing."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from pyspark.sql import DataFrame

from alur_nb import (
    BronzeTable,
    IntegerField,
    StringField,
    expect,
    files,
    min_row_count,
    pipeline,
    read,
    read_rejects,
)
from alur_nb.authoring.rejects import rejects
from alur_nb.cli import main as program
from alur_nb.runtime import publish
from alur_nb.runtime.aborted import MAX_ROWS
from alur_nb.runtime.errors import DeclarationError, SettingsError
from alur_nb.runtime.ledger import State
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.usefixtures("spark"), pytest.mark.slow]

MODULE = """
from alur_nb import BronzeTable, IntegerField, StringField, files, pipeline

class OrdersBronze(BronzeTable):
    id = IntegerField(nullable=False)
    note = StringField()

@pipeline(sources={"orders": files("orders/*")}, target=OrdersBronze)
def ingest_orders(orders):
    return orders
"""
BAD = "id,note\n1,a\nx,b\n,c\n"


def declare(**source: object) -> type[BronzeTable]:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        note = StringField()

    @pipeline(sources={"orders": files("orders/*", **source)}, target=OrdersBronze)  # type: ignore[arg-type]
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return OrdersBronze


def go(workspace: Workspace, project: Project) -> PipelineRun:
    return run_pipelines(workspace, project).runs[0]


def test_a_strict_failure_keeps_its_rows_until_the_next_commit(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare()
    path = land("orders/1.csv", BAD)
    run = go(workspace, project)
    assert run.state == "failed"
    assert "alur rejects bronze.orders --last" in str(run.error_text)
    assert read_rejects(table).count() == 0, "nothing of an aborted batch is in the rejects table"
    assert sorted(r["line_number"] for r in read_rejects(table, last=True).collect()) == [3, 4]
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert (batch.state, batch.counts["rejected"]) == (State.ABORTED, 2)
    assert sum(batch.reject_reasons.values()) == 2
    warehouse = workspace.settings.root / ".alur/warehouse"
    assert not list(warehouse.rglob("*")), "it does not lie among the tables"
    report = rejects(project, "ingest_orders", last=True)
    assert (report.total, report.batch, len(report.rows)) == (2, batch.id, 2)
    assert "aborted: 2 of 3 rows do not fit bronze.orders" in str(report)
    path.write_text("id,note\n1,a\n")
    assert go(workspace, project).state == "loaded"
    assert not list(workspace.settings.root.rglob("_aborted/*"))
    assert read_rejects(table, last=True).count() == 0
    assert rejects(project, "orders", last=True).total == 0


def test_what_an_aborted_run_kept_expires_as_the_rejects_do(
    workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = declare()
    path = land("orders/1.csv", BAD)
    assert go(workspace, project).state == "failed"
    path.unlink()
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr(publish, "datetime", Mock(wraps=datetime, now=lambda zone: later))
    kept = workspace.settings.root / ".alur/staging/bronze.orders__rejects/_aborted/rows"
    assert len(list(kept.glob("*.json.gz"))) == 1
    place = replace(workspace, environment=replace(workspace.environment, rejects_retention_days=30))
    assert read_rejects(table, last=True, workspace=place).count() == 0, "expired, though not deleted yet"
    run = go(place, project)
    assert "The rejected rows of 1 batch were deleted, after 30 days." in run.warnings
    assert not kept.exists()
    report = rejects(project, "orders", last=True, workspace=place)
    assert (report.total, report.expired, report.rows) == (2, 2, ())
    assert sum(report.by_reason.values()) == 2, "the counts stay"


def test_the_limit_keeps_the_first_thousand(workspace: Workspace, project: Project, land: Land) -> None:
    table = declare(strict=False, reject_limit=0.1)
    land("orders/1.csv", "id,note\n1,a\n" + "".join(f"x{n},b\n" for n in range(MAX_ROWS + 200)))
    assert go(workspace, project).state == "failed"
    kept = read_rejects(table, last=True).collect()
    assert len(kept) == MAX_ROWS
    assert max(row["line_number"] for row in kept) == MAX_ROWS + 2
    assert rejects(project, "orders", last=True, rows=3).total == MAX_ROWS + 200


def test_a_failed_check_keeps_rejects_and_its_examples(
    workspace: Workspace, project: Project, land: Land
) -> None:
    table = declare(strict=False, reject_limit=0.9)
    expect("many", check_fn=min_row_count(9))(project.pipeline("ingest_orders"))
    land("orders/1.csv", BAD)
    assert go(workspace, project).state == "failed"
    assert read_rejects(table, last=True).count() == 2
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert [(check["name"], check["passed"]) for check in batch.checks] == [("many", False)]


def test_committed_rejects_are_shown_counted_and_written(
    workspace: Workspace, project: Project, land: Land, tmp_path: Path
) -> None:
    table = declare(strict=False, reject_limit=0.9)
    land("orders/1.csv", BAD)
    assert go(workspace, project).rejected == 2
    land("orders/2.csv", 'id,note\n5,"a\nb"\n6,c,d\n')
    assert go(workspace, project).rejected == 1
    report = rejects(project, "bronze.orders", csv_file=tmp_path / "out.csv")
    assert (report.total, len(report.rows), report.batch) == (3, 3, None)
    assert sum(report.by_reason.values()) == 3
    with (tmp_path / "out.csv").open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert {row["source_file"] for row in written} == {"orders/1.csv", "orders/2.csv"}
    assert {row["raw"] for row in written} == {"x,b", ",c", "6,c,d"}
    assert rejects(project, "orders", last=True).total == 1
    assert read_rejects(table, last=True).count() == 1
    counted = rejects(project, "orders", rows=0)
    assert (counted.total, counted.rows) == (3, ())
    with pytest.raises(SettingsError, match="exists already"):
        rejects(project, "orders", csv_file=tmp_path / "out.csv")
    with pytest.raises(DeclarationError, match="orderz"):
        rejects(project, "orderz")
    assert read(table).count() == 2


def test_the_command(
    workspace: Workspace, land: Land, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace.settings.root
    (root / "shop_orders.py").write_text(MODULE)
    (root / "alur.toml").write_text('[project]\nname = "shop"\nmodules = ["shop_orders.py"]\n')
    monkeypatch.syspath_prepend(str(root))

    def main(argv: list[str]) -> int:
        sys.modules.pop("shop_orders", None)  # each command is a process of its own
        return program(argv)

    assert main(["rejects", "orders", "--count"]) == 0
    assert capsys.readouterr().out == "0 rejected rows in bronze.orders\n"
    land("orders/1.csv", BAD)
    assert main(["run", "--all"]) == 1
    assert "alur rejects bronze.orders --last" in capsys.readouterr().out
    assert main(["rejects", "bronze.orders", "--last"]) == 0
    shown = capsys.readouterr().out
    assert "orders/1.csv, line 3, column id:" in shown
    assert "    | x,b" in shown
    assert main(["rejects", "ingest_orders", "--last", "--json", "--csv", "bad.csv"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], told["written"], len(told["rows"])) == (2, "bad.csv", 2)
    assert (root / "bad.csv").read_text().startswith("source_file,line_number,column,reason,raw\n")
    assert main(["rejects", "nope"]) == 1

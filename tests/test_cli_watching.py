"""`alur lineage`, `alur report` and `alur ui`: what they print, write and serve, without Spark."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from alur_nb.cli import main
from alur_nb.runtime.workspace import open_workspace
from tests.ui.ledgers import note_batch

MODULE = """
from alur_nb import BronzeTable, DecimalField, LongField, StringField, files, get_spark_session, new, pipeline

class OrdersBronze(BronzeTable):
    id = LongField()
    amount = DecimalField(10, 2)
    class Meta:
        freshness = "26 hours"

class SumsBronze(BronzeTable):
    total = DecimalField(20, 2)

@pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
def ingest_orders(orders):
    return orders

@pipeline(sources={"orders": new(OrdersBronze)}, target=SumsBronze)
def sum_orders(orders):
    spark = get_spark_session()
    return spark.sql("select sum(amount) as total from {orders} AS orders", orders=orders)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop_tables.py").write_text(MODULE)
    (tmp_path / "alur.toml").write_text('[project]\nname = "shop"\nmodules = ["shop_tables"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    note_batch(open_workspace(tmp_path).ledger, "bronze.orders", counts={"rows": 3})
    return tmp_path


def alur(*argv: str) -> int:
    """Run a command as a process of its own would: with nothing of the project imported yet."""
    sys.modules.pop("shop_tables", None)
    return main(argv)


def test_lineage_in_text_and_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alur("lineage", "sums.total", "--no-call") == 0
    assert "bronze.orders.amount  aggregated, by sum_orders" in capsys.readouterr().out
    assert alur("lineage", "sums", "--no-call", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"][0]["feeds"][0]["column"] == "amount"
    assert alur("lineage", "sums.totl", "--no-call") == 1
    assert "did you mean `total`" in capsys.readouterr().err


def test_the_status_without_an_environment_on_aws_is_the_embedded_lakes(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert alur("status") == 0
    said = capsys.readouterr().out
    assert "environment local" in said
    with (shop / "alur.toml").open("a") as settings:
        settings.write('\n[env.dev]\nlanding = "s3://acme"\nregion = "eu-west-1"\n')
    assert alur("status", "--env", "local") == 0
    assert capsys.readouterr().out.splitlines()[1:] == said.splitlines()[1:]


def test_the_report_is_a_file(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alur("report", "--out", "out/report.html") == 0
    said = capsys.readouterr().out
    assert "bronze.orders: fresh" in said
    assert "written: out/report.html" in said
    assert (shop / "out/report.html").read_text().startswith("<!doctype html>")
    assert alur("report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tables"][0]["table"] == "bronze.orders"
    assert (shop / "report.html").is_file()


@pytest.mark.slow
def test_the_live_report_ends_with_ctrl_c(shop: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "alur_nb", "ui"], cwd=shop, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            assert b"bronze.orders" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0

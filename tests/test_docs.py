"""The pages in `docs` do what they say: their Python runs, in their order, in an empty project."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import alur_nb
from alur_nb import cli_parser
from alur_nb.runtime import checks
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.demo_run import ROOT
from tests.doc_page import follow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUALITY = (ROOT / "docs/data-quality.md").read_text(encoding="utf-8")


def test_every_check_is_in_the_page_on_data_quality() -> None:
    made = [
        name
        for name, value in vars(checks).items()
        if inspect.isfunction(value) and inspect.signature(value).return_annotation == "Check"
    ]
    assert len(made) == 13
    for name in made:
        assert f"`{name}(" in QUALITY
        assert hasattr(alur_nb, name)


@pytest.mark.slow
def test_the_page_on_data_quality_runs(
    spark: SparkSession, workspace: Workspace, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for match in FENCE.finditer(QUALITY):
        if match[1] == "python":
            line = QUALITY.count("\n", 0, match.start()) + 1
            exec(compile("\n" * line + match[2], "docs/data-quality.md", "exec"), names)
    report = names["report"]
    assert report.ok, str(report)
    orders = next(run for run in report.runs if run.name == "ingest_orders")
    assert (orders.rows, orders.rejected) == (2, 1)
    failed = {check.name: str(check.severity) for check in orders.checks if not check.passed}
    assert failed == {"known state": "WARN", "positive": "DROP"}
    assert "orders/1.csv" in capsys.readouterr().out


@pytest.mark.slow
def test_the_page_on_ingestion_does_what_it_says(tmp_path: Path) -> None:
    said = follow("ingestion.md", tmp_path)
    runs = [one.said for one in said if one.command.startswith("alur run")]
    assert "1 row from 1 file, 1 row rejected" in runs[0]
    assert "nothing new" in runs[1]
    assert "skipped orders/2026-11-03.csv: the column `total`" in runs[2]
    assert "2 rows from 2 files" in runs[3]
    assert "in place of 00000001-0001" in runs[3]
    assert "1 row from 1 file" in runs[4]


@pytest.mark.slow
def test_night_duty_in_five_commands(tmp_path: Path) -> None:
    """From the mail alone: the file, the row, the reason; a safe second run; the proof that nothing doubled."""
    said = {one.command: one.said for one in follow("night-duty.md", tmp_path)}
    page = (ROOT / "docs/night-duty.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^## \d\. ", page, re.MULTILINE)) == 5
    assert "ABORTED" in said["alur history orders"]
    assert "strict" in said["alur history orders"]
    rejects = said["alur rejects orders --last"]
    assert "orders/tuesday.csv, line 3, column amount: `12,34` is not a number" in rejects
    assert "to load: 1 file" in said["alur plan ingest_orders"]
    assert "2 rows from 1 file" in said["alur run ingest_orders"], "the last time that it was typed"
    assert "2 live batches of 2 inputs, each in one batch only; 4 rows" in said["alur fsck orders"]
    assert "nothing is missing, nothing is doubled" in said["alur fsck orders"]


def test_every_command_of_the_pages_is_one_of_ours() -> None:
    known = set(cli_parser.build()._subparsers._group_actions[0].choices)  # type: ignore[union-attr,arg-type]
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"(?:`|^)alur ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert name in known, f"{page.name}: alur {name}"


def test_every_command_on_the_page_on_deploying_is_understood() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    lines = [line for match in FENCE.finditer(page) if match[1] == "text" for line in match[2].splitlines()]
    parser = cli_parser.build()
    typed = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("alur ")]
    assert {parser.parse_args(words).command for words in typed} == {
        "deploy", "run", "logs", "status", "schedules", "history", "compare", "destroy"
    }  # fmt: skip

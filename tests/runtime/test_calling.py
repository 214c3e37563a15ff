"""What a run tells while it goes on: its steps in order, each with the numbers that are known by then."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, files, get_spark_session, load_to_bronze, pipeline
from alur_nb.runtime.calling import Event
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


class OrdersBronze(BronzeTable):
    id = IntegerField()


def declare_sources() -> None:
    @pipeline(
        sources={"eu": files("eu/*.csv"), "us": files("us/*.csv", strict=False, reject_limit=1)},
        target=OrdersBronze,
    )
    def ingest(eu: DataFrame, us: DataFrame) -> DataFrame:
        return eu.unionByName(us).where("id > 1")


def declare_calls() -> None:
    @pipeline(target=OrdersBronze)
    def ingest() -> DataFrame:
        spark = get_spark_session()
        eu = load_to_bronze(spark, source_path="eu/*.csv", source_system="eu", target=OrdersBronze)
        us = load_to_bronze(
            spark, source_path="us/*.csv", source_system="us", target=OrdersBronze,
            strict_mode=False, reject_limit=1,
        )  # fmt: skip
        return eu.unionByName(us).where("id > 1")


def step(name: str, detail: str, **numbers: int) -> Event:
    """Return a step of the pipeline."""
    return Event("ingest", name, detail, **numbers)


OF_SOURCES = [
    step("planned", "3 new files", files_found=3, bytes_found=17),
    step("read", "2 of 3 files, 2 rows", files_found=3, files_done=2, rows=2),
    step("read", "3 of 3 files, 3 rows", files_found=3, files_done=3, rows=3),
]
# What a function loads is known only as it calls.
OF_CALLS = [
    step("planned", ""),
    step("planned", "2 new files", files_found=2, bytes_found=10),
    step("read", "2 of 2 files, 2 rows", files_found=2, files_done=2, rows=2),
    step("planned", "1 new file", files_found=3, bytes_found=17),
    step("read", "3 of 3 files, 3 rows", files_found=3, files_done=3, rows=3),
]


@pytest.mark.slow
@pytest.mark.parametrize(("declare", "steps"), [(declare_sources, OF_SOURCES), (declare_calls, OF_CALLS)])
def test_each_step_is_told_with_its_numbers(
    workspace: Workspace,
    project: Project,
    land: Land,
    spark: object,
    declare: Callable[[], None],
    steps: list[Event],
) -> None:
    declare()
    land("eu/1.csv", "id\n1\n")
    land("eu/2.csv", "id\n2\n")
    land("us/1.csv", "id\n7\nx\n")
    events: list[Event] = []
    (run,) = run_pipelines(workspace, project, on_event=events.append).runs
    assert run.state == "loaded", run.error_text
    assert events == [
        step("started", ""),
        *steps,
        step("staged", ""),
        step("published", "", rows=2),
        step("ended", "loaded", files_done=3, rows=2),
    ]


def test_a_run_with_nothing_new_tells_no_numbers(workspace: Workspace, project: Project, land: Land) -> None:
    declare_sources()
    land("eu/.hidden", "")
    land("us/.hidden", "")
    events: list[Event] = []
    run_pipelines(workspace, project, on_event=events.append)
    assert events == [Event("ingest", "started"), Event("ingest", "ended", "nothing new")]

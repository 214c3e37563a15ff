"""A real kernel, driven as a front end does: errors that stop Run All, progress, and the interrupt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.kernel import Kernel

pytestmark = pytest.mark.slow

# What the progress says as soon as a job of Spark's runs.
SPARK_WORKS = "of 2 tasks"

SLOW = """%%alur_pipeline slow
import alur_nb

@alur_nb.pipeline(target=BigBronze)
def slow():
    spark = alur_nb.get_spark_session()
    spark.udf.register("nap", lambda x: (__import__("time").sleep(1), x)[1], "long")
    print("from the function")
    return spark.range(0, 400, 1, 2).selectExpr("nap(id) as id")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one landing file."""
    made = tmp_path_factory.mktemp("shop")
    (made / "data" / "orders").mkdir(parents=True)
    (made / "data" / "orders" / "1.csv").write_text("id,amount\n1,2.50\n2,3.50\n")
    return made


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """One kernel for the file, with the extension loaded and a table, a table for slow work, and an ingestion."""
    made = Kernel(folder)
    try:
        for cell_id, source in (
            ("load", "%load_ext alur_nb"),
            ("orders", "%%alur_table orders\nid int not null\namount decimal(10,2)"),
            ("big", "%%alur_table big\nid bigint"),
            ("ingest", "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"),
            ("slow", SLOW),
        ):
            ran = made.run(source, cell_id)
            assert ran.status == "ok", ran.error
        yield made
    finally:
        made.close()


def test_an_error_ends_its_cell_with_an_error_output_and_a_card(kernel: Kernel) -> None:
    ran = kernel.run("%%alur_table wrong\nid int\nname strng", "wrong")
    assert ran.status == "error"
    (error,) = [output for output in ran.outputs if output["type"] == "error"]
    assert error["ename"] == "NotebookError"
    assert ran.error[0] == "NotebookError: Unknown type `strng` (did you mean `string`?)."
    assert len(ran.error) <= 6
    assert not ran.streams
    (card,) = ran.texts("text/html")
    assert "line 3, column 6" in card


def test_cells_after_an_error_do_not_run(kernel: Kernel) -> None:
    kernel.run("ran = []", "before")
    first = kernel.send("%alur_run nothing", "first")
    second = kernel.send("ran.append(1)", "second")
    assert kernel.collect(first).status == "error"
    assert kernel.collect(second).status in ("aborted", "error")
    assert kernel.run("ran", "after").texts() == ["[]"]


def test_a_run_shows_one_progress_and_its_report(kernel: Kernel) -> None:
    ran = kernel.run("%alur_run ingest_orders", "run")
    assert ran.status == "ok", ran.error
    progress = [output for output in ran.outputs if "display_data" in output["type"]]
    assert len({output["transient"]["display_id"] for output in progress}) == 1
    assert progress[-1]["data"]["text/plain"].startswith("run of ingest_orders: done")
    assert '<th scope="row" style="text-align:left">ingest_orders</th>' in ran.texts("text/html")[-1]
    assert "loaded, 2 rows" in ran.texts()[-1]


def test_an_interrupt_stops_spark_and_the_next_cell_works(kernel: Kernel, folder: Path) -> None:
    stopped_at = 0.0

    def stop() -> None:
        nonlocal stopped_at
        stopped_at = time.monotonic()
        kernel.manager.interrupt_kernel()

    ran = kernel.run("%alur_run slow", "run", during=stop, once_shown=SPARK_WORKS)
    assert ran.status == "error"
    assert time.monotonic() - stopped_at < 5
    assert ran.error == ["cancelled: run of slow"]
    assert "from the function" in ran.streams
    assert ran.texts()[-1].startswith("run of slow: cancelled")
    jobs = "import pyspark; pyspark.SparkContext._active_spark_context.statusTracker().getActiveJobsIds()"
    assert kernel.run(jobs, "jobs").texts() == ["[]"]
    assert "bronze.big: 1 column, never loaded" in kernel.run("%alur", "glance").texts()[0]
    assert not list((folder / ".alur" / "warehouse").rglob("big/batch_id=*"))
    assert "nothing new" in kernel.run("%alur_run ingest_orders", "run").texts()[-1]


def test_an_interrupted_preview_ends_too(kernel: Kernel) -> None:
    stop = kernel.manager.interrupt_kernel
    ran = kernel.run("%alur_preview slow", "preview", during=stop, once_shown=SPARK_WORKS)
    assert ran.error == ["cancelled: preview of slow"]
    assert kernel.run("1 + 1", "next").texts() == ["2"]

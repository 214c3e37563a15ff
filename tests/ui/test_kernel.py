"""A real kernel, driven as a front end does: errors that stop Run All, progress, and the interrupt."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.kernel import IPYKERNEL, Kernel

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

# Reads landing files row by row, slowly while the file `slowly` is there.
PATIENT = """%%alur_pipeline patient
import alur_nb

@alur_nb.pipeline(sources={{"rows": alur_nb.files("patient/*.csv")}}, target=PatientBronze)
def patient(rows):
    def nap(value):
        import os, time
        time.sleep(1 if os.path.exists("{slowly}") else 0)
        return value
    spark = alur_nb.get_spark_session()
    spark.udf.register("nap_a_row", nap, "int")
    return rows.repartition(2).selectExpr("nap_a_row(id) as id")
"""
STATE = """import pyspark, alur_nb
from alur_nb.runtime.workspace import open_workspace
ledger = open_workspace().ledger
jobs = pyspark.SparkContext._active_spark_context.statusTracker().getActiveJobsIds()
(jobs, ledger.lease("bronze.patient"), [(str(b.state), b.reason) for b in ledger.batches("bronze.patient")])
"""
CANCELLED_SECONDS = 3.0


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


def test_the_kernel_is_of_the_version_that_is_tested(kernel: Kernel) -> None:
    told = kernel.run("import ipykernel; print(ipykernel.__file__)", "version").streams
    assert told.startswith(IPYKERNEL or sys.prefix)


def test_an_error_ends_its_cell_with_an_error_output(kernel: Kernel) -> None:
    ran = kernel.run("%%alur_table wrong\nid int\nname strng", "wrong")
    assert ran.status == "error"
    (error,) = [output for output in ran.outputs if output["type"] == "error"]
    assert error["ename"] == "NotebookError"
    assert ran.error[0] == "NotebookError: Unknown type `strng` (did you mean `string`?)."
    assert len(ran.error) <= 6
    assert not ran.streams
    assert "line 3, column 6" in ran.error[1]
    assert not ran.texts("text/html"), "six lines say it all, and a card would say it again"


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


def test_a_run_that_was_interrupted_in_a_spark_job_loads_each_row_once_when_it_runs_again(
    kernel: Kernel, folder: Path
) -> None:
    (folder / "data" / "patient").mkdir()
    for number in range(3):
        rows = "".join(f"{number * 100 + row}\n" for row in range(100))
        (folder / "data" / "patient" / f"{number}.csv").write_text(f"id\n{rows}")
    slowly = folder / "slowly"
    slowly.touch()
    assert kernel.run("%%alur_table patient\nid int", "patient table").status == "ok"
    ran = kernel.run(PATIENT.format(slowly=slowly), "patient")
    assert ran.status == "ok", ran.error
    stopped_at = ended_at = 0.0

    def stop() -> None:
        nonlocal stopped_at
        stopped_at = time.monotonic()
        kernel.manager.interrupt_kernel()

    # The files are read and staged by then; the job that the function asked for is at work.
    ran = kernel.run("%alur_run patient", "run", during=stop, once_shown=r"300 rows\n  Spark: job")
    ended_at = time.monotonic()
    assert ran.error == ["cancelled: run of patient"]
    assert ended_at - stopped_at < CANCELLED_SECONDS
    state = kernel.run(STATE, "state").texts()
    assert state == ["([], None, [('ABORTED', 'The run was cancelled.')])"]
    assert not list((folder / ".alur" / "warehouse").rglob("patient/batch_id=*"))
    slowly.unlink()
    again = kernel.run("%alur_run patient", "run")
    assert "loaded, 300 rows from 3 files" in again.texts()[-1]
    counted = kernel.run("%alur_sql select count(*) n, count(distinct id) ids from patient", "count")
    assert counted.texts()[-1].splitlines()[2].split() == ["300", "300"]


def test_progress_stays_in_its_cell_while_another_ones_thread_prints(kernel: Kernel) -> None:
    chatter = """import threading, time
def chat():
    for n in range(40):
        print("chat", n)
        time.sleep(0.05)
threading.Thread(target=chat, daemon=True).start()"""
    kernel.run(chatter, "chatter")
    ran = kernel.run("%alur_preview ingest_orders", "preview")
    after = kernel.run("import time; time.sleep(0.5)", "after")
    shown = [output for output in ran.outputs if "display_data" in output["type"]]
    assert shown[-1]["data"]["text/plain"].startswith("preview of ingest_orders: done")
    assert len({output["transient"]["display_id"] for output in shown}) == 1
    assert not [output for output in after.outputs if "display_data" in output["type"]]


def test_two_kernels_on_one_project_load_each_row_once(kernel: Kernel, folder: Path) -> None:
    (folder / "data" / "patient").mkdir(exist_ok=True)
    (folder / "data" / "patient" / "shared.csv").write_text(
        "id\n" + "".join(f"{n}\n" for n in range(900, 1000))
    )
    slowly = folder / "slowly"
    slowly.touch()
    cells = ("%load_ext alur_nb", "%%alur_table patient\nid int", PATIENT.format(slowly=slowly))
    other = Kernel(folder)
    try:
        for one in (kernel, other):
            for number, source in enumerate(cells):
                assert one.run(source, f"shared-{number}").status == "ok"
        refused: list[str] = []

        def run_in_the_other() -> None:
            refused.extend(other.run("%alur_run patient", "run").error)
            slowly.unlink()

        ran = kernel.run("%alur_run patient", "run", during=run_in_the_other, once_shown="Spark: job")
        assert "loaded, " in ran.texts()[-1]
        assert any("patient" in line and "another run" in line for line in refused), refused
        assert "nothing new" in other.run("%alur_run patient", "again").texts()[-1]
        count = "%alur_sql select count(*) n, count(distinct id) ids from patient where id >= 900"
        for one in (kernel, other):
            assert one.run(count, "count").texts()[-1].splitlines()[2].split() == ["100", "100"]
    finally:
        other.close()


def test_spark_that_cannot_start_is_told_with_the_reason_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data" / "orders").mkdir(parents=True)
    (tmp_path / "data" / "orders" / "1.csv").write_text("id\n1\n")
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\necho 'Error: Could not reserve enough space for object heap' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="17.0.9"\n')
    kernel = Kernel(tmp_path)
    try:
        kernel.run(f"import os; os.environ['JAVA_HOME'] = {str(tmp_path / 'jdk')!r}", "java")
        for cell_id, source in (
            ("load", "%load_ext alur_nb"),
            ("orders", "%%alur_table orders\nid int not null"),
            ("ingest", "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"),
        ):
            assert kernel.run(source, cell_id).status == "ok"
        for _ in range(2):
            ran = kernel.run("%alur_preview ingest_orders", "preview")
            text = "\n".join(ran.error)
            assert ran.status == "error"
            assert "Spark could not start on Java 17 from JAVA_HOME" in text
            assert "Could not reserve enough space for object heap" in text
            assert "next:" in text and "restart the kernel" in text
        assert "ingest_orders" in kernel.run("%alur", "glance").texts()[-1]
    finally:
        kernel.close()

"""What was previewed is what runs: the written job scripts give the same lake as the notebook, row by row."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.demo_run import DemoRun, the_demo
from tests.job_run import finished, in_dag_order, make_clean_python, run_clean, run_script
from tests.lake_state import (
    batch_rows,
    difference,
    lake_files,
    ledger_items,
    ledger_tables,
    published_rows,
    published_tables,
)
from tests.test_wheel import SHIPPED_WITH, closure

pytestmark = pytest.mark.slow

# Says what the interpreter of the jobs could import: the product from where, and which distributions besides.
LOOK = """
import importlib.metadata, json, alur_nb.runtime.job
names = sorted({found.name for found in importlib.metadata.distributions()})
print(json.dumps([alur_nb.__file__, alur_nb.runtime.job.__file__, names]))
"""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Where the job scripts ran, what each logged as its end, and all that each wrote to stderr."""

    folder: Path
    ended: dict[str, dict[str, Any]]
    logs: dict[str, str]


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    return the_demo(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clean_python(tmp_path_factory.mktemp("clean") / "venv")


@pytest.fixture(scope="module")
def jobs(demo_run: DemoRun, clean_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """Run every written script, one process each, on a copy of the landing files that the notebook loaded."""
    folder, elsewhere = tmp_path_factory.mktemp("jobs") / "project", tmp_path_factory.mktemp("elsewhere")
    folder.mkdir()
    # With their times: a file's version is its size and time.
    shutil.copytree(demo_run.folder / "data", folder / "data", copy_function=shutil.copy2)
    shutil.copy2(demo_run.folder / "alur.toml", folder)
    # The bundle alone is carried over, as it would be to AWS: no script may lean on the notebook's folder.
    bundle = shutil.copytree(demo_run.bundle, elsewhere / "bundle")
    order = in_dag_order(bundle)
    assert sorted(order) == sorted(f"jobs/{path.name}" for path in (bundle / "jobs").iterdir())
    logs = {script: run_script(clean_python, bundle, script, folder, elsewhere) for script in order}
    return Jobs(folder, {script: finished(log) for script, log in logs.items()}, logs)


def test_the_jobs_have_the_wheel_and_what_glue_has(
    demo_run: DemoRun, clean_python: Path, tmp_path: Path
) -> None:
    done = run_clean(clean_python, demo_run.bundle, "-c", LOOK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    package, job, distributions = json.loads(done.stdout)
    (wheel,) = (demo_run.bundle / "lib").glob("*.whl")
    assert Path(package).is_relative_to(wheel) and Path(job).is_relative_to(wheel)
    shipped = {distribution.name for distribution in closure(SHIPPED_WITH)}
    assert set(distributions) == shipped | {"alur-nb-runtime"}


def test_every_job_loaded_its_table(jobs: Jobs, demo_run: DemoRun) -> None:
    assert {run["state"] for run in jobs.ended.values()} == {"loaded"}
    told = {run["table"]: (run["rows"], run["rejected"], run["files"]) for run in jobs.ended.values()}
    wanted = {
        table: tuple(batch["counts"][name] for name in ("rows", "rejected", "files"))
        for table, (batch,) in demo_run.ledger.items()
    }
    assert told == wanted


def test_both_lakes_hold_the_same_tables(jobs: Jobs, demo_run: DemoRun) -> None:
    manifest = json.loads((demo_run.bundle / "manifest.json").read_text(encoding="utf-8"))
    declared = sorted(manifest["tables"])
    assert ledger_tables(jobs.folder) == ledger_tables(demo_run.folder) == declared
    with_rejects = sorted([*declared, "bronze.flights__rejects"])
    assert published_tables(jobs.folder) == published_tables(demo_run.folder) == with_rejects


def test_every_table_holds_the_same_rows(jobs: Jobs, demo_run: DemoRun) -> None:
    """Rows as multisets, with the files that they came from and the batches that brought them."""
    for table in published_tables(demo_run.folder):
        found = difference(published_rows(demo_run.folder, table), published_rows(jobs.folder, table))
        assert not found, f"{table}: {found}"


def test_every_rejected_row_is_rejected_for_the_same_reason(jobs: Jobs, demo_run: DemoRun) -> None:
    columns = ["raw", "source_file", "line_number", "column", "reason"]
    mine, theirs = (
        published_rows(folder, "bronze.flights__rejects").select(columns).to_pylist()
        for folder in (demo_run.folder, jobs.folder)
    )
    assert len(mine) == 20
    assert mine == theirs


def test_both_ledgers_tell_the_same(jobs: Jobs, demo_run: DemoRun) -> None:
    """But for times and run ids; the random part of the Parquet files' names is left out too."""
    assert ledger_items(jobs.folder) == demo_run.ledger


def test_paths_are_relative_to_the_landing_folder(jobs: Jobs, demo_run: DemoRun) -> None:
    for folder in (jobs.folder, demo_run.folder):
        assert str(folder.parent) not in json.dumps(ledger_items(folder))
        for table in ("bronze.flights", "bronze.weather"):
            sources = published_rows(folder, table)["_source_file"].unique().to_pylist()
            assert sources and all((folder / "data" / source).is_file() for source in sources)


def test_no_job_logs_a_mistake_of_its_own(jobs: Jobs) -> None:
    for script, log in jobs.logs.items():
        assert [line for line in log.splitlines() if line.startswith(("ERROR", "Traceback"))] == [], script


def test_a_job_on_the_notebooks_lake_finds_nothing_new(
    demo_run: DemoRun, clean_python: Path, tmp_path: Path
) -> None:
    log = run_script(clean_python, demo_run.bundle, "jobs/ingest_flights.py", demo_run.folder, tmp_path)
    assert finished(log)["state"] == "nothing new"
    assert batch_rows(demo_run.folder) == demo_run.stored
    assert lake_files(demo_run.folder) == demo_run.files

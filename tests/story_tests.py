"""What must hold for every story in `notebooks/` beside the quickstart, and what a test of one needs.

`class TestPenguins(StoryTests)` in a file of its own runs the story once, as `make stories` does, and its written jobs on
the same landing files; the class adds what the story itself tells.
"""

from __future__ import annotations

import ast
import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from alur_nb.runtime.ledger import State
from tests.demo_run import ROOT, DemoRun, run_demo
from tests.job_run import all_finished, in_dag_order, make_clean_python, run_scripts_together
from tests.lake_state import (
    batch_rows,
    difference,
    in_order,
    lake_files,
    ledger_items,
    ledger_tables,
    published_rows,
    published_tables,
)
from tests.require import require_module

TEXT_OF_OURS = re.compile(r"File [^\n]*alur_nb/|Traceback \(most recent call last\)")


@dataclass(frozen=True, slots=True)
class Jobs:
    """Where the job scripts of a story ran, and what each run told as its end, post by post."""

    folder: Path
    ended: list[dict[str, Any]]


class StoryTests:
    """The tests of one story; `story` is the notebook's name, `package` and `install` bring its data.

    What its jobs do, and what a second run does, is long: the quickstart's tests prove it on every run.
    """

    story: ClassVar[str]
    package: ClassVar[str]
    install: ClassVar[str]
    dag: ClassVar[tuple[str, ...]]
    """Its pipelines in the order of a run."""

    @staticmethod
    def second_post(folder: Path, bundle: Path, python: Path, elsewhere: Path) -> list[dict[str, Any]]:
        """Do on the jobs' lake what the notebook does when the later files are there: run the scripts again."""
        return run_all(python, bundle, folder, elsewhere)

    @pytest.fixture(scope="class")
    @classmethod
    def laid(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The story's folder before anything ran."""
        if importlib.util.find_spec(cls.package) is None:
            require_module(cls.package, cls.install)
        folder = tmp_path_factory.mktemp(cls.story) / "before"
        done = run_demo(folder, cls.story, "--no-run")
        assert done.returncode == 0, done.stderr
        return folder

    @pytest.fixture(scope="class")
    @classmethod
    def ran(cls, laid: Path) -> DemoRun:
        """The folder as `make stories` leaves it."""
        folder = laid.parent / "run"
        shutil.copytree(laid, folder)  # with the files' times, which are their versions
        done = run_demo(folder, cls.story)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return DemoRun(folder, done.stdout, ledger_items(folder), batch_rows(folder), lake_files(folder))

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, ran: DemoRun) -> str:
        """What a person reads in the executed notebook without scripts, pictures and styles."""
        return words((ran.folder / f"{cls.story}.html").read_text(encoding="utf-8"))

    @pytest.fixture(scope="class")
    @classmethod
    def jobs(cls, laid: Path, ran: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
        """Run every written script on both posts."""
        folder, elsewhere = laid.parent / "jobs", tmp_path_factory.mktemp("elsewhere")
        shutil.copytree(laid, folder)
        bundle = Path(shutil.copytree(ran.bundle, elsewhere / "bundle"))
        python = make_clean_python(elsewhere / "venv")
        ended = run_all(python, bundle, folder, elsewhere)
        shutil.copytree(folder / "later", folder / "data", dirs_exist_ok=True)
        ended += cls.second_post(folder, bundle, python, elsewhere)
        return Jobs(folder, ended)

    def test_the_notebook_is_delivered_without_outputs(self, ran: DemoRun) -> None:
        delivered = (ROOT / "notebooks" / f"{self.story}.ipynb").read_bytes()
        assert (ran.folder / f"{self.story}.ipynb").read_bytes() == delivered
        cells = json.loads(delivered)["cells"]
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)

    def test_no_cell_failed(self, ran: DemoRun, page: str) -> None:
        assert not TEXT_OF_OURS.search(page)
        assert "Error:" not in page
        assert "Traceback" not in (ran.folder / "kernel.log").read_text(encoding="utf-8")

    def test_the_page_tells_the_order_of_the_pipelines(self, page: str) -> None:
        glance = page[page.rindex("in the order of a run") :]
        places = [glance.index(name) for name in self.dag]
        assert places == sorted(places)

    def test_no_row_of_a_file_is_lost(self, ran: DemoRun) -> None:
        """All rows parsed are in the table or among its rejects; no file is in two live batches."""
        for table, batches in live(ran.ledger).items():
            loaded = [
                one
                for batch in batches
                for one in batch["inputs"]
                if (one["kind"], one["outcome"]) == ("file", "loaded")
            ]
            assert all(one["parsed"] == one["accepted"] + one["rejected"] for one in loaded)
            assert len({one["key"] for one in loaded}) == len(loaded)
            if batches and batches[-1]["publication"]["mode"] in ("merge", "history"):
                continue  # a row takes the place of another: the story's own tests count them
            rows = published_rows(ran.folder, table).num_rows
            assert rows == sum(batch["counts"]["rows"] for batch in batches)
            if loaded:
                assert rows + rejected_rows(ran, table) == sum(one["parsed"] for one in loaded), table

    def test_the_bundle_holds_a_clean_script_a_pipeline(self, ran: DemoRun) -> None:
        manifest = json.loads((ran.bundle / "manifest.json").read_text(encoding="utf-8"))
        assert sorted(manifest["pipelines"]) == sorted(self.dag)
        scripts = sorted((ran.bundle / "jobs").iterdir())
        assert [path.stem for path in scripts] == sorted(self.dag)
        for script in scripts:
            ast.parse(script.read_text(encoding="utf-8"), script.name)
        options = ["--isolated", "--select=E9,F,I", "--line-length=100"]
        lint = [sys.executable, "-m", "ruff", "check", *options, str(ran.bundle / "jobs")]
        done = subprocess.run(lint, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    @pytest.mark.long
    def test_the_jobs_make_the_same_tables(self, ran: DemoRun, jobs: Jobs) -> None:
        """Rows and rejects as multisets, with the files that they came from and the batches that brought them."""
        assert ledger_tables(jobs.folder) == ledger_tables(ran.folder)
        assert published_tables(jobs.folder) == published_tables(ran.folder)
        for table in published_tables(ran.folder):
            found = difference(published_rows(ran.folder, table), published_rows(jobs.folder, table))
            assert not found, f"{table}: {found}"

    @pytest.mark.long
    def test_the_jobs_write_the_same_ledger(self, ran: DemoRun, jobs: Jobs) -> None:
        """But for times, run ids and the random part of the Parquet files' names."""
        found = ledger_items(jobs.folder)
        assert sorted(found) == sorted(ran.ledger)
        for table, batches in ran.ledger.items():
            for mine, theirs in zip(batches, found[table], strict=True):
                differing = {name for name in mine if mine[name] != theirs[name]}
                assert not differing, (table, mine["id"], [(mine[name], theirs[name]) for name in differing])
        assert {run["state"] for run in jobs.ended} == {"loaded"}

    @pytest.mark.long
    def test_a_second_time_doubles_nothing(self, ran: DemoRun, tmp_path: Path) -> None:
        """The notebook once more, from top to bottom, on a copy of its folder."""
        folder = Path(shutil.copytree(ran.folder, tmp_path / "again"))
        done = run_demo(folder, self.story)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "already there" in done.stdout
        assert published_tables(folder) == published_tables(ran.folder)
        for table in published_tables(folder):
            before, after = (without_batch(published_rows(one, table)) for one in (ran.folder, folder))
            assert not difference(before, after), table


def run_all(python: Path, bundle: Path, folder: Path, elsewhere: Path) -> list[dict[str, Any]]:
    """Run all scripts of a bundle in the order of its manifest; return what each logged as its end.

    In one process: that each runs in one of its own is tested with the quickstart's.
    """
    return all_finished(run_scripts_together(python, bundle, in_dag_order(bundle), folder, elsewhere))


def rejected_rows(ran: DemoRun, table: str) -> int:
    """Count what lies in a table's rejects."""
    name = f"{table}__rejects"
    return published_rows(ran.folder, name).num_rows if name in published_tables(ran.folder) else 0


def live(ledger: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return each table's committed batches that no committed batch supersedes."""
    found = {}
    for table, batches in ledger.items():
        committed = [batch for batch in batches if batch["state"] == State.COMMITTED]
        gone = {one for batch in committed for one in batch["supersedes"]}
        found[table] = [batch for batch in committed if batch["id"] not in gone]
    return found


def without_batch(rows: Any) -> Any:
    """Return the rows without the batch that brought them, in one order; there may be none, and no columns then."""
    return in_order(rows.drop(["batch_id"])) if rows.num_rows else rows


def words(page: str) -> str:
    """Return a page's text as it stands without scripts, styles and pictures, blanks as one blank."""
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))

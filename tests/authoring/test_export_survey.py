"""What the panel knows before anything runs: environments, jobs, parameters, and what stands in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import execute, trace
from alur_nb.authoring.export_facts import COLUMNS, ExportFacts
from alur_nb.authoring.export_survey import survey
from alur_nb.authoring.manifest import write_manifest
from alur_nb.authoring.saved import RanCell
from alur_nb.runtime.errors import NotebookError, SettingsError
from alur_nb.runtime.project import Project, use_project
from tests.authoring.notebooks import Source, write

SETTINGS = """
[project]
name = "shop"
default_env = "dev"

[env.dev]
landing = "s3://acme-landing-dev/"
region = "eu-central-1"
[env.dev.parameters]
limit = 7
limitt = 8

[env.prod]
landing = "s3://acme-landing/"
"""
PARAMETERS: Source = ("limit = 10\nday = '2026-01-01'", "parameters")
ORDERS = """\
from alur_nb import BronzeTable, StringField, files, pipeline, schedule

class OrdersBronze(BronzeTable):
    order_id = StringField()

@schedule("0 6 * * ? *", timezone="Europe/Berlin")
@pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
def ingest_orders(orders):
    return orders.limit(limit)"""


def looked(
    folder: Path, *cells: Source, settings: str = SETTINGS, ran: list[RanCell] | None = None
) -> ExportFacts:
    """Run the cells' Python here, as a kernel would, and look at the notebook that holds them."""
    (folder / "alur.toml").write_text(settings, encoding="utf-8")
    path = write(folder, *cells)
    project = Project()
    names: dict[str, Any] = {"__name__": "__main__"}
    with use_project(project):
        for cell in cells:
            source = cell if isinstance(cell, str) else cell[0]
            if not source.startswith("# not run"):
                exec(source, names)
    return survey(path, project, ran)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object, **named: object) -> None:
        raise AssertionError("a look executes nothing")

    monkeypatch.setattr(execute, "_run", refused)
    monkeypatch.setattr(trace, "_traced", refused)


def test_all_of_it_in_words(tmp_path: Path) -> None:
    facts = looked(tmp_path, PARAMETERS, ORDERS)
    assert str(facts).splitlines() == [
        "export of work.ipynb to bundle/: ready",
        "  saved: not known: this front end does not tell cells apart; the export reads the file on disk",
        "  environment dev: ready, the default, landing s3://acme-landing-dev/, region eu-central-1",
        "    last export: none",
        "  environment prod: ready, landing s3://acme-landing/",
        "    last export: none",
        "  parameter limit = 10, 7 in dev",
        "  parameter day = '2026-01-01'",
        "  writes 1 job script, each with an IAM role of its own; 1 table; 1 schedule",
        "    jobs/ingest_orders.py -> bronze.orders, at 0 6 * * ? * Europe/Berlin",
        "    table bronze.orders",
        "  note: [env.dev.parameters] limitt: the notebook has no such parameter (did you mean `limit`?)",
        "  next: %alur_export --env dev -p limit=7",
    ]
    assert facts.chosen == "dev"
    assert json.loads(json.dumps(facts.to_dict()))["command"] == facts.command
    assert str(tmp_path) not in json.dumps(facts.to_dict())
    assert [one.value_in("dev") for one in facts.parameters] == [7, "2026-01-01"]
    assert [one.value_in("prod") for one in facts.parameters] == [10, "2026-01-01"]


SECOND = """\
class A(BronzeTable):
    id = StringField()

@pipeline(sources={"a": files("a/*.csv")}, target=A)
def load_a(a):
    return a.limit(input("how many?"))"""
THIRD = SECOND.replace("A(", "B(").replace("=A", "=B").replace("load_a", "load_b")


def test_every_pipeline_that_cannot_be_cut_out_is_named_with_its_cell(tmp_path: Path) -> None:
    facts = looked(tmp_path, PARAMETERS, ORDERS, SECOND, THIRD)
    assert [problem.place for problem in facts.problems] == [
        "work.ipynb, cell 3, line 6",
        "work.ipynb, cell 4, line 6",
    ]
    assert all(problem.fix for problem in facts.problems)
    text = str(facts)
    assert text.splitlines()[0].endswith("cannot be exported yet")
    assert "    where: work.ipynb, cell 3, line 6" in text
    assert "next: mend what is named above" in text
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_a_name_that_nothing_binds_and_no_literal_are_problems(tmp_path: Path) -> None:
    facts = looked(tmp_path, ("limit = len('abc')", "parameters"), ORDERS)
    assert facts.problems[0].place == "work.ipynb, cell 1, line 1"
    assert not facts.parameters


def test_a_kernel_without_declarations_says_so_and_what_was_not_run(tmp_path: Path) -> None:
    facts = looked(tmp_path, PARAMETERS, f"# not run\n{ORDERS}", ran=[])
    assert facts.problems[0].message == "No pipeline is declared in this kernel."
    assert "cell 2 was not run in this kernel and declares OrdersBronze, ingest_orders" in facts.notes[0]


def test_an_unsaved_cell_stops_the_next_step(tmp_path: Path) -> None:
    ran = [RanCell("cell [4]", ("orders",), "%%alur_table orders", "gone")]
    facts = looked(tmp_path, PARAMETERS, ORDERS, ran=ran)
    assert facts.saved.startswith("no;")
    assert facts.unsaved[0].startswith("cell [4] was run but is not saved")
    assert facts.next_step.startswith("save the notebook")
    assert str(facts).splitlines()[0].endswith("cannot be exported yet")


WRONG = {
    "no landing": ("[env.dev]\n", "the environment has no landing"),
    "a local landing": ('[env.dev]\nlanding = "data"\n', "no place that a Glue job can read"),
    "a worker that Glue has not": (
        '[env.dev]\nlanding = "s3://acme-landing/"\nworker_type = "G.3X"\n',
        "is none of Glue's",
    ),
    "a parameter of another type": (
        '[env.dev]\nlanding = "s3://acme-landing/"\n[env.dev.parameters]\nlimit = "many"\n',
        "is int by its default",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_an_environment_lacks_is_told(tmp_path: Path, case: str) -> None:
    settings, words = WRONG[case]
    facts = looked(tmp_path, PARAMETERS, ORDERS, settings=settings)
    (dev,) = facts.environments
    assert any(words in problem.message for problem in dev.problems), dev
    assert "problem" in dev.state
    assert "no environment is ready" in str(facts)


def test_without_an_environment_the_next_step_is_to_add_one(tmp_path: Path) -> None:
    facts = looked(tmp_path, PARAMETERS, ORDERS, settings="")
    assert facts.environments == ()
    assert facts.chosen is None
    assert facts.next_step == 'add [env.dev] with landing = "s3://..." to alur.toml'


def _bundle(folder: Path, environment: str, script: str, **more: object) -> None:
    jobs = folder / "bundle" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "ingest_orders.py").write_text(script, encoding="utf-8")
    (jobs / "gone.py").write_text("", encoding="utf-8")
    manifest: Any = {
        "environment": environment,
        "notebook": "work.ipynb",
        "parameters": {"limit": 7},
        "pipelines": {name: {"script": f"jobs/{name}.py"} for name in ("ingest_orders", "gone")},
        **more,
    }
    write_manifest(folder / "bundle", manifest)


def test_what_differs_from_the_last_export_is_seen_without_running_anything(tmp_path: Path) -> None:
    _bundle(tmp_path, "dev", "old")
    (tmp_path / "bundle/jobs/gone.py").write_text("edited", encoding="utf-8")
    dev, prod = looked(tmp_path, PARAMETERS, ORDERS).environments
    assert dev.last == "2 jobs in bundle/, with limit = 7; edited since: jobs/gone.py"
    assert dev.differs == ("removed: jobs/gone.py", "changed: jobs/ingest_orders.py")
    assert prod.last == "bundle/ holds the one for dev; an export takes its place"
    assert prod.differs is None


def test_a_bundle_that_cannot_be_compared_says_why(tmp_path: Path) -> None:
    _bundle(tmp_path, "dev", "old", notebook="work.ipynb")
    dev, _ = looked(tmp_path, PARAMETERS, ORDERS, SECOND).environments
    assert dev.last.endswith("it can be compared once the problems are mended")
    assert dev.differs is None


def test_the_bundle_of_another_notebook_is_named(tmp_path: Path) -> None:
    _bundle(tmp_path, "dev", "old", notebook="other.ipynb")
    dev, _ = looked(tmp_path, PARAMETERS, ORDERS).environments
    assert dev.last == "bundle/ holds the one of other.ipynb; an export takes its place"


def test_a_star_import_of_a_loaded_module_starts_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_star_names", lambda *given: pytest.fail("a process was started"))
    facts = looked(
        tmp_path, PARAMETERS, "from math import *", ORDERS.replace("limit(limit)", "limit(int(pi))")
    )
    assert facts.problems == ()


def test_what_cannot_be_read_is_raised(tmp_path: Path) -> None:
    with pytest.raises(NotebookError):
        survey(tmp_path / "none.ipynb", Project(), None)
    (tmp_path / "alur.toml").write_text("[projct]\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        survey(write(tmp_path, "x = 1"), Project(), None)


def test_facts_of_nothing_are_in_words_too() -> None:
    assert str(ExportFacts()) == "Nothing was looked at."
    assert json.dumps(ExportFacts().to_dict())

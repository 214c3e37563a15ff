"""The magics that need no Spark: declare, show, check, refuse; and how every mistake ends its cell."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.deploy_plan import DeployPlan
from alur_nb.authoring.environments import Environments
from alur_nb.authoring.logs import Logs
from alur_nb.authoring.operate import CheckReport
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.report_facts import Status
from alur_nb.runtime.errors import DeclarationError, NotebookError, SettingsError
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import RunReport
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui import magics, operating
from alur_nb.ui.declaring import Declaration
from alur_nb.ui.glance import Glance
from alur_nb.ui.help import Help
from alur_nb.ui.magics import all_magics
from tests.ui.conftest import Notebook

ORDERS = "%%alur_table orders\nid int not null\namount decimal(10,2)"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A notebook with a table and its ingestion."""
    notebook.ok(ORDERS, "table")
    notebook.ok(INGEST, "pipeline")
    return notebook


def test_columns_declare_a_table_and_bind_its_class(notebook: Notebook, project: Project) -> None:
    declared = notebook.ok(ORDERS)
    assert isinstance(declared, Declaration)
    assert str(declared) == "declared table bronze.orders (OrdersBronze): 2 columns"
    assert "class OrdersBronze(alur_nb.BronzeTable):" in (declared.source or "")
    assert notebook.shell.user_ns["OrdersBronze"].__table__ == project.table("orders")


def test_the_source_shown_is_what_was_executed(notebook: Notebook, project: Project) -> None:
    source = notebook.ok(ORDERS).source
    names: dict[str, object] = {"__name__": "__main__"}
    exec(source, names)
    assert names["OrdersBronze"].__table__ == notebook.shell.user_ns["OrdersBronze"].__table__  # type: ignore[attr-defined]


def test_python_bodies_declare_what_they_say(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, "a")
    declared = notebook.ok(
        "%%alur_pipeline ingest_orders\n"
        "import alur_nb\n"
        "@alur_nb.expect(check_fn=alur_nb.row('amount > 0'))\n"
        "@alur_nb.pipeline(sources={'orders': alur_nb.files('o/*.csv')}, target=OrdersBronze)\n"
        "def ingest_orders(orders):\n"
        "    return orders\n",
        "b",
    )
    assert [pipeline.name for pipeline in declared.pipelines] == ["ingest_orders"]
    assert declared.source is None


def test_a_query_declares_a_pipeline(shop: Notebook, project: Project) -> None:
    shop.ok("%%alur_table late\nid int", "c")
    shop.ok("%%alur_pipeline find_late --target late\nselect id from new(orders) where amount > 3", "d")
    assert project.edges() == (("ingest_orders", "find_late"),)


@pytest.mark.parametrize("cell", [INGEST, f"%{INGEST}", f"%{INGEST}\n", f"%{INGEST}\n\n  \n"])
def test_an_ingestion_needs_no_body(notebook: Notebook, project: Project, cell: str) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok(cell, "b")
    assert isinstance(project.pipeline("ingest_orders").sources["orders"], FileSource)


def test_text_in_options_arrives_as_it_is_typed(shop: Notebook, project: Project) -> None:
    shop.shell.user_ns["env"] = "prod"
    shop.ok(INGEST + " --expect \"amount rlike '^[0-9]{1,3}$env'\"", "pipeline")
    (expected,) = project.pipeline("ingest_orders").expectations
    assert "'^[0-9]{1,3}$env'" in str(expected)


def test_names_in_patterns_are_the_notebooks(notebook: Notebook, project: Project) -> None:
    notebook.ok(ORDERS, "a")
    notebook.ok("folder = 'landing'", "b")
    notebook.ok("%alur_pipeline load --from '{folder}/*.csv' --target orders", "c")
    source = project.pipeline("load").sources["orders"]
    assert isinstance(source, FileSource)
    assert source.patterns == ("landing/*.csv",)
    notebook.run("%alur_pipeline load --from '{foldr}/*.csv' --target orders", "c")
    assert (
        notebook.error_lines[0]
        == "NotebookError: --from: the notebook has no name `foldr` (did you mean `folder`?)."
    )


def test_lines_show_what_is_declared(shop: Notebook) -> None:
    assert isinstance(shop.ok("%alur_table orders"), Table)
    assert isinstance(shop.ok("%alur_pipeline ingest_orders"), Pipeline)
    tables, pipelines = shop.ok("%alur_table"), shop.ok("%alur_pipeline")
    assert str(tables) == "1 table\n  bronze.orders: 2 columns, never loaded"
    assert (
        str(pipelines)
        == "1 pipeline, in the order of a run\n  1. ingest_orders: files(orders/*.csv) -> bronze.orders\n"
        "       never run"
    )
    everything = shop.ok("x = %alur")
    assert everything is None
    glance = shop.shell.user_ns["x"]
    assert isinstance(glance, Glance)
    assert glance.next_steps[:2] == ("%alur_preview ingest_orders", "%alur_run --all")


def test_an_empty_project_says_how_to_begin(notebook: Notebook) -> None:
    assert "next: declare a table: %%alur_table orders" in str(notebook.ok("%alur"))


def test_a_check_without_findings_returns_its_report(shop: Notebook) -> None:
    report = shop.ok("%alur_check")
    assert isinstance(report, CheckReport)
    assert report.ok


def test_a_check_with_an_error_shows_the_report_and_stops(shop: Notebook) -> None:
    shop.ok("%alur_pipeline another --from 'o/*.csv' --target orders", "c")
    shop.run("%alur_check")
    assert isinstance(shop.error, NotebookError)
    assert "another and ingest_orders both write bronze.orders." in shop.shown()[0]


def test_help_names_every_magic_that_works(notebook: Notebook) -> None:
    page = notebook.ok("%alur help")
    assert isinstance(page, Help)
    working = {magic.command.name for magic in all_magics()}
    assert {entry.name for entry in page.entries} == working
    assert all(entry.example for entry in page.entries)


@pytest.mark.parametrize("magic", all_magics(), ids=lambda magic: magic.name)
def test_a_question_mark_shows_usage_and_example(notebook: Notebook, magic: object) -> None:
    name = magic.name  # type: ignore[attr-defined]
    info = notebook.shell.object_inspect(f"%{name}")
    assert f"%{name}" in info["docstring"]
    assert "Example" in info["docstring"]
    assert max(map(len, info["docstring"].splitlines())) <= 100


def test_a_question_mark_speaks_of_what_is_declared_by_then(notebook: Notebook) -> None:
    notebook.ok("%%alur_table visits\nid int", "a")
    notebook.ok("%alur_pipeline load_visits --from 'v/*.csv' --target visits", "b")
    for name in ("alur_preview", "alur_run", "alur_history", "alur_pipeline"):
        assert " load_visits" in notebook.shell.object_inspect(f"%{name}")["docstring"]
    assert "from visits" in str(notebook.ok("%alur help"))
    assert "ingest_orders" not in str(notebook.ok("%alur help"))


def test_a_mistake_that_six_lines_hold_is_said_once(shop: Notebook) -> None:
    shop.run("%%alur_table x\nid int\nname strng")
    assert not shop.shown("text/html")
    assert shop.error_lines[1:4] == ["  where: cell [4], line 3, column 6", "    name strng", "         ^"]


def test_what_six_lines_have_no_room_for_is_in_a_card(
    shop: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(line: str) -> None:
        raise SettingsError("Some keys are wrong.", fix="\n".join(f"key_{number} = 1" for number in range(9)))

    monkeypatch.setattr(operating, "check_command", lambda: SimpleNamespace(parse=refuse))
    shop.run("%alur_check")
    ((html,), (text,)) = shop.shown("text/html"), shop.shown()
    assert "key_8 = 1" in html and "key_8 = 1" in text
    assert len(shop.error_lines) == 6
    assert shop.error_lines[-1] == "  ... the output above shows all of it"


def test_in_a_terminal_a_mistake_is_said_once(shop: Notebook) -> None:
    del shop.shell.kernel  # type: ignore[attr-defined]
    shop.run("%alur_run")
    assert shop.error_lines
    assert not shop.shown()


def test_a_mistake_in_python_keeps_the_lines_of_the_cell(shop: Notebook) -> None:
    shop.run("%%alur_table\nimport alur_nb\n\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.StringField\n")
    assert isinstance(shop.error, DeclarationError)
    assert "  where: cell [4], line 4" in shop.error_lines


def test_a_users_own_error_keeps_the_users_frames(shop: Notebook) -> None:
    shop.run("%%alur_pipeline\n\ndef f():\n    raise ValueError('mine')\n\nf()")
    assert isinstance(shop.error, ValueError)
    text = "\n".join(shop.error_lines)
    assert "line 6" in text
    assert "line 4, in f" in text
    assert "ValueError: mine" in text
    assert "alur_nb/" not in text
    assert "run_cell_magic" not in text


def test_debug_shows_the_whole_traceback_until_it_is_off(shop: Notebook) -> None:
    assert "on" in str(shop.ok("%alur --debug"))
    shop.run("%alur_run")
    assert any("operating.py" in line for line in shop.error_lines)
    shop.ok("%alur --debug")
    shop.run("%alur_run")
    assert not any("operating.py" in line for line in shop.error_lines)


def test_during_an_export_magics_that_act_do_nothing(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    assert shop.ok("%alur_run --all") == RunReport("")
    assert shop.ok("%%alur_sql\nselect * from orders") == QueryResult()
    assert shop.ok("%alur_check") == CheckReport()
    assert shop.ok("%alur_export --env dev") == Bundle()
    assert shop.ok("%alur") == Glance()
    assert shop.ok("%alur_deploy") == DeployPlan()
    assert shop.ok("%alur_logs ingest_orders") == Logs()
    assert shop.ok("%alur_status") == Status()
    assert shop.ok("%alur_env dev") == Environments()
    assert isinstance(shop.ok(ORDERS, "table"), Declaration)
    assert not Path(".alur").exists()


def test_a_wrong_toml_is_said_at_load(notebook: Notebook) -> None:
    Path("alur.toml").write_text("[projct]\nname = 'x'\n")
    notebook.run("%reload_ext alur_nb", "load")
    assert notebook.error_lines[0].startswith("SettingsError: Unknown key `projct`")
    Path("alur.toml").write_text("[project]\nname = 'x'\n")
    notebook.ok("%reload_ext alur_nb", "load")
    notebook.ok(ORDERS, "a")


HEAVY = ("pandas", "numpy", "nbconvert", "nbformat", "papermill", "pyspark", "sqlglot", "boto3", "ipywidgets")


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "import alur_nb.ui.magics as magics\n"
        "magics._warm_up = lambda: None\n"
        "assert shell.run_cell('%load_ext alur_nb').success\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NOT_FOR_A_GLANCE = ("pandas", "numpy", "nbconvert", "nbformat", "papermill", "pyspark", "boto3", "ipywidgets")


def test_declaring_and_looking_import_nothing_heavy_and_start_no_java(workspace: Workspace) -> None:
    cells = [
        "%load_ext alur_nb",
        ORDERS,
        INGEST,
        "%alur",
        "%alur_table orders",
        "%alur_check",
        "%alur_history",
    ]
    program = (
        "import sys, threading\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "import alur_nb.ui.magics as magics\n"
        "magics._warm_up = lambda: None\n"
        f"for cell in {cells!r}:\n"
        "    assert shell.run_cell(cell).success, cell\n"
        f"print('imported:', [name for name in {NOT_FOR_A_GLANCE!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


@pytest.mark.parametrize(("mode", "calls"), [("", 1), ("export", 0)])
def test_spark_is_warmed_at_load_but_not_for_an_export(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, mode: str, calls: int
) -> None:
    started = threading.Semaphore(0)
    monkeypatch.setattr(magics, "_warm_up", started.release)
    monkeypatch.setenv("ALUR_MODE", mode)
    notebook.ok("%reload_ext alur_nb", "load")
    assert started.acquire(timeout=0.5) is bool(calls)

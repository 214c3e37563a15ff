from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from alur_nb import __version__
from alur_nb.authoring import local_spark, operate
from alur_nb.authoring.bundle import Bundle
from alur_nb.cli import main
from alur_nb.runtime import context


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `alur init` lays it out, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def write_notebook(path: Path, *cells: str) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    path.write_text(nbformat.writes(book))


def test_the_version_is_told() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "alur_nb", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"alur-nb {__version__}\n"


@pytest.mark.parametrize(
    "argv", [[], ["frobnicate"], ["run"], ["run", "x", "--all"], ["run", "--al"], ["init", "a", "b"]]
)
def test_wrong_usage_exits_with_2(shop: Path, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(argv)
    except SystemExit as exit_:
        code = exit_.code  # type: ignore[assignment]
    assert code == 2
    assert "usage" in capsys.readouterr().err


def test_init_says_what_is_next_and_changes_nothing_later(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'name = "shop"' in (shop / "alur.toml").read_text()
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    assert main(["init"]) == 0
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before
    assert "alur.toml   (kept as it was)" in capsys.readouterr().out
    monkeypatch.chdir(shop.parent)
    assert main(["init", "other"]) == 0
    said = capsys.readouterr().out
    assert (
        "Next: cd other && jupyter lab notebooks/other.ipynb   (or: alur run --all; python -m pytest)" in said
    )


def test_init_refuses_a_folder_that_cannot_name_a_project(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "2024"]) == 1
    assert "cannot name a project" in capsys.readouterr().err


def test_check_tells_a_ci_the_place_and_the_next_step(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = "%alur_pipeline again --from 'x/*.csv' --target OrdersBronze"
    book = nbformat.read(shop / "notebooks/shop.ipynb", 4)
    book.cells.append(nbformat.v4.new_code_cell(again))
    (shop / "notebooks/shop.ipynb").write_text(nbformat.writes(book))
    capsys.readouterr()
    assert main(["check"]) == 1
    assert capsys.readouterr().out == (
        "1 table, 2 pipelines: not ok\n"
        "error: again and ingest_orders both write bronze.orders.\n"
        "  where: notebooks/shop.ipynb, cell 8, notebooks/shop.ipynb, cell 4\n"
        "  next:  Give one of them a table of its own, or make them one pipeline with several sources.\n"
    )
    assert main(["check", "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["place"] == "notebooks/shop.ipynb, cell 8, notebooks/shop.ipynb, cell 4"


def test_check_and_list_start_no_spark(shop: Path) -> None:
    code = (
        "import sys; from alur_nb.cli import main; "
        "assert main(['check']) == 0 and main(['list']) == 0; "
        "slow = {'pyspark', 'nbformat', 'papermill'} & set(sys.modules); assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ingest_orders: files(orders/*.csv) -> bronze.orders" in done.stdout


def test_where_a_command_starts_spark_it_starts_from_the_archive(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(context, "_launch", context._plain_launch)
    assert main(["list"]) == 0
    assert context._launch is local_spark.launched


def test_run_twice_and_read_the_report(shop: Path, spark: object, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["run", "--all", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(run["state"], run["rows"]) for run in report["runs"]] == [("loaded", 3)]
    assert main(["run", "ingest_orders"]) == 0
    assert "nothing new" in capsys.readouterr().out


def test_a_failed_run_exits_with_1_and_tells_the_place(
    shop: Path, spark: object, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = shop / "data/orders/bad.csv"
    bad.write_text("order_id,customer,amount,ordered_at\nx,Ada,1,2024-01-01T00:00:00Z\n")
    assert main(["run", "--all"]) == 1
    assert "orders/bad.csv, line 2, column order_id" in capsys.readouterr().out


def test_preview_from_the_terminal(shop: Path, spark: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "ingest_orders", "-n", "2"]) == 0
    shown = capsys.readouterr().out
    assert "1001" in shown
    assert not (shop / ".alur").exists()


def test_an_unknown_pipeline_suggests(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ingest_order"]) == 1
    assert "ingest_orders" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("from alur_nb import pipeline\n@pipeline(sources=1 / 0)\ndef p(): ...", "ZeroDivisionError"),
        ("from alur_nb import BronzeTable\nclass X(BronzeTable:\n    pass", "cell 1"),
        ("%%alur_table orders\nid itn", "itn"),
        ("%%alur_table orders --layr bronze\nid int", "--layr"),
    ],
)
def test_a_bad_cell_is_told_with_its_place_and_no_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cell: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "bad.ipynb", cell)
    assert main(["check"]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "cell 1" in told
    assert "Traceback" not in told


def test_modules_declare_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alur.toml").write_text('[project]\nmodules = ["shop_tables.py"]\n')
    (tmp_path / "shop_tables.py").write_text(
        "from alur_nb import BronzeTable, LongField\n\n\nclass OrdersBronze(BronzeTable):\n    id = LongField()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["list", "--json"]) == 0
    assert [table["name"] for table in json.loads(capsys.readouterr().out)["tables"]] == ["bronze.orders"]


def test_a_module_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alur.toml").write_text('[project]\nmodules = ["missing_tables.py"]\n')
    assert main(["list"]) == 1
    assert "missing_tables.py" in capsys.readouterr().err


def test_parameters_go_with_an_export_and_with_its_check(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[tuple[str, object]] = []

    def export(notebook: object, env: object, out: object, *, parameters: object) -> Bundle:
        given.append(("export", parameters))
        return Bundle(environment="dev")

    def differences(notebook: object, env: object, out: object, *, parameters: object) -> Bundle:
        given.append(("check", parameters))
        return Bundle(environment="dev")

    monkeypatch.setattr(operate, "export", export)
    monkeypatch.setattr(operate, "export_differences", differences)
    assert main(["export", "-p", "day=2026-01-02", "--parameter", "query=a=b"]) == 0
    assert main(["export", "--check", "-p", "limit=5"]) == 0
    assert main(["export"]) == 0
    first = {"day": "2026-01-02", "query": "a=b"}
    assert given == [("export", first), ("check", {"limit": "5"}), ("export", {})]
    with pytest.raises(SystemExit, match="2"):
        main(["export", "-p", "day"])
    assert "`day` is not of the form name=value" in capsys.readouterr().err

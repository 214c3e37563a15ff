from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from alur_nb.authoring.execute import Execution, execute, star_resolver
from alur_nb.authoring.following import Following
from alur_nb.runtime.errors import ExportError, Place, RunCancelledError, SettingsError
from tests.authoring.notebooks import Source, as_python, make


def run(
    folder: Path,
    *cells: Source,
    skip: tuple[int, ...] = (),
    following: Following | None = None,
    labels: dict[int, str] | None = None,
    **given: object,
) -> Execution:
    notebook = make(folder, *cells, name="notebooks/work.ipynb")
    wanted = [cell for cell in notebook.code if cell.number not in skip]
    return execute(notebook, wanted, root=folder, parameters=given, following=following, labels=labels)


def printed(execution: Execution) -> list[str]:
    content = nbformat.read(execution.path, as_version=4)
    return [
        output["text"].strip()
        for cell in content.cells
        for output in cell.get("outputs", [])
        if "text" in output
    ]


@pytest.mark.slow
def test_cells_run_in_a_clean_kernel_of_this_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No kernel of this name is installed anywhere that Jupyter looks.
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "nowhere"))
    monkeypatch.delenv("ALUR_MODE", raising=False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/local.py").write_text("VALUE = 7\n")
    here = Path.cwd()
    execution = run(
        tmp_path,
        "#md title",
        ("limit = 10\nday = 'x'", "parameters"),
        "raise ValueError('not chosen')",
        "import os, sys, local\nprint(os.environ['ALUR_MODE'], limit, day, local.VALUE)",
        "print(sys.executable, os.getcwd())",
        skip=(3,),
        limit="20",
    )
    assert execution.path == tmp_path / ".alur/exports/notebooks/work.ipynb"
    assert [cell.number for cell in execution.cells] == [2, 4, 5]
    assert printed(execution) == ["export 20 x 7", f"{sys.executable} {tmp_path / 'notebooks'}"]
    assert Path.cwd() == here
    content = nbformat.read(execution.path, as_version=4)
    assert [cell.metadata.get("alur", {}).get("cell") for cell in content.cells] == [2, None, 4, 5]


@pytest.mark.slow
def test_a_failing_cell_is_named_by_its_number_in_the_saved_notebook(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        run(
            tmp_path,
            "#md",
            ("x = 1", "parameters"),
            "skipped",
            "y = 2\n\nz = y / 0",
            "print('after')",
            skip=(3,),
            x=2,
        )
    assert caught.value.message == "Cell 4 failed in a clean kernel: ZeroDivisionError: division by zero"
    assert caught.value.place == Place("work.ipynb", 4, line=3)
    assert caught.value.fix
    content = nbformat.read(tmp_path / ".alur/exports/notebooks/work.ipynb", as_version=4)
    assert any(
        output.get("ename") == "ZeroDivisionError"
        for cell in content.cells
        for output in cell.get("outputs", [])
    )


@pytest.mark.slow
def test_an_error_of_ours_brings_its_own_next_step(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        run(
            tmp_path,
            "from alur_nb.runtime.errors import DeclarationError\nraise DeclarationError('No such column.', fix='Add it.')",
        )
    assert caught.value.message == "Cell 1 failed in a clean kernel: DeclarationError: No such column."
    assert caught.value.fix == "Add it."


@pytest.mark.slow
def test_a_magic_that_ipython_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"Cell 2 failed in a clean kernel: .*no_such_magic"):
        run(tmp_path, "x = 1", "%no_such_magic")


@pytest.mark.slow
def test_a_kernel_that_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="The kernel died"):
        run(tmp_path, "import os\nos._exit(3)")


@pytest.mark.slow
def test_whoever_follows_is_told_of_each_cell_before_it_runs(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    following = Following(on_cell=lambda *cell: told.append(cell))
    run(
        tmp_path,
        ("limit = 10", "parameters"),
        "\n  \nvalue = 1",
        f"other = '{'x' * 80}'",
        following=following,
        labels={1: "sets the parameters' defaults"},
        limit=3,
    )
    assert told == [
        (1, 4, "sets the parameters' defaults"),
        (2, 4, "sets the given parameters"),
        (3, 4, "value = 1"),
        (4, 4, f"other = '{'x' * 50}…"),
    ]


@pytest.mark.slow
def test_a_cancelled_execution_stops_in_the_middle_of_a_cell(tmp_path: Path) -> None:
    def cancel(number: int, total: int, label: str) -> None:
        if number == 2:
            threading.Timer(0.5, following.cancelled.set).start()

    following = Following(on_cell=cancel)
    begin = time.monotonic()
    with pytest.raises(RunCancelledError, match="as it was"):
        run(tmp_path, "x = 1", "import time\ntime.sleep(60)", "y = 1", following=following)
    assert time.monotonic() - begin < 30


@pytest.mark.slow
def test_an_execution_that_is_cancelled_before_it_starts_ends_at_once(tmp_path: Path) -> None:
    following = Following()
    following.cancelled.set()
    with pytest.raises(RunCancelledError):
        run(tmp_path, "import pathlib\npathlib.Path('ran').touch()", following=following)
    assert not (tmp_path / "notebooks" / "ran").exists()


def test_parameters_are_checked_before_a_kernel_starts(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no cell tagged `parameters`"):
        run(tmp_path, "x = 1", x=2)
    with pytest.raises(SettingsError, match="no parameter `y`"):
        run(tmp_path, ("x = 1", "parameters"), y=2)
    assert not (tmp_path / ".alur").exists()


def test_star_imports_are_resolved_in_a_clean_process(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("from math import pi\n_hidden = 1\ndef load(): ...\n")
    notebook = make(
        tmp_path, "from helpers import *", "x = 1", "from math import *", "from missing_module import *"
    )
    resolve = star_resolver(notebook, as_python)
    assert set(resolve("helpers")) == {"pi", "load"}
    assert resolve("helpers")["pi"] == resolve("math")["pi"]
    assert resolve("math")["pi"] != resolve("math")["e"]
    with pytest.raises(ExportError, match="ModuleNotFoundError"):
        resolve("missing_module")


def test_without_star_imports_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    resolve = star_resolver(make(tmp_path, "import math"), as_python)
    with pytest.raises(ExportError, match="no import of the notebook"):
        resolve("math")

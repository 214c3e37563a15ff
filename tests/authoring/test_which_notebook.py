"""The notebook that is meant: by the cells that ran, which stay when the file gets another name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alur_nb.authoring.notebook import Cell
from alur_nb.authoring.operate import find_notebook
from alur_nb.authoring.which_notebook import code_cells, kernel_notebook
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.settings import Settings, load_settings


def _save(name: str, *cell_ids: str) -> Path:
    cells = [{"cell_type": "code", "id": one, "source": [f"# {one}\n", "1"]} for one in cell_ids]
    path = Path(name).absolute()
    path.write_text(json.dumps({"cells": [*cells, {"cell_type": "markdown", "source": "# Shop"}]}))
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty project, in a kernel that was started for `Untitled.ipynb`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "Untitled.ipynb"))
    return load_settings()


def test_a_renamed_notebook_is_found_by_the_cells_that_ran(settings: Settings) -> None:
    _save("other.ipynb", "x", "y")
    shop = _save("shop.ipynb", "a", "b")
    assert kernel_notebook(settings, {"b", "not saved yet"}) == shop
    assert find_notebook(settings, cell_ids={"b"}) == shop
    assert kernel_notebook(settings) is None


def test_the_name_that_the_kernel_was_started_with_holds_while_its_cells_are_there(
    settings: Settings,
) -> None:
    untitled = _save("Untitled.ipynb", "a", "b")
    _save("copy.ipynb", "a", "b")
    assert kernel_notebook(settings, {"a"}) == untitled
    assert kernel_notebook(settings, {"not saved yet"}) == untitled
    assert kernel_notebook(settings) == untitled


def test_a_new_notebook_under_the_old_name_is_not_taken_for_the_renamed_one(settings: Settings) -> None:
    _save("Untitled.ipynb", "x")
    shop = _save("shop.ipynb", "a")
    assert kernel_notebook(settings, {"a"}) == shop


def test_a_copy_of_a_renamed_notebook_leaves_it_unclear(settings: Settings) -> None:
    _save("shop.ipynb", "a")
    _save("copy.ipynb", "a")
    assert kernel_notebook(settings, {"a"}) is None
    with pytest.raises(SettingsError, match=r"not clear which .*: copy\.ipynb, shop\.ipynb\."):
        find_notebook(settings, cell_ids={"a"})


def test_what_is_no_notebook_has_no_cells(settings: Settings) -> None:
    assert code_cells(_save("shop.ipynb", "a")) == (Cell(1, "# a\n1", "a"),)
    for text in ("{", "[]", '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}'):
        Path("bad.ipynb").write_text(text)
        assert code_cells(Path("bad.ipynb")) is None
    assert kernel_notebook(settings, {"a"}) == Path("shop.ipynb").absolute()

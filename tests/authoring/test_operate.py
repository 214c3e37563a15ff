"""Which notebook an export means, where none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.operate import find_notebook
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.settings import load_settings


@pytest.fixture(autouse=True)
def _no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


def test_a_project_without_a_saved_notebook_says_to_save_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no saved notebook") as caught:
        find_notebook(load_settings(tmp_path))
    assert "Save the notebook" in str(caught.value.fix)


def test_the_only_notebook_is_meant_and_of_two_none_is(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").touch()
    assert find_notebook(load_settings(tmp_path)).name == "a.ipynb"
    (tmp_path / "b.ipynb").touch()
    with pytest.raises(SettingsError, match=r"the project has: a\.ipynb, b\.ipynb"):
        find_notebook(load_settings(tmp_path))

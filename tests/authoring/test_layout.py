"""`alur init` never costs anybody a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb import __version__
from alur_nb.authoring.layout import lay_out
from alur_nb.runtime.errors import SettingsError, StorageError

ALL = {
    ".github/workflows/alur.yml",
    ".gitignore",
    "alur.toml",
    "data/orders/2024-01.csv",
    "notebooks/my-shop.ipynb",
    "tests/conftest.py",
    "tests/test_my_shop.py",
}


def files_in(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_everything_is_there_and_filled_in(tmp_path: Path) -> None:
    laid = lay_out(tmp_path / "new" / "my-shop")
    found = files_in(laid.root)
    assert set(found) == ALL == {path.as_posix() for path in laid.written}
    assert not [name for name, text in found.items() if "$name" in text or "$version" in text]
    assert f"alur-nb[all]=={__version__}" in found[".github/workflows/alur.yml"]
    assert "${{ vars.ALUR_DEPLOY_ROLE }}" in found[".github/workflows/alur.yml"]
    assert 'load_notebook("notebooks/my-shop.ipynb")' in found["tests/test_my_shop.py"]
    assert laid.notebook == Path("notebooks/my-shop.ipynb")


def test_a_file_of_the_users_is_never_changed(tmp_path: Path) -> None:
    root = tmp_path / "my-shop"
    mine = {name: f"{name}, mine" for name in (".gitignore", "tests/conftest.py", "data/orders/2024-01.csv")}
    for name, text in mine.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    laid = lay_out(root)
    found = files_in(root)
    assert {name: found[name] for name in mine} == mine
    assert set(found) == ALL
    assert {path.as_posix() for path in laid.kept} == set(mine)
    assert ".gitignore   (kept as it was)" in str(laid)
    assert "Add .alur/ to your .gitignore" in str(laid)
    again = lay_out(root)
    assert (again.written, files_in(root)) == ((), found)


@pytest.mark.parametrize(
    ("name", "text"),
    [("notebooks/own.ipynb", "{}"), ("own.ipynb", "{}"), ("alur.toml", '[project]\nmodules = ["own.py"]\n')],
)
def test_a_project_with_declarations_gets_no_first_notebook(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    lay_out(tmp_path)
    assert set(files_in(tmp_path)) == {
        ".github/workflows/alur.yml", ".gitignore", "alur.toml", "tests/conftest.py", name
    }  # fmt: skip


def test_the_project_is_named_as_the_folder_as_far_as_it_can_be(tmp_path: Path) -> None:
    assert lay_out(tmp_path / "our shop (new)").name == "our_shop_new_"
    with pytest.raises(SettingsError, match="`2024` cannot name a project"):
        lay_out(tmp_path / "2024")
    assert not (tmp_path / "2024").exists()


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        lay_out(tmp_path / "shop")
    assert (tmp_path / "shop").read_text(encoding="utf-8") == "mine"

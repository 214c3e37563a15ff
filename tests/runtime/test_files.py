from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import LocalFiles, _glob_regex


def lay(root: Path, *names: str) -> LocalFiles:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return LocalFiles(root)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("orders/*.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/**/*.csv", ["orders/1.csv", "orders/2.csv", "orders/2024/3.csv", "orders/2024/01/4.csv"]),
        ("orders/{1,2}.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/[!1].csv", ["orders/2.csv"]),
        ("orders/?.csv", ["orders/1.csv", "orders/2.csv"]),
        ("orders/1.csv", ["orders/1.csv"]),
        ("*/1.csv", ["odd [x]/1.csv", "orders/1.csv"]),
        ("orders/9*.csv", []),
    ],
)
def test_globs_match_as_users_know_them(tmp_path: Path, pattern: str, found: list[str]) -> None:
    names = ["orders/1.csv", "orders/2.csv", "orders/2024/3.csv", "orders/2024/01/4.csv", "odd [x]/1.csv"]
    files = lay(tmp_path, *names, "orders/.hidden.csv", "orders/_tmp.csv", "orders/note.txt")
    assert [file.path for file in files.list(pattern)] == sorted(found)


def test_an_absolute_pattern_outside_the_landing_keeps_absolute_paths(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", "a.csv")
    files = lay(tmp_path / "landing", "b.csv")
    (found,) = files.list(f"{tmp_path}/elsewhere/*.csv")
    assert found.path == f"{tmp_path}/elsewhere/a.csv"


def test_a_pattern_may_climb_out_of_the_landing(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", "a.csv")
    (found,) = LocalFiles(tmp_path / "landing").list("../elsewhere/*.csv")
    assert found.path == f"{tmp_path}/elsewhere/a.csv"


def test_a_landing_folder_with_special_characters_is_taken_literally(tmp_path: Path) -> None:
    files = lay(tmp_path / "in [1] {x} * ü", "a b.csv")
    (found,) = files.list("*.csv")
    assert found.path == "a b.csv"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist") as caught:
        LocalFiles(tmp_path).list("ordres/*.csv")
    assert "relative patterns start at" in str(caught.value)


def test_a_folder_without_files_is_empty(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    assert LocalFiles(tmp_path).list("orders/*.csv") == []


def test_the_version_changes_with_the_content_and_the_pin_with_the_file(tmp_path: Path) -> None:
    files = lay(tmp_path, "a.csv")
    (before,) = files.list("a.csv")
    assert files.stat(before) == before
    replacement = tmp_path / "new"
    replacement.write_text("a.csv")
    os.utime(replacement, ns=(0, int(before.version.split("-")[1])))
    replacement.rename(tmp_path / "a.csv")
    after = files.stat(before)
    assert after.version == before.version
    assert after.pin != before.pin


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    files = lay(tmp_path, "a.csv")
    (file,) = files.list("a.csv")
    assert files.hash(file) == hashlib.sha256(b"a.csv").hexdigest()


def test_a_file_that_is_gone_names_the_next_step(tmp_path: Path) -> None:
    files = lay(tmp_path, "a.csv")
    (file,) = files.list("a.csv")
    (tmp_path / "a.csv").unlink()
    for look in (files.open, files.stat, files.hash):
        with pytest.raises(SourceError, match="is gone") as caught:
            look(file)
        assert "Run again" in str(caught.value)


@given(st.text(alphabet="ab[]{}*?,!.-_ é", min_size=1, max_size=12).filter(lambda name: "/" not in name))
def test_a_glob_without_wildcards_matches_only_itself(name: str) -> None:
    import re

    if not re.search(r"[*?\[{]", name):
        assert re.fullmatch(_glob_regex(name), name)
        assert not re.fullmatch(_glob_regex(name), name + "x")
    assert re.compile(_glob_regex(name))

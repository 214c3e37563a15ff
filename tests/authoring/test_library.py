from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from alur_nb.authoring.library import MODULES_ARCHIVE, write_archive, write_modules, write_runtime_wheel
from tests.require import require_program


def pip_install() -> list[str]:
    """The installer of this environment: made by venv it has pip, made by uv it has not."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--no-index"]
    uv = shutil.which("uv") or require_program("uv", "pip install uv")
    return [uv, "pip", "install", "--no-index", "--python", sys.executable]


def test_pip_installs_the_wheel_and_the_runtime_imports_from_it(tmp_path: Path) -> None:
    wheel = write_runtime_wheel(tmp_path / "lib", "1.2.3")
    site = tmp_path / "site"
    subprocess.run([*pip_install(), "--no-deps", "--target", site, wheel], check=True, capture_output=True)

    program = "import alur_nb.runtime.errors as e; print(e.__file__); print(e.AlurError('x', fix='y'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )

    assert wheel.name == "alur_nb_runtime-1.2.3-py3-none-any.whl"
    assert done.stdout.splitlines() == [str(site / "alur_nb/runtime/errors.py"), "x", "  next:  y"]
    assert "Name: alur-nb-runtime\nVersion: 1.2.3\n" in (
        site / "alur_nb_runtime-1.2.3.dist-info/METADATA"
    ).read_text(encoding="utf-8")


def test_it_imports_from_the_archive_itself_as_on_glue(tmp_path: Path) -> None:
    wheel = write_runtime_wheel(tmp_path, "1.2.3")
    as_zip = wheel.rename(tmp_path / "lib-0123.zip")
    program = f"import sys; sys.path.insert(0, {str(as_zip)!r}); import alur_nb.runtime.errors as e; print(e.__file__)"

    done = subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == str(as_zip / "alur_nb/runtime/errors.py")


def test_two_builds_are_byte_identical(tmp_path: Path) -> None:
    first = write_runtime_wheel(tmp_path / "a").read_bytes()
    assert write_runtime_wheel(tmp_path / "b").read_bytes() == first


def test_the_wheel_holds_the_runtime_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_runtime_wheel(tmp_path, "1.2.3")) as wheel:
        names = wheel.namelist()
    code = [name for name in names if ".dist-info/" not in name]
    assert "alur_nb/__init__.py" in code
    assert "alur_nb/py.typed" in code
    assert all(name.startswith("alur_nb/runtime/") for name in code if name.count("/") > 1)
    assert not [name for name in names if "__pycache__" in name]


def test_the_record_lists_every_file_with_its_hash(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_runtime_wheel(tmp_path, "1.2.3")) as wheel:
        names = wheel.namelist()
        record = wheel.read("alur_nb_runtime-1.2.3.dist-info/RECORD").decode()
        rows = dict(line.split(",", 1) for line in record.splitlines())
        for name in names[:-1]:
            content = wheel.read(name)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert rows[name] == f"sha256={digest},{len(content)}"
    assert names[-1] == "alur_nb_runtime-1.2.3.dist-info/RECORD"
    assert sorted(rows) == sorted(names)


def test_an_archive_does_not_know_the_time_or_the_order_of_its_files(tmp_path: Path) -> None:
    first = write_archive(tmp_path / "a.zip", {"b.py": b"2", "a.py": b"1"}).read_bytes()
    assert write_archive(tmp_path / "b.zip", {"a.py": b"1", "b.py": b"2"}).read_bytes() == first
    assert write_archive(tmp_path / "c.zip", {"a.py": b"1", "b.py": b"3"}).read_bytes() != first


def test_local_modules_keep_their_packages(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    paths = [tmp_path / "shop" / "__init__.py", tmp_path / "shop" / "rules.py", tmp_path / "dates.py"]
    for path in paths:
        path.write_text(f"here = {path.name!r}\n", encoding="utf-8")

    archive = write_modules(tmp_path / "lib", tmp_path, paths)

    assert archive == tmp_path / "lib" / MODULES_ARCHIVE
    with zipfile.ZipFile(archive) as files:
        assert files.namelist() == ["dates.py", "shop/__init__.py", "shop/rules.py"]
        assert files.read("dates.py") == b"here = 'dates.py'\n"


def test_without_local_modules_there_is_no_archive(tmp_path: Path) -> None:
    assert write_modules(tmp_path / "lib", tmp_path, []) is None
    assert not (tmp_path / "lib").exists()

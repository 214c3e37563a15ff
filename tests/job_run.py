"""Written job scripts, run as they would be elsewhere: pyspark, boto3 and the bundle's wheel, nothing of the checkout."""

from __future__ import annotations

import json
import subprocess
import venv
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from alur_nb.runtime.context import java_home
from tests.demo_run import outside_environment
from tests.test_wheel import SHIPPED_WITH, closure, top_level

# Another clock than the notebook's: a job may run anywhere.
JOBS_TIME_ZONE = "Asia/Kolkata"

_TOGETHER = """
import runpy, sys
from alur_nb.runtime.project import Project, use_project
folder, *scripts = sys.argv[1:]
for script in scripts:
    sys.argv = [script, "--project", folder]
    with use_project(Project()):
        runpy.run_path(script, run_name="__main__")
"""


def make_clean_python(folder: Path) -> Path:
    """Return the interpreter of a new environment with pyspark, boto3 and what these need, and no alur-nb."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3.*/site-packages")
    for distribution in closure(SHIPPED_WITH):
        for name in top_level(distribution):
            (site / name).symlink_to(Path(str(distribution.locate_file(name))).resolve())
    return folder / "bin" / "python"


def run_clean(
    python: Path, bundle: Path, *arguments: str, cwd: Path, time_zone: str = "UTC"
) -> subprocess.CompletedProcess[str]:
    """Run Python with the bundle's wheel on its path and nothing of the checkout or of this environment."""
    (wheel,) = (bundle / "lib").glob("*.whl")
    # The Java of the tests: where it is a package, the clean environment does not have it.
    java = str(java_home().path)
    kept = {name: value for name, value in outside_environment().items() if not name.startswith("PYTHON")}
    environment = kept | {
        "PYTHONPATH": str(wheel),
        "PYTHONNOUSERSITE": "1",
        "JAVA_HOME": java,
        "TZ": time_zone,
    }
    command = [str(python), *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def in_dag_order(bundle: Path) -> list[str]:
    """Return the scripts in the order that an orchestrator would take from the manifest."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    graph: dict[str, set[str]] = {name: set() for name in manifest["pipelines"]}
    for upstream, downstream in manifest["edges"]:
        graph[downstream].add(upstream)
    return [manifest["pipelines"][name]["script"] for name in TopologicalSorter(graph).static_order()]


def run_script(python: Path, bundle: Path, script: str, project: Path, elsewhere: Path) -> str:
    """Run a written job to its good end, and return its log."""
    arguments = (str(bundle / script), "--project", str(project))
    done = run_clean(python, bundle, *arguments, cwd=elsewhere, time_zone=JOBS_TIME_ZONE)
    assert done.returncode == 0, f"{script}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stderr


def run_scripts_together(
    python: Path, bundle: Path, scripts: Sequence[str], project: Path, elsewhere: Path
) -> str:
    """Run written jobs to their good end in one process and one Spark, each in a registry of its own; return the log."""
    paths = [str(bundle / script) for script in scripts]
    arguments = ("-c", _TOGETHER, str(project), *paths)
    done = run_clean(python, bundle, *arguments, cwd=elsewhere, time_zone=JOBS_TIME_ZONE)
    assert done.returncode == 0, f"{scripts}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stderr


def finished(log: str) -> dict[str, Any]:
    """Return what a job logged as finished, once; its own lines are JSON."""
    (found,) = all_finished(log)
    return found


def all_finished(log: str) -> list[dict[str, Any]]:
    """Return what each job of a log told as its end, in the order of their runs."""
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in told if line["what"] == "finished"]

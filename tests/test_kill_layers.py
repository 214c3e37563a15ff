"""`kill -9` at every step that publishes into an Iceberg table, by append, merge and overwrite: then once more.

`make test` dies where the decision falls; `make test-crash` (ALUR_CRASH=all) at every step of each table.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.authoring.fsck import fsck
from alur_nb.runtime.reading import read
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land
from tests.crash.kill_layers import DECISIVE, POINTS, TABLES, declare

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHOSEN = POINTS if os.environ.get("ALUR_CRASH") == "all" else DECISIVE
ROOT = Path(__file__).parents[1]
HEADER = "id,customer,amount,version\n"
BEFORE = {
    "bronze.orders": [(1, "ann", 10, 1), (2, "bob", 5, 1)],
    "silver.orders": [(1, "ann", 10, 1), (2, "bob", 5, 1)],
    "gold.revenue": [("ann", 10), ("bob", 5)],
}
AFTER = {
    "bronze.orders": [
        (1, "ann", 0, 2),
        (1, "ann", 10, 1),
        (2, "bob", 5, 1),
        (2, "bob", 7, 2),
        (3, "eve", 1, 1),
    ],
    "silver.orders": [(2, "bob", 7, 2), (3, "eve", 1, 1)],
    "gold.revenue": [("bob", 7), ("eve", 1)],
}


@pytest.mark.parametrize("point", CHOSEN)
def test_each_row_once_after_a_kill(
    workspace: Workspace, land: Land, iceberg: SparkSession, point: str
) -> None:
    project = declare()
    land("orders/1.csv", f"{HEADER}1,ann,10,1\n2,bob,5,1\n")
    assert run_pipelines(workspace, project).ok
    assert seen(workspace) == BEFORE
    land("orders/2.csv", f"{HEADER}1,ann,0,2\n2,bob,7,2\n3,eve,1,1\n")
    killed(workspace, point)

    # What is visible at this moment is whole: a table is as before, or as after.
    for table, rows in seen(workspace).items():
        assert rows in (BEFORE[table], AFTER[table]), table
    after = run_pipelines(workspace, project)
    assert after.ok, after
    assert seen(workspace) == AFTER
    assert {run.state for run in run_pipelines(workspace, project).runs} == {"nothing new"}
    for table in TABLES:
        proof = fsck(project, table, workspace=workspace)
        assert proof.ok, proof
        name = workspace.lake.iceberg_name(table)
        assert [row.name for row in iceberg.sql(f"SELECT name FROM {name}.refs").collect()] == ["main"]


def seen(place: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    project = declare()
    return {
        name: sorted(tuple(row) for row in read(project.table(name), workspace=place).collect())
        for name in TABLES
    }


def killed(place: Workspace, point: str) -> None:
    """Run in a process group of its own, which is killed at the point."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.kill_layers", str(place.settings.root), point],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]

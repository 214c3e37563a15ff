"""`kill -9` of `alur run` at random moments, and `alur run` again: the same rows as without the kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

NOTEBOOK = Path(__file__).parent / "data" / "kill.ipynb"
KILLS = 20
ROWS_PER_FILE = 200


def start(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alur_nb", "run", "--all"],
        cwd=project,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """Kill Python and its JVM at the same moment, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def killed_at(project: Path, delay_seconds: float) -> bool:
    """Start a run and kill it so long after its first pipeline began; False where it ended before."""
    process = start(project)
    assert process.stderr is not None
    for line in process.stderr:
        if ": started" in line:
            break
    timer = threading.Event()
    ended = not timer.wait(delay_seconds) and process.poll() is not None
    kill(process) if not ended else process.communicate()
    return not ended


def visible(project: Path, table: str) -> list[int]:
    """Read what another engine sees at this moment."""
    folder = project / ".alur" / "warehouse" / "bronze" / table
    found = [pq.read_table(batch) for batch in sorted(folder.glob("batch_id=*"))]
    return [value for batch in found for value in batch["id"].to_pylist()]


def land(project: Path, number: int) -> None:
    first = number * ROWS_PER_FILE
    lines = [f"{n},{n % 7}.5" for n in range(first, first + ROWS_PER_FILE)] + ["bad,1"]
    (project / "data" / "orders" / f"{number:03}.csv").write_text("id,amount\n" + "\n".join(lines) + "\n")


@pytest.mark.slow
def test_kill_at_twenty_random_moments(tmp_path: Path) -> None:
    (tmp_path / "alur.toml").write_text('[project]\nname = "kill"\n')
    (tmp_path / "kill.ipynb").write_text(NOTEBOOK.read_text())
    (tmp_path / "data" / "orders").mkdir(parents=True)
    moments = random.Random(20131)
    killed = 0
    for number in range(KILLS):
        land(tmp_path, number)
        killed += killed_at(tmp_path, moments.uniform(0, 5))
        for table in ("orders", "orders_copy"):
            rows = visible(tmp_path, table)
            assert len(rows) == len(set(rows)), f"{table}: doubled after kill {number}"
            assert len(rows) % ROWS_PER_FILE == 0, f"{table}: half a file is visible after kill {number}"
    assert killed >= KILLS // 2, "the kills came too late to mean anything"
    final = start(tmp_path)
    _, errors = final.communicate(timeout=300)
    assert final.returncode == 0, errors
    everything = list(range(KILLS * ROWS_PER_FILE))
    assert sorted(visible(tmp_path, "orders")) == everything
    assert sorted(visible(tmp_path, "orders_copy")) == everything
    rejects = tmp_path / ".alur" / "warehouse" / "bronze" / "orders__rejects"
    assert sum(pq.read_table(batch).num_rows for batch in rejects.iterdir()) == KILLS

"""`kill -9` at every named step of a run on real Spark, on the laptop's lake and on S3 with DynamoDB: then once more.

`make test` dies where the decision falls; `make test-crash` (ALUR_CRASH=all) before and after every step.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alur_nb.authoring.fsck import fsck
from alur_nb.runtime.aws import client
from alur_nb.runtime.reading import read, read_rejects
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace, open_job, open_workspace
from tests.crash.kill_story import DECISIVE, POINTS, declare
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark_on_s3")]

CHOSEN = POINTS if os.environ.get("ALUR_CRASH") == "all" else DECISIVE
# The one trace that a kill leaves: files noted for a batch that is not there, which harms nothing.
LEAVES_INPUTS = ("after ledger.put_inputs", "before ledger.plan")
ROOT = Path(__file__).parents[1]


@dataclass
class Store:
    """Where the lake is: as the killed process is told it, and opened for looking."""

    told: dict[str, Any]
    open: Callable[[], Workspace]
    put: Callable[[str, bytes], None]


@pytest.fixture
def local(tmp_path: Path) -> Store:
    (tmp_path / "alur.toml").write_text('[project]\nname = "kill"\n')
    folder = tmp_path / "data"

    def put(name: str, content: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return Store({"root": str(tmp_path)}, lambda: open_workspace(tmp_path), put)


@pytest.fixture
def aws(glue: Any, dynamodb_endpoint: str, ledger_table: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    landing, lake = Bucket(), f"kill-{uuid4().hex}"
    client("s3").create_bucket(Bucket=lake)
    job = {
        "project": f"shop-{uuid4().hex[:8]}",
        "environment": "dev",
        "region": "us-east-1",
        "landing": f"s3://{BUCKET}/{landing.prefix}",
        "ledger": {"table": ledger_table},
        "lake": {"bronze": {"database": "shop_dev_bronze", "location": f"s3://{lake}/"}},
    }
    return Store({"job": job}, lambda: open_job(job), landing.put)


@pytest.fixture(params=["local", "aws"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("point", CHOSEN)
def test_each_row_once_after_a_kill(store: Store, point: str) -> None:
    place, project = store.open(), declare()
    store.put("orders/1.csv", b"id,country\n1,de\n2,fr\nx,de\n")
    assert run_pipelines(place, project).ok
    store.put("orders/2.csv", b"id,country\n3,de\n4,fr\ny,de\n")
    killed(store, point)

    # What is visible at this moment is whole: one file's rows, or both files'.
    assert seen(place) in ([1, 2], [1, 2, 3, 4])
    after = run_pipelines(place, project)
    assert after.ok, after
    assert seen(place) == [1, 2, 3, 4]
    table = project.table("orders")
    assert sorted(row["raw"] for row in read_rejects(table, workspace=place).collect()) == ["x,de", "y,de"]
    assert run_pipelines(place, project).runs[0].state == "nothing new"
    proof = fsck(project, "orders", workspace=place)
    if point in LEAVES_INPUTS:
        assert ["that was never planned" in found.what for found in proof.findings] == [True], proof
        fsck(project, "orders", workspace=place, repair=True)
        proof = fsck(project, "orders", workspace=place)
    assert proof.ok, proof


def seen(place: Workspace) -> list[int]:
    return sorted(row["id"] for row in read(declare().table("orders"), workspace=place).collect())


def killed(store: Store, point: str) -> None:
    """Run in a process group of its own, which is killed at the point."""
    argument = json.dumps({**store.told, "point": point})
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.kill_story", argument],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]

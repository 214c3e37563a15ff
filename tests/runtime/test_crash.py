"""A run that dies at any step, and the run after it: every row once, nothing half-published."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, StringField, files, new, pipeline, read, read_rejects
from alur_nb.runtime import runner
from alur_nb.runtime.ledger import State
from alur_nb.runtime.ledger_sqlite import local_owner
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

# Every call that changes something outside of this process, in the order of a run.
LEDGER_STEPS = ("acquire", "put_inputs", "plan", "seal", "commit", "release")
LAKE_STEPS = ("staged_files", "publish", "discard")
# Each step is done at most this often in the run below; a later occurrence never comes.
OCCURRENCES = {"staged_files": 4}


class Died(BaseException):
    """The process is gone: nothing after this runs, no clean-up either."""


class Mortal:
    """Passes every call on, until the chosen one; from then on the process is dead and nothing is passed."""

    def __init__(self, inner: object, clock: dict[str, Any]) -> None:
        self._inner, self._clock = inner, clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: object, **kwargs: object) -> object:
            clock = self._clock
            if clock["dead"]:
                raise Died
            clock["seen"] += name == clock["step"]
            fatal = name == clock["step"] and clock["seen"] == clock["occurrence"]
            if fatal and clock["moment"] == "before":
                clock["dead"] = True
                raise Died
            result = found(*args, **kwargs)
            if fatal:
                clock["dead"] = True
                raise Died
            return result

        return call


def declare() -> tuple[type, type]:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        note = StringField()

    class CopyBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*", strict=False, reject_limit=1)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"orders": new(OrdersBronze)}, target=CopyBronze)
    def copy_orders(orders: DataFrame) -> DataFrame:
        return orders.select("id")

    return OrdersBronze, CopyBronze


def a_dead_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return f"{local_owner().split('/')[0]}/{process.pid}/1"


def deaths() -> list[tuple[str, int, str]]:
    return [
        (step, occurrence, moment)
        for step in (*LEDGER_STEPS, *LAKE_STEPS)
        for occurrence in range(1, OCCURRENCES.get(step, 1) + 1)
        for moment in ("before", "after")
    ]


@pytest.mark.parametrize("victim", ["ingest_orders", "copy_orders"])
@pytest.mark.parametrize(("step", "occurrence", "moment"), deaths())
def test_a_run_that_dies_at_a_step_is_finished_by_the_next(
    workspace: Workspace,
    project: Project,
    land: Land,
    monkeypatch: pytest.MonkeyPatch,
    victim: str,
    step: str,
    occurrence: int,
    moment: str,
) -> None:
    orders, copies = declare()
    land("orders/1.csv", "id,note\n1,a\n2,b\nx,c\n")
    if victim == "copy_orders":
        run_pipelines(workspace, project, ["ingest_orders"])
    clock = {"dead": False, "seen": 0, "step": step, "occurrence": occurrence, "moment": moment}
    mortal: Any = replace(
        workspace, ledger=Mortal(workspace.ledger, clock), lake=Mortal(workspace.lake, clock)
    )
    with monkeypatch.context() as patch:
        owner = a_dead_process()
        patch.setattr(runner, "local_owner", lambda: owner)
        try:
            run_pipelines(mortal, project, [victim])
        except Died:
            assert clock["dead"]
    assert clock["dead"] or clock["seen"] < occurrence
    visible = sorted(row[0] for row in read(orders).collect())
    assert visible in ([], [1, 2])
    land("orders/2.csv", "note,id\nd,3\n")
    report = run_pipelines(workspace, project)
    assert report.ok, report
    assert sorted(row[0] for row in read(orders).collect()) == [1, 2, 3]
    assert sorted(row[0] for row in read(copies).collect()) == [1, 2, 3]
    assert [row["raw"] for row in read_rejects(orders).collect()] == ["x,c"]
    states = {b.state for name in ("orders", "copy") for b in workspace.ledger.batches(f"bronze.{name}")}
    assert states <= {State.COMMITTED, State.ABORTED}
    assert not any((workspace.lake_root / "staging").rglob("*.parquet"))
    again = run_pipelines(workspace, project)
    assert {run.state for run in again.runs} == {"nothing new"}

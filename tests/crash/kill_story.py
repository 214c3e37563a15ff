"""What is killed on real Spark: a table with one batch, a run over a second file, and the steps that it can die at."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from alur_nb import BronzeTable, IntegerField, StringField, files, pipeline
from alur_nb.runtime.engine_spark import SparkEngine
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace, open_job, open_workspace

# Each is died at twice: just before it, and after it, before its answer is heard.
STEPS = (
    "ledger.acquire",
    "lake.prepare",
    "ledger.put_inputs",
    "ledger.plan",
    "engine.stage_source",
    "ledger.seal",
    "lake.publish",
    "publish.rows",
    "ledger.commit",
    "lake.discard",
    "lake.forget_aborted",
    "ledger.release",
)
POINTS = tuple(f"{when} {step}" for step in STEPS for when in ("before", "after"))
# Where the decision falls: the others are played by `make test-crash`.
DECISIVE = ("after engine.stage_source", "after ledger.seal", "after publish.rows")


def declare() -> Project:
    """Return the project: files with a bad row each, into a table that is partitioned by the user."""
    project = Project()
    with use_project(project):

        class OrdersBronze(BronzeTable):
            id = IntegerField(nullable=False)
            country = StringField()

            class Meta:
                partition_by = ("country",)

        @pipeline(
            sources={"orders": files("orders/*.csv", strict=False, reject_limit=1)}, target=OrdersBronze
        )
        def ingest_orders(orders: Any) -> Any:
            return orders

    return project


def die() -> None:
    """Kill this process and its JVM at one moment, as a power cut does."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


class Dying:
    """Something whose calls are steps: it dies at the named one, or at that one for batches of one table."""

    def __init__(self, inner: Any, kind: str, point: str, table: str | None = None) -> None:
        self._inner, self._kind, self._table = inner, kind, table
        self._when, _, self._step = point.partition(" ")

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._dying(found) if f"{self._kind}.{name}" == self._step else found

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            others = {one.table for one in args if isinstance(one, Batch)} - {self._table}
            if self._table is not None and others:
                return call(*args, **kwargs)
            if self._when == "after":
                call(*args, **kwargs)
            die()

        return wrapped


def dying(place: Workspace, point: str) -> tuple[Workspace, Any]:
    """Return the workspace and the engine of a run that dies at the point."""
    lake: Any = place.lake
    # Rows are shown first, then rejects: by a rename on the disk, by partitions in the catalog.
    if point.endswith("publish.rows"):
        inner, name = (
            (lake, "_rename") if place.environment.is_local else (lake._catalog, "create_partitions")
        )
        mortal = Dying(inner, "publish", point.replace("publish.rows", f"publish.{name}"))
        setattr(inner, name, getattr(mortal, name))
    ledger = Dying(place.ledger, "ledger", point)
    engine: Any = Dying(SparkEngine(), "engine", point)
    return replace(place, lake=Dying(lake, "lake", point), ledger=ledger), engine


def main(argument: str) -> None:
    """Run until the point where it dies; `argument` says where the lake is, as JSON."""
    told = json.loads(argument)
    if "job" in told:
        from alur_nb.runtime.context import get_spark_session
        from tests.integration.s3a import open_s3, put_on_class_path

        put_on_class_path()
        open_s3(get_spark_session())
        place = open_job(told["job"])
    else:
        place = open_workspace(Path(told["root"]))
    mortal, engine = dying(place, told["point"])
    report = run_pipelines(mortal, declare(), engine=engine)
    sys.exit(f"nothing died at {told['point']}:\n{report}")


if __name__ == "__main__":
    main(sys.argv[1])

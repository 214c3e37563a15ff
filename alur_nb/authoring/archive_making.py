"""Makes the archive of Java classes: a process of its own that rehearses a day's work and lists what Java loads.

`python -m alur_nb.authoring.archive_making ARCHIVE`, started by the first session that finds none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring import class_archive
from alur_nb.authoring.class_archive import Archive
from alur_nb.runtime.context import JavaHome, get_spark_session, java_home, launch_by
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.settings import SETTINGS_FILE, Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

_LANDING = {
    "orders/1.csv": "order_id,customer,amount,ordered,at\n"
    + "".join(f'{n},"c {n % 7}",{n}.50,2024-01-{n % 28 + 1:02},2024-01-01T00:00:00Z\n' for n in range(200)),
    "orders/2.csv": "order_id,customer,amount,ordered,at\nx,c,1.0,2024-02-30,\n",
    "events/1.jsonl": '{"order_id": 1, "weight": 2.5}\n' * 50,
}


def make(archive: Archive) -> bool:
    """Make the archive unless another process does so already; whether it is there now. Why not is noted beside it."""
    with class_archive.alone(archive) as is_alone:
        if is_alone and archive.is_worth_making:
            try:
                _make(archive)
            except (AlurError, OSError, subprocess.SubprocessError) as error:
                archive.refuse(f"it could not be made: {error}")
    return archive.is_good


def _make(archive: Archive) -> None:
    # Beside the archive: a rename there is atomic, and a full disk is noticed before anything is in place.
    with tempfile.TemporaryDirectory(prefix="making-", dir=archive.path.parent) as name:
        folder = Path(name)
        classes = folder / "classes"
        class_path = _rehearse(folder)
        classes.write_text(_joined(folder / "driver", folder / "launcher"), encoding="utf-8")
        made = folder / "made.jsa"
        class_archive.dump(java_home(), classes, class_path, made)
        archive.keep(made)


def _joined(*lists: Path) -> str:
    lines = [line for path in lists for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _rehearse(folder: Path) -> str:
    """Do a day's work in an empty project, and return the class path of the Java that listed its classes."""

    @contextlib.contextmanager
    def listing(settings: Settings, java: JavaHome) -> Iterator[Sequence[str]]:
        os.environ["SPARK_LAUNCHER_OPTS"] = f"-XX:DumpLoadedClassList={folder / 'launcher'}"
        yield (f"-XX:DumpLoadedClassList={folder / 'driver'}",)

    project = folder / "project"
    project.mkdir()
    (project / SETTINGS_FILE).write_text("[project]\nclass_archive = false\n", encoding="utf-8")
    os.chdir(project)
    launch_by(listing)
    spark = get_spark_session()
    java: Any = spark._jvm
    try:
        class_path: str = java.java.lang.System.getProperty("java.class.path")
        work(project, spark)
    finally:
        _end(spark)
    return class_path


def work(project: Path, spark: SparkSession) -> None:
    """Preview, run and query what a project has on its first day: CSV with bad rows, JSON lines, Parquet."""
    from alur_nb.authoring import operate
    from alur_nb.authoring.query import query
    from alur_nb.runtime.project import Project, use_project
    from alur_nb.runtime.workspace import open_workspace

    for name, text in _LANDING.items():
        path = project / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    known = Project()
    with use_project(known):
        declare()
        for name in known.order():
            str(operate.preview(name))
        operate.run()
        query(
            "SELECT customer, count(*) AS orders FROM orders GROUP BY customer",
            known,
            open_workspace(project),
        )


def declare() -> None:
    """Declare two ingestions with the usual types and a check each, into the current project."""
    from alur_nb import (
        BronzeTable,
        DateField,
        DecimalField,
        DoubleField,
        IntegerField,
        StringField,
        TimestampField,
        expect,
        files,
        no_nulls_in_column,
        pipeline,
    )

    class Orders(BronzeTable):
        order_id = IntegerField(nullable=False)
        customer = StringField()
        amount = DecimalField(10, 2)
        ordered = DateField()
        at = TimestampField()

    class Events(BronzeTable):
        order_id = IntegerField(nullable=False)
        weight = DoubleField()

    @expect(name="has an id", check_fn=no_nulls_in_column("order_id"))
    @pipeline(sources={"orders": files("orders/*.csv", reject_limit=1.0)}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"events": files("events/*.jsonl")}, target=Events)
    def ingest_events(events: DataFrame) -> DataFrame:
        return events


def _end(spark: SparkSession) -> None:
    """Stop Spark and wait for its Java to end: then the list of its classes is whole."""
    context = spark.sparkContext
    gateway: Any = context._gateway
    spark.stop()
    process = gateway.proc
    gateway.shutdown()
    process.stdin.close()
    process.wait(class_archive.MAKING_SECONDS)


if __name__ == "__main__":
    sys.exit(not make(Archive(Path(sys.argv[1]))))

"""Maintenance on real Iceberg: rows stay as they are, small files become one, old snapshots go, young orphans stay."""

from __future__ import annotations

import fcntl
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alur_nb import cli
from alur_nb.authoring.maintaining import maintain
from alur_nb.runtime import iceberg_maintain
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.iceberg_catalog import identifier, open_catalog
from alur_nb.runtime.iceberg_maintain import Maintained, statements
from alur_nb.runtime.iceberg_maintain import maintain as maintain_table
from alur_nb.runtime.iceberg_tables import ensure, load
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import BronzeTable, Table, table_of
from alur_nb.runtime.types import LongField
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.write_modes import Publication

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

NAME = identifier("bronze", "orders")
FILES = 5
"""So many small files are put together; fewer are left (Iceberg's `min-input-files`)."""


def declared(format: str = "iceberg") -> Table:
    meta = type("Meta", (), {"format": format})
    return table_of(type("OrdersBronze", (BronzeTable,), {"id": LongField(), "Meta": meta}))


def test_the_calls_are_for_one_table_with_safe_ages() -> None:
    calls = statements("silver", "orders", datetime(2026, 11, 27, 12, tzinfo=UTC))
    assert list(calls) == ["rewrite", "expire", "orphans"]
    assert all("table => 'silver.orders'" in call for call in calls.values())
    assert "older_than => TIMESTAMP '2026-11-20 12:00:00', retain_last => 10" in calls["expire"]
    assert "older_than => TIMESTAMP '2026-11-24 12:00:00'" in calls["orphans"]


def test_what_was_done_is_told() -> None:
    assert str(Maintained("silver.orders")) == "silver.orders: nothing to do"
    assert str(Maintained("silver.orders", 6, 1, 900, 2, 3, 1)) == (
        "silver.orders: 6 files put together into 1, 2 snapshots expired, 3 files of them deleted, "
        "1 file of no snapshot removed"
    )


def test_other_tables_and_environments_are_refused(workspace: Workspace, project: Project) -> None:
    declared("parquet")
    with pytest.raises(SettingsError, match="is plain Parquet"):
        maintain(project, "orders", workspace=workspace)
    with pytest.raises(SettingsError, match="works on the embedded lake only") as caught:
        maintain(project, env="dev", workspace=workspace)
    assert "Glue's own optimizers" in str(caught.value.fix)
    assert str(maintain(project, workspace=workspace)).startswith("No Iceberg table holds anything yet")


def small_files(iceberg: SparkSession, workspace: Workspace) -> None:
    """Fill a table by as many commits as a compaction takes, of one row each."""
    open_catalog(iceberg, workspace.settings.warehouse)
    ensure(iceberg, declared(), NAME)
    for number in range(FILES):
        rows = iceberg.createDataFrame([(number, f"{number:08d}-0001")], "id long, batch_id string")
        own = ["cast(null as timestamp) _ingested_at", "cast(null as string) _source_system"]
        rows.selectExpr("id", "batch_id", *own, "cast(null as string) _source_file").writeTo(NAME).append()


@pytest.mark.slow
def test_a_table_is_looked_after_and_its_rows_stay(
    iceberg: SparkSession, workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iceberg_maintain, "KEPT_SNAPSHOTS", 3)
    small_files(iceberg, workspace)
    data = workspace.settings.warehouse / "bronze" / "orders" / "data"
    for name, days in (("old.parquet", 4), ("young.parquet", 2)):
        (data / name).write_bytes(b"left by a writer")
        long_ago = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(data / name, (long_ago, long_ago))

    (done,) = maintain(project, "orders", workspace=workspace).done
    assert (done.files_rewritten, done.files_written, done.orphans_removed) == (FILES, 1, 1)
    assert done.snapshots_expired == 0  # they are of today
    assert (data / "young.parquet").exists() and not (data / "old.parquet").exists()
    # Iceberg itself takes no orphans of the last day, and the clock is eight days ahead here.
    monkeypatch.setattr(iceberg_maintain, "ORPHAN_DAYS", 30)
    later = maintain_table(iceberg, "bronze", "orders", label="t", now=datetime.now(UTC) + timedelta(days=8))
    assert later.snapshots_expired == 3 and later.files_rewritten == 0
    stored = load(iceberg, NAME)
    assert stored is not None and len(stored.snapshots) == 3
    assert sorted(row.id for row in iceberg.table(NAME).collect()) == list(range(FILES))


@pytest.mark.slow
def test_a_table_that_is_being_written_is_left_for_later(
    iceberg: SparkSession, workspace: Workspace, project: Project
) -> None:
    open_catalog(iceberg, workspace.settings.warehouse)
    ensure(iceberg, declared(), NAME)
    workspace.ledger.acquire("bronze.orders", "another:1")
    report = maintain(project, workspace=workspace)
    assert not report.done
    assert "bronze.orders is being written by another run" in str(report) and "left for the next time" in str(
        report
    )


@pytest.mark.slow
def test_a_commit_that_races_a_compaction_waits_for_it(
    iceberg: SparkSession, workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_files(iceberg, workspace)
    batch = Batch(
        "bronze.orders", "00000003-0001", State.ROLLED_BACK, 3, "p", "r", publication=Publication("iceberg")
    )
    late = workspace.lake.iceberg(batch)  # of an owner that has lost its lease, and cleans
    assert late is not None
    order: list[str] = []

    def clean() -> None:
        late.delete(batch.id)
        order.append("cleaned")

    zombie, call = threading.Thread(target=clean), iceberg_maintain._call

    def observed(spark: SparkSession, statement: str) -> Row:
        if not zombie.ident:
            zombie.start()
        lock = workspace.settings.warehouse.parent / "locks" / "bronze.orders"
        with lock.open("w") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = call(spark, statement)
        order.append("maintained")
        return done

    monkeypatch.setattr(iceberg_maintain, "_call", observed)
    (done,) = maintain(project, "orders", workspace=workspace).done
    zombie.join(60)
    assert order == ["maintained", "maintained", "cleaned"] and done.files_rewritten == FILES
    assert sorted(row.id for row in iceberg.table(NAME).collect()) == [0, 1, 2, 4]


@pytest.mark.slow
def test_the_command_shows_what_was_done(
    iceberg: SparkSession, workspace: Workspace, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(workspace.settings.root)
    (root / "tables.py").write_text(
        "import alur_nb\nclass OrdersBronze(alur_nb.BronzeTable):\n    id = alur_nb.LongField()\n"
        "    class Meta:\n        format = 'iceberg'\n"
    )
    (root / "alur.toml").write_text('[project]\nname = "shop"\nmodules = ["tables.py"]\n')
    open_catalog(iceberg, workspace.settings.warehouse)
    ensure(iceberg, declared(), NAME)
    assert cli.main(["maintain"]) == 0
    assert capsys.readouterr().out == "bronze.orders: nothing to do\n"

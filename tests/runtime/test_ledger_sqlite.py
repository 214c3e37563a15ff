from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from alur_nb.runtime import ledger_sqlite
from alur_nb.runtime.errors import LeaseBusyError, LedgerError
from alur_nb.runtime.ledger import Batch, State, batch_from_json, batch_to_json, inputs_by_batch
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.write_modes import Publication

TABLE = "bronze.orders"


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "state.db")


def test_another_machine_is_taken_over_only_when_it_stops_renewing(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, "elsewhere/1/1")
    with pytest.raises(LeaseBusyError):
        ledger.acquire(TABLE, local_owner())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE lease SET renewed_at = '2020-01-01T00:00:00+00:00'")
    assert ledger.acquire(TABLE, local_owner()).epoch == 2


def test_a_busy_table_says_which_notebook_writes_it(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, "elsewhere/7/1/notebooks/shop.ipynb")
    with pytest.raises(LeaseBusyError) as caught:
        ledger.acquire(TABLE, local_owner())
    assert "by another run (notebooks/shop.ipynb, process 7 on elsewhere)." in caught.value.message


def test_reading_an_absent_ledger_makes_no_file(ledger: SqliteLedger) -> None:
    assert ledger.batches(TABLE) == []
    assert ledger.batch(TABLE, "00000001-0001") is None
    assert ledger.inputs(TABLE, "00000001-0001") == []
    assert inputs_by_batch(ledger, TABLE) == {}
    assert ledger.lease(TABLE) is None
    assert not ledger.path.exists()


def test_an_unreadable_ledger_is_an_error_that_says_so(ledger: SqliteLedger) -> None:
    ledger.path.write_bytes(b"this is no database, but long enough to be looked at" * 20)
    with pytest.raises(LedgerError, match="cannot be used") as caught:
        ledger.batches(TABLE)
    assert "never delete" in str(caught.value)


def test_a_newer_ledger_is_refused(ledger: SqliteLedger) -> None:
    ledger.acquire(TABLE, local_owner())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE meta SET schema_version = 99")
    with pytest.raises(LedgerError, match=r"newer alur-nb \(schema 99, here 2\)"):
        ledger.batches(TABLE)


def test_a_ledger_of_version_1_is_brought_forward_and_its_batches_are_parquet(ledger: SqliteLedger) -> None:
    batch = Batch(
        TABLE, "00000001-0001", State.SEALED, 1, "p", "r", publication=Publication("iceberg", "merge")
    )
    old = json.loads(batch_to_json(batch))
    assert old.pop("publication")["mode"] == "merge"
    assert batch_from_json(batch_to_json(batch)) == batch
    ledger.acquire(TABLE, local_owner())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE meta SET schema_version = 1")
        db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", (TABLE, batch.id, batch.state, json.dumps(old)))
    assert ledger.batches(TABLE) == [replace(batch, publication=Publication("parquet", "append"))]
    with sqlite3.connect(ledger.path) as db:
        assert db.execute("SELECT schema_version FROM meta").fetchall() == [(2,)]


def test_an_older_ledger_is_brought_forward_step_by_step(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    monkeypatch.setattr(ledger_sqlite, "SCHEMA_VERSION", 3)
    add_note = "ALTER TABLE lease ADD COLUMN note TEXT"
    monkeypatch.setattr(ledger_sqlite, "_MIGRATIONS", {2: lambda db: db.execute(add_note)})
    assert ledger.lease(TABLE) == lease
    assert ledger.lease(TABLE) == lease  # the column is added once
    with sqlite3.connect(ledger.path) as db:
        assert db.execute("SELECT schema_version FROM meta").fetchall() == [(3,)]
        assert db.execute("SELECT note FROM lease").fetchall() == [(None,)]

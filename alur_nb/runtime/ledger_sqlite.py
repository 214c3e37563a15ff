"""The laptop's ledger: one SQLite file, every step a real transaction."""

from __future__ import annotations

import os
import socket
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alur_nb.runtime.errors import LeaseBusyError, LeaseLostError, LedgerError
from alur_nb.runtime.ledger import (
    SCHEMA_VERSION,
    Batch,
    Input,
    Lease,
    State,
    batch_from_json,
    batch_to_json,
    inputs_from_json,
    inputs_to_json,
)

# Courtesy only: safety rests on the epoch. A run renews every few seconds while it works.
LEASE_FRESH_SECONDS = 60
INPUTS_PER_ITEM = 1_000

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (schema_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lease (
    "table" TEXT PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT, renewed_at TEXT);
CREATE TABLE IF NOT EXISTS batch (
    "table" TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, item TEXT NOT NULL,
    PRIMARY KEY ("table", id));
CREATE TABLE IF NOT EXISTS inputs (
    "table" TEXT NOT NULL, batch_id TEXT NOT NULL, n INTEGER NOT NULL, items BLOB NOT NULL,
    PRIMARY KEY ("table", batch_id, n));
"""


def local_owner() -> str:
    """Return this process's name as a lease owner: `host/pid/start time`, so that a dead pid can be seen."""
    return f"{socket.gethostname()}/{os.getpid()}/{_process_start(os.getpid())}"


class SqliteLedger:
    """A Ledger in one file; several processes of one machine share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self, table: str, owner: str) -> Lease:
        """Take the lease at once where it is free, stale, or its owner is a dead process of this machine."""
        with self._transaction() as db:
            row = db.execute(
                'SELECT epoch, owner, renewed_at FROM lease WHERE "table" = ?', (table,)
            ).fetchone()
            epoch, holder, renewed_at = row or (0, None, "")
            if holder is not None and _alive(holder, renewed_at):
                raise LeaseBusyError(
                    f"{table} is being written by another run ({holder}).",
                    fix="Wait until it ends, or stop it; then run again.",
                )
            db.execute(
                'INSERT INTO lease VALUES (?, ?, ?, ?) ON CONFLICT ("table") DO UPDATE SET '
                "epoch = excluded.epoch, owner = excluded.owner, renewed_at = excluded.renewed_at",
                (table, epoch + 1, owner, _now()),
            )
        return Lease(table, epoch + 1, owner)

    def renew(self, lease: Lease) -> None:
        """Renew the lease's time."""
        with self._transaction() as db:
            changed = db.execute(
                'UPDATE lease SET renewed_at = ? WHERE "table" = ? AND epoch = ? AND owner = ?',
                (_now(), lease.table, lease.epoch, lease.owner),
            )
            if changed.rowcount == 0:
                raise _lost(lease.table)

    def release(self, lease: Lease) -> None:
        """Clear the owner if it is still this lease's."""
        with self._transaction() as db:
            db.execute(
                'UPDATE lease SET owner = NULL WHERE "table" = ? AND epoch = ? AND owner = ?',
                (lease.table, lease.epoch, lease.owner),
            )

    def put_inputs(self, lease: Lease, batch_id: str, inputs: Sequence[Input], *, first: int) -> None:
        """Insert the planned inputs in items of 1,000; an item that exists stays as it is."""
        with self._transaction() as db:
            for n, items in _chunks(inputs, first):
                db.execute(
                    "INSERT OR IGNORE INTO inputs VALUES (?, ?, ?, ?)", (lease.table, batch_id, n, items)
                )

    def plan(self, lease: Lease, batch: Batch) -> None:
        """Insert the batch under the lease's epoch; refused for an old epoch or an id that another run used."""
        with self._transaction() as db:
            epoch = db.execute('SELECT epoch FROM lease WHERE "table" = ?', (lease.table,)).fetchone()
            known = _read(db, batch.table, batch.id)
            if known is not None and known.state is State.PLANNED and known.run_id == batch.run_id:
                return
            if known is not None or epoch != (lease.epoch,):
                raise _lost(lease.table)
            _insert(db, _timed(batch, State.PLANNED))

    def seal(self, batch: Batch, inputs: Sequence[Input]) -> None:
        """Complete the inputs and decide, in one transaction."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is None or known.state is not State.PLANNED or known.epoch != batch.epoch:
                raise _lost(batch.table)
            db.execute('DELETE FROM inputs WHERE "table" = ? AND batch_id = ?', (batch.table, batch.id))
            for n, items in _chunks(inputs, 0):
                db.execute("INSERT INTO inputs VALUES (?, ?, ?, ?)", (batch.table, batch.id, n, items))
            _update(db, _timed(replace(batch, times=known.times), State.SEALED))

    def commit(self, batch: Batch) -> None:
        """Switch the batch to COMMITTED; a batch that is COMMITTED already stays so."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is None or known.state not in (State.SEALED, State.COMMITTED):
                raise _lost(batch.table)
            if known.state is State.SEALED:
                _update(db, _timed(known, State.COMMITTED))

    def abort(self, batch: Batch) -> bool:
        """Abort the batch if it is PLANNED still, keeping its reason and counts."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is None or known.state is not State.PLANNED:
                return False
            _update(db, _timed(replace(batch, times=known.times), State.ABORTED))
        return True

    def mark_cleaned(self, table: str, batch_id: str) -> None:
        """Set `cleaned` on a batch."""
        with self._transaction() as db:
            known = _read(db, table, batch_id)
            if known is not None:
                _update(db, replace(known, cleaned=True))

    def batch(self, table: str, batch_id: str) -> Batch | None:
        """Return the batch, or None."""
        if not self.path.exists():
            return None
        with self._transaction(write=False) as db:
            return _read(db, table, batch_id)

    def batches(self, table: str) -> list[Batch]:
        """Return the table's batches by id, which is the order of their planning."""
        if not self.path.exists():
            return []
        with self._transaction(write=False) as db:
            rows = db.execute('SELECT item FROM batch WHERE "table" = ? ORDER BY id', (table,)).fetchall()
        return [batch_from_json(item) for (item,) in rows]

    def inputs(self, table: str, batch_id: str) -> list[Input]:
        """Return a batch's inputs."""
        query = 'SELECT items FROM inputs WHERE "table" = ? AND batch_id = ? ORDER BY n'
        if not self.path.exists():
            return []
        with self._transaction(write=False) as db:
            rows = db.execute(query, (table, batch_id)).fetchall()
        return [item for (blob,) in rows for item in inputs_from_json(zlib.decompress(blob).decode())]

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Open, begin, commit and close: a connection a step, so that any thread may take it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as db:
                # FULL waits for the disk; the default rollback journal survives kill -9 and, unlike WAL, a reader
                # writes nothing (sqlite.org/pragma.html, sqlite.org/wal.html): a preview leaves no trace.
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                with db:
                    self._migrate(db)
                    yield db
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"The ledger {self.path} cannot be used: {error}.",
                fix="Nothing was published. Check the disk and the file's permissions, then run again; never delete "
                "the ledger while its tables exist: files would be loaded twice.",
            ) from error

    def _migrate(self, db: sqlite3.Connection) -> None:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO meta VALUES (?)", (SCHEMA_VERSION,))
        (version,) = db.execute("SELECT schema_version FROM meta").fetchone()
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"The ledger {self.path} was written by a newer alur-nb (schema {version}, here {SCHEMA_VERSION}).",
                fix="Upgrade: pip install -U alur-nb.",
            )


def _read(db: sqlite3.Connection, table: str, batch_id: str) -> Batch | None:
    row = db.execute('SELECT item FROM batch WHERE "table" = ? AND id = ?', (table, batch_id)).fetchone()
    return batch_from_json(row[0]) if row else None


def _insert(db: sqlite3.Connection, batch: Batch) -> None:
    db.execute(
        "INSERT INTO batch VALUES (?, ?, ?, ?)", (batch.table, batch.id, batch.state, batch_to_json(batch))
    )


def _update(db: sqlite3.Connection, batch: Batch) -> None:
    db.execute(
        'UPDATE batch SET state = ?, item = ? WHERE "table" = ? AND id = ?',
        (batch.state, batch_to_json(batch), batch.table, batch.id),
    )


def _timed(batch: Batch, state: State) -> Batch:
    return replace(batch, state=state, times={**batch.times, state.lower(): _now()})


def _chunks(inputs: Sequence[Input], first: int) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(inputs), INPUTS_PER_ITEM):
        text = inputs_to_json(inputs[start : start + INPUTS_PER_ITEM])
        yield first + start // INPUTS_PER_ITEM, zlib.compress(text.encode())


def _lost(table: str) -> LeaseLostError:
    return LeaseLostError(
        f"Another run has taken {table} over; what this run staged is thrown away.",
        fix="Nothing was published by this run. Run again to see what is left to load.",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _alive(owner: str, renewed_at: str) -> bool:
    """Tell whether the owner may still work: its pid where it is a process of ours, else its last renewal."""
    host, pid, started = [*owner.split("/"), "", ""][:3]
    if host == socket.gethostname() and pid.isdigit():
        return _process_start(int(pid)) == started and started != ""
    age = datetime.now(UTC) - datetime.fromisoformat(renewed_at)
    return age < timedelta(seconds=LEASE_FRESH_SECONDS)


def _process_start(pid: int) -> str:
    """Return what tells this process from a later one with the same pid; empty where it does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "foreign"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "running"  # macOS has no /proc: a living pid counts as the owner
    # Field 22 is the start time in clock ticks since boot; the name in field 2 may hold blanks (proc(5)).
    state, start = stat.rpartition(")")[2].split()[0], stat.rpartition(")")[2].split()[19]
    return "" if state == "Z" else start

"""The laptop's ledger: one SQLite file, every step a real transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import (
    SCHEMA_VERSION,
    Batch,
    Input,
    Lease,
    State,
    batch_from_json,
    batch_to_json,
    busy,
    cannot_roll_back,
    epoch_of,
    lost,
    newer,
    taken_over,
    without_rows,
)
from alur_nb.runtime.ledger_pages import inputs_of, pages
from alur_nb.runtime.owners import local_owner, may_live, owner_text

__all__ = ["SqliteLedger", "local_owner"]

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


# Schema version -> what brings a file of that version to the next one; each runs inside the transaction that needs it.
_MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {}
_PAGES_AT_ONCE = 50


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
            if holder is not None and may_live(
                holder, owner, datetime.now(UTC) - datetime.fromisoformat(renewed_at)
            ):
                raise busy(table, owner_text(holder))
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
                raise lost(lease.table)

    def release(self, lease: Lease) -> None:
        """Clear the owner if it is still this lease's."""
        with self._transaction() as db:
            db.execute(
                'UPDATE lease SET owner = NULL WHERE "table" = ? AND epoch = ? AND owner = ?',
                (lease.table, lease.epoch, lease.owner),
            )

    def put_inputs(self, lease: Lease, batch_id: str, inputs: Sequence[Input], *, first: int) -> None:
        """Insert the planned inputs, about 1,000 to a page; a page that exists stays as it is, and what is sealed too."""
        with self._transaction() as db:
            known = _read(db, lease.table, batch_id)
            if known is not None and known.state not in (State.PLANNED, State.ABORTED):
                return
            for n, packed in enumerate(pages(inputs), first):
                db.execute(
                    "INSERT OR IGNORE INTO inputs VALUES (?, ?, ?, ?)", (lease.table, batch_id, n, packed)
                )

    def plan(self, lease: Lease, batch: Batch) -> None:
        """Insert the batch under the lease's epoch; refused for an old epoch or an id that another run used."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is not None and known.state is State.PLANNED and known.run_id == batch.run_id:
                return
            if known is not None or _epoch(db, lease.table) != lease.epoch:
                raise lost(lease.table)
            _insert(db, _timed(batch, State.PLANNED))

    def seal(self, batch: Batch, inputs: Sequence[Input]) -> None:
        """Complete the inputs and decide, in one transaction."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is None or known.epoch != batch.epoch:
                raise lost(batch.table)
            if known.state in (State.SEALED, State.COMMITTED) and known.run_id == batch.run_id:
                return
            if known.state is not State.PLANNED:
                raise lost(batch.table)
            db.execute('DELETE FROM inputs WHERE "table" = ? AND batch_id = ?', (batch.table, batch.id))
            for n, packed in enumerate(pages(inputs)):
                db.execute("INSERT INTO inputs VALUES (?, ?, ?, ?)", (batch.table, batch.id, n, packed))
            _update(db, _timed(replace(batch, times=known.times, cleaned=known.cleaned), State.SEALED))

    def commit(self, batch: Batch) -> None:
        """Switch the batch to COMMITTED; a batch that is COMMITTED already stays so."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is None or known.state not in (State.SEALED, State.COMMITTED):
                raise lost(batch.table)
            if known.state is State.SEALED:
                _update(db, _timed(known, State.COMMITTED))

    def abort(self, batch: Batch) -> bool:
        """Abort the batch if it is PLANNED still, keeping its reason and counts."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is not None and known.state is State.PLANNED:
                _update(db, _timed(replace(batch, times=known.times, cleaned=known.cleaned), State.ABORTED))
        return known is not None and known.state in (State.PLANNED, State.ABORTED)

    def roll_back(self, batch: Batch, leases: Sequence[Lease]) -> None:
        """Check the leases' epochs and switch the batch, in one transaction."""
        with self._transaction() as db:
            known = _read(db, batch.table, batch.id)
            if known is not None and known.state is State.ROLLED_BACK:
                return
            if known is None or known.state is not State.COMMITTED:
                raise cannot_roll_back(batch, known.state if known else None)
            for lease in leases:
                if _epoch(db, lease.table) != lease.epoch:
                    raise taken_over(lease.table)
            _update(db, _timed(known, State.ROLLED_BACK))

    def mark_cleaned(self, table: str, batch_id: str) -> None:
        """Set `cleaned` on a batch."""
        with self._transaction() as db:
            known = _read(db, table, batch_id)
            if known is not None:
                _update(db, replace(known, cleaned=True))

    def mark_expired(self, table: str, batch_id: str) -> None:
        """Write the batch anew, without its rows."""
        with self._transaction() as db:
            known = _read(db, table, batch_id)
            if known is not None:
                _update(db, without_rows(known))

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
        return [item for (packed,) in rows for item in inputs_of(packed)]

    def input_pages(self, table: str) -> Iterator[tuple[str, list[Input]]]:
        """Yield the pages of all batches of the table, some at a time: no transaction waits for the reader."""
        query = (
            'SELECT batch_id, n, items FROM inputs WHERE "table" = ? AND (batch_id, n) > (?, ?) '
            "ORDER BY batch_id, n LIMIT ?"
        )
        last: tuple[str, int] | None = ("", -1) if self.path.exists() else None
        while last is not None:
            with self._transaction(write=False) as db:
                rows = db.execute(query, (table, *last, _PAGES_AT_ONCE)).fetchall()
            yield from ((batch_id, inputs_of(packed)) for batch_id, _, packed in rows)
            last = rows[-1][:2] if len(rows) == _PAGES_AT_ONCE else None

    def lease(self, table: str) -> Lease | None:
        """Return the holder, or None."""
        query = 'SELECT "table", epoch, owner FROM lease WHERE "table" = ? AND owner IS NOT NULL'
        if not self.path.exists():
            return None
        with self._transaction(write=False) as db:
            row = db.execute(query, (table,)).fetchone()
        return Lease(*row) if row else None

    def forget_inputs(self, lease: Lease) -> int:
        """Delete the orphans below the lease's epoch."""
        query = (
            'SELECT DISTINCT batch_id FROM inputs WHERE "table" = ? AND batch_id NOT IN '
            '(SELECT id FROM batch WHERE "table" = ?)'
        )
        delete = 'DELETE FROM inputs WHERE "table" = ? AND batch_id = ?'
        with self._transaction() as db:
            orphans = [row[0] for row in db.execute(query, (lease.table, lease.table)).fetchall()]
            old = [batch_id for batch_id in orphans if epoch_of(batch_id) < lease.epoch]
            return sum(db.execute(delete, (lease.table, batch_id)).rowcount for batch_id in old)

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
            raise newer(str(self.path), version)
        for old in range(version, SCHEMA_VERSION):
            if old in _MIGRATIONS:
                _MIGRATIONS[old](db)
            db.execute("UPDATE meta SET schema_version = ?", (old + 1,))


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


def _epoch(db: sqlite3.Connection, table: str) -> int | None:
    row = db.execute('SELECT epoch FROM lease WHERE "table" = ?', (table,)).fetchone()
    return row[0] if row else None


def _now() -> str:
    return datetime.now(UTC).isoformat()

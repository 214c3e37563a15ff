"""The ledger past the laptop: one DynamoDB table for all tables of all environments, every step a conditional write.

Partition `{project}#{environment}#{layer}.{table}`, with three kinds of items, none of which ever expires:

    LEASE               epoch, owner, renewed_at, token
    BATCH#{id}          state, epoch, run_id, pipeline, {state}_at, cleaned, rejects_expired, body (the rest, compressed)
    INPUTS#{id}#{n}     page (about 1,000 inputs, compressed); of (how many pages, once they are complete)

and, in the partition `{project}#{environment}`, META with the schema's version.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from alur_nb.runtime.dynamo import (
    ABSENT,
    PARTITION_KEY,
    SORT_KEY,
    TRANSACTION_LIMIT,
    Check,
    Delete,
    DynamoTable,
    Item,
    Put,
    Refused,
    Update,
    age_of,
)
from alur_nb.runtime.errors import LeaseLostError, LedgerError
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
from alur_nb.runtime.ledger_pages import PAGE_BYTES, inputs_of, page, pages
from alur_nb.runtime.owners import may_live, owner_text

_LEASE = "LEASE"
_META = "META"
_BATCH = "BATCH#"
_INPUTS = "INPUTS#"
# Of no use to a page number's width but this: sort keys are text, and must sort as the numbers do.
_PAGE_DIGITS = 8
_IF_NEW: Mapping[str, None] = {PARTITION_KEY: ABSENT}

# Schema version -> what brings a ledger of that version to the next one; each must be repeatable.
_MIGRATIONS: Mapping[int, Callable[[DynamoTable, str], None]] = {}


class DynamoLedger:
    """A Ledger in DynamoDB; any number of machines share it."""

    def __init__(self, table: DynamoTable, *, project: str, environment: str) -> None:
        self._dynamo = table
        self._partition = f"{project}#{environment}"
        self._version: int | None = None

    # -- The lease

    def acquire(self, table: str, owner: str) -> Lease:
        """Take the lease at once where it is free or its holder cannot live; age is told by DynamoDB's own clock."""
        self._write_version()
        known = self._get(table, _LEASE)
        if known and "owner" in known:
            age = age_of(known["renewed_at"], self._dynamo.now())
            if may_live(known["owner"], owner, age):
                raise busy(table, owner_text(known["owner"]))
        epoch, token = (known["epoch"] if known else 0) + 1, uuid.uuid4().hex
        item = {**self._key(table, _LEASE), "epoch": epoch, "owner": owner, "token": token}
        as_seen = (
            {name: known.get(name, ABSENT) for name in ("epoch", "owner", "renewed_at")} if known else _IF_NEW
        )
        try:
            self._dynamo.write(Put({**item, "renewed_at": self._dynamo.now().isoformat()}, as_seen))
        except Refused:
            now = self._get(table, _LEASE) or {}
            if now.get("token") != token:  # else it was our own earlier request that came first
                raise busy(table, owner_text(now.get("owner", "which has just ended"))) from None
        return Lease(table, epoch, owner)

    def renew(self, lease: Lease) -> None:
        """Renew the lease's time."""
        now = self._dynamo.now().isoformat()
        try:
            self._dynamo.write(self._lease_update(lease, set={"renewed_at": now}))
        except Refused:
            raise lost(lease.table) from None

    def release(self, lease: Lease) -> None:
        """Remove the owner if it is still this lease's."""
        with suppress(Refused):
            self._dynamo.write(self._lease_update(lease, remove=("owner",)))

    def lease(self, table: str) -> Lease | None:
        """Return the holder, or None."""
        known = self._get(table, _LEASE) or {}
        return Lease(table, known["epoch"], known["owner"]) if "owner" in known else None

    # -- The steps of a batch

    def put_inputs(self, lease: Lease, batch_id: str, inputs: Sequence[Input], *, first: int) -> None:
        """Put the planned inputs, about 1,000 to an item; an item that exists stays as it is."""
        for n, packed in enumerate(pages(inputs), first):
            key = self._key(lease.table, _inputs_key(batch_id, n))
            with suppress(Refused):
                self._dynamo.write(Put({**key, "page": packed}, _IF_NEW))

    def plan(self, lease: Lease, batch: Batch) -> None:
        """Put the batch under the lease's epoch, in one transaction with a look at the lease.

        Refused, the batch is read: PLANNED by this run is our own earlier request, which was not answered.
        """
        item = {
            **self._key(batch.table, _BATCH + batch.id),
            "state": State.PLANNED.value,
            "epoch": batch.epoch,
            "run_id": batch.run_id,
            "pipeline": batch.pipeline,
            "planned_at": _now(),
            "cleaned": False,
            "body": _body(batch),
        }
        holds = Check(self._pk(lease.table), _LEASE, {"epoch": lease.epoch})
        try:
            self._dynamo.write(Put(item, _IF_NEW), holds)
        except Refused:
            known = self.batch(batch.table, batch.id)
            if known is None or known.state is not State.PLANNED or known.run_id != batch.run_id:
                raise lost(batch.table) from None

    def seal(self, batch: Batch, inputs: Sequence[Input]) -> None:
        """Complete the inputs by a full put of each item, then decide by one conditional update."""
        if not self._may_seal(batch):
            return
        complete = list(pages(inputs)) or [page(())]
        for n, packed in enumerate(complete):
            key = self._key(batch.table, _inputs_key(batch.id, n))
            self._dynamo.write(Put({**key, "page": packed, "of": len(complete)}))
        try:
            more = {"body": _body(batch)}
            self._dynamo.write(self._move(batch, State.PLANNED, State.SEALED, more, epoch=batch.epoch))
        except Refused:
            if self._may_seal(batch):
                raise lost(batch.table) from None

    def _may_seal(self, batch: Batch) -> bool:
        """Tell whether the batch is still to be sealed; False where our own earlier request has done it."""
        known = self.batch(batch.table, batch.id)
        if known is None or known.epoch != batch.epoch:
            raise lost(batch.table)
        if known.state in (State.SEALED, State.COMMITTED) and known.run_id == batch.run_id:
            return False
        if known.state is not State.PLANNED:
            raise lost(batch.table)
        return True

    def commit(self, batch: Batch) -> None:
        """Switch the batch to COMMITTED; a batch that is COMMITTED already stays so."""
        try:
            self._dynamo.write(self._move(batch, State.SEALED, State.COMMITTED))
        except Refused:
            known = self.batch(batch.table, batch.id)
            if known is None or known.state is not State.COMMITTED:
                raise lost(batch.table) from None

    def abort(self, batch: Batch) -> bool:
        """Abort the batch if it is PLANNED still, keeping its reason and counts."""
        try:
            self._dynamo.write(self._move(batch, State.PLANNED, State.ABORTED, {"body": _body(batch)}))
        except Refused:
            known = self.batch(batch.table, batch.id)
            return known is not None and known.state is State.ABORTED
        return True

    def roll_back(self, batch: Batch, leases: Sequence[Lease]) -> None:
        """Switch the batch and check every lease's epoch in one transaction."""
        if len(leases) >= TRANSACTION_LIMIT:
            raise LedgerError(
                f"Rolling back {batch.id} of {batch.table} touches {len(leases)} tables, more than one transaction "
                f"of DynamoDB holds ({TRANSACTION_LIMIT} items).",
                fix="Load the table again instead: alur run NAME --full",
            )
        holds = [Check(self._pk(lease.table), _LEASE, {"epoch": lease.epoch}) for lease in leases]
        try:
            self._dynamo.write(self._move(batch, State.COMMITTED, State.ROLLED_BACK), *holds)
        except Refused as refused:
            _raise_unless_rolled_back(batch, self.batch(batch.table, batch.id), leases, refused)

    def mark_cleaned(self, table: str, batch_id: str) -> None:
        """Set `cleaned` on a batch."""
        self._mark(table, batch_id, {"cleaned": True})

    def mark_expired(self, table: str, batch_id: str) -> None:
        """Write the batch's body anew, without its rows: of one that has ended nobody else writes it."""
        known = self.batch(table, batch_id)
        if known is not None:
            self._mark(table, batch_id, {"rejects_expired": True, "body": _body(without_rows(known))})

    def _mark(self, table: str, batch_id: str, marks: Item) -> None:
        with suppress(Refused):
            exists: Item = {SORT_KEY: _BATCH + batch_id}
            self._dynamo.write(Update(self._pk(table), _BATCH + batch_id, set=marks, only_if=exists))

    def forget_inputs(self, lease: Lease) -> int:
        """Delete the orphans below the lease's epoch, one by one."""
        inputs = list(self._query(lease.table, _INPUTS, only_keys=True))
        batches = {
            item[SORT_KEY].removeprefix(_BATCH) for item in self._query(lease.table, _BATCH, only_keys=True)
        }
        orphans = [item for item in inputs if _batch_of(item) not in batches]
        old = [item for item in orphans if epoch_of(_batch_of(item)) < lease.epoch]
        for item in old:
            self._dynamo.write(Delete(item[PARTITION_KEY], item[SORT_KEY]))
        return len(old)

    # -- Reading

    def batch(self, table: str, batch_id: str) -> Batch | None:
        """Return the batch, or None."""
        item = self._get(table, _BATCH + batch_id)
        return _batch_from(item) if item else None

    def batches(self, table: str) -> list[Batch]:
        """Return the table's batches by id, which is the order of their planning."""
        return [_batch_from(item) for item in self._query(table, _BATCH)]

    def inputs(self, table: str, batch_id: str) -> list[Input]:
        """Return a batch's inputs."""
        items = _complete(self._query(table, f"{_INPUTS}{batch_id}#"))
        return [one for item in items for one in inputs_of(item["page"])]

    def input_pages(self, table: str) -> Iterator[tuple[str, list[Input]]]:
        """Yield the pages of all batches of the table: a request for each megabyte of them."""
        for batch_id, items in groupby(self._query(table, _INPUTS), _batch_of):
            yield from ((batch_id, inputs_of(item["page"])) for item in _complete(items))

    # -- Items

    def _pk(self, table: str) -> str:
        return f"{self._partition}#{table}"

    def _key(self, table: str, sk: str) -> dict[str, str]:
        return {PARTITION_KEY: self._pk(table), SORT_KEY: sk}

    def _get(self, table: str, sk: str) -> Item | None:
        self._check_version()
        return self._dynamo.get(self._pk(table), sk)

    def _query(self, table: str, prefix: str, *, only_keys: bool = False) -> Iterable[Item]:
        self._check_version()
        return self._dynamo.query(self._pk(table), prefix, only_keys=only_keys)

    def _lease_update(self, lease: Lease, *, set: Item | None = None, remove: tuple[str, ...] = ()) -> Update:
        own = {"epoch": lease.epoch, "owner": lease.owner}
        return Update(self._pk(lease.table), _LEASE, set=set or {}, remove=remove, only_if=own)

    def _move(self, batch: Batch, old: State, new: State, more: Item | None = None, **only_if: int) -> Update:
        """Return the update of a batch's state, which is refused where the batch is not in `old`."""
        return Update(
            self._pk(batch.table),
            _BATCH + batch.id,
            set={"state": new.value, f"{new.lower()}_at": _now(), **(more or {})},
            only_if={"state": old.value, **only_if},
        )

    # -- The schema's version

    def _check_version(self) -> None:
        """Refuse a newer ledger and bring an older one forward; asked once by each ledger object."""
        if self._version is not None:
            return
        item = self._dynamo.get(self._partition, _META)
        version: int = item["schema_version"] if item else SCHEMA_VERSION
        if version > SCHEMA_VERSION:
            raise newer(f"in the DynamoDB table {self._dynamo.name}", version)
        for old in range(version, SCHEMA_VERSION):
            if old in _MIGRATIONS:
                _MIGRATIONS[old](self._dynamo, self._partition)
            # Refused: another run has done this step, which may be done twice.
            with suppress(Refused):
                new, as_seen = {"schema_version": old + 1}, {"schema_version": old}
                self._dynamo.write(Update(self._partition, _META, set=new, only_if=as_seen))
        self._version = SCHEMA_VERSION if item else None

    def _write_version(self) -> None:
        """Note the version before the first item is written."""
        self._check_version()
        if self._version is None:
            key = {PARTITION_KEY: self._partition, SORT_KEY: _META}
            with suppress(Refused):
                self._dynamo.write(Put({**key, "schema_version": SCHEMA_VERSION}, _IF_NEW))
            self._check_version()


def _raise_unless_rolled_back(
    batch: Batch, known: Batch | None, leases: Sequence[Lease], refused: Refused
) -> None:
    """Tell why a rollback was refused; nothing where it had been done before, perhaps by our own first request."""
    if known is not None and known.state is State.ROLLED_BACK:
        return
    if known is None or known.state is not State.COMMITTED:
        raise cannot_roll_back(batch, known.state if known else None)
    raise _taken_over(leases, refused)


def _taken_over(leases: Sequence[Lease], refused: Refused) -> LeaseLostError:
    moved = [leases[n - 1].table for n in refused.failed if n > 0]
    return taken_over(", ".join(moved))


def _inputs_key(batch_id: str, n: int) -> str:
    return f"{_INPUTS}{batch_id}#{n:0{_PAGE_DIGITS}d}"


def _batch_of(item: Item) -> str:
    batch_id: str = item[SORT_KEY].split("#")[1]
    return batch_id


def _complete(items: Iterable[Item]) -> Iterator[Item]:
    """Yield a batch's pages; where they are complete they say how many, and what the plan wrote beyond is no more."""
    total: int | None = None
    for n, item in enumerate(items):
        total = item.get("of") if n == 0 else total
        if total is None or n < total:
            yield item


def _body(batch: Batch) -> bytes:
    packed = zlib.compress(batch_to_json(batch).encode())
    if len(packed) > PAGE_BYTES:
        raise LedgerError(
            f"Batch {batch.id} of {batch.table} has {len(batch.files):,} files, more than the ledger can hold.",
            fix="Partition the table more coarsely, or load fewer files at once.",
        )
    return packed


def _batch_from(item: Item) -> Batch:
    times = {state.lower(): item[f"{state.lower()}_at"] for state in State if f"{state.lower()}_at" in item}
    body: Any = zlib.decompress(item["body"]).decode()
    return replace(
        batch_from_json(body),
        state=State(item["state"]),
        times=times,
        cleaned=bool(item["cleaned"]),
        rejects_expired=bool(item.get("rejects_expired", False)),
    )


def _now() -> str:
    """Return the machine's time: told to people, compared by nobody."""
    return datetime.now(UTC).isoformat()

"""The ledger: who may write a table, which batches there are, and which inputs each of them took.

A file's status is its batch's status: nothing is projected, so nothing can disagree. Every decision is a
compare-and-set. An unreadable ledger raises LedgerError, and a run that meets one goes no further.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any, Protocol

from alur_nb.runtime.errors import LeaseBusyError, LeaseLostError, LedgerError
from alur_nb.runtime.write_modes import Publication

SCHEMA_VERSION = 2
"""1: batches of Parquet tables only. 2: a batch says how it is published; one that says nothing is of version 1."""
BATCH_ID_WIDTH = len("00000001-0001")


class State(StrEnum):
    """A batch's state; PLANNED may only be thrown away, SEALED may only be finished."""

    PLANNED = "PLANNED"
    SEALED = "SEALED"
    COMMITTED = "COMMITTED"
    ABORTED = "ABORTED"
    ROLLED_BACK = "ROLLED_BACK"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one table; `epoch` is the fencing token and only ever grows."""

    table: str
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that a batch takes in: a file version, an upstream batch, or a run of an extract."""

    kind: str
    """`file`, `batch` or `run`."""
    key: str
    """A file's path, `layer.table` of an upstream batch, or the run's id."""
    version: str
    """A file's size and time, or the upstream batch's id."""
    size: int = 0
    content_hash: str | None = None
    parsed: int = 0
    accepted: int = 0
    rejected: int = 0
    outcome: str = "planned"
    """`planned`, then `loaded` or `skipped`."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One attempt to bring a set of inputs into one table."""

    table: str
    id: str
    state: State
    epoch: int
    pipeline: str
    run_id: str
    supersedes: tuple[str, ...] = ()
    data_prefix: str | None = None
    """The staged prefix that was sealed, relative to the lake's staging area; None until SEAL."""
    rejects_prefix: str | None = None
    partitions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """The sealed Parquet files, relative to the batch's own directory."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """`parsed`, `accepted`, `rejected`, `rows` (published), `files`."""
    checks: tuple[Mapping[str, Any], ...] = ()
    reason: str | None = None
    reject_reasons: Mapping[str, int] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    """Columns of the rows that the table did not declare, name -> type: `_rescued`, and what evolve added."""
    cleaned: bool = False
    rejects_expired: bool = False
    """Whether its rejected rows were deleted when they had been kept for as long as the settings say."""
    times: Mapping[str, str] = field(default_factory=dict)
    """State name in lower case -> ISO time, UTC."""
    publication: Publication = field(default_factory=Publication)
    """How it joins its table: whoever finishes it does what was sealed, whatever the table declares by then."""


class Ledger(Protocol):
    """What every ledger does; each call is one atomic step and may be repeated by its sender."""

    def acquire(self, table: str, owner: str) -> Lease:
        """Take the table's lease under a new epoch; LeaseBusyError while another live owner renews it."""

    def renew(self, lease: Lease) -> None:
        """Say that the owner lives; LeaseLostError where the epoch is no longer the lease's."""

    def release(self, lease: Lease) -> None:
        """Give the lease up, unless somebody else has taken it; the epoch stays."""

    def put_inputs(self, lease: Lease, batch_id: str, inputs: Sequence[Input], *, first: int) -> None:
        """Write planned inputs from number `first` on, each only if it does not exist."""

    def plan(self, lease: Lease, batch: Batch) -> None:
        """Put the batch as PLANNED if it does not exist and the lease's epoch holds; LeaseLostError otherwise."""

    def seal(self, batch: Batch, inputs: Sequence[Input]) -> None:
        """Complete the inputs, then PLANNED -> SEALED: the decision; again is a no-op. LeaseLostError where refused."""

    def commit(self, batch: Batch) -> None:
        """SEALED -> COMMITTED; again is a no-op."""

    def abort(self, batch: Batch) -> bool:
        """PLANNED -> ABORTED with the batch's reason; again is a no-op. False where it was decided otherwise."""

    def roll_back(self, batch: Batch, leases: Sequence[Lease]) -> None:
        """COMMITTED -> ROLLED_BACK and, in the same transaction, a look at each lease; again is a no-op.

        LeaseLostError where one of the epochs has moved on: what was seen under these leases may be old.
        """

    def mark_cleaned(self, table: str, batch_id: str) -> None:
        """Note that a dead batch's prefixes are empty."""

    def mark_expired(self, table: str, batch_id: str) -> None:
        """Note that a batch's rejected rows are deleted, and take out what it shows of rows itself (`without_rows`)."""

    def batch(self, table: str, batch_id: str) -> Batch | None:
        """Return one batch as it is now."""

    def batches(self, table: str) -> list[Batch]:
        """Return all batches of the table, oldest first."""

    def inputs(self, table: str, batch_id: str) -> list[Input]:
        """Return a batch's inputs, in the order in which they were planned."""

    def input_pages(self, table: str) -> Iterator[tuple[str, list[Input]]]:
        """Yield batch id and inputs of the whole table, page by page, by batch; far fewer requests than batches."""

    def lease(self, table: str) -> Lease | None:
        """Return who holds the table's lease, alive or not; None where nobody does."""

    def forget_inputs(self, lease: Lease) -> int:
        """Delete the inputs of batches that were never planned, and return how many items they were.

        Only below the lease's epoch: from there on no PLAN can come any more, under ours it still may.
        """


def inputs_by_batch(ledger: Ledger, table: str) -> dict[str, list[Input]]:
    """Return batch id -> inputs of the whole table, all of them in memory."""
    found: dict[str, list[Input]] = {}
    for batch_id, inputs in ledger.input_pages(table):
        found.setdefault(batch_id, []).extend(inputs)
    return found


def live(batches: Sequence[Batch]) -> list[Batch]:
    """Return the COMMITTED batches that no batch which was ever COMMITTED supersedes."""
    committed_once = [batch for batch in batches if batch.state in (State.COMMITTED, State.ROLLED_BACK)]
    superseded = {old for batch in committed_once for old in batch.supersedes}
    return [batch for batch in batches if batch.state is State.COMMITTED and batch.id not in superseded]


def shows_rows(batch: Batch) -> bool:
    """Whether the batch itself has some of its rows: examples of a check, or lines below the reason it was aborted for."""
    return any(check.get("examples") for check in batch.checks) or "\n" in (batch.reason or "")


def without_rows(batch: Batch) -> Batch:
    """Return the batch with its rejects expired: counts, checks and the reason's first line stay."""
    checks = tuple({**check, "examples": []} for check in batch.checks)
    reason = None if batch.reason is None else batch.reason.partition("\n")[0]
    return replace(batch, rejects_expired=True, checks=checks, reason=reason)


def epoch_of(batch_id: str) -> int:
    """Return the epoch under which a batch id was made: its first part (`{epoch:08d}-{n:04d}`)."""
    return int(batch_id.split("-")[0])


def lost(table: str) -> LeaseLostError:
    """Return the error of a run that finds its table taken over."""
    return LeaseLostError(
        f"Another run has taken {table} over; what this run staged is thrown away.",
        fix="Nothing was published by this run. Run again to see what is left to load.",
    )


def taken_over(table: str) -> LeaseLostError:
    """Return the error of a rollback that finds one of its tables taken over."""
    return LeaseLostError(
        f"Another run has taken {table} over; nothing was rolled back.",
        fix="Start over: it may have loaded what is to be rolled back.",
    )


def busy(table: str, holder: str) -> LeaseBusyError:
    """Return the error of a run that finds its table being written."""
    return LeaseBusyError(
        f"{table} is being written by another run ({holder}).",
        fix="Wait until it ends, or stop it; then run again.",
    )


def cannot_roll_back(batch: Batch, state: State | None) -> LedgerError:
    """Return the error for a batch that is not there to be rolled back."""
    return LedgerError(
        f"Batch {batch.id} of {batch.table} cannot be rolled back: it is {state or 'unknown'}, not COMMITTED.",
        fix=f"Look at its history: alur history {batch.table}",
    )


def newer(where: str, version: int) -> LedgerError:
    """Return the error of a release that meets the ledger of a later one."""
    return LedgerError(
        f"The ledger {where} was written by a newer alur-nb (schema {version}, here {SCHEMA_VERSION}).",
        fix="Upgrade: pip install -U alur-nb.",
    )


def batch_to_json(batch: Batch) -> str:
    """Return the batch as one line of JSON, keys sorted."""
    return json.dumps({**asdict(batch), "publication": batch.publication.to_dict()}, sort_keys=True)


def batch_from_json(text: str) -> Batch:
    """Read a batch back; unknown keys of a newer release are refused by the schema version, not here."""
    values = json.loads(text)
    for name in ("supersedes", "partitions", "files", "checks"):
        values[name] = tuple(values[name])
    publication = Publication.from_dict(values.pop("publication", {}))
    return Batch(**{**values, "state": State(values["state"]), "publication": publication})


_input_row = attrgetter(*(column.name for column in fields(Input)))


def inputs_to_json(inputs: Sequence[Input]) -> str:
    """Return inputs as a JSON list of rows, in the order of `Input`'s fields."""
    return json.dumps([_input_row(item) for item in inputs])


def inputs_from_json(text: str) -> list[Input]:
    """Read `inputs_to_json` back."""
    return [Input(*row) for row in json.loads(text)]

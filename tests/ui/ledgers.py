"""Batches in a ledger without Spark: what `%alur` and `%alur_history` look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alur_nb.runtime.ledger import Batch, Input, Lease, Ledger, State


def note_batch(
    ledger: Ledger,
    table: str,
    pipeline: str = "ingest_orders",
    counts: Mapping[str, int] | None = None,
    *,
    aborted: str | None = None,
    **more: Any,
) -> Batch:
    """Bring a batch to COMMITTED, or to ABORTED with its reason."""
    lease = ledger.acquire(table, "test")
    number = f"{lease.epoch:08d}-0001"
    batch = Batch(table, number, State.PLANNED, lease.epoch, pipeline, "run", counts=counts or {}, **more)
    inputs = [Input("file", f"{number}.csv", "1", outcome="loaded")]
    ledger.put_inputs(lease, batch.id, inputs, first=0)
    ledger.plan(lease, batch)
    if aborted is None:
        ledger.seal(batch, inputs)
        ledger.commit(replace(batch, state=State.SEALED))
    else:
        ledger.abort(replace(batch, reason=aborted))
    ledger.release(lease)
    return batch


def begin_batch(ledger: Ledger, table: str, owner: str, state: State) -> Lease:
    """Leave a batch as a run does that ends, or goes on, once it is PLANNED or SEALED; `owner` holds the lease."""
    lease = ledger.acquire(table, owner)
    batch = Batch(table, f"{lease.epoch:08d}-0001", State.PLANNED, lease.epoch, "ingest_orders", "run")
    ledger.plan(lease, batch)
    if state is State.SEALED:
        ledger.seal(batch, [])
    return lease

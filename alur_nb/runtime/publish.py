"""Seal, publish, commit, and the recovery of what a run before us left behind.

One decision a batch: before SEAL it can only be thrown away, after it only finished, by anyone, any number of times.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alur_nb.runtime import iceberg
from alur_nb.runtime.errors import AlurError, LedgerError, StorageError, plural
from alur_nb.runtime.ledger import Batch, Input, State, live, shows_rows
from alur_nb.runtime.workspace import Workspace

log = logging.getLogger(__name__)

KEPT = "kept_rejects"
"""The count in an aborted BATCH: how many of its rejected rows were kept to be looked at."""
# What keeps something from being deleted, and is no reason to fail a run whose rows are there.
_UNDELETED = (StorageError, LedgerError, OSError)


def seal(workspace: Workspace, batch: Batch, inputs: Sequence[Input]) -> None:
    """Decide: complete the inputs, then PLANNED -> SEALED. LeaseLostError where another run aborted us."""
    workspace.ledger.seal(batch, inputs)


def finish(workspace: Workspace, table: str, batch_id: str) -> bool:
    """Publish a SEALED batch and commit it; False for one in any other state, which is left as it is.

    The batch is read first: an unanswered SEAL may have failed, and only what is SEALED is ever shown.
    """
    batch = workspace.ledger.batch(table, batch_id)
    if batch is None or batch.state is not State.SEALED:
        return False
    rows = workspace.lake.iceberg(batch)
    if rows is not None and not iceberg.publish(rows, lambda: workspace.ledger.batch(table, batch_id)):
        return False
    workspace.lake.publish(batch)
    workspace.ledger.commit(batch)
    return True


def abort(workspace: Workspace, batch: Batch, reason: str) -> bool:
    """Throw a PLANNED batch away, the ledger first, then its staged files; False where it was PLANNED no longer."""
    if not workspace.ledger.abort(replace(batch, reason=reason)):
        return False
    clean(workspace, batch)
    return True


def recover(workspace: Workspace, table: str) -> list[str]:
    """Bring every unfinished batch of the table to its end, before anything new is planned.

    Returns a line for each batch that was found unfinished.
    """
    notes = []
    for batch in workspace.ledger.batches(table):
        if batch.state is State.PLANNED and abort(workspace, batch, "its run died before it had decided"):
            notes.append(f"Batch {batch.id} of a run that died was thrown away; its files are planned anew.")
        # Its run may live, and have sealed it since it was read here: then it must be finished before any new plan.
        elif batch.state in (State.PLANNED, State.SEALED) and finish(workspace, table, batch.id):
            notes.append(f"Batch {batch.id} of a run that died was finished.")
    _clean_dead(workspace, table)
    notes += _expire_rejects(workspace, table)
    for note in notes:
        log.info("%s: %s", table, note)
    return notes


def _clean_dead(workspace: Workspace, table: str) -> None:
    """Delete what dead batches have left; one listing tells which have any, however many there are."""
    staged = workspace.lake.staged_batches(table)
    batches = workspace.ledger.batches(table)
    alive = {batch.id for batch in live(batches)}
    # Only the newest can have died between COMMIT and cleaning: the run after it began with this very recovery.
    newest = max(alive, default=None)
    for batch in batches:
        if batch.state is State.ABORTED or batch.id == newest:
            # Aborted ones cleaned or not: a run may have gone on writing after it was aborted.
            if batch.id in staged:
                clean(workspace, batch)
        elif is_dead(batch, alive) and (batch.id in staged or not batch.cleaned):
            take_out(workspace, batch)


def expired(workspace: Workspace, batch: Batch) -> bool:
    """Whether the batch's rejected rows are deleted, or have been kept for as long as the settings say."""
    days = workspace.environment.rejects_retention_days
    ended = batch.times.get("committed") or batch.times.get("aborted")
    if batch.rejects_expired or not days or ended is None:
        return batch.rejects_expired
    return datetime.now(UTC) - datetime.fromisoformat(ended) > timedelta(days=days)


def _expire_rejects(workspace: Workspace, table: str) -> list[str]:
    """Delete rejected rows that were kept long enough, in the ledger too; the next run tries again what fails."""
    days = workspace.environment.rejects_retention_days
    if not days:
        return []
    batches = workspace.ledger.batches(table)
    holding = [batch for batch in live(batches) if batch.rejects_prefix] + _holding_aborted(batches)
    ids = {batch.id for batch in holding}
    kept = [batch for batch in batches if batch.id in ids or (_has_ended(batch) and shows_rows(batch))]
    old = [batch for batch in kept if not batch.rejects_expired and expired(workspace, batch)]
    try:
        for batch in old:
            if batch.id in ids and batch.state is State.ABORTED:
                workspace.lake.forget_aborted(table)
            elif batch.id in ids:
                workspace.lake.forget_rejects(batch)
            workspace.ledger.mark_expired(table, batch.id)
    except _UNDELETED as error:
        log.warning("%s: %s", table, error)
        said = _said(error)
        return [f"Rejected rows that have expired could not be deleted, the next run tries again: {said}"]
    told = [batch for batch in old if batch.id in ids and (batch.rejects_prefix or batch.counts.get(KEPT))]
    return (
        [f"The rejected rows of {plural(len(told), 'batch')} were deleted, after {days} days."]
        if told
        else []
    )


def _has_ended(batch: Batch) -> bool:
    return batch.state not in (State.PLANNED, State.SEALED)


def _holding_aborted(batches: Sequence[Batch]) -> list[Batch]:
    """Return the aborted batch whose first rejected rows lie there, as the last that has kept any; at most one.

    Without such a one it is the last of all: a run that died may have kept rows, and then nothing notes it.
    """
    aborted = [batch for batch in batches if batch.state is State.ABORTED]
    keepers = [batch for batch in aborted if batch.counts.get(KEPT) and not batch.rejects_expired]
    return (keepers or aborted)[-1:]


def _said(error: Exception) -> str:
    return error.message if isinstance(error, AlurError) else str(error)


def is_dead(batch: Batch, alive: Collection[str]) -> bool:
    """Whether the batch was shown once, and is rolled back or superseded now; `alive` are the ids of the live ones."""
    return batch.state is State.ROLLED_BACK or (batch.state is State.COMMITTED and batch.id not in alive)


def take_out(workspace: Workspace, batch: Batch) -> None:
    """Delete a dead batch's rows and what shows them, then note it: a publisher that wakes later shows nothing."""
    workspace.lake.clean(batch)
    # What is left of a merged or overwritten batch is the table as it is: nothing of it can be taken out.
    rows = workspace.lake.iceberg(batch) if batch.publication.mode == "append" else None
    if rows is not None and not batch.cleaned:
        rows.delete(batch.id)
    if not batch.cleaned:
        workspace.ledger.mark_cleaned(batch.table, batch.id)


def tidy(workspace: Workspace, committed: Batch) -> list[str]:
    """Delete what a batch has left now that it is committed, and what it supersedes.

    Returns a note for each part where that failed: the rows are there, so the run did not fail, and the other parts
    are done all the same.
    """
    next_run = "What is no longer needed could not be deleted, the next run does it"
    next_commit = (
        "Rejected rows kept of an aborted batch could not be deleted, the table's next commit does it"
    )
    parts: tuple[tuple[Callable[[], None], str], ...] = (
        (lambda: workspace.lake.discard(committed), next_run),
        (lambda: _take_out_superseded(workspace, committed), next_run),
        (lambda: workspace.lake.forget_aborted(committed.table), next_commit),
    )
    notes = []
    for delete, note in parts:
        try:
            delete()
        except _UNDELETED as error:
            log.warning("%s: %s", committed.table, error)
            notes.append(f"{note}: {_said(error)}")
    return notes


def _take_out_superseded(workspace: Workspace, committed: Batch) -> None:
    for batch_id in committed.supersedes:
        old = workspace.ledger.batch(committed.table, batch_id)
        if old is not None:
            take_out(workspace, old)


def clean(workspace: Workspace, batch: Batch) -> None:
    """Delete what a batch left in staging; of an aborted one nothing else is left, which is noted."""
    workspace.lake.discard(batch)
    if batch.state is not State.COMMITTED and not batch.cleaned:
        workspace.ledger.mark_cleaned(batch.table, batch.id)

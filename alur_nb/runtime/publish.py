"""Seal, publish, commit, and the recovery of what a run before us left behind.

One decision a batch: before SEAL it can only be thrown away, after it only finished, by anyone, any number of times.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from alur_nb.runtime.ledger import Batch, Input, State
from alur_nb.runtime.workspace import Workspace

log = logging.getLogger(__name__)


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
    staged = workspace.lake.staged_batches(table)
    batches = workspace.ledger.batches(table)
    # Only the newest can have died between COMMIT and cleaning: the run after it began with this very recovery.
    newest = [batch for batch in batches if batch.state is State.COMMITTED][-1:]
    for batch in batches:
        # Aborted ones cleaned or not: a run may have gone on writing after it was aborted.
        if batch.id in staged and (batch.state is State.ABORTED or batch in newest):
            clean(workspace, batch)
    for note in notes:
        log.info("%s: %s", table, note)
    return notes


def clean(workspace: Workspace, batch: Batch) -> None:
    """Delete what a batch left in staging; of an aborted one nothing else is left, which is noted."""
    workspace.lake.discard(batch)
    if batch.state is not State.COMMITTED and not batch.cleaned:
        workspace.ledger.mark_cleaned(batch.table, batch.id)

"""What the embedded lake's ledger says of each table: what the table holds, and how its last batch ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alur_nb.authoring.held import rows_held
from alur_nb.runtime.errors import AlurError, plural
from alur_nb.runtime.ledger import Batch, Ledger, State, live
from alur_nb.runtime.owners import lives_here, owner_text
from alur_nb.runtime.settings import LAKE_FOLDER, load_settings
from alur_nb.runtime.workspace import Workspace, open_workspace

NEVER_LOADED = "never loaded"
NEVER_RUN = "never run"

INTERRUPTED = "interrupted"
RUNNING = "running now"
FAILED = "failed"

_ENDED: Mapping[State, str] = {State.COMMITTED: "loaded", State.ROLLED_BACK: "rolled back"}
# How the reason of an aborted batch begins where nothing of its own was wrong (runtime: runner, publish).
_STOPPED = {"The run was cancelled": "cancelled", "its run died": INTERRUPTED}


@dataclass(frozen=True, slots=True)
class TableState:
    """One table in words; `last` is its last batch, `runs` the last batch of each pipeline that wrote it."""

    holds: str = NEVER_LOADED
    last: str = ""
    runs: Mapping[str, str] | None = None


def table_states(names: Iterable[str]) -> dict[str, TableState]:
    """Read the ledger of the embedded lake, once a table; a ledger that cannot be read is said, not raised."""
    names = list(names)
    # Looking makes nothing: without a lake there is no ledger to open.
    if not (load_settings().root / LAKE_FOLDER / "state.db").is_file():
        return dict.fromkeys(names, TableState())
    try:
        place = open_workspace()
        return {name: _state(place.ledger.batches(name), place) for name in names}
    except AlurError as error:
        return dict.fromkeys(names, TableState(f"unknown: {error.message}"))


def _state(batches: Sequence[Batch], place: Workspace) -> TableState:
    if not batches:
        return TableState()
    alive = live(batches)
    # By id, which is the order of their planning: the last one of each pipeline stays.
    latest = {batch.pipeline: batch for batch in batches}
    # Only a batch without an end asks who holds the lease.
    words = {
        batch.id: _ENDED.get(batch.state) or _word(batch, place.ledger)
        for batch in (*latest.values(), batches[-1])
    }
    runs = {name: f"{words[batch.id]}, {time_text(batch)}" for name, batch in latest.items()}
    return TableState(_holds(alive, place), _batch_text(batches[-1], words[batches[-1].id]), runs)


def _holds(alive: Sequence[Batch], place: Workspace) -> str:
    if not alive:
        return NEVER_LOADED
    rows = rows_held(place, alive)
    told = "an unknown number of rows" if rows is None else plural(rows, "row")
    return f"{told} in {plural(len(alive), 'batch')}"


def _word(batch: Batch, ledger: Ledger) -> str:
    """Return how a batch that is not committed came to be so: its run failed or was stopped, or is running."""
    if batch.state is State.ABORTED:
        reason = batch.reason or ""
        return next((word for start, word in _STOPPED.items() if reason.startswith(start)), FAILED)
    lease = ledger.lease(batch.table)
    lives = lives_here(lease.owner) if lease is not None and lease.epoch == batch.epoch else False
    if lease is not None and lives:
        return f"{RUNNING} ({owner_text(lease.owner)})"
    if lease is not None and lives is None:
        return f"running or interrupted ({owner_text(lease.owner)})"
    # Decided is decided: the next run publishes it.
    return f"{INTERRUPTED} before it was published" if batch.state is State.SEALED else INTERRUPTED


def _batch_text(batch: Batch, word: str) -> str:
    counts, reason = batch.counts, (batch.reason or "").partition("\n")[0].rstrip(":")
    parts = [f"{batch.id} {word}"]
    parts += [plural(counts["rows"], "row")] if "rows" in counts else []
    parts += [f"{counts['rejected']:,} rejected"] if counts.get("rejected") else []
    parts += [f"{plural(counts['skipped_files'], 'file')} skipped"] if counts.get("skipped_files") else []
    return ", ".join([*parts, time_text(batch)]) + (f": {reason}" if reason else "")


def time_text(batch: Batch) -> str:
    """Return when the batch came into its state, to the second, in UTC."""
    at = batch.times.get(batch.state.lower()) or batch.times.get("planned", "")
    return f"{at[:19].replace('T', ' ')} UTC" if at else "at an unknown time"

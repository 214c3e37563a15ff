"""Taking a committed batch back: its rows go, and its inputs are pending again.

Under the leases of the table and of every table downstream, so that nobody reads the batch in the meantime; the
switch itself looks at all of them again in one transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alur_nb.runtime import publish
from alur_nb.runtime.errors import LedgerError, plural
from alur_nb.runtime.ledger import Batch, Lease, State, live
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.pipelines import NewSource
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback has taken back, in its order: downstream first."""

    batches: tuple[Batch, ...]
    notes: tuple[str, ...] = ()


def roll_back(
    workspace: Workspace, project: Project, table: Table, batch_ids: Sequence[str], *, cascade: bool = False
) -> RolledBack:
    """Take live batches of one append table back, with `cascade` also the batches downstream that have read them.

    What has merged or overwritten rows of them cannot give them back: it is noted, and loaded anew by its next run.

    Again is nothing: a batch that is rolled back already is only cleaned.

    Raises LedgerError for a batch that is not live, that others have read (without `cascade`), or of a table that
    does not append; LeaseBusyError, LeaseLostError: nothing was rolled back, or only batches downstream.
    """
    tables = [table, *_downstream(project, table)]
    with held(workspace, tables) as leases:
        notes = []
        for one in tables:
            notes += publish.recover(workspace, one.qualified_name)
        chosen = [_of(workspace, table, batch_id) for batch_id in batch_ids]
        dying = [batch for batch in chosen if not _is_back(batch)]
        found = _readers(workspace, tables, dying)
        if found and not cascade:
            _refuse_read(dying, found)
        by_name = {one.qualified_name: one for one in tables}
        readers = [batch for batch in found if by_name[batch.table].write_mode == "append"]
        notes += [
            f"{name} holds rows of it, merged with others: its next run loads the whole table anew."
            for name in dict.fromkeys(batch.table for batch in found if batch not in readers)
        ]
        # What reads comes before what is read: no moment in which a live batch lists a dead one.
        for batch in [*reversed(readers), *dying]:
            below = [batch.table, *(one.qualified_name for one in _downstream(project, by_name[batch.table]))]
            workspace.ledger.roll_back(batch, [leases[name] for name in below])
        for batch in [*reversed(readers), *chosen]:
            publish.take_out(workspace, batch)
    return RolledBack((*reversed(readers), *chosen), tuple(notes))


def _downstream(project: Project, table: Table) -> list[Table]:
    """Return the tables that take the table's batches in by `new(..)`, and those behind them, upstream first."""
    found = {table.qualified_name: table}
    # In the DAG's order a table's upstreams come before it, so one pass finds all.
    for name in project.order():
        pipeline = project.pipeline(name)
        reads = (s.table.qualified_name for s in pipeline.sources.values() if isinstance(s, NewSource))
        if any(upstream in found for upstream in reads):
            found.setdefault(pipeline.target.qualified_name, pipeline.target)
    return list(found.values())[1:]


@contextlib.contextmanager
def held(workspace: Workspace, tables: Sequence[Table]) -> Iterator[dict[str, Lease]]:
    """Hold the leases of all tables, taken in one order by everybody, so that two rollbacks never wait for each other."""
    ledger, taken = workspace.ledger, dict[str, Lease]()
    try:
        for name in sorted(table.qualified_name for table in tables):
            taken[name] = ledger.acquire(name, local_owner())
        yield taken
    finally:
        for lease in taken.values():
            with contextlib.suppress(
                LedgerError
            ):  # a lease that cannot be given up is taken over: its process is dead
                ledger.release(lease)


def _of(workspace: Workspace, table: Table, batch_id: str) -> Batch:
    """Return a batch that can be rolled back, or is already; raises LedgerError."""
    name = table.qualified_name
    batches = workspace.ledger.batches(name)
    alive = {batch.id for batch in live(batches)}
    for batch in batches:
        if batch.id == batch_id:
            if batch.id in alive:
                _refuse_replacing(table, batch)
            elif not _is_back(batch):
                heirs = [other.id for other in batches if batch_id in other.supersedes]
                why = f"batch {heirs[-1]} has taken its place" if heirs else f"it is {batch.state}"
                raise LedgerError(
                    f"Batch {batch_id} of {name} is not rolled back: {why}.",
                    fix=f"Only a live batch can be: alur history {name}",
                )
            return batch
    raise LedgerError(f"{name} has no batch {batch_id}.", fix=f"Its batches: alur history {name}")


def _is_back(batch: Batch) -> bool:
    return batch.state is State.ROLLED_BACK


def _readers(workspace: Workspace, tables: Sequence[Table], dying: Sequence[Batch]) -> list[Batch]:
    """Return the live batches that list one of these, or one that lists one of these, in the tables' order.

    Not those behind a table whose batches replace rows: it is loaded anew, and what has read it after it.
    """
    appends = {table.qualified_name for table in tables if table.write_mode == "append"}
    dead = {(batch.table, batch.id) for batch in dying}
    found: list[Batch] = []
    while True:
        more = [
            batch
            for table in tables[1:]
            for batch in live(workspace.ledger.batches(table.qualified_name))
            if (batch.table, batch.id) not in dead
            and batch not in found
            and any(
                item.kind == "batch" and (item.key, item.version) in dead
                for item in workspace.ledger.inputs(batch.table, batch.id)
            )
        ]
        if not more:
            places = {table.qualified_name: place for place, table in enumerate(tables)}
            return sorted(found, key=lambda batch: (places[batch.table], batch.id))
        found += more
        dead |= {(batch.table, batch.id) for batch in more if batch.table in appends}


def _refuse_read(dying: Sequence[Batch], readers: Sequence[Batch]) -> None:
    names = "\n  ".join(f"{batch.table} {batch.id} (by {batch.pipeline})" for batch in readers)
    what = f"Batch {dying[0].id} of {dying[0].table}" if len(dying) == 1 else plural(len(dying), "batch")
    raise LedgerError(
        f"{what} cannot be rolled back: {plural(len(readers), 'live batch')} downstream hold rows of it:\n  {names}",
        fix="Roll these back too, downstream first: add --cascade.",
    )


def _refuse_replacing(table: Table, batch: Batch) -> None:
    if table.write_mode != "append":
        raise LedgerError(
            f"Batch {batch.id} of {table.qualified_name} cannot be rolled back: the table's batches replace rows, and "
            "what one has replaced is gone.",
            fix="Load the table anew from what is upstream: alur run NAME --full",
        )

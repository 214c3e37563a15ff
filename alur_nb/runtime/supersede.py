"""Loading in place of what is there: which batches a run supersedes, and that nothing of them is lost by it.

The new batch lists the batches that it supersedes; its COMMIT is the one moment in which they are exchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from alur_nb.runtime.errors import LedgerError, SourceError, suggest
from alur_nb.runtime.header import listed
from alur_nb.runtime.ledger import Batch, Input, Ledger, State, live
from alur_nb.runtime.pipelines import NewSource, Pipeline, TableSource
from alur_nb.runtime.selection import Selection
from alur_nb.runtime.tables import Table


@dataclass(frozen=True, slots=True)
class Superseded:
    """The batches that a run loads anew, and what it takes in for them."""

    ids: frozenset[str] = frozenset()
    only: frozenset[tuple[str, str]] | None = None
    """Kind and key (of a batch: its id) of the inputs that alone are taken in; None for all that is new as well."""
    notes: tuple[str, ...] = ()

    def wants_file(self, path: str) -> bool:
        """Whether a file is among what is taken in."""
        return self.only is None or ("file", path) in self.only

    def wants_batch(self, batch_id: str) -> bool:
        """Whether an upstream batch is among what is taken in."""
        return self.only is None or ("batch", batch_id) in self.only


NOTHING = Superseded()
SAME_CONTENT = "same content as"


def chosen(ledger: Ledger, pipeline: Pipeline, selection: Selection) -> Superseded:
    """Return what a run of the pipeline supersedes: what it was asked to, and what has gone stale by an upstream.

    Raises LedgerError for a batch that cannot be replayed.
    """
    table = pipeline.target.qualified_name
    alive = live(ledger.batches(table))
    stale = _stale(ledger, pipeline, alive)
    notes = tuple(
        f"Batch {batch.id} is loaded anew: what it had read of {upstream} is no longer there in that form."
        for batch, upstream in stale
    )
    ids = frozenset(batch.id for batch, _ in stale)
    keeps_all = replaces_rows(pipeline.target)
    if keeps_all and selection.replay is not None:
        raise LedgerError(
            f"Batch {selection.replay} of {table} cannot be loaded again alone: the table's batches replace rows, and "
            "later ones have built on it.",
            fix=f"Load the whole table anew: alur run {pipeline.name} --full",
        )
    if selection.full or (keeps_all and ids):
        return Superseded(ids | {batch.id for batch in alive}, notes=notes)
    if selection.replay is None:
        return Superseded(ids, notes=notes)
    replayed = _replayable(ledger, table, selection.replay, alive)
    ids |= {replayed.id}
    wanted: set[tuple[str, str]] = set()
    for batch_id in ids:
        for item in ledger.inputs(table, batch_id):
            if item.kind == "batch":
                wanted |= {("batch", found) for found in _successors(ledger.batches(item.key), item.version)}
            else:
                wanted.add((item.kind, item.key))
    return Superseded(ids, frozenset(wanted), notes)


def replaces_rows(table: Table) -> bool:
    """Whether what a batch has brought cannot be told from the table any more, so that only all of them are redone."""
    return table.write_mode in ("merge", "history") or is_whole(table)


def is_whole(table: Table) -> bool:
    """Whether each batch takes the place of all rows: then it takes all inputs, and supersedes the one before it."""
    return table.write_mode == "overwrite" and not table.partition_by


def whole(ledger: Ledger, table: str) -> Superseded:
    """Return that all live batches of a table are superseded."""
    return Superseded(frozenset(batch.id for batch in live(ledger.batches(table))))


def with_changed(ledger: Ledger, target: Table, paths: Collection[str], known: Superseded) -> Superseded:
    """Return that the batches which hold these files are superseded as well: their other files come along."""
    if not paths:
        return known
    if replaces_rows(target):
        return replace(whole(ledger, target.qualified_name), notes=known.notes)
    return replace(known, ids=known.ids | holding(ledger, target.qualified_name, paths))


def holding(ledger: Ledger, table: str, paths: Collection[str]) -> frozenset[str]:
    """Return the live batches that have loaded any version of these files."""
    alive = {batch.id for batch in live(ledger.batches(table))}
    return frozenset(
        batch_id
        for batch_id, inputs in ledger.input_pages(table)
        if batch_id in alive
        and any(item.kind == "file" and item.outcome == "loaded" and item.key in paths for item in inputs)
    )


def taken(inputs: Iterable[Input]) -> list[Input]:
    """Return the inputs whose rows a batch holds: not what it skips, unless the same content came by another file."""
    return [
        item for item in inputs if item.outcome != "skipped" or (item.reason or "").startswith(SAME_CONTENT)
    ]


def refuse_missing(
    ledger: Ledger, table: str, ids: Collection[str], taken: Iterable[Input], *, drop_missing: bool
) -> list[str]:
    """Refuse to supersede batches with inputs that the new batch does not take in; returns what is given up instead.

    An upstream batch that is dead itself is not missed: what took its place is an input of its own.
    Raises SourceError that names them.
    """
    if not ids:
        return []
    there = {_name(item) for item in taken}
    alive: dict[str, set[str]] = {}
    missing: dict[str, None] = {}
    for batch_id in sorted(ids):
        for item in ledger.inputs(table, batch_id):
            if item.kind == "batch" and item.key not in alive:
                alive[item.key] = {batch.id for batch in live(ledger.batches(item.key))}
            dead = item.kind == "batch" and item.version not in alive[item.key]
            if item.outcome == "loaded" and not dead and _name(item) not in there:
                missing[_name(item)] = None
    if missing and not drop_missing:
        what = "an input that is" if len(missing) == 1 else f"{len(missing)} inputs that are"
        raise SourceError(
            f"{table} cannot be loaded anew: it holds rows of {what} no longer there, or no longer read: "
            f"{listed(list(missing))}.",
            fix="Put them back; or give their rows up: --drop-missing (drop_missing=True).",
        )
    return list(missing)


def _stale(ledger: Ledger, pipeline: Pipeline, alive: Sequence[Batch]) -> list[tuple[Batch, str]]:
    """Return the live batches with an upstream batch among their inputs that is live no more, and that upstream.

    A batch that is dead stays dead, so this needs no lease of the upstream.
    """
    upstreams = {
        source.table.qualified_name
        for source in pipeline.sources.values()
        if isinstance(source, NewSource | TableSource)
    }
    dead = {}
    for upstream in upstreams:
        batches = ledger.batches(upstream)
        known = {batch.id for batch in batches if batch.state in (State.COMMITTED, State.ROLLED_BACK)}
        dead[upstream] = known - {batch.id for batch in live(batches)}
    if not any(dead.values()):
        return []
    by_id = {batch.id: batch for batch in alive}
    found: dict[str, tuple[Batch, str]] = {}
    for batch_id, inputs in ledger.input_pages(pipeline.target.qualified_name):
        for item in inputs if batch_id in by_id else ():
            if item.kind == "batch" and item.version in dead.get(item.key, ()):
                found[batch_id] = (by_id[batch_id], item.key)
    return list(found.values())


def _successors(batches: Sequence[Batch], batch_id: str) -> set[str]:
    """Return the batches that took a batch's place, and the places of these; a live batch is its own."""
    found, waiting = set(), [batch_id]
    while waiting:
        one = waiting.pop()
        found.add(one)
        heirs = [batch.id for batch in batches if one in batch.supersedes and batch.state is State.COMMITTED]
        waiting += [heir for heir in heirs if heir not in found]
    return found & {batch.id for batch in live(batches)}


def _replayable(ledger: Ledger, table: str, batch_id: str, alive: Sequence[Batch]) -> Batch:
    for batch in alive:
        if batch.id == batch_id:
            return batch
    known = ledger.batch(table, batch_id)
    heirs = [batch.id for batch in ledger.batches(table) if batch_id in batch.supersedes]
    if known is None:
        hint = suggest(batch_id, [batch.id for batch in alive])
        raise LedgerError(f"{table} has no batch {batch_id}{hint}.", fix=f"alur history {table}")
    why = f"batch {heirs[-1]} has taken its place" if heirs else f"it is {known.state}"
    raise LedgerError(
        f"Batch {batch_id} of {table} cannot be loaded again: {why}.",
        fix=f"Only a live batch is replayed: alur history {table}",
    )


def _name(item: Input) -> str:
    return f"{item.key} {item.version}" if item.kind == "batch" else item.key

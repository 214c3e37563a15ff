"""An Iceberg table in memory: snapshots of files of rows, and commits that are validated as Iceberg validates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alur_nb.runtime.iceberg import MovedError
from alur_nb.runtime.ledger import Batch
from tests.crash.worker import Kind, step

Row = Mapping[str, Any]
File = tuple[Row, ...]


@dataclass(frozen=True)
class Snapshot:
    """A state of the table, and what the commit that made it did to files."""

    number: int
    files: tuple[File, ...] = ()
    added: tuple[File, ...] = ()
    """Files that came with new rows: a compaction's are none of these."""
    removed: tuple[File, ...] = ()

    @property
    def rows(self) -> list[Row]:
        return [row for file in self.files for row in file]


class MemoryTable:
    """All owners of one table share it; every look at it and every commit is a step."""

    def __init__(self, read_sealed: Callable[[Batch], list[Row]]) -> None:
        self.snapshots = [Snapshot(1)]
        self._read_sealed = read_sealed

    @property
    def now(self) -> Snapshot:
        return self.snapshots[-1]

    def pin(self) -> str:
        return str(step("iceberg pin", Kind.READ, lambda: self.now.number))

    def holds(self, pin: str, batch_id: str) -> bool:
        return any(row["batch_id"] == batch_id for row in self._at(pin).rows)

    def append(self, pin: str, batch: Batch) -> None:
        rows = self._rows(batch)
        if rows:
            self._commit(
                "append", lambda: self._overwrite(pin, rows, lambda row: row["batch_id"] == batch.id)
            )

    def overwrite(self, pin: str, batch: Batch) -> None:
        rows, names = self._rows(batch), batch.publication.partitions
        places = {tuple(row[name] for name in names) for row in rows}
        if rows or not names:
            self._commit(
                "overwrite",
                lambda: self._overwrite(pin, rows, lambda row: tuple(row[name] for name in names) in places),
            )

    def merge(self, pin: str, batch: Batch) -> None:
        rows = self._rows(batch)
        base = [] if batch.supersedes else self._at(pin).rows
        self._follow(pin, merged(base, rows, batch.publication))

    def keep_history(self, pin: str, batch: Batch) -> None:
        raise NotImplementedError  # the real one is compared with an oracle of its own

    def delete(self, batch_id: str) -> None:
        def rewrite() -> None:
            kept = [tuple(row for row in file if row["batch_id"] != batch_id) for file in self.now.files]
            self._add(tuple(file for file in kept if file), added=())

        self._commit("delete", rewrite)

    def compact(self) -> None:
        """Bring all rows together in one file, as Glue's optimizer may at any moment."""
        if self.now.rows:
            self._add((tuple(self.now.rows),), added=())

    def _rows(self, batch: Batch) -> list[Row]:
        if batch.data_prefix is None:
            return []
        found = step("iceberg read staged", Kind.READ, lambda: self._read_sealed(batch))
        return [{**row, "batch_id": batch.id} for row in found]

    def _at(self, pin: str) -> Snapshot:
        return next(snapshot for snapshot in self.snapshots if snapshot.number == int(pin))

    def _commit(self, name: str, effect: Callable[[], None]) -> None:
        step(f"iceberg {name}", Kind.REMOTE, effect, MovedError)

    def _since(self, pin: str) -> list[Snapshot]:
        return [snapshot for snapshot in self.snapshots if snapshot.number > int(pin)]

    def _overwrite(self, pin: str, rows: list[Row], matches: Callable[[Row], bool]) -> None:
        """As `OverwriteFiles` with serializable isolation: no file that came or went since the pin may match."""
        for snapshot in self._since(pin):
            if any(matches(row) for file in (*snapshot.added, *snapshot.removed) for row in file):
                raise MovedError("Found conflicting files")
        kept = []
        for file in self.now.files:
            found = [matches(row) for row in file]
            if any(found) and not all(found):
                raise MovedError("Cannot delete file where some, but not all, rows match filter")
            if not any(found):
                kept.append(file)
        self._add((*kept, *([tuple(rows)] if rows else [])), added=(tuple(rows),))

    def _follow(self, pin: str, rows: Iterable[Row]) -> None:
        """As a branch of the pin that the table follows: only from the pin itself."""
        made = tuple(rows)

        def follow() -> None:
            if self.now.number != int(pin):
                raise MovedError("Cannot fast-forward: main is not an ancestor")
            self._add((made,) if made else (), added=(made,))

        self._commit("merge", follow)

    def _add(self, files: tuple[File, ...], added: tuple[File, ...]) -> None:
        removed = tuple(file for file in self.now.files if file not in files)
        self.snapshots.append(Snapshot(self.now.number + 1, files, added, removed))


def merged(base: Iterable[Row], rows: Iterable[Row], how: Any) -> list[Row]:
    """Return the rows after a merge, by the words of the documentation: one row after the other."""
    there = {tuple(row[name] for name in how.key): row for row in base}
    order = how.sequence_by
    for row in sorted(rows, key=lambda row: row[order]) if order else rows:
        key = tuple(row[name] for name in how.key)
        known = there.get(key)
        if known is not None and order and known[order] is not None and row[order] < known[order]:
            continue
        if how.delete_when and deletes(row, how.delete_when):
            there.pop(key, None)
        else:
            there[key] = row
    return list(there.values())


def deletes(row: Row, condition: str) -> bool:
    """Judge the one kind of condition that the simulations use: `column = 'text'`."""
    name, _, value = condition.partition(" = ")
    return bool(row[name] == value.strip("'"))

"""What merges must come to, in plain Python: one row after the other, by the words of the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Row(NamedTuple):
    """A row of a batch: it deletes its key where `v` is `gone`."""

    k: int
    at: date
    v: str

    @property
    def deletes(self) -> bool:
        return self.v == "gone"


@dataclass
class Version:
    """A row with the time that it was valid in."""

    row: Row
    begin: date
    end: date | None = None

    def covers(self, moment: date) -> bool:
        return self.begin <= moment and (self.end is None or moment < self.end)


class Merged:
    """The last row of each key by `at`; a deleted key leaves no trace, so that any row brings it back."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}

    def take(self, batch: Iterable[Row]) -> None:
        last: dict[int, Row] = {}
        for row in sorted(batch, key=lambda row: row.at):
            last[row.k] = row
        for row in last.values():
            known = self.rows.get(row.k)
            if known is not None and row.at < known.at:
                continue
            if row.deletes:
                self.rows.pop(row.k, None)
            else:
                self.rows[row.k] = row

    def result(self) -> list[tuple[object, ...]]:
        return sorted(self.rows.values())


class History:
    """All versions of each key, none of which overlap; what ends without a successor was deleted."""

    def __init__(self) -> None:
        self.versions: dict[int, list[Version]] = {}

    def take(self, batch: Iterable[Row]) -> None:
        for row in sorted(batch, key=lambda row: row.at):
            known = self.versions.setdefault(row.k, [])
            if row.deletes:
                self._delete(known, row.at)
            else:
                self._insert(known, row)

    def _insert(self, known: list[Version], row: Row) -> None:
        for version in known:
            if version.begin == row.at:
                version.row = row
                return
            if version.covers(row.at):
                known.append(Version(row, row.at, version.end))
                version.end = row.at
                return
        later = [version.begin for version in known if version.begin > row.at]
        known.append(Version(row, row.at, min(later, default=None)))

    def _delete(self, known: list[Version], moment: date) -> None:
        for version in list(known):
            if version.begin == moment:
                known.remove(version)
            elif version.covers(moment):
                version.end = moment

    def result(self) -> list[tuple[object, ...]]:
        found = [version for versions in self.versions.values() for version in versions]
        return sorted((*one.row, one.begin, one.end, one.end is None) for one in found)

"""A listing compared with what was loaded, file by file as it comes in; a run keeps only what it must look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from alur_nb.runtime.errors import plural
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.input_history import Known
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.selection import Selection, age
from alur_nb.runtime.supersede import Superseded

Status = Literal["new", "changed", "done", "skipped", "same_content", "bad", "left_out"]

# A report names the reasons for leaving files out where they are few: each day may be one of its own.
_LEFT_OUT_REASONS = 3


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of the listing, and what a run would do with it."""

    file: SourceFile
    status: Status
    reason: str | None = None
    fix: str | None = None
    readable: ReadableFile | None = None
    """How the file is read; None until it has been inspected."""

    @property
    def content_hash(self) -> str | None:
        """SHA-256 of the raw bytes, where they have been read."""
        return (self.readable.inspection.content_hash or None) if self.readable else None


def scan(files: Files, source: FileSource) -> Iterator[SourceFile]:
    """Yield the source's files in no order, one that several patterns match once.

    Raises SourceError where a folder does not exist, or a part of the listing is missing.
    """
    if len(source.patterns) == 1:
        yield from files.scan(source.patterns[0])
        return
    seen: set[str] = set()
    for pattern in source.patterns:
        for file in files.scan(pattern):
            if file.path not in seen:
                seen.add(file.path)
                yield file


def compared(file: SourceFile, known: Known | None, *, retry: bool) -> PlannedFile:
    """Say what the ledger makes of one file of the listing."""
    if known is None:
        return PlannedFile(file, "new")
    if known.outcome == "loaded":
        return PlannedFile(file, "done" if known.version == file.version else "changed")
    if known.version == file.version and not retry:
        return PlannedFile(file, "skipped", known.reason, fix="alur retry, once it can be loaded.")
    return PlannedFile(file, "new")  # a new version of a file that was only skipped has never been loaded


class Comparison:
    """The files of a listing, fed one by one.

    Without `every` those that are done, or are left for later runs, are only counted: a listing may be of a million.
    """

    def __init__(
        self, selection: Selection, superseded: Superseded, *, first_batch: bool, every: bool
    ) -> None:
        self.listed = 0
        self._selection, self._superseded, self._every = selection, superseded, every
        self._limit = selection.limit(first_batch=first_batch)
        self._new: list[PlannedFile] = []
        self._others: list[PlannedFile] = []
        self._left: Counter[str] = Counter()

    def add(self, planned: PlannedFile) -> None:
        """Take one file in."""
        self.listed += 1
        if planned.status in ("new", "changed") and (reason := self._left_out(planned.file)):
            self._leave(planned, reason)
        elif planned.status == "new":
            self._new.append(planned)
            if self._limit and len(self._new) >= 2 * self._limit.files:
                self._cut()
        elif self._every or planned.status != "done":
            self._others.append(planned)

    def files(self) -> list[PlannedFile]:
        """Return what was kept, by path."""
        self._cut()
        return sorted([*self._new, *self._others], key=lambda planned: planned.file.path)

    def notes(self) -> list[str]:
        """Say how much is left out in all, and why."""
        if len(self._left) > _LEFT_OUT_REASONS:
            return [f"{plural(self._left.total(), 'file')} left for later runs."]
        return [
            f"{plural(count, 'file')} left for later runs: {reason}." for reason, count in self._left.items()
        ]

    def _left_out(self, file: SourceFile) -> str | None:
        if not self._superseded.wants_file(file.path):
            return "no input of the batch that is loaded anew"
        return self._selection.leaves_out(file)

    def _cut(self) -> None:
        """Leave out what does not fit into one batch; the oldest of the oldest are the oldest of all."""
        if self._limit is None or len(self._new) <= self._limit.files:
            return
        self._new.sort(key=lambda planned: age(planned.file))
        for planned in self._new[self._limit.files :]:
            self._leave(planned, self._limit.reason)
        del self._new[self._limit.files :]

    def _leave(self, planned: PlannedFile, reason: str) -> None:
        self._left[reason] += 1
        if self._every:
            self._others.append(replace(planned, status="left_out", reason=reason))

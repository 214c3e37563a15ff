"""The files of a preview that were looked into: what each is, and how much of all was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alur_nb.authoring.preview_collected import Collected
from alur_nb.authoring.preview_facts import (
    STATUSES,
    ColumnProfile,
    ContractColumn,
    ContractState,
    FileFact,
    Sampled,
    SourcePreview,
    State,
)
from alur_nb.authoring.preview_profile import profiled
from alur_nb.authoring.preview_propose import proposals
from alur_nb.authoring.sample import Head
from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.header import Binding
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.tables import METADATA, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

HEAD_BYTES = 4 << 20  # the most of one file that is looked at


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was looked into: how it is read, or why it cannot be."""

    planned: PlannedFile
    head: Head | None
    """None where the file was read in place."""
    whole: bool = True
    """Whether a file that was read in place was read to its end."""

    @property
    def complete(self) -> bool:
        """Whether every byte was seen."""
        return self.whole if self.head is None else self.head.complete


@dataclass(frozen=True, slots=True)
class FilesSample:
    """What was looked at of one `files(..)` source or `load_to_bronze` call."""

    plan: SourcePlan
    """The listing, each opened file with the status that was found."""
    opened: tuple[Opened, ...]
    frame: DataFrame
    """The accepted rows, as a run would give them to the function."""
    parsed: Mapping[str, int]
    rejected: Mapping[str, int]
    """Rows by file, where there are any."""
    state: State
    sampled: Sampled
    warnings: tuple[str, ...] = ()
    collected: Collected | None = None
    """The accepted rows, where they are few enough to be fetched at once."""

    @property
    def good(self) -> list[ReadableFile]:
        """The opened files that can be read."""
        return good_files(self.opened)

    @property
    def source(self) -> FileSource:
        """The source as it is declared."""
        return self.plan.source

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Profile the accepted rows' columns, less what is stamped on each row."""
        fields = [field for field in self.frame.schema.fields if field.name not in METADATA]
        if self.collected is not None and self.collected.has(fields):
            return self.collected.profiles([field.name for field in fields])
        return profiled(self.frame, hidden=METADATA)

    def facts(self) -> SourcePreview:
        """Return what the preview says of this source."""
        opened = {one.planned.file.path for one in self.opened}
        counts = Counter(planned.status for planned in self.plan.files)
        return SourcePreview(
            parameter=self.plan.parameter,
            kind="files",
            reads=", ".join(self.source.patterns),
            state=self.state,
            counts={status: counts[status] for status in STATUSES},
            files=tuple(
                FileFact(p.file.path, p.status, p.file.size, p.reason, p.fix, p.file.path in opened)
                for p in self.plan.files
            ),
            bytes=self.plan.bytes,
            sampled=self.sampled,
            columns=contract_columns(
                self.plan.contract,
                self._bindings(),
                self.source.unknown_columns,
                proposals(self._readable(), self.source),
            ),
        )

    def _readable(self) -> list[ReadableFile]:
        return [one.planned.readable for one in self.opened if one.planned.readable is not None]

    def _bindings(self) -> list[tuple[Sequence[str | None], Binding]]:
        found = self._readable()
        if self.source.format == "csv" and not Dialect.of(self.source.options).header:
            return [(one.binding.columns, one.binding) for one in found if one.inspection.problem is None]
        return [(one.inspection.header, one.binding) for one in found if one.inspection.header]


def contract_columns(
    contract: Table,
    bindings: Sequence[tuple[Sequence[str | None], Binding]],
    unknown: str,
    proposed: Mapping[str, str],
) -> tuple[ContractColumn, ...]:
    """Compare the contract's columns with the headers of the opened files; then the columns that it lacks.

    `proposed` has the line that would declare such a column.
    """
    if not bindings:
        return ()
    spelled = {
        column: header
        for headers, binding in reversed(bindings)
        for header, column in zip(headers, binding.columns, strict=False)
        if column is not None and header is not None
    }
    result = []
    for name, wanted in contract.file_columns.items():
        found = sum(name in binding.columns for _, binding in bindings)
        state: ContractState = "refused"
        if found == len(bindings):
            state = "in files"
        elif wanted.nullable:
            state = "read as null"
        header = spelled.get(name, name)
        result.append(
            ContractColumn(name, wanted.ddl, state, found, len(bindings), header if header != name else None)
        )
    extra = Counter(name for _, binding in bindings for name in binding.extra)
    fates: dict[str, ContractState] = {"ignore": "extra, ignored", "rescue": "extra, rescued"}
    fate = fates.get(unknown, "refused")
    result += [
        ContractColumn(name, None, fate, found, len(bindings), proposed=proposed.get(name))
        for name, found in extra.items()
    ]
    return tuple(result)


def good_files(opened: Sequence[Opened]) -> list[ReadableFile]:
    """Return the opened files that can be read and are to be loaded."""
    usable = (one.planned for one in opened if one.planned.status not in ("bad", "same_content"))
    return [planned.readable for planned in usable if planned.readable is not None]


def sampled(
    found: Sequence[PlannedFile],
    opened: Sequence[Opened],
    parsed: Mapping[str, int],
    rejected: Mapping[str, int],
) -> Sampled:
    """Add up how much of the found files was looked at."""
    heads = [(one.planned.file.size, one.head) for one in opened]
    return Sampled(
        files_read=len(opened),
        files_found=len(found),
        bytes_read=sum(min(size, part.bytes_read) if part else size for size, part in heads),
        bytes_found=sum(planned.file.size for planned in found),
        rows=sum(parsed.values()),
        rejected=sum(rejected.values()),
        complete=len(opened) == len(found) and all(one.complete for one in opened),
        bytes_covered=sum(part.bytes_covered if part else size for size, part in heads),
    )


def doubts(opened: Sequence[Opened], *, again: bool) -> list[str]:
    """Say what looks wrong in the opened files and has no status of its own."""
    texts = [
        f"{one.planned.file.path}: the row that begins on line {one.head.unended_line} does not end within "
        f"{HEAD_BYTES >> 20} MB; it was not read, nor what follows. Look for a quote that never closes."
        for one in opened
        if one.head is not None and one.head.unended_line is not None
    ]
    if again:
        texts += [
            f"{one.planned.file.path}, which was loaded before, could not be loaded now: {one.planned.reason}"
            for one in opened
            if one.planned.status == "bad"
        ]
    return texts

"""The sources of a preview: heads of landing files, batches of the lake; looked at, and never written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from alur_nb.authoring.preview_facts import (
    STATUSES,
    ContractColumn,
    ContractState,
    FileFact,
    Sampled,
    SourcePreview,
    State,
)
from alur_nb.authoring.sample import Head, head, spread
from alur_nb.runtime import csv
from alur_nb.runtime.csv import CsvFile
from alur_nb.runtime.dialect import Dialect, inspect
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.header import Binding, bind
from alur_nb.runtime.lake import read_rows
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.plan import PlannedFile, SourcePlan, list_source, read_history
from alur_nb.runtime.result import with_metadata
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LISTING_CAP = 10_000
"""Files of one listing that a preview compares with the ledger."""
HEAD_BYTES = 4 << 20
"""The most of one file that is looked at."""
WHOLE_BYTES = 64 << 20
"""A lookup below this size is read whole, so that its rows are found."""
# What a compressed file counts for: CSV packs to about an eighth.
_UNPACKED = 8

_CHANGED = "changed since it was loaded, or touched: only a run compares the content"


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was looked into: how it is read, or why it cannot be."""

    planned: PlannedFile
    head: Head | None
    """None where the file was read in place, whole."""

    @property
    def complete(self) -> bool:
        """Whether every byte was seen."""
        return self.head is None or self.head.complete


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

    @property
    def good(self) -> list[CsvFile]:
        """The opened files that can be read."""
        return _good(self.opened)

    @property
    def source(self) -> FileSource:
        """The source as it is declared."""
        return self.plan.source

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
            columns=contract_columns(self.plan.contract, self._bindings(), self.source.extra_columns),
        )

    def _bindings(self) -> list[tuple[Sequence[str], Binding]]:
        found = [one.planned.csv for one in self.opened if one.planned.csv is not None]
        return [(csv.inspection.header, csv.binding) for csv in found if csv.inspection.header]


@dataclass(slots=True)
class Sampler:
    """Looks into sources for one preview; what it keeps in `folder` and in memory lives as long as that."""

    workspace: Workspace
    spark: SparkSession
    folder: Path
    """Where heads are written: outside of the project."""
    started_at: datetime
    sample_rows: int
    files: int
    notes: list[str] = field(default_factory=list)
    capped: bool = False
    """Whether a listing was cut short."""
    kept: list[DataFrame] = field(default_factory=list)
    heads: int = 0

    def plan(self, target: Table, parameter: str, source: FileSource) -> SourcePlan:
        """List the source; without opening a file, a changed one cannot be told from a touched one.

        Raises SourceError where a folder does not exist, LedgerError where the ledger cannot be read.
        """
        listing = _CappedFiles(self.workspace.files)
        plan = list_source(replace(self.workspace, files=listing), target, parameter, source)
        self.capped = self.capped or bool(listing.capped)
        self.notes += [
            f"`{pattern}` matches {found:,} files; the {LISTING_CAP:,} newest were compared with the ledger."
            for pattern, found in listing.capped.items()
        ]
        marked = [replace(p, reason=_CHANGED) if p.status == "changed" else p for p in plan.files]
        return replace(plan, files=tuple(marked))

    def sample(
        self,
        target: Table,
        plan: SourcePlan,
        *,
        whole: bool,
        again: bool,
        custom: Mapping[str, object] | None = None,
        exclude: Sequence[str] = (),
    ) -> FilesSample:
        """Look into the new files; `again`: nothing is new, so into loaded ones. `whole`: all of them, if small."""
        found = plan.with_status("done", "changed") if again else plan.new
        in_place = whole and sum(map(_weight, found)) <= WHOLE_BYTES
        chosen = found if in_place else spread(found, self.files)
        rows = -(-self.sample_rows // max(len(chosen), 1))
        opened = [self._open(planned, plan, None if in_place else rows) for planned in chosen]
        opened, twins = self._compare(target, plan.source, opened)
        read, opened = self._read(plan, opened)
        parsed, rejected = _count(read) if _good(opened) else ({}, {})
        stamped = with_metadata(read, plan.source.source_system, self.started_at, custom)
        return FilesSample(
            plan=plan if again else _with_files(plan, opened),
            opened=tuple(opened),
            frame=stamped.where("NOT _rejected").drop("_rejected", *exclude),
            parsed=parsed,
            rejected=rejected,
            state="nothing new" if again or not found else "new",
            sampled=_sampled(found, opened, parsed, rejected),
            warnings=(*plan.warnings, *twins, *_doubts(opened, again=again)),
        )

    def batches(self, table: Table, batches: Sequence[Batch]) -> tuple[DataFrame, bool]:
        """Return the rows of committed batches, and whether these are all of them."""
        frame = read_rows(self.spark, self.workspace.lake, table, batches)
        if (
            _stored_bytes(self.spark, self.workspace.lake.batch_uris(table.qualified_name, batches))
            <= WHOLE_BYTES
        ):
            return frame, True
        return frame.limit(self.sample_rows), False

    def keep(self, frame: DataFrame) -> DataFrame:
        """Hold a frame in memory until the preview ends: counts, checks and rows are taken from it in turn."""
        self.kept.append(frame.persist())
        return frame

    def _open(self, planned: PlannedFile, plan: SourcePlan, rows: int | None) -> Opened:
        """Read the file's head into a file of its own (`rows=None`: the file itself), and look at it as a run does."""
        dialect = Dialect.of(plan.source.options)
        try:
            with self.workspace.files.open(planned.file) as stream:
                if rows is None:
                    return Opened(_looked(planned, planned.file, stream, plan, dialect), None)
                found = head(stream, planned.file.path, dialect, max_bytes=HEAD_BYTES, max_rows=rows)
        except SourceError as error:
            return Opened(_bad(planned, error), None)
        file = self._write(planned.file, found.data)
        with Path(file.uri.removeprefix("file://")).open("rb") as stream:
            return Opened(_looked(planned, file, stream, plan, dialect), found)

    def _write(self, file: SourceFile, data: bytes) -> SourceFile:
        """Write a head; its URI ends with the original path, which is what `_source_file` is taken from."""
        self.heads += 1
        path = self.folder / str(self.heads) / file.path.removeprefix("/")
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        return replace(file, uri=f"file://{path.as_posix()}", size=len(data))

    def _compare(
        self, target: Table, source: FileSource, opened: Sequence[Opened]
    ) -> tuple[list[Opened], list[str]]:
        """Find new files whose bytes came before under another name, among those that were seen whole."""
        seen = dict(read_history(self.workspace.ledger, target.qualified_name).by_hash)
        compared, warnings = [], []
        for one in opened:
            digest = one.planned.content_hash if one.complete and one.planned.status == "new" else None
            twin = seen.get(digest) if digest else None
            if digest:
                seen.setdefault(digest, one.planned.file.path)
            if twin is not None and source.same_content == "skip":
                same = replace(one.planned, status="same_content", reason=f"same content as {twin}")
                one = replace(one, planned=same)
            elif twin is not None:
                warnings.append(f"{one.planned.file.path} has the same content as {twin}: both are loaded.")
            compared.append(one)
        return compared, warnings

    def _read(self, plan: SourcePlan, opened: list[Opened]) -> tuple[DataFrame, list[Opened]]:
        """Read the good files; one whose name Spark cannot open becomes a bad file here."""
        dialect = Dialect.of(plan.source.options)

        def checked(one: Opened) -> Opened:
            try:
                csv.read(self.spark, _good([one]), plan.contract, dialect)
            except SourceError as error:
                return replace(one, planned=_bad(one.planned, error))
            return one

        try:
            frame = csv.read(self.spark, _good(opened), plan.contract, dialect)
        except SourceError:
            opened = [checked(one) for one in opened]
            frame = csv.read(self.spark, _good(opened), plan.contract, dialect)
        return self.keep(frame), opened


class _CappedFiles:
    """The landing zone, each listing cut to its newest files."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.capped: dict[str, int] = {}
        """Pattern -> files that match it, where they are too many."""

    def list(self, pattern: str) -> list[SourceFile]:
        """Return the newest files that match, by path; what is new is among them first of all."""
        found = self._files.list(pattern)
        if len(found) <= LISTING_CAP:
            return found
        self.capped[pattern] = len(found)
        newest = sorted(found, key=lambda file: (file.modified_at, file.path))[-LISTING_CAP:]
        return sorted(newest, key=lambda file: file.path)

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the file."""
        return self._files.open(file)

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again."""
        return self._files.stat(file)

    def hash(self, file: SourceFile) -> str:
        """Hash the file; a preview never does."""
        return self._files.hash(file)


def as_new(plan: SourcePlan) -> SourcePlan:
    """Return the plan as if nothing had ever been loaded."""
    return replace(plan, files=tuple(PlannedFile(planned.file, "new") for planned in plan.files))


def contract_columns(
    contract: Table, bindings: Sequence[tuple[Sequence[str], Binding]], extra_columns: str
) -> tuple[ContractColumn, ...]:
    """Compare the contract's columns with the headers of the opened files; then the columns that it lacks."""
    if not bindings:
        return ()
    spelled = {
        column: header
        for headers, binding in reversed(bindings)
        for header, column in zip(headers, binding.columns, strict=False)
        if column is not None
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
    fate: ContractState = "extra, ignored" if extra_columns == "ignore" else "refused"
    result += [ContractColumn(name, None, fate, found, len(bindings)) for name, found in extra.items()]
    return tuple(result)


def _looked(
    planned: PlannedFile, file: SourceFile, stream: BinaryIO, plan: SourcePlan, dialect: Dialect
) -> PlannedFile:
    """Inspect and bind `file`, which holds the planned file or its head."""
    inspection = inspect(stream, planned.file.path, dialect)
    binding = bind(inspection.header, plan.contract, plan.source.extra_columns)
    found = replace(planned, csv=CsvFile(file, inspection, binding))
    if inspection.problem:
        return replace(found, status="bad", reason=inspection.problem, fix=inspection.fix)
    if binding.problem:
        return replace(found, status="bad", reason=binding.problem, fix=binding.fix)
    return found


def _bad(planned: PlannedFile, error: SourceError) -> PlannedFile:
    return replace(planned, status="bad", reason=error.message, fix=error.fix)


def _good(opened: Sequence[Opened]) -> list[CsvFile]:
    usable = (one.planned for one in opened if one.planned.status not in ("bad", "same_content"))
    return [planned.csv for planned in usable if planned.csv is not None]


def _with_files(plan: SourcePlan, opened: Sequence[Opened]) -> SourcePlan:
    found = {one.planned.file.path: one.planned for one in opened}
    return replace(plan, files=tuple(found.get(planned.file.path, planned) for planned in plan.files))


def _weight(planned: PlannedFile) -> int:
    return planned.file.size * (_UNPACKED if planned.file.path.endswith(".gz") else 1)


def _count(frame: DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Count a source's rows, and the rejected ones among them, by file."""
    from pyspark.sql import functions as F

    bad = F.sum(F.col("_rejected").cast("int")).alias("bad")
    found = frame.groupBy("_source_file").agg(F.count(F.lit(1)).alias("rows"), bad).collect()
    counts = sorted((row["_source_file"], row["rows"], row["bad"]) for row in found)
    return {path: rows for path, rows, _ in counts}, {path: bad for path, _, bad in counts if bad}


def _sampled(
    found: Sequence[PlannedFile],
    opened: Sequence[Opened],
    parsed: Mapping[str, int],
    rejected: Mapping[str, int],
) -> Sampled:
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


def _doubts(opened: Sequence[Opened], *, again: bool) -> list[str]:
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


def _stored_bytes(spark: SparkSession, uris: Sequence[str]) -> int:
    """Add up the files below the directories, by the file system that Spark reads them with."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # a session that runs has its JVM
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    paths = [jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(uri)) for uri in uris]
    return sum(int(path.getFileSystem(conf).getContentSummary(path).getLength()) for path in paths)

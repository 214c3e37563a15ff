"""The sources of a preview: heads of landing files, batches of the lake; looked at, and never written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from alur_nb.authoring.preview_collected import MAX_CELLS, Counted, collect
from alur_nb.authoring.preview_files import HEAD_BYTES, FilesSample, Opened, doubts, good_files, sampled
from alur_nb.authoring.sample import head, spread
from alur_nb.runtime import evolution, readers
from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import SourceError, StorageError
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.input_history import InputHistory, read_history
from alur_nb.runtime.lake import read_rows, storage_errors
from alur_nb.runtime.landed import WHOLE_CODECS, checked_uri
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.plan import SourcePlan, grown, inspect_file, list_source
from alur_nb.runtime.readers import Looker
from alur_nb.runtime.result import with_metadata
from alur_nb.runtime.supersede import NOTHING, Superseded
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LISTING_CAP = 10_000  # files of one listing that a preview compares with the ledger
WHOLE_BYTES = 64 << 20  # a lookup below this size is read whole, so that its rows are found
SEARCHED_BYTES = (
    4 << 30
)  # and one below this is searched for partners of the sample: that reads all of it once
# What a compressed file counts for: CSV packs to about an eighth.
_UNPACKED = 8
# Bytes beyond a head, for content that cannot be made smaller: a block of bzip2, which is unpacked whole, has 900 KB.
_PACKED_SLACK = 1 << 20

_CHANGED = "changed since it was loaded, or touched: only a run compares the content"


@dataclass(frozen=True, slots=True)
class Committed:
    """The rows of a table's committed batches, as far as a preview gives them to the function at first."""

    frame: DataFrame
    whole: bool
    every: DataFrame | None = None
    """All of them, where `frame` has the first ones only and a search through all is not too long."""


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
    read: list[DataFrame] = field(default_factory=list)
    """What was read of files, and is not held yet: whoever fetched its rows may need no further job."""
    heads: int = 0
    histories: dict[str, InputHistory] = field(default_factory=dict)
    """Table -> its input files, as its last `plan` found them."""

    def plan(
        self, target: Table, parameter: str, source: FileSource, superseded: Superseded = NOTHING
    ) -> SourcePlan:
        """List the source; without opening a file, a changed one cannot be told from a touched one.

        Raises SourceError where a folder does not exist, LedgerError where the ledger cannot be read.
        """
        listing = _CappedFiles(self.workspace.files)
        place = replace(self.workspace, files=listing)
        name = target.qualified_name
        self.histories[name] = read_history(place.ledger, name, without=superseded.ids)
        plan = list_source(place, target, parameter, source, history=self.histories[name])
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
        """Look into the new files of a plan; `again`: nothing is new, so into loaded ones. `whole`: all of them, if small."""
        found = plan.with_status("done", "changed") if again else plan.new
        in_place = whole and sum(map(_weight, found)) <= WHOLE_BYTES
        chosen = found if in_place else spread(found, self.files)
        rows = -(-self.sample_rows // max(len(chosen), 1))
        opened = [self._open(planned, plan, None if in_place else rows) for planned in chosen]
        opened, twins = self._compare(target, plan.source, opened)
        contract, files = grown(plan.contract, [one.planned for one in opened], plan.source)
        opened = [replace(one, planned=planned) for one, planned in zip(opened, files, strict=True)]
        plan = replace(plan, contract=contract, warnings=(*plan.warnings, *evolution.notes(contract)))
        read, opened = self._read(plan, opened)
        read = read if plan.source.format != "parquet" or in_place else read.limit(self.sample_rows)
        # One part: then no job on it shuffles, which in a fresh Java costs more than all of a sample's rows.
        read = read if in_place else read.coalesce(1)
        with storage_errors("the landing files"):
            collected = collect(read) if _is_small(opened, len(read.columns)) else None
            self.read.append(read)
            if collected is None:
                self.hold()
            counted = collected or _count(read) if good_files(opened) else Counted()
        stamped = with_metadata(read, plan.source.source_system, self.started_at, custom)
        return FilesSample(
            plan=plan if again else _with_files(plan, opened),
            opened=tuple(opened),
            frame=stamped.where("NOT _rejected").drop("_rejected", *exclude),
            parsed=counted.parsed,
            rejected=counted.rejected,
            state="nothing new" if again or not found else "new",
            sampled=sampled(found, opened, counted.parsed, counted.rejected),
            warnings=(*plan.warnings, *twins, *doubts(opened, again=again), *self._changed(chosen)),
            collected=collected,
        )

    def batches(self, table: Table, batches: Sequence[Batch], *, whole: bool = False) -> Committed:
        """Return the rows of committed batches, of too many only the first ones; `whole` is as for `read_rows`."""
        lake = self.workspace.lake
        frame = read_rows(self.spark, lake, table, batches, whole=whole)
        if table.format == "iceberg":
            size = _iceberg_bytes(self.spark, lake.iceberg_name(table.qualified_name)) if batches else 0
        else:
            size = _stored_bytes(self.spark, lake.batch_uris(table.qualified_name, batches))
        if size <= WHOLE_BYTES:
            return Committed(frame, True)
        first = self.keep(frame.limit(self.sample_rows))
        return Committed(first, False, frame if size <= SEARCHED_BYTES else None)

    def _changed(self, looked_at: Sequence[PlannedFile]) -> list[str]:
        """Say which files are no longer what they were when they were listed."""
        listed = [planned.file for planned in looked_at]
        try:
            found = list(zip(listed, self.workspace.files.stats(listed), strict=True))
        except SourceError as error:  # gone since: it is in the listing, and a run would look anew
            return [error.message]
        return [
            f"{file.path} changed while it was looked at: preview again when it is complete."
            for file, now in found
            if now.pin != file.pin
        ]

    def keep(self, frame: DataFrame) -> DataFrame:
        """Hold a frame in memory until the preview ends: counts, checks and rows are taken from it in turn."""
        self.kept.append(frame.persist())
        return frame

    def hold(self) -> None:
        """Hold in memory what was read of files: a job is to come that reads it again."""
        while self.read:
            self.keep(self.read.pop())

    def _open(self, planned: PlannedFile, plan: SourcePlan, rows: int | None) -> Opened:
        """Read the file's head into a file of its own (`rows=None`: the file itself), and look at it as a run does."""
        source = plan.source
        # Parquet cannot be cut: the file is opened whole, and its first rows are read.
        whole = rows is None or source.format == "parquet"
        if whole:
            _refuse_large(planned.file, source)
        # A record of JSON lines is a line.
        lines = Dialect(quote="", header=False)
        try:
            checked_uri(planned.file)
            if whole or rows is None:
                return self._look(planned, plan, rows)
            with self.workspace.files.open(planned.file, head=HEAD_BYTES + _PACKED_SLACK) as stream:
                dialect = Dialect.of(source.options) if source.format == "csv" else lines
                found = head(stream, planned.file.path, dialect, max_bytes=HEAD_BYTES, max_rows=rows)
        except SourceError as error:
            return Opened(_bad(planned, error), None)
        file = self._write(planned.file, found.data)
        with _reopened(file) as stream:
            return Opened(inspect_file(planned, file, stream, Looker(plan.contract, source)), found)

    def _look(self, planned: PlannedFile, plan: SourcePlan, rows: int | None) -> Opened:
        """Look at a file as a run does, where it lies; on S3 at a copy, since a laptop's Spark reads no bucket."""
        file, fetched = planned.file, _is_on_s3(planned.file)
        if fetched:
            with self.workspace.files.open(file) as stream:
                file = self._write(file, stream.read())
        with _reopened(file) if fetched else self.workspace.files.open(file) as stream:
            looker = Looker(plan.contract, plan.source)
            looked = inspect_file(planned, file, stream, looker, hashed=rows is None)
        found_rows = looked.readable.inspection.records if looked.readable else None
        return Opened(looked, None, whole=rows is None or (found_rows or 0) <= rows)

    def _write(self, file: SourceFile, data: bytes) -> SourceFile:
        """Write a head, or a copy; `_source_file` is taken from its URI's end, or for S3 from all of it.

        Not every key can be a file's name here: `s3://b/a:b`, or `a//b`.
        """
        self.heads += 1
        name = file.path.removeprefix("/")
        if _is_on_s3(file):
            name = "copy" + "".join(codec for codec in WHOLE_CODECS if file.path.endswith(codec))
        path = self.folder / str(self.heads) / name
        with room_for_samples():
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        return replace(file, uri=f"file://{path.as_posix()}", size=len(data))

    def _compare(
        self, target: Table, source: FileSource, opened: Sequence[Opened]
    ) -> tuple[list[Opened], list[str]]:
        """Find new files whose bytes came before under another name, among those that were seen whole."""
        history, seen = self.histories[target.qualified_name], dict[str, str]()
        compared, warnings = [], []
        for one in opened:
            digest = one.planned.content_hash if one.complete and one.planned.status == "new" else None
            twin = (history.twin("", digest) or seen.get(digest)) if digest else None
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

        def checked(one: Opened) -> Opened:
            try:
                readers.read(self.spark, good_files([one]), plan.contract, plan.source)
            except SourceError as error:
                return replace(one, planned=_bad(one.planned, error))
            return one

        try:
            frame = readers.read(self.spark, good_files(opened), plan.contract, plan.source)
        except SourceError:
            opened = [checked(one) for one in opened]
            frame = readers.read(self.spark, good_files(opened), plan.contract, plan.source)
        return frame, opened


class _CappedFiles(Files):
    """The landing zone, each listing cut to its newest files."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.capped: dict[str, int] = {}
        """Pattern -> files that match it, where they are too many."""

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Yield the newest files that match; what is new is among them first of all."""
        found = self._files.list(pattern)
        if len(found) > LISTING_CAP:
            self.capped[pattern] = len(found)
            found = sorted(found, key=lambda file: (file.modified_at, file.path))[-LISTING_CAP:]
        yield from found

    def open(self, file: SourceFile, *, head: int | None = None) -> BinaryIO:
        """Open the file, or the head of it."""
        return self._files.open(file, head=head)

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again."""
        return self._files.stat(file)

    def hash(self, file: SourceFile) -> str:
        """Hash the file; a preview never does."""
        return self._files.hash(file)


@contextmanager
def room_for_samples() -> Iterator[None]:
    """Turn what the system says of the temporary folder into a StorageError with a next step."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"A preview cannot write its samples into the temporary folder: {error.strerror or error}.",
            fix="Make room there, or set TMPDIR to a folder with room for a few megabytes, and start again.",
        ) from error


def as_new(plan: SourcePlan) -> SourcePlan:
    """Return the plan as if nothing had ever been loaded."""
    return replace(plan, files=tuple(PlannedFile(planned.file, "new") for planned in plan.files))


def _is_on_s3(file: SourceFile) -> bool:
    return file.uri.startswith("s3://")


def _refuse_large(file: SourceFile, source: FileSource) -> None:
    """Raise SourceError for a file that is too large to be brought here: a run may load it well, so it is not bad."""
    if _is_on_s3(file) and file.size > WHOLE_BYTES:
        raise SourceError(
            f"{file.path} cannot be previewed: a {source.format} file on S3 is fetched whole, and it has "
            f"{file.size >> 20:,} MB, more than {WHOLE_BYTES >> 20}.",
            fix="Name a smaller file in the pattern for the preview, or copy one into data/; a run is not concerned.",
        )


def _reopened(file: SourceFile) -> BinaryIO:
    """Open what `_write` has written."""
    return Path(file.uri.removeprefix("file://")).open("rb")


def _bad(planned: PlannedFile, error: SourceError) -> PlannedFile:
    return replace(planned, status="bad", reason=error.message, fix=error.fix)


def _with_files(plan: SourcePlan, opened: Sequence[Opened]) -> SourcePlan:
    found = {one.planned.file.path: one.planned for one in opened}
    return replace(plan, files=tuple(found.get(planned.file.path, planned) for planned in plan.files))


def _weight(planned: PlannedFile) -> int:
    return planned.file.size * (_UNPACKED if planned.file.path.endswith(WHOLE_CODECS) else 1)


def _is_small(opened: Sequence[Opened], columns: int) -> bool:
    """Whether the rows of the heads are few enough to be fetched; of a file that is read in place it is not known."""
    rows = [one.head.rows if one.head else MAX_CELLS for one in opened if good_files([one])]
    return bool(rows) and sum(rows) * columns <= MAX_CELLS


def _count(frame: DataFrame) -> Counted:
    """Count a source's rows, and the rejected ones among them, by file."""
    from pyspark.sql import functions as F

    bad = F.sum(F.col("_rejected").cast("int")).alias("bad")
    found = frame.groupBy("_source_file").agg(F.count(F.lit(1)).alias("rows"), bad).collect()
    counts = sorted((row["_source_file"], row["rows"], row["bad"]) for row in found)
    return Counted({path: rows for path, rows, _ in counts}, {path: bad for path, _, bad in counts if bad})


def _stored_bytes(spark: SparkSession, uris: Sequence[str]) -> int:
    """Add up the files below the directories, by the file system that Spark reads them with."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # a session that runs has its JVM
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    paths = [jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(uri)) for uri in uris]
    return sum(int(path.getFileSystem(conf).getContentSummary(path).getLength()) for path in paths)


def _iceberg_bytes(spark: SparkSession, name: str) -> int:
    """Return the size of a table's files, of whatever batches: Iceberg keeps it in its metadata."""
    (row,) = spark.sql(f"SELECT coalesce(sum(file_size_in_bytes), 0) FROM {name}.files").collect()
    return int(row[0])

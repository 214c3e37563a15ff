"""Landing files in memory, and an engine that reads and writes them as plain rows instead of by Spark."""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.engine import SourceRead, Stage
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.lake import Lake
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.quality import Evaluation, Expectation
from alur_nb.runtime.rejects import Rejects
from alur_nb.runtime.tables import Table
from tests.crash.worker import Kind, step

Row = dict[str, Any]


class MemoryFiles(Files):
    """A landing zone in a dict; every version that was ever there is remembered, for the checks."""

    def __init__(self) -> None:
        self.now: dict[str, SourceFile] = {}
        self.content: dict[tuple[str, str], bytes] = {}
        self._writes = 0

    def land(self, path: str, text: str) -> None:
        """Write a file; a new version where it is there already."""
        self._writes += 1
        version, size = f"v{self._writes}", len(text)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.now[path] = SourceFile(path, f"memory:{path}", size, version, version, at)
        self.content[path, version] = text.encode()

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Yield what is there now."""
        found = step("list files", Kind.READ, lambda: dict(self.now))
        yield from (found[path] for path in sorted(found) if fnmatch.fnmatch(path, pattern))

    def open(self, file: SourceFile) -> BinaryIO:
        """Open what is there now, whatever version was listed."""
        return io.BytesIO(self.read(file.path))

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again."""
        found: SourceFile | None = step("stat file", Kind.READ, lambda: self.now.get(file.path))
        if found is None:
            raise SourceError(f"{file.path} is gone.")
        return found

    def hash(self, file: SourceFile) -> str:
        """Hash what is there now."""
        return hashlib.sha256(self.read(file.path)).hexdigest()

    def read(self, path: str) -> bytes:
        """Return what is there now."""
        if path not in self.now:
            raise SourceError(f"{path} is gone.")
        return self.content[path, self.now[path].version]


def parse(content: bytes, columns: Sequence[str | None] = ()) -> tuple[list[Row], list[str]]:
    """Return the good rows and the bad lines: an id is a whole number, and every column has a value.

    `columns` is what the file's columns were bound to; without it they are what the header says.
    """
    header, *lines = csv.reader(io.StringIO(content.decode()))
    header = [name or "" for name in columns] or header
    rows = [dict(zip(header, line, strict=False)) for line in lines]
    good = [len(line) == len(header) and row["id"].isdigit() for row, line in zip(rows, lines, strict=True)]
    accepted = [
        {"id": int(row["id"]), "note": row["note"]} for row, fits in zip(rows, good, strict=True) if fits
    ]
    return accepted, [",".join(line) for line, fits in zip(lines, good, strict=True) if not fits]


@dataclass(frozen=True)
class Rows:
    """The simulation's frame."""

    rows: list[Row]
    columns: tuple[str, ...]

    def select(self, *names: str) -> Rows:
        return Rows([{name: row[name] for name in names} for row in self.rows], names)

    def drop(self, *names: str) -> Rows:
        return self.select(*(name for name in self.columns if name not in names))


class FolderStore:
    """Rows as lines of JSON in files that are named as Spark's, below a folder."""

    def write(self, uri: str, rows: Sequence[Row]) -> None:
        path = Path(uri.removeprefix("file://"))

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))

        step("write staged file", Kind.LOCAL, write)

    def read(self, uri: str) -> list[Row]:
        paths = sorted(Path(uri.removeprefix("file://")).rglob("*.parquet"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


class RowEngine:
    """An Engine over plain rows: one file a source's file, each written in a step of its own."""

    def __init__(self, files: MemoryFiles, store: Any) -> None:
        self.files, self.store = files, store

    def begin(self, run_id: str, what: str) -> None: ...

    def cancel(self, run_id: str) -> None: ...

    def is_frame(self, value: object) -> bool:
        return isinstance(value, Rows)

    def empty_source(self, read: SourceRead) -> Any:
        return Rows([], (*read.plan.contract.columns, "_source_file"))

    def stage_source(self, lake: Lake, read: SourceRead, prefix: str, rejects_prefix: str) -> Stage:
        accepted, rejects = f"{prefix}/alur_outcome=accepted", Counter[str]()
        for number, item in enumerate(read.plan.new):
            rows, bad = self._read(item)
            if rows:
                self.store.write(f"{lake.stage_uri(accepted)}/part-{number}.parquet", rows)
            if bad:
                lines = [{"source_file": item.file.path, "raw": line} for line in bad]
                self.store.write(f"{lake.stage_uri(rejects_prefix)}/part-{number}.parquet", lines)
                rejects[item.file.path] += len(bad)
        back = Rows(self.store.read(lake.stage_uri(accepted)), (*read.plan.contract.columns, "_source_file"))
        count = self.staged_rows(lake, accepted)
        return Stage(read.plan, back, accepted, count, Rejects(rejects))  # type: ignore[arg-type]

    def fit(self, result: Any, target: Table, started_at: datetime) -> tuple[Any, bool]:
        return result, True

    def stage_result(self, lake: Lake, frame: Any, target: Table, prefix: str) -> Any:
        self.store.write(f"{lake.stage_uri(prefix)}/part-0.parquet", frame.rows)
        return Rows(self.store.read(lake.stage_uri(prefix)), frame.columns)

    def keep_rejects(self, lake: Lake, target: Table, batch_id: str) -> int:
        return 0  # a copy to be read by people, of which no decision depends

    def evaluate(
        self, frame: Any, rules: Sequence[Expectation], *, examples: int, group_by: str | None
    ) -> Evaluation:
        return Evaluation(len(frame.rows), self.rows_by_file(frame) if group_by else {}, ())

    def rows_by_file(self, frame: Any) -> Mapping[str | None, int]:
        return Counter(row["_source_file"] for row in frame.rows)

    def staged_rows(self, lake: Lake, prefix: str) -> int:
        lake.staged_files(prefix)
        return len(self.store.read(lake.stage_uri(prefix)))

    def read_batches(self, lake: Lake, table: Table, batches: Sequence[Batch], *, whole: bool = False) -> Any:
        found = [
            row for uri in lake.batch_uris(table.qualified_name, batches) for row in self.store.read(uri)
        ]
        columns = tuple(table.columns)
        return Rows([{name: row[name] for name in columns} for row in found], columns)

    def _read(self, item: PlannedFile) -> tuple[list[Row], list[str]]:
        content = step("read source", Kind.READ, lambda: self.files.read(item.file.path))
        assert item.readable is not None  # the plan has looked into every new file
        rows, bad = parse(content, item.readable.binding.columns)
        return [{**row, "_source_file": item.file.path} for row in rows], bad

"""The original framework's algorithm in the simulator: what it does at a crash is what this package is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.selection import ALL_NEW, Selection
from tests.crash.rows import parse
from tests.crash.worker import Kind, step
from tests.crash.world import World

PATTERN = "orders/*"


class OriginalWorld(World):
    """Lists, asks the ledger file by file, appends the rows, and only then marks the files, errors swallowed."""

    def __init__(self) -> None:
        super().__init__()
        self.processed: set[str] = set()
        self.table: list[dict[str, Any]] = []

    def body(self, names: Iterable[str] | None = None, selection: Selection = ALL_NEW) -> Callable[[], Any]:
        """Return a run of the original's."""

        def run() -> RunReport:
            state = "loaded" if self._ingest() else "nothing new"
            return RunReport("run", (PipelineRun("ingest_orders", "bronze.orders", state),) * 2)

        return run

    def _ingest(self) -> bool:
        new = [path for path in self._listed() if not self._is_processed(path)]
        for path in self._expanded(new):
            rows, _ = parse(step("read source", Kind.READ, lambda path=path: self.files.read(path)))
            step("append rows", Kind.LOCAL, lambda path=path, rows=rows: self._append(path, rows))
        for path in new:
            self._mark(path)
        return bool(new)

    def _listed(self) -> list[str]:
        try:
            return [file.path for file in self.files.list(PATTERN)]
        except OSError:
            return [PATTERN]  # the raw glob is handed to Spark, and the glob is what gets marked

    def _expanded(self, paths: list[str]) -> list[str]:
        return sorted(self.files.now) if PATTERN in paths else paths

    def _is_processed(self, path: str) -> bool:
        try:
            return bool(step("ledger get", Kind.READ, lambda: path in self.processed))
        except Exception:  # noqa: BLE001  # "fail-safe", as its source says
            return False

    def _mark(self, path: str) -> None:
        try:
            step("ledger mark", Kind.REMOTE, lambda: self.processed.add(path))
        except Exception:  # noqa: BLE001  # a log line
            return

    def _append(self, path: str, rows: list[dict[str, Any]]) -> None:
        self.table += [{**row, "path": path} for row in rows]

    def check(self) -> None:
        """Nothing is promised before the end."""
        if self._violation:
            raise self._violation

    def check_at_rest(self) -> None:
        """Every file's rows are there once, of whichever version: all that the original ever promised."""
        for path in self.files.now:
            there = Counter(row["id"] for row in self.table if row["path"] == path)
            versions = [parse(text)[0] for (known, _), text in self.files.content.items() if known == path]
            if there not in [Counter(row["id"] for row in rows) for rows in versions]:
                self._fail(f"{path} has rows {dict(there)}")

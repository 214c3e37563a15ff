"""CSV files of a test: written to a folder, inspected and bound as a run does it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

from alur_nb.runtime.contract import Table
from alur_nb.runtime.csv import CsvFile
from alur_nb.runtime.dialect import Dialect, inspect
from alur_nb.runtime.files import LocalFiles
from alur_nb.runtime.header import bind
from alur_nb.runtime.types import Field


def contract(**columns: Field) -> Table:
    return Table("bronze", "orders", "OrdersBronze", columns)


def land(folder: Path, files: Mapping[str, str | bytes], encoding: str = "utf-8") -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode(encoding) if isinstance(text, str) else text
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def opened(folder: Path, table: Table, dialect: Dialect | None = None, extra: str = "error") -> list[CsvFile]:
    """Inspect and bind every file of the folder; a bad file fails the test."""
    files = LocalFiles(folder)
    found = []
    for file in files.list("**/*"):
        with files.open(file) as stream:
            inspection = inspect(stream, file.path, dialect or Dialect())
        assert inspection.problem is None, f"{file.path}: {inspection.problem}"
        binding = bind(inspection.header, table, extra)
        assert binding.problem is None, f"{file.path}: {binding.problem}"
        found.append(CsvFile(file, inspection, binding))
    return found

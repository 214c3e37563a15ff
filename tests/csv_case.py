"""CSV files of a test: written to a folder, inspected and bound as a run does it."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import Row, SparkSession

from alur_nb.runtime.contract import Table
from alur_nb.runtime.csv import explain, read
from alur_nb.runtime.dialect import Dialect, inspect
from alur_nb.runtime.files import LocalFiles
from alur_nb.runtime.header import bind, bind_by_position
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.types import DecimalField, Field, LongField, StringField


def contract(**columns: Field) -> Table:
    return Table("bronze", "orders", "OrdersBronze", columns)


ORDERS = contract(id=LongField(nullable=False), note=StringField(), amount=DecimalField(10, 2))
TEXTS = contract(a=StringField(), b=StringField())


def land(folder: Path, files: Mapping[str, str | bytes], encoding: str = "utf-8") -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode(encoding) if isinstance(text, str) else text
        path.write_bytes(
            gzip.compress(content)
            if name.endswith(".gz")
            else bz2.compress(content)
            if name.endswith(".bz2") and not content.startswith(b"BZh")
            else content
        )


def opened(
    folder: Path, table: Table, dialect: Dialect | None = None, extra: str = "error"
) -> list[ReadableFile]:
    """Inspect and bind every file of the folder; a bad file fails the test."""
    files = LocalFiles(folder)
    found = []
    for file in files.list("**/*"):
        with files.open(file) as stream:
            inspection = inspect(stream, file.path, dialect or Dialect())
        assert inspection.problem is None, f"{file.path}: {inspection.problem}"
        by_name = dialect is None or dialect.header
        binding = bind(inspection.header, table, extra) if by_name else bind_by_position(table)
        assert binding.problem is None, f"{file.path}: {binding.problem}"
        found.append(ReadableFile(file, inspection, binding))
    return found


def rows(
    spark: SparkSession, folder: Path, table: Table, dialect: Dialect | None = None, extra: str = "error"
) -> list[Row]:
    """Return what is read of a folder's files, the rejected rows too, in the order of the files."""
    dialect = dialect or Dialect()
    return read(spark, opened(folder, table, dialect, extra), table, dialect).collect()


def reasons(spark: SparkSession, folder: Path, table: Table, dialect: Dialect | None = None) -> list[Row]:
    dialect = dialect or Dialect()
    found = explain(spark, opened(folder, table, dialect, "ignore"), table, dialect)
    assert found.schema.simpleString() == (
        "struct<raw:string,source_file:string,line_number:bigint,column:string,reason:string>"
    )
    return sorted(found.collect(), key=lambda row: (row.source_file, row.line_number or 0, row.raw))

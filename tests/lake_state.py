"""What lies in a project's embedded lake, read without Spark: rows, rejects, ledger items and files."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from alur_nb.runtime.workspace import open_workspace

REJECTS_SUFFIX = "__rejects"
# What a batch owes to the moment of its run and not to what it did; `files` are compared without their random part.
OF_THE_RUN = ("times", "run_id")
RANDOM_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def published_tables(project: Path) -> list[str]:
    """Return what has a folder in the warehouse, rejects too: `bronze.flights`, `bronze.flights__rejects`."""
    warehouse = project / ".alur" / "warehouse"
    return sorted(f"{path.parent.name}.{path.name}" for path in warehouse.glob("*/*"))


def published_rows(project: Path, table: str) -> pa.Table:
    """Return a table's rows with their `batch_id`, without `_ingested_at`, in one order: equal where the multisets are."""
    folder = project / ".alur" / "warehouse" / table.replace(".", "/")
    if (folder / "metadata").is_dir():
        return _without_time_of_run(iceberg_rows(folder))
    by_batch = ds.partitioning(pa.schema([("batch_id", pa.string())]), flavor="hive")
    found = ds.dataset(folder, format="parquet", partitioning=by_batch)
    # A later batch may have columns that the first does not have.
    schemas = [found.schema, *(fragment.physical_schema for fragment in found.get_fragments())]
    rows = found.replace_schema(pa.unify_schemas(schemas)).to_table()
    return _without_time_of_run(rows)


def iceberg_rows(folder: Path) -> pa.Table:
    """Read the current snapshot by pyiceberg, from the newest metadata file."""
    from pyiceberg.table import StaticTable

    versions = (folder / "metadata").glob("v*.metadata.json")
    newest = max(versions, key=lambda path: int(path.name[1:].partition(".")[0]))
    return StaticTable.from_metadata(str(newest)).scan().to_arrow()


def _without_time_of_run(rows: pa.Table) -> pa.Table:
    return in_order(rows.select([name for name in rows.column_names if name != "_ingested_at"]))


def in_order(rows: pa.Table) -> pa.Table:
    """Sort by all columns, with one chunk a column."""
    return rows.sort_by([(name, "ascending") for name in rows.column_names]).combine_chunks()


def difference(one: pa.Table, other: pa.Table) -> str:
    """Say where two tables of `in_order` differ; empty where they hold the same rows, each as often."""
    if one.schema.names != other.schema.names or one.schema.types != other.schema.types:
        return f"columns: {one.schema} and {other.schema}"
    if one.num_rows != other.num_rows:
        return f"{one.num_rows} rows and {other.num_rows} rows"
    wrong = [name for name in one.column_names if not one[name].equals(other[name])]
    if not wrong:
        return ""
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return (
        f"columns {wrong}, first: {next((pair for pair in pairs if pair[0] != pair[1]), 'equal but for NaN')}"
    )


def ledger_items(project: Path) -> dict[str, list[dict[str, Any]]]:
    """Return each table's batches with their inputs, all that a second run on the same files would decide again."""
    ledger = open_workspace(project).ledger
    return {
        table: [
            _of_the_work(asdict(batch)) | {"inputs": [asdict(one) for one in ledger.inputs(table, batch.id)]}
            for batch in ledger.batches(table)
        ]
        for table in ledger_tables(project)
    }


def _of_the_work(batch: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in batch.items() if name not in OF_THE_RUN}
    checks = [
        check | {"examples": [_without_time(row) for row in check["examples"]]} for check in batch["checks"]
    ]
    return kept | {"checks": checks, "files": [RANDOM_NAME.sub("*", name) for name in batch["files"]]}


def _without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_ingested_at"}


def ledger_tables(project: Path) -> list[str]:
    """Return the tables that ever had a batch, asked of the database itself."""
    database = sqlite3.connect(f"file:{project / '.alur' / 'state.db'}?mode=ro", uri=True)
    try:
        return sorted(row[0] for row in database.execute('SELECT DISTINCT "table" FROM batch'))
    finally:
        database.close()


def batch_rows(project: Path) -> list[tuple[Any, ...]]:
    """Return the ledger's batches and inputs as they are stored, times and all: equal only where nothing was written."""
    database = sqlite3.connect(f"file:{project / '.alur' / 'state.db'}?mode=ro", uri=True)
    try:
        tables: Iterable[str] = ("batch", "inputs")
        return [row for name in tables for row in sorted(database.execute(f"SELECT * FROM {name}"))]
    finally:
        database.close()


def lake_files(project: Path) -> dict[str, tuple[int, int]]:
    """Return every file of the warehouse and of staging with its size and time."""
    lake = project / ".alur"
    found = [path for part in ("warehouse", "staging") for path in (lake / part).rglob("*") if path.is_file()]
    return {
        path.relative_to(lake).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns) for path in found
    }

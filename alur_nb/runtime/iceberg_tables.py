"""Iceberg's tables in a Spark session: made from their contracts, read as they are, and brought to follow them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.iceberg_metadata import StoredTable, stored_table
from alur_nb.runtime.iceberg_schema import create_statement, evolution
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_VERSION = re.compile(r"v(\d+)\.metadata\.json")


def ensure(
    spark: SparkSession, table: Table, name: str, *, location: str | None = None, added: Collection[str] = ()
) -> tuple[str, ...]:
    """Create the table, or let it follow its contract; return what was done, in words, one change each.

    `added` are columns that batches have brought beyond the contract. Again is nothing. Raises ContractError where
    the rows that are there cannot follow; then nothing is changed.
    """
    stored = load(spark, name)
    if stored is None:
        spark.sql(create_statement(table, name, location))
        return (f"creates {table.qualified_name} as an Iceberg table",)
    found = evolution(stored, table, name, added)
    found.check()
    for change in found.changes:
        spark.sql(change.statement)
    return tuple(change.text for change in found.changes)


def load(spark: SparkSession, name: str) -> StoredTable | None:
    """Return the table as it is now, also where another process has changed it; None where there is none."""
    if not spark.catalog.tableExists(name):
        return None
    table = java_table(spark, name)
    java: Any = spark._jvm
    metadata = java.org.apache.iceberg.TableMetadataParser.toJson(table.operations().current())
    return stored_table(json.loads(metadata))


def java_table(spark: SparkSession, name: str) -> Any:
    """Return Iceberg's own object of a table, whose snapshot stays the one of this moment until it is refreshed."""
    java: Any = spark._jvm
    return java.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, name)


def load_local(folder: Path) -> StoredTable | None:
    """Return the table in a folder of the laptop's warehouse, without Spark; None where there is none.

    The newest version counts, as for Iceberg's hadoop catalog, which looks on from its hint (`HadoopTableOperations`).
    Raises StorageError where the metadata cannot be read.
    """
    versions = {
        int(found[1]): path
        for path in (folder / "metadata").glob("v*.metadata.json")
        if (found := _VERSION.fullmatch(path.name))
    }
    if not versions:
        return None
    path = versions[max(versions)]
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return read_metadata(text, path)


def read_metadata(text: bytes, place: Path | str) -> StoredTable:
    """Return the table that a metadata file describes; raises StorageError where it is none."""
    try:
        return stored_table(json.loads(text))
    except (ValueError, KeyError) as error:
        raise _unreadable(place, error) from error


def _unreadable(place: Path | str, error: Exception) -> StorageError:
    return StorageError(
        f"{place} cannot be read as Iceberg's metadata: {error}.",
        fix="Restore it from a backup: it was changed outside of alur-nb.",
    )

"""Reads what an Iceberg table is from its own metadata file: columns, partitions, properties, snapshots. No Spark.

The file's form: Iceberg's specification, "Table Metadata Fields" and Appendix C, "JSON serialization".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alur_nb.runtime.tables import Partition
from alur_nb.runtime.types import FrozenMap

_SPARK = {"long": "bigint", "timestamptz": "timestamp", "timestamp": "timestamp_ntz", "uuid": "string"}
_BUCKET = re.compile(r"bucket\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column as the table has it now; `type` is Iceberg's own, a mapping where it is nested."""

    name: str
    type: str | Mapping[str, Any]
    is_required: bool = False
    comment: str = ""

    @property
    def ddl(self) -> str:
        """The type as Spark spells it."""
        return ddl_of(self.type)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One committed state of a table."""

    id: int
    at: datetime
    operation: str
    summary: Mapping[str, str] = field(default_factory=dict)
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class StoredTable:
    """An Iceberg table as it is now."""

    columns: tuple[StoredColumn, ...]
    partitions: tuple[Partition, ...] = ()
    """As a table declares them; one that no table can declare has the transform's name as Iceberg writes it."""
    properties: Mapping[str, str] = field(default_factory=lambda: FrozenMap({}))
    current: int | None = None
    """The current snapshot's id; None where nothing was committed."""
    snapshots: tuple[Snapshot, ...] = ()
    """Those that have not expired, the oldest first."""
    history: tuple[tuple[datetime, int], ...] = ()
    """When which snapshot became the current one."""
    location: str = ""

    def column(self, name: str) -> StoredColumn | None:
        """Return a column by its name."""
        return next((column for column in self.columns if column.name == name), None)

    def snapshot_at(self, moment: datetime) -> int | None:
        """Return the id of the snapshot that was the current one at a moment; None before the first."""
        earlier = [snapshot for at, snapshot in self.history if at <= moment]
        return earlier[-1] if earlier else None


def stored_table(metadata: Mapping[str, Any]) -> StoredTable:
    """Read a metadata file of format version 1, 2 or 3."""
    schema = _current(metadata, "schemas", "schema-id", "current-schema-id") or metadata["schema"]
    spec = _current(metadata, "partition-specs", "spec-id", "default-spec-id")
    current = metadata.get("current-snapshot-id")
    return StoredTable(
        columns=tuple(map(_column, schema["fields"])),
        partitions=_partitions(spec["fields"] if spec else (), schema["fields"]),
        properties=FrozenMap(metadata.get("properties", {})),
        # Version 1 and 2 write -1 for none.
        current=None if current in (None, -1) else int(current),
        snapshots=tuple(map(_snapshot, metadata.get("snapshots", ()))),
        history=tuple(
            (_moment(entry["timestamp-ms"]), int(entry["snapshot-id"]))
            for entry in metadata.get("snapshot-log", ())
        ),
        location=metadata.get("location", ""),
    )


def ddl_of(kind: str | Mapping[str, Any]) -> str:
    """Return Iceberg's type as Spark spells it: `long` is bigint, a list is `array<..>`."""
    if isinstance(kind, str):
        return _SPARK.get(kind, "binary" if kind.startswith("fixed") else kind.replace(" ", ""))
    if kind["type"] == "list":
        return f"array<{ddl_of(kind['element'])}>"
    if kind["type"] == "map":
        return f"map<{ddl_of(kind['key'])},{ddl_of(kind['value'])}>"
    members = ",".join(f"{member['name']}:{ddl_of(member['type'])}" for member in kind["fields"])
    return f"struct<{members}>"


def _current(metadata: Mapping[str, Any], many: str, key: str, current: str) -> Mapping[str, Any] | None:
    found: Sequence[Mapping[str, Any]] = metadata.get(many, ())
    return next((one for one in found if one[key] == metadata[current]), None)


def _column(values: Mapping[str, Any]) -> StoredColumn:
    return StoredColumn(values["name"], values["type"], bool(values["required"]), values.get("doc", ""))


def _partitions(
    spec: Sequence[Mapping[str, Any]], fields: Sequence[Mapping[str, Any]]
) -> tuple[Partition, ...]:
    names = {one["id"]: one["name"] for one in fields}
    return tuple(
        _partition(names.get(one["source-id"], one["name"]), one["transform"])
        for one in spec
        # What version 1 keeps in the place of a dropped field.
        if one["transform"] != "void"
    )


def _partition(column: str, transform: str) -> Partition:
    bucket = _BUCKET.fullmatch(transform)
    return Partition(column, "bucket", int(bucket[1])) if bucket else Partition(column, transform)


def _snapshot(values: Mapping[str, Any]) -> Snapshot:
    summary = dict(values.get("summary", {}))
    return Snapshot(
        int(values["snapshot-id"]),
        _moment(values["timestamp-ms"]),
        summary.pop("operation", ""),
        FrozenMap(summary),
        values.get("parent-snapshot-id"),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

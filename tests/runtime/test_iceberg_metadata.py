"""Metadata files as Iceberg writes them, read without Iceberg."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alur_nb.runtime.iceberg_metadata import ddl_of, stored_table
from alur_nb.runtime.tables import Partition, bucket, day

METADATA: dict[str, Any] = {
    "format-version": 2,
    "location": "s3://acme/orders",
    "current-schema-id": 1,
    "schemas": [
        {"schema-id": 0, "type": "struct", "fields": []},
        {
            "schema-id": 1,
            "type": "struct",
            "fields": [
                {"id": 1, "name": "id", "required": True, "type": "long", "doc": "the key"},
                {"id": 2, "name": "at", "required": False, "type": "timestamptz"},
                {"id": 3, "name": "price", "required": False, "type": "decimal(10, 2)"},
            ],
        },
    ],
    "default-spec-id": 1,
    "partition-specs": [
        {"spec-id": 0, "fields": []},
        {
            "spec-id": 1,
            "fields": [
                {"name": "at_day", "transform": "day", "source-id": 2, "field-id": 1000},
                {"name": "id_bucket", "transform": "bucket[16]", "source-id": 1, "field-id": 1001},
                {"name": "gone", "transform": "void", "source-id": 1, "field-id": 1002},
                {"name": "price", "transform": "identity", "source-id": 3, "field-id": 1003},
            ],
        },
    ],
    "properties": {"owner": "ada"},
    "current-snapshot-id": 12,
    "snapshots": [
        {
            "snapshot-id": 11,
            "timestamp-ms": 1_000_000,
            "summary": {"operation": "append", "added-records": "3"},
        },
        {
            "snapshot-id": 12,
            "parent-snapshot-id": 11,
            "timestamp-ms": 2_000_000,
            "summary": {"operation": "overwrite"},
        },
    ],
    "snapshot-log": [
        {"snapshot-id": 11, "timestamp-ms": 1_000_000},
        {"snapshot-id": 12, "timestamp-ms": 2_000_000},
    ],
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_table_is_its_current_schema_and_partitions() -> None:
    table = stored_table(METADATA)
    assert [(one.name, one.ddl, one.is_required, one.comment) for one in table.columns] == [
        ("id", "bigint", True, "the key"),
        ("at", "timestamp", False, ""),
        ("price", "decimal(10,2)", False, ""),
    ]
    assert table.partitions == (day("at"), bucket(16, "id"), Partition("price"))
    assert table.properties == {"owner": "ada"} and table.location == "s3://acme/orders"


def test_a_moment_has_the_snapshot_that_was_current_then() -> None:
    table = stored_table(METADATA)
    assert [table.snapshot_at(at(seconds)) for seconds in (999, 1000, 1999, 2000, 9999)] == [
        None,
        11,
        11,
        12,
        12,
    ]
    assert table.current == 12 and table.snapshots[1].parent == 11
    assert table.snapshots[0].summary == {"added-records": "3"} and table.snapshots[0].operation == "append"


def test_an_empty_table_has_no_snapshot() -> None:
    for none in ({"current-snapshot-id": -1}, {"current-snapshot-id": None}):
        assert stored_table({**METADATA, **none, "snapshots": [], "snapshot-log": []}).current is None


def test_version_1_has_one_schema_and_no_id() -> None:
    first = {"schema": METADATA["schemas"][1], "current-snapshot-id": -1}
    assert [one.name for one in stored_table(first).columns] == ["id", "at", "price"]


@pytest.mark.parametrize(
    ("kind", "ddl"),
    [
        ("int", "int"),
        ("timestamp", "timestamp_ntz"),
        ("fixed[16]", "binary"),
        ("uuid", "string"),
        ({"type": "list", "element": "long", "element-id": 1, "element-required": False}, "array<bigint>"),
        ({"type": "map", "key": "string", "value": "decimal(4, 1)"}, "map<string,decimal(4,1)>"),
        (
            {"type": "struct", "fields": [{"name": "a", "type": "date"}, {"name": "b", "type": "float"}]},
            "struct<a:date,b:float>",
        ),
    ],
)
def test_types_are_spelled_as_sparks(kind: Any, ddl: str) -> None:
    assert ddl_of(kind) == ddl

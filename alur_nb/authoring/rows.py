"""Rows of a frame as Python's own values: moments in UTC, whatever zone this machine is in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_rows(frame: DataFrame, count: int) -> tuple[tuple[Any, ...], ...]:
    """Return the first rows, structs as mappings and timestamps with their zone, UTC; two columns may share a name."""
    kinds = [field.dataType for field in frame.schema.fields]
    names = [f"c{number}" for number in range(len(kinds))]
    # PySpark makes a timestamp a time of this machine's zone, which the years 1 and 9999 may not survive.
    fetched = [
        f"unix_micros({name})" if kind.typeName() == "timestamp" else name
        for name, kind in zip(names, kinds, strict=True)
    ]
    found = frame.limit(count).toDF(*names).selectExpr(*fetched).collect() if names else []
    return tuple(tuple(_column(*one) for one in zip(row, kinds, strict=True)) for row in found)


def _column(value: Any, kind: DataType) -> Any:
    if kind.typeName() == "timestamp":
        return None if value is None else _EPOCH + timedelta(microseconds=value)
    return _plain(value, kind)


def _plain(value: Any, kind: Any) -> Any:
    """Return a value without Spark's own types; inside another a timestamp is still one of this machine's zone."""
    name = kind.typeName()
    if value is None:
        return None
    if name == "struct":
        return {field.name: _plain(inner, field.dataType) for field, inner in zip(kind, value, strict=True)}
    if name == "map":
        return {_plain(key, kind.keyType): _plain(inner, kind.valueType) for key, inner in value.items()}
    if name == "array":
        return [_plain(inner, kind.elementType) for inner in value]
    if name == "timestamp":
        return value.astimezone(UTC)
    return bytes(value) if isinstance(value, bytearray) else value

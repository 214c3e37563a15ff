"""Rows of a frame as Python's own values: moments in UTC, whatever zone this machine is in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE, _AFTER = "before the year 1", "after the year 9999"
_FETCHED = {"timestamp": "unix_micros({})", "date": "unix_date({})"}


def first_rows(frame: DataFrame, count: int) -> tuple[tuple[Any, ...], ...]:
    """Return the first rows, structs as mappings and timestamps with their zone, UTC; two columns may share a name."""
    kinds = [field.dataType for field in frame.schema.fields]
    names = [f"c{number}" for number in range(len(kinds))]
    # PySpark makes a timestamp a time of this machine's zone, which the years 1 and 9999 may not survive, and a date of
    # any year that Spark has one of Python's.
    wanted = [fetched(name, kind) for name, kind in zip(names, kinds, strict=True)]
    found = frame.limit(count).toDF(*names).selectExpr(*wanted).collect() if names else []
    return tuple(tuple(fetched_value(*one) for one in zip(row, kinds, strict=True)) for row in found)


def fetched(name: str, kind: DataType) -> str:
    """Return what is collected of a column, as SQL; `fetched_value` makes the value of it."""
    return _FETCHED.get(kind.typeName(), "{}").format(name)


def fetched_value(value: Any, kind: DataType) -> Any:
    """Return the value of what was collected."""
    if value is None or kind.typeName() not in _FETCHED:
        return _plain(value, kind)
    return moment(value) if kind.typeName() == "timestamp" else day(value)


def moment(micros: int) -> datetime | str:
    """Return the moment so many microseconds after 1970 began; in words where Python's years do not reach."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return _BEFORE if micros < 0 else _AFTER


def day(days: int) -> date | str:
    """Return the date so many days after 1970-01-01; in words where Python's years do not reach."""
    try:
        return _EPOCH.date() + timedelta(days=days)
    except OverflowError:
        return _BEFORE if days < 0 else _AFTER


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

"""What each column holds: nulls, different values, the least and the greatest, and how they are spread.

Rows are collected and counted here. Spark's own aggregations take four times as long for 10 columns and 10,000 rows
(0.4 s against 0.1 s, on 2 cores), since their code is made and compiled anew for each frame.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.preview_facts import Bin, ColumnProfile
from alur_nb.authoring.rows import day, moment
from alur_nb.runtime.lake import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField

PROFILE_ROWS = 10_000
PROFILE_CELLS = 200_000
"""Rows times columns: of wider frames fewer rows are looked at, so that all of their columns are."""
BINS = 10
TOP = 5
_TEXT = 100  # characters by which texts are compared
_LABEL = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = ("byte", "short", "integer", "long", "float", "double", "decimal")
_ORDERED = (*_NUMBERS, "date", "timestamp", "string", "boolean")


def profiled(frame: DataFrame, hidden: Collection[str] = ()) -> tuple[ColumnProfile, ...]:
    """Profile the frame's columns, all but the hidden ones, over its first rows: one job, whatever their number."""
    fields = [field for field in frame.schema.fields if field.name not in hidden]
    if not fields:
        return ()
    found = frame.selectExpr(*map(_fetched, fields)).limit(looked_at(len(fields))).collect()
    columns = zip(*found, strict=True) if found else (() for _ in fields)
    return tuple(profile(field, values) for field, values in zip(fields, columns, strict=True))


def looked_at(columns: int) -> int:
    """Return how many rows of so many columns are looked at."""
    return max(1, min(PROFILE_ROWS, PROFILE_CELLS // max(columns, 1)))


def profile_text(field: StructField) -> str | None:
    """Return what is collected of a column whose values are not counted themselves, as SQL; None for the others."""
    kind = field.dataType.typeName()
    return None if kind in _ORDERED else _fetched(field)


def profile_value(value: Any) -> Any:
    """Return what `profile` counts of a value: of a long text the beginning."""
    return value[: _TEXT + 1] if isinstance(value, str) else value


def _fetched(field: StructField) -> str:
    """Return what is collected of a column, as SQL: of long texts the beginning.

    Thousands of columns are one call each to Spark's JVM so, and several as objects.
    """
    name, kind = quoted(field.name), field.dataType.typeName()
    if kind == "timestamp":
        return f"unix_micros({name})"  # Python would show it in the zone of this machine
    if kind == "date":
        return f"unix_date({name})"  # Python has no year 0 and no year 10000, and Spark has
    if kind in _ORDERED and kind != "string":
        return name
    if kind == "binary":
        return f"hex(substring({name}, 1, {_TEXT // 2 + 1}))"
    return f"substring(cast({name} AS string), 1, {_TEXT + 1})"


def profile(field: StructField, values: Sequence[Any]) -> ColumnProfile:
    """Profile one column by what was collected of it."""
    kind = field.dataType.typeName()
    # NaN equals nothing, so all of them are made the same one.
    counted = Counter(map(_key, values) if kind in ("float", "double") else values)
    nulls = counted.pop(None, 0)
    ordered = [value for value in counted if value == value] if kind in _ORDERED else []
    about = any(isinstance(value, str) and len(value) > _TEXT for value in counted)
    shown = _shown(kind)
    bins, is_range = _bins(kind, counted, shown)
    return ColumnProfile(
        name=field.name,
        type=field.dataType.simpleString(),
        rows=len(values),
        nulls=nulls,
        distinct=len(counted),
        about=about,
        least=shown(min(ordered)) if ordered else None,
        greatest=shown(max(ordered)) if ordered else None,
        bins=bins,
        is_range=is_range,
    )


def _key(value: Any) -> Any:
    """Return what stands for the value."""
    return math.nan if isinstance(value, float) and math.isnan(value) else value


def _shown(kind: str) -> Callable[[Any], Any]:
    """Return what makes a collected value of this type one that is shown."""
    if kind == "timestamp":
        return moment
    if kind == "date":
        return day
    return lambda value: f"{value[:_LABEL]}…" if isinstance(value, str) and len(value) > _LABEL else value


def _bins(kind: str, counted: Counter[Any], shown: Callable[[Any], Any]) -> tuple[tuple[Bin, ...], bool]:
    """Return parts of a range for many numbers or times, each value for few, and for texts the most frequent."""
    is_number = kind in _NUMBERS or kind in ("date", "timestamp")
    if is_number and len(counted) > BINS:
        return _range(kind, counted), True
    if is_number:
        ordered = sorted(counted.items(), key=lambda item: (item[0] != item[0], item[0]))
        return tuple(Bin(_label(shown(value)), rows) for value, rows in ordered), False
    if len(counted) > TOP and max(counted.values()) == 1:
        return (), False
    first = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))[:TOP]
    return tuple(Bin(_label(shown(value)), rows) for value, rows in first), False


def _range(kind: str, counted: Counter[Any]) -> tuple[Bin, ...]:
    """Count the values in parts of equal width; those that are no finite number are in none."""
    numbers = [(number, rows) for value, rows in counted.items() if math.isfinite(number := _number(value))]
    if not numbers:
        return ()
    low, high = min(number for number, _ in numbers), max(number for number, _ in numbers)
    width = (high - low) / BINS
    if not math.isfinite(width) or width <= 0:
        return ()
    counts = [0] * BINS
    for number, rows in numbers:
        counts[min(int((number - low) / width), BINS - 1)] += rows
    edges = [low + width * index for index in range(BINS)] + [high]
    return tuple(
        Bin(f"{_edge(kind, edges[index])} to {_edge(kind, edges[index + 1])}", rows)
        for index, rows in enumerate(counts)
    )


def _number(value: Any) -> float:
    """Return where a value stands; dates and moments are numbers here."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _edge(kind: str, number: float) -> str:
    if kind == "date":
        return str(day(round(number)))
    if kind == "timestamp":
        edge = moment(round(number))
        return edge if isinstance(edge, str) else edge.isoformat(" ", "seconds")
    return f"{number:.6g}"


def _label(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)

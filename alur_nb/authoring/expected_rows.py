"""Rows as a test expects them, against those that were found: in any order, by type and value, as many of each."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alur_nb.runtime.errors import plural, suggest

Row = tuple[Any, ...]
Expected = Mapping[str, Any] | Sequence[Any]
"""A row by its columns' names, or its values in the columns' order."""

_SHOWN = 10
_NAMED_COLUMNS = 3
# Each missing row is held against each unexpected one; beyond this the two are only listed.
_MOST_PAIRS = 40_000


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are compared: their names, their types by Spark's name, and those that tell rows apart."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    keys: tuple[str, ...] = ()

    def row(self, given: Expected) -> Row:
        """Return an expected row in the order of the columns, its values as a frame's are read.

        Raises AssertionError where its columns are not these.
        """
        if hasattr(given, "asDict"):  # Spark's own Row is a tuple in an order of its own
            given = given.asDict(recursive=True)
        if isinstance(given, Mapping):
            self._refuse_other_columns(given)
            values: Sequence[Any] = [given[name] for name in self.names]
        else:
            values = given
        if len(values) != len(self.names):
            raise AssertionError(
                f"The expected row {given!r} has {plural(len(values), 'value')}; the columns are "
                f"{', '.join(self.names)}."
            )
        return tuple(_as_read(*one) for one in zip(values, self.kinds, strict=True))

    def _refuse_other_columns(self, given: Mapping[str, Any]) -> None:
        unknown = [name for name in given if name not in self.names]
        missing = [name for name in self.names if name not in given]
        if unknown:
            hint = suggest(unknown[0], missing or self.names)
            raise AssertionError(
                f"The expected row {given!r} has a column `{unknown[0]}`{hint}; the columns are "
                f"{', '.join(self.names)}."
            )
        if missing:
            raise AssertionError(
                f"The expected row {given!r} lacks {', '.join(missing)}.\n"
                f"Name all columns, or say which to compare: columns={list(given)!r}"
            )


def difference(subject: str, columns: Columns, expected: Iterable[Expected], found: Iterable[Row]) -> str:
    """Return in words how the found rows differ from the expected ones; an empty text where they do not."""
    wanted, there = [columns.row(one) for one in expected], list(found)
    counts = Counter(map(_key, wanted)), Counter(map(_key, there))
    missing, unexpected = _surplus(wanted, counts[1]), _surplus(there, counts[0])
    if not missing and not unexpected:
        return ""
    pairs = _paired(columns, missing, unexpected)
    of_pairs = {id(row) for pair in pairs for row in pair}
    lines = [f"{subject}: {plural(len(wanted), 'row')} expected, {len(there):,} found."]
    lines += _cut([_differing(columns, *pair) for pair in pairs])
    for word, rows, others in (("missing", missing, counts[1]), ("unexpected", unexpected, counts[0])):
        left = [row for row in rows if id(row) not in of_pairs]
        lines += _cut([f"  {word}: {_told(columns, row)}{_copies(row, others)}" for row in left])
    return "\n".join(lines)


def _surplus(rows: Sequence[Row], others: Mapping[Any, int]) -> list[Row]:
    """Return the rows of which there are more than on the other side, as often as there are more."""
    left, surplus = Counter(others), []
    for row in rows:
        key = _key(row)
        if left[key] > 0:
            left[key] -= 1
        else:
            surplus.append(row)
    return surplus


def _paired(columns: Columns, missing: Sequence[Row], unexpected: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the rows that are meant to be the same: of one key, else those that agree in most columns."""
    if len(missing) * len(unexpected) > _MOST_PAIRS:
        return []
    keys = [columns.names.index(name) for name in columns.keys if name in columns.names]
    free, pairs = list(unexpected), []
    for row in missing:
        likeness = [(_likeness(row, other, keys), other) for other in free]
        best, nearest = max(likeness, key=lambda one: one[0], default=(0.0, None))
        if nearest is not None and best >= 0.5:
            pairs.append((row, nearest))
            free = [other for other in free if other is not nearest]
    return pairs


def _likeness(one: Row, other: Row, keys: Sequence[int]) -> float:
    """Return the share of the columns that are equal; of a table with a key, whether the keys are."""
    looked_at = keys or range(len(one))
    equal = [_key(one[at]) == _key(other[at]) for at in looked_at]
    return float(all(equal)) if keys else sum(equal) / max(len(equal), 1)


def _differing(columns: Columns, expected: Row, found: Row) -> str:
    named = list(zip(columns.names, expected, found, strict=True))
    differs = [one for one in named if _key(one[1]) != _key(one[2])]
    same = [one for one in named if one not in differs]
    same = [one for one in same if one[0] in columns.keys] or same[:_NAMED_COLUMNS]
    which = ", ".join(f"{name}={value!r}" for name, value, _ in same)
    each = [f"    {name}: expected {wanted!r}, found {there!r}" for name, wanted, there in differs]
    return "\n".join([f"  differs: {which}", *each])


def _told(columns: Columns, row: Row) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(columns.names, row, strict=True))


def _copies(row: Row, others: Mapping[Any, int]) -> str:
    count = others[_key(row)]
    return f"   (on the other side only {count} of it)" if count else ""


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"  and {more:,} more"] if more > 0 else lines


def _as_read(value: Any, kind: str = "") -> Any:
    """Return an expected value as reading gives it: a moment without a zone is UTC's, a float has 32 bits."""
    match value:
        case datetime() if kind != "timestamp_ntz":
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        case float() if kind == "float" and math.isfinite(value):
            return struct.unpack("f", struct.pack("f", value))[0]
        case bytearray():
            return bytes(value)
        case Mapping():
            return {name: _as_read(item) for name, item in value.items()}
        case list() | tuple():
            return [_as_read(item) for item in value]
        case _:
            return value


def _key(value: Any) -> Any:
    """Return what equal values have in common, to be counted by; `True` is not 1, and one NaN is like another."""
    match value:
        case bool():
            return ("bool", value)
        case float() if math.isnan(value):
            return "NaN", ()
        case Mapping():
            return ("struct", frozenset((_key(name), _key(item)) for name, item in value.items()))
        case list() | tuple():
            return ("list", tuple(map(_key, value)))
        case _:
            return value

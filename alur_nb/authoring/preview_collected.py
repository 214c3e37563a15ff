"""A sample's rows, fetched once: counts, profiles and first rows are made of them here.

A job of Spark's is cheap in a warm Java and dear in a fresh one: a first preview's counts, profiles and rows took six,
each with code of its own to be made and compiled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.preview_facts import ColumnProfile
from alur_nb.authoring.preview_profile import PROFILE_CELLS, looked_at, profile, profile_text, profile_value
from alur_nb.authoring.rows import fetched, fetched_value
from alur_nb.runtime.lake import quoted
from alur_nb.runtime.landed import REJECTED, SOURCE_FILE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField

MAX_CELLS = PROFILE_CELLS
"""Rows times columns of a sample that is fetched; what is larger is counted and profiled by jobs."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a sample has by file, and how many of them are rejected, where any are."""

    parsed: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collected(Counted):
    """The accepted rows of a sample as well."""

    fields: Mapping[str, StructField] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The accepted values of each column, as they are fetched."""
    texts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What a profile counts in place of them, of columns whose values it does not count themselves."""

    def has(self, fields: Sequence[StructField]) -> bool:
        """Whether all of these columns are here, with these types."""
        known = self.fields
        return all(one.name in known and known[one.name].dataType == one.dataType for one in fields)

    def rows(self, names: Sequence[str], count: int) -> tuple[tuple[Any, ...], ...]:
        """Return the first rows of these columns, as Python's own values."""
        kept = [
            [fetched_value(value, self.fields[name].dataType) for value in self.columns[name][:count]]
            for name in names
        ]
        return tuple(zip(*kept, strict=True))

    def profiles(self, names: Sequence[str]) -> tuple[ColumnProfile, ...]:
        """Profile these columns, over as many rows as a job of its own would look at."""
        most = looked_at(len(names))
        return tuple(self._profile(self.fields[name], most) for name in names)

    def _profile(self, column: StructField, most: int) -> ColumnProfile:
        if column.name in self.texts:
            return profile(column, self.texts[column.name][:most])
        return profile(column, [profile_value(value) for value in self.columns[column.name][:most]])


def collect(frame: DataFrame) -> Collected:
    """Fetch the rows of a source, of which `_rejected` tells the rejected ones, in one job."""
    fields = [one for one in frame.schema.fields if one.name != REJECTED]
    texts = {one.name: text for one in fields if (text := profile_text(one)) is not None}
    wanted = [fetched(quoted(one.name), one.dataType) for one in fields]
    found = frame.selectExpr(*wanted, *texts.values(), REJECTED).collect()
    columns: list[Sequence[Any]] = list(zip(*(row for row in found if not row[-1]), strict=True))
    columns = columns or [()] * (len(fields) + len(texts))
    names = [one.name for one in fields]
    paths = [(row[names.index(SOURCE_FILE)], row[-1]) for row in found]
    return Collected(
        parsed=dict(sorted(Counter(path for path, _ in paths).items())),
        rejected=dict(sorted(Counter(path for path, is_bad in paths if is_bad).items())),
        fields=dict(zip(names, fields, strict=True)),
        columns=dict(zip(names, columns, strict=False)),
        texts=dict(zip(texts, columns[len(names) :], strict=False)),
    )

"""Checks that compare rows with rows: uniqueness in one job a key set, references in one join a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.checks import Check, Expectation
from alur_nb.runtime.row_rules import column_of, first_rows
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Examples = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Breaches:
    """How many values break a rule between rows, in how many rows, and the first of them."""

    values: int
    rows: int
    examples: Examples = ()


@dataclass(slots=True)
class Duplicates:
    """The keys that come more than once in one frame; checks with the same key columns share one job."""

    frame: DataFrame
    examples: int
    _known: dict[frozenset[str], Breaches] = field(default_factory=dict)

    def plan(self, columns: Sequence[str]) -> tuple[DataFrame, Column]:
        """Return the repeated keys, not yet computed, and when a row is not judged; a null makes no key."""
        from pyspark.sql import functions as F

        keys = [column_of(name) for name in columns]
        has_null = reduce(lambda a, b: a | b, (key.isNull() for key in keys))
        grouped = self.frame.filter(~has_null).groupBy(*keys).agg(F.count(F.lit(1)).alias("(rows)"))
        return grouped.filter(F.col("(rows)") > 1), has_null

    def count(self, columns: Sequence[str], repeated: DataFrame) -> Breaches:
        """Count the repeated keys, once for each set of columns."""
        key = frozenset(columns)
        if key not in self._known:
            self._known[key] = _repeats(columns, repeated, self.examples)
        return self._known[key]


def _repeats(columns: Sequence[str], repeated: DataFrame, examples: int) -> Breaches:
    from pyspark.sql import functions as F

    keys = [column_of(name) for name in columns]
    with _computed_once(repeated) as found:
        values, rows = found.agg(F.count(F.lit(1)), F.sum("(rows)")).collect()[0]
        shown: Examples = ()
        if values and examples:
            shown = first_rows(found.orderBy(F.desc("(rows)"), *keys), examples)
    return Breaches(values, rows or 0, shown)


# A subclass of Check, so that rules stay one list wherever they are passed on.
@dataclass(frozen=True, slots=True)
class BoundReference(Check):
    """A `references` check with the rows of the other table that it is judged against."""

    other: Any = None
    """A DataFrame of the other table."""


def bind_references(
    rules: Sequence[Expectation], rows_of: Callable[[Table], DataFrame]
) -> tuple[Expectation, ...]:
    """Give each `references` check the rows that its table has now."""

    def bound(rule: Expectation) -> Expectation:
        table, check = rule.referenced, rule.check
        if table is None or not isinstance(check, Check):
            return rule
        found = BoundReference(check.rule, check.columns, check.arguments, rows_of(table))
        return Expectation(rule.name, found, rule.severity)

    return tuple(bound(rule) for rule in rules)


def orphans(frame: DataFrame, check: BoundReference, examples: int) -> Breaches:
    """Find the rows whose value is no key of the other table, in one left anti join that reads it once.

    Raises pyspark's AnalysisException where the two columns cannot be compared.
    """
    from pyspark.sql import functions as F

    value, key = column_of(check.columns[0]), column_of(str(check.arguments[1]))
    keys = check.other.select(key.alias("(key)"))
    judged = frame.filter(value.isNotNull())
    with _computed_once(judged.join(keys, value == F.col("(key)"), "left_anti")) as found:
        rows = found.count()
        return Breaches(rows, rows, first_rows(found, examples) if rows and examples else ())


@contextmanager
def _computed_once(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep what the first job computes for the second, which fetches examples from it."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()

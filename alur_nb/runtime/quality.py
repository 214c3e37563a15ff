"""Judging a frame by its checks: one narrow aggregation for all rules and counts, one job a key set, one join a reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.checks import (
    Check,
    CheckFunction,
    Expectation,
    Severity,
    column_values_in_range,
    freshness_check,
    matches_pattern,
    max_row_count,
    min_row_count,
    no_duplicates_in_column,
    no_nulls_in_column,
    not_empty,
    references,
    row,
    schema_has_columns,
    unique_key,
    values_in_set,
)
from alur_nb.runtime.key_rules import BoundReference, Duplicates, orphans
from alur_nb.runtime.row_rules import (
    column_of,
    conditions,
    count_if,
    first_line,
    first_rows,
    not_judged,
    row_rule_told,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

__all__ = [
    "Check",
    "CheckFunction",
    "CheckResult",
    "Evaluation",
    "Expectation",
    "Severity",
    "column_values_in_range",
    "evaluate",
    "freshness_check",
    "matches_pattern",
    "max_row_count",
    "min_row_count",
    "no_duplicates_in_column",
    "no_nulls_in_column",
    "not_empty",
    "references",
    "row",
    "schema_has_columns",
    "unique_key",
    "values_in_set",
]


NOT_JUDGED = "not judged"
"""The metric of a check that does not fit the frame."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found: `metric` is the number in short, `examples` are rows that fail."""

    name: str
    severity: Severity
    passed: bool
    metric: str
    message: str
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rows, their number by the `group_by` column, and the checks' results in their order."""

    rows: int
    groups: Mapping[str | None, int]
    results: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    passed: bool
    metric: str
    message: str
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class _Measure:
    """The numbers that a check needs from the one aggregation, and the verdict that they give."""

    sums: tuple[Column, ...] = ()
    largest: Column | None = None
    judge: Callable[[_Numbers], _Verdict] = lambda numbers: _Verdict(True, "", "")


@dataclass(frozen=True, slots=True)
class _Numbers:
    rows: int
    sums: tuple[int, ...] = ()
    largest: float | None = None


def evaluate(
    frame: DataFrame,
    expectations: Sequence[Expectation],
    *,
    examples: int = 0,
    group_by: str | None = None,
) -> Evaluation:
    """Judge the frame by each expectation and count its rows, in total and by the `group_by` column.

    A check that cannot be judged (its column is missing, its expression is wrong) has failed, and says why. Nulls
    fail only `no_nulls_in_column`; elsewhere they are not judged, and counted in the message. A `references` check
    must have been bound to the other table's rows (`bind_references`).

    Parameters
    ----------
    examples
        How many failing rows to fetch for each failed check; each such check costs a job of its own.
    """
    duplicates = Duplicates(frame, examples)
    measures = [_measure(frame, expected.check, examples, duplicates) for expected in expectations]
    total, groups, numbers = _aggregate(frame, measures, group_by)
    verdicts = [
        found if isinstance(found, _Verdict) else found.judge(one)
        for found, one in zip(measures, numbers, strict=True)
    ]
    results = tuple(
        CheckResult(expected.name, expected.severity, v.passed, v.metric, v.message, v.examples)
        for expected, v in zip(expectations, verdicts, strict=True)
    )
    return Evaluation(total, groups, results)


def _measure(
    frame: DataFrame, check: Check | CheckFunction, examples: int, duplicates: Duplicates
) -> _Measure | _Verdict:
    """Return how a check is measured, or at once the verdict where the frame's data are not needed for it."""
    if not isinstance(check, Check):
        return _called(frame, check)
    missing = [column for column in check.columns if column not in frame.columns]
    if missing:
        names = _names(missing)
        return _Verdict(False, f"no {names}", f"The result has no column {names}.")
    match check.rule:
        case "not_empty" | "min_row_count" | "max_row_count":
            return _row_count(check)
        case "schema_has_columns":
            return _Verdict(True, f"{len(check.columns)} columns", f"The result has {_names(check.columns)}.")
        case "freshness_check":
            return _freshness(check)
        case "unique_key" | "no_duplicates_in_column":
            return _uniqueness(duplicates, check)
        case "references":
            if not isinstance(check, BoundReference):
                return _Verdict(False, NOT_JUDGED, "The other table's rows were not given.")
            return _reference(frame, check, examples)
        case _:
            return _row_rule(frame, check, examples)


def _aggregate(
    frame: DataFrame, measures: Sequence[_Measure | _Verdict], group_by: str | None
) -> tuple[int, dict[str | None, int], list[_Numbers]]:
    """Run the one aggregation and add its groups up."""
    from pyspark.sql import functions as F

    columns = [F.count(F.lit(1)).alias("rows")]
    for position, measure in enumerate(measures):
        if isinstance(measure, _Measure):
            columns += [F.sum(one).alias(f"s{position}_{n}") for n, one in enumerate(measure.sums)]
            if measure.largest is not None:
                columns.append(F.max(measure.largest).alias(f"m{position}"))
    grouped = frame.groupBy(column_of(group_by).alias("group")) if group_by else frame.groupBy()
    found = [one.asDict() for one in grouped.agg(*columns).collect()]
    rows = sum(one["rows"] for one in found)
    groups = {one["group"]: one["rows"] for one in found} if group_by else {}
    return (
        rows,
        groups,
        [_numbers(found, rows, position, measure) for position, measure in enumerate(measures)],
    )


def _numbers(
    found: Sequence[Mapping[str, Any]], rows: int, position: int, measure: _Measure | _Verdict
) -> _Numbers:
    if isinstance(measure, _Verdict):
        return _Numbers(rows)
    # A sum over no rows is null.
    sums = tuple(sum(one[f"s{position}_{n}"] or 0 for one in found) for n in range(len(measure.sums)))
    largest = [one[f"m{position}"] for one in found if one.get(f"m{position}") is not None]
    return _Numbers(rows, sums, max(largest, default=None))


def _called(frame: DataFrame, check: CheckFunction) -> _Verdict:
    """Call a function of the user's; what it raises, or returns wrongly, is a failed check."""
    try:
        passed, message = check(frame)
        return _Verdict(bool(passed), "passed" if passed else "failed", str(message))
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything, and the batch must not pass
        reason = f"{type(error).__name__}: {error}"
        return _Verdict(False, "raised", f"The check did not return (bool, message): {reason}")


def _row_count(check: Check) -> _Measure:
    limit = int(str(check.arguments[0])) if check.arguments else 1

    def judge(numbers: _Numbers) -> _Verdict:
        few = check.rule != "max_row_count"
        passed = numbers.rows >= limit if few else numbers.rows <= limit
        wanted = f"at least {limit:,}" if few else f"at most {limit:,}"
        return _Verdict(
            passed, f"{numbers.rows:,} rows", f"There are {numbers.rows:,} rows; wanted are {wanted}."
        )

    return _Measure(judge=judge)


def _freshness(check: Check) -> _Measure:
    name, allowed = check.columns[0], float(str(check.arguments[0]))
    column = column_of(name)

    def judge(numbers: _Numbers) -> _Verdict:
        if numbers.rows == 0:
            return _Verdict(True, "0 rows", "There are no rows to judge.")
        if numbers.largest is None:
            return _Verdict(False, "no value", f"`{name}` has no value in any of {numbers.rows:,} rows.")
        age = (time.time() - numbers.largest) / 3600
        message = f"The newest `{name}` is {age:,.1f} hours old; at most {allowed:g} are wanted"
        return _Verdict(age <= allowed, f"{age:,.1f} hours", f"{message}{not_judged(numbers.sums[0])}.")

    return _Measure((count_if(column.isNull()),), column.cast("timestamp").cast("double"), judge)


def _row_rule(frame: DataFrame, check: Check, examples: int) -> _Measure | _Verdict:
    """Measure a rule that each row keeps or breaks by itself."""
    from pyspark.errors import AnalysisException

    try:
        broken, unknown = conditions(frame, check)
    except AnalysisException as error:
        return _not_judged(error)

    def judge(numbers: _Numbers) -> _Verdict:
        count, nulls = numbers.sums
        metric = f"{count:,} of {numbers.rows:,} rows"
        shown = first_rows(frame.filter(broken), examples) if count and examples else ()
        return _Verdict(count == 0, metric, f"{row_rule_told(check, count, numbers.rows, nulls)}.", shown)

    return _Measure((count_if(broken), count_if(unknown)), None, judge)


def _uniqueness(duplicates: Duplicates, check: Check) -> _Measure | _Verdict:
    from pyspark.errors import AnalysisException

    try:
        repeated, has_null = duplicates.plan(check.columns)
    except AnalysisException as error:
        return _not_judged(error)

    def judge(numbers: _Numbers) -> _Verdict:
        found = duplicates.count(check.columns, repeated)
        metric = f"{found.rows:,} of {numbers.rows:,} rows"
        what = f"{found.values:,} {'value' if found.values == 1 else 'values'} of {_names(check.columns)}"
        message = f"{what} {'comes' if found.values == 1 else 'come'} more than once, in {metric}"
        message = message if found.values else f"No value of {_names(check.columns)} comes more than once"
        return _Verdict(found.values == 0, metric, f"{message}{not_judged(numbers.sums[0])}.", found.examples)

    return _Measure((count_if(has_null),), None, judge)


def _reference(frame: DataFrame, check: BoundReference, examples: int) -> _Measure:
    from pyspark.errors import AnalysisException

    where = f"{check.referenced.qualified_name}.{check.arguments[1]}" if check.referenced else ""

    def judge(numbers: _Numbers) -> _Verdict:
        try:
            found = orphans(frame, check, examples)
        except AnalysisException as error:
            return _not_judged(error)
        metric = f"{found.rows:,} of {numbers.rows:,} rows"
        message = f"`{check.columns[0]}` is not in {where} in {metric}"
        message = message if found.rows else f"Every value of `{check.columns[0]}` is in {where}"
        return _Verdict(found.rows == 0, metric, f"{message}{not_judged(numbers.sums[0])}.", found.examples)

    return _Measure((count_if(column_of(check.columns[0]).isNull()),), None, judge)


def _not_judged(error: Exception) -> _Verdict:
    return _Verdict(False, NOT_JUDGED, f"The check cannot be judged: {first_line(error)}")


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)

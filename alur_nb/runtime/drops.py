"""DROP: rows that break such a rule leave the batch and go to the rejects, with the check's name as the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.checks import Check, Expectation, Severity
from alur_nb.runtime.errors import CheckError
from alur_nb.runtime.quality import NOT_JUDGED, CheckResult
from alur_nb.runtime.row_rules import column_of, conditions, first_line, first_rows, row_rule_told
from alur_nb.runtime.tables import METADATA

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_BROKEN = "(broken)"


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many rows DROP rules took out: each row once by file and by reason, once for each check that it broke."""

    rows: int = 0
    by_file: Mapping[str, int] = field(default_factory=dict)
    """Empty for rows of a result that the pipeline made: these are of no one file."""
    by_reason: Mapping[str, int] = field(default_factory=dict)
    by_check: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)


def drop_rules(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    """Return the expectations that drop rows."""
    return tuple(expected for expected in expectations if expected.severity is Severity.DROP)


def is_dropped(frame: DataFrame, rules: Sequence[Expectation]) -> Column:
    """Return when a row breaks any of the rules; a row that a rule does not judge is kept. Raises CheckError."""
    from pyspark.sql import functions as F

    return F.size(_broken(frame, rules)) > 0


def kept_rows(frame: DataFrame, expectations: Iterable[Expectation]) -> DataFrame:
    """Return the frame without the rows that are to be dropped. Raises CheckError."""
    rules = drop_rules(expectations)
    return frame.where(~is_dropped(frame, rules)) if rules else frame


def measure(frame: DataFrame, rules: Sequence[Expectation], *, examples: int) -> Dropped:
    """Count dropped rows in one job, by `_source_file` where the frame has it; then fetch examples for each rule.

    Raises CheckError where a row breaks none of the rules.
    """
    from pyspark.sql import functions as F

    marked = frame.withColumn(_BROKEN, _broken(frame, rules))
    has_file = "_source_file" in frame.columns
    file = F.col("_source_file") if has_file else F.lit(None).cast("string")
    counted = marked.groupBy(file.alias("file"), F.col(_BROKEN).alias("broken")).count().collect()
    by_file, by_reason, by_check = Counter[str](), Counter[str](), Counter[str]()
    for row in counted:
        if not row["broken"]:
            raise _unsteady(f"{row['count']:,} rows that were set apart break none of them now")
        names = [rules[number].name for number in row["broken"]]
        by_check.update(dict.fromkeys(names, row["count"]))
        by_reason[_reason(rules[row["broken"][0]])] += row["count"]
        if row["file"] is not None:
            by_file[row["file"]] += row["count"]
    shown = {
        rule.name: first_rows(frame.where(F.array_contains(_broken(frame, rules), number)), examples)
        for number, rule in enumerate(rules)
        if examples and by_check[rule.name]
    }
    return Dropped(sum(row["count"] for row in counted), by_file, by_reason, by_check, shown)


def as_rejects(frame: DataFrame, rules: Sequence[Expectation], *, of_file: bool) -> DataFrame:
    """Return dropped rows as rejects: the row itself as JSON in `raw`, the checks' names as the reason."""
    from pyspark.sql import functions as F

    values = [column_of(name) for name in frame.columns if name not in METADATA]
    names = F.array(*(F.lit(rule.name) for rule in rules))
    columns = F.array(*(F.lit(_column(rule)) for rule in rules))
    broken = _broken(frame, rules)
    return frame.select(
        F.to_json(F.struct(*values), {"ignoreNullFields": "false"}).alias("raw"),
        (F.col("_source_file") if of_file else F.lit(None)).cast("string").alias("source_file"),
        F.lit(None).cast("bigint").alias("line_number"),
        columns[broken[0]].cast("string").alias("column"),
        F.array_join(F.transform(broken, lambda number: names[number]), "; ").alias("reason"),
    )


def with_dropped(
    results: Sequence[CheckResult], rules: Sequence[Expectation], dropped: Dropped, kept: int
) -> tuple[CheckResult, ...]:
    """Put what was dropped into the DROP rules' results, which `evaluate` has judged on the kept rows.

    Raises CheckError where a kept row breaks such a rule after all: then it gives another answer each time.
    """
    told = {rule.name: _told(rule, dropped, kept) for rule in rules}
    for result in results:
        if result.name in told and not result.passed and result.metric != NOT_JUDGED:
            raise _unsteady(result.message)
    return tuple(told.get(result.name, result) for result in results)


def _unsteady(what: str) -> CheckError:
    return CheckError(
        f"The checks that drop rows drop other rows each time: {what}",
        fix="Judge a row by its own values: no rand(), no current_timestamp().",
    )


def _told(rule: Expectation, dropped: Dropped, kept: int) -> CheckResult:
    count = dropped.by_check.get(rule.name, 0)
    rows = kept + dropped.rows
    assert isinstance(rule.check, Check)  # refused at declaration otherwise
    message = f"{row_rule_told(rule.check, count, rows)}{': dropped into the rejects' if count else ''}."
    return CheckResult(
        rule.name,
        rule.severity,
        count == 0,
        f"{count:,} of {rows:,} rows",
        message,
        dropped.examples.get(rule.name, ()),
    )


def _broken(frame: DataFrame, rules: Sequence[Expectation]) -> Column:
    """Return the numbers of the rules that a row breaks."""
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    found = []
    for number, rule in enumerate(rules):
        assert isinstance(rule.check, Check)
        try:
            broken, _ = conditions(frame, rule.check)
        except AnalysisException as error:
            reason = f"The check {rule.name!r} cannot be judged: {first_line(error)}"
            raise CheckError(
                f"{reason}\n  Nothing is published.", fix="Mend the check's expression."
            ) from error
        found.append(F.when(broken, F.lit(number)))
    return F.filter(F.array(*found), lambda number: number.isNotNull())


def _column(rule: Expectation) -> str | None:
    return rule.check.columns[0] if isinstance(rule.check, Check) and rule.check.columns else None


def _reason(rule: Expectation) -> str:
    column = _column(rule)
    return f"{column}: {rule.name}" if column else rule.name

"""Checks: what may be declared, and what each finds in a frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from alur_nb.runtime import checks
from alur_nb.runtime.checks import expectation
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.quality import (
    Check,
    CheckResult,
    Expectation,
    Severity,
    column_values_in_range,
    evaluate,
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
from alur_nb.runtime.tables import BronzeTable, SilverTable
from alur_nb.runtime.types import StringField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "id string, line int, amount double, price decimal(10,2), state string, day date, at timestamp, tags array<string>"


def ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)


def five_rows(spark: SparkSession) -> DataFrame:
    """Return rows whose times are told from now: a run of all tests outlasts a tenth of an hour."""
    return spark.createDataFrame(
        [
            ("a", 1, 1.5, Decimal("1.50"), "new", date(2026, 1, 1), ago(hours=5), ["x"]),
            ("a", 2, -2.0, Decimal("99.99"), "paid", date(2026, 1, 2), ago(hours=9), []),
            ("a", 2, float("nan"), None, "lost", None, None, None),
            ("b", 1, None, Decimal("5.00"), None, date(2030, 1, 1), None, None),
            (None, 1, 7.0, Decimal("5.00"), "new", None, None, None),
        ],
        SCHEMA,
    ).coalesce(1)


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    return five_rows(spark)


@pytest.fixture(scope="module")
def nothing(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([], SCHEMA)


def judge(frame: DataFrame, check: Any, **options: Any) -> CheckResult:
    return evaluate(frame, [expectation(None, check, Severity.ERROR)], **options).results[0]


@pytest.mark.parametrize(
    ("check", "passed", "metric", "message"),
    [
        (not_empty(), True, "5 rows", "wanted are at least 1"),
        (min_row_count(5), True, "5 rows", "wanted are at least 5"),
        (min_row_count(6), False, "5 rows", "There are 5 rows; wanted are at least 6."),
        (max_row_count(5), True, "5 rows", "at most 5"),
        (max_row_count(4), False, "5 rows", "at most 4"),
        (no_nulls_in_column("line"), True, "0 of 5 rows", "`line` has a value in 5 of 5 rows."),
        (no_nulls_in_column("id"), False, "1 of 5 rows", "`id` is null in 1 of 5 rows."),
        (
            no_duplicates_in_column("id"),
            False,
            "3 of 5 rows",
            "1 value of `id` comes more than once, in 3 of 5 rows",
        ),
        (
            no_duplicates_in_column("amount"),
            True,
            "0 of 5 rows",
            "No value of `amount` comes more than once; 1 null not judged.",
        ),
        (unique_key(["id", "line"]), False, "2 of 5 rows", "1 value of `id`, `line` comes more than once"),
        (unique_key(["id", "line"]), False, "2 of 5 rows", "; 1 null not judged."),
        (unique_key(["id", "line", "state"]), True, "0 of 5 rows", "; 2 nulls not judged."),
        (schema_has_columns(["id", "at"]), True, "2 columns", "The result has `id`, `at`."),
        (schema_has_columns(["id", "nope"]), False, "no `nope`", "The result has no column `nope`."),
        (
            column_values_in_range("line", 1, 2),
            True,
            "0 of 5 rows",
            "`line` is within 1 to 2 in 5 of 5 rows.",
        ),
        (column_values_in_range("line", 2), False, "3 of 5 rows", "`line` is below 2 in 3 of 5 rows."),
        (column_values_in_range("line", None, 1), False, "2 of 5 rows", "`line` is above 1 in 2 of 5 rows."),
        (column_values_in_range("amount", -5), False, "1 of 5 rows", "; 1 null not judged."),
        (column_values_in_range("price", 0, Decimal("50")), False, "1 of 5 rows", "outside 0 to 50"),
        (
            column_values_in_range("day", date(2026, 1, 1), date(2026, 12, 31)),
            False,
            "1 of 5 rows",
            "2 nulls",
        ),
        (column_values_in_range("state", "a", "p"), False, "1 of 5 rows", "outside a to p"),
        (column_values_in_range("state", 1, 2), False, "4 of 5 rows", "1 null not judged"),
        (
            values_in_set("state", ["new", "paid"]),
            False,
            "1 of 5 rows",
            "is none of 'new', 'paid' in 1 of 5 rows; 1",
        ),
        (values_in_set("line", {1, 2}), True, "0 of 5 rows", "`line` is one of 1, 2 in 5 of 5 rows."),
        (
            matches_pattern("state", "^[a-z]+$"),
            True,
            "0 of 5 rows",
            "matches ^[a-z]+$ in 4 of 5 rows; 1 null not",
        ),
        (matches_pattern("state", "^n"), False, "2 of 5 rows", "`state` does not match ^n in 2 of 5 rows"),
        (matches_pattern("state", r"^\p{Lower}++$"), True, "0 of 5 rows", "; 1 null"),
        (
            freshness_check("at", 6),
            True,
            "5.0 hours",
            "The newest `at` is 5.0 hours old; at most 6 are wanted; 3 nulls",
        ),
        (freshness_check("at", 4.5), False, "5.0 hours", "at most 4.5 are wanted"),
        (row("line > 0"), True, "0 of 5 rows", "(line > 0) is true in 5 of 5 rows."),
        (row("amount > 0"), False, "1 of 5 rows", "(amount > 0) is false in 1 of 5 rows; 1 null not judged."),
        (row("state in ('new') or id = 'a'"), True, "0 of 5 rows", "1 null not judged"),
        (row("amount > 0)"), False, "not judged", "The check cannot be judged: "),
        (row("nope > 0"), False, "not judged", "nope"),
        (row("line + 1"), False, "not judged", "cannot be judged"),
        (row("sum(line) > 0"), False, "not judged", "cannot be judged"),
        (no_nulls_in_column("nope"), False, "no `nope`", "The result has no column `nope`."),
        (values_in_set("tags", ["x"]), False, "not judged", "cannot be judged"),
    ],
    ids=str,
)
def test_what_a_check_finds(orders: DataFrame, check: Check, passed: bool, metric: str, message: str) -> None:
    result = judge(orders, check)
    assert (result.passed, result.metric) == (passed, metric), result.message
    assert message in result.message
    assert result.name == str(check)


def test_no_rows_never_raise_and_only_fail_a_count(nothing: DataFrame) -> None:
    every = [
        not_empty(),
        min_row_count(1),
        max_row_count(0),
        no_nulls_in_column("id"),
        no_duplicates_in_column("id"),
        unique_key(["id", "line"]),
        schema_has_columns("id"),
        column_values_in_range("amount", 0, 1),
        freshness_check("at", 1),
        values_in_set("state", ["new"]),
        matches_pattern("state", "x"),
        row("amount > 0"),
    ]
    found = evaluate(
        nothing, [expectation(None, check, "WARN") for check in every], examples=3, group_by="id"
    )
    assert found.rows == 0
    assert found.groups == {}
    assert [result.name for result in found.results if not result.passed] == ["not_empty", "min_row_count(1)"]


def test_a_column_of_nulls_is_not_fresh(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(None,)], "at timestamp")
    result = judge(frame, freshness_check("at", 1))
    assert not result.passed
    assert "`at` has no value in any of 1 rows." in result.message


def test_groups_are_counted_and_their_numbers_add_up(orders: DataFrame) -> None:
    rules = [
        expectation(None, check, "ERROR") for check in (no_nulls_in_column("at"), freshness_check("at", 6))
    ]
    found = evaluate(orders, rules, group_by="id")
    assert found.rows == 5
    assert found.groups == {"a": 3, "b": 1, None: 1}
    assert [(result.passed, result.metric) for result in found.results] == [
        (False, "3 of 5 rows"),
        (True, "5.0 hours"),
    ]


def test_results_come_in_the_order_of_the_expectations(orders: DataFrame) -> None:
    rules = [
        Expectation("first", lambda df: (True, "fine"), Severity.WARN),
        Expectation("second", unique_key("id"), Severity.ERROR),
        Expectation("third", row("line > 0"), Severity.WARN),
    ]
    found = evaluate(orders, rules).results
    assert [(r.name, r.severity, r.passed) for r in found] == [
        ("first", "WARN", True),
        ("second", "ERROR", False),
        ("third", "WARN", True),
    ]


def test_examples_are_failing_rows_and_no_more_than_wanted(orders: DataFrame) -> None:
    result = judge(orders, row("line = 1"), examples=1)
    assert [example["line"] for example in result.examples] == [2]
    assert len(judge(orders, row("line = 1"), examples=9).examples) == 2
    assert judge(orders, row("line = 1")).examples == ()
    assert judge(orders, row("line > 0"), examples=5).examples == ()
    repeated = judge(orders, unique_key(["id", "line"]), examples=5)
    assert repeated.examples == ({"id": "a", "line": 2, "(rows)": 2},)


def test_odd_column_names_are_columns(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, 2)], "`a.b` int, `c``d` int")
    assert judge(frame, no_nulls_in_column("a.b")).passed
    assert judge(frame, unique_key(["a.b", "c`d"])).passed
    assert evaluate(frame, [], group_by="a.b").groups == {1: 1}


def test_ones_own_function_judges(orders: DataFrame) -> None:
    def three_states(df: DataFrame) -> tuple[bool, str]:
        count = df.select("state").distinct().count()
        return count == 3, f"{count} states"

    result = judge(orders, three_states)
    assert (result.name, result.passed, result.metric, result.message) == (
        "three_states",
        False,
        "failed",
        "4 states",
    )


def _raising(df: DataFrame) -> tuple[bool, str]:
    raise ZeroDivisionError("no rows")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (_raising, "ZeroDivisionError: no rows"),
        (lambda df: True, "TypeError"),
        (lambda df: (df.line > 0, "x"), "PySparkValueError"),
        (lambda df: None, "TypeError"),
    ],
)
def test_a_function_that_fails_is_a_failed_check(orders: DataFrame, check: Callable, reason: str) -> None:
    result = judge(orders, check)
    assert not result.passed
    assert "did not return (bool, message)" in result.message
    assert reason in result.message


def test_one_job_for_all_rules_and_counts(spark: SparkSession, orders: DataFrame) -> None:
    orders.count()
    rules = [
        row("line > 0"),
        no_nulls_in_column("id"),
        column_values_in_range("amount", 0),
        freshness_check("at", 1),
    ]
    expectations = [expectation(None, check, "ERROR") for check in (not_empty(), *rules)]
    group = "test-one-job"
    spark.sparkContext.setJobGroup(group, "")
    try:
        evaluate(orders, expectations)
        jobs = spark.sparkContext.statusTracker().getJobIdsForGroup(group)
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
    # Adaptive execution runs the shuffle's map side and its result as two jobs of the one query.
    assert 1 <= len(jobs) <= 2


MISTAKES = [
    ("no_nulls_in_column('')", "'' is not a column's name", "no_nulls_in_column("),
    ("no_nulls_in_column(3)", "3 is not a column's name", "no_nulls_in_column("),
    ("min_row_count(-1)", "-1 is not a number of rows", "min_row_count(1)"),
    ("max_row_count(1.5)", "1.5 is not a number of rows", "max_row_count(1)"),
    ("min_row_count(True)", "True is not a number of rows", "min_row_count(1)"),
    ("unique_key([])", "[] names no columns", "unique_key(["),
    ("schema_has_columns(3)", "3 names no columns", "schema_has_columns(["),
    ("column_values_in_range('x')", "`x` has no bounds", "0, 100"),
    ("column_values_in_range('x', 5, 1)", "5 and 1 leave nothing in between", "smaller one first"),
    ("column_values_in_range('x', 1, 'z')", "1 and 'z' leave nothing", "of one type"),
    ("column_values_in_range('x', True, 2)", "the bound True is no number", "0, 100"),
    ("column_values_in_range('x', [1], 2)", "the bound [1] is no number", "0, 100"),
    ("freshness_check('x', 0)", "max_age_hours is 0, not a number above 0", "max_age_hours=24"),
    ("freshness_check('x', '1d')", "max_age_hours is '1d'", "max_age_hours=24"),
    ("values_in_set('x', 'abc')", "'abc' is not a list of values", "values_in_set("),
    ("values_in_set('x', [])", "no value is allowed", "values_in_set("),
    ("values_in_set('x', ['a', None])", "nulls are not judged by this check", "no_nulls_in_column"),
    ("matches_pattern('x', '')", "'' is not a pattern", "matches_pattern("),
    ("matches_pattern('x', '(a')", "'(a' is not a regular expression", "backslash"),
    ("row('')", "'' is not an SQL expression", 'row("amount > 0")'),
    ("row(None)", "None is not an SQL expression", 'row("amount > 0")'),
    ("expectation(None, None, 'ERROR')", "check_fn is missing", "check_fn=row("),
    ("expectation(None, 'amount > 0', 'ERROR')", "check_fn is 'amount > 0', not a check", "check_fn=row("),
    ("expectation(None, not_empty, 'ERROR')", "check_fn is not_empty itself", "check_fn=not_empty(...)"),
    ("expectation('', not_empty(), 'ERROR')", "the name is ''", "@expect("),
    (
        "expectation(None, not_empty(), 'ERORR')",
        "severity is 'ERORR' (did you mean `ERROR`?)",
        "Severity.WARN",
    ),
]


@pytest.mark.parametrize(("source", "message", "fix"), MISTAKES, ids=[source for source, _, _ in MISTAKES])
def test_a_mistake_is_caught_when_it_is_declared(source: str, message: str, fix: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        eval(source, dict(vars(checks)))
    assert fix in (caught.value.fix or "")


class CustomersBronze(BronzeTable):
    """Looked up by `references`."""

    id = StringField()
    state = StringField()


class KeyedSilver(SilverTable):
    number = StringField()

    class Meta:
        primary_key = ("number",)


DROPPABLE = [
    row("amount > 0"),
    no_nulls_in_column("id"),
    column_values_in_range("line", 1),
    values_in_set("state", ["new"]),
    matches_pattern("state", "n"),
]


@pytest.mark.parametrize("check", DROPPABLE, ids=str)
def test_row_rules_may_drop(check: Check) -> None:
    assert expectation(None, check, "DROP").severity is Severity.DROP


@pytest.mark.parametrize(
    "check",
    [
        not_empty(),
        min_row_count(1),
        max_row_count(1),
        no_duplicates_in_column("id"),
        unique_key("id"),
        schema_has_columns("id"),
        freshness_check("at", 1),
        references("state", CustomersBronze),
        pytest.param(lambda df: (True, "fine"), id="a function of the user"),
    ],
    ids=str,
)
def test_nothing_else_may_drop(check: Any) -> None:
    with pytest.raises(DeclarationError, match="cannot drop rows"):
        expectation("n", check, Severity.DROP)


def test_references_find_their_key() -> None:
    assert str(references("state", CustomersBronze)) == "references(state, bronze.customers.state)"
    assert str(references("customer", CustomersBronze, key="id")).endswith("bronze.customers.id)")
    assert str(references("customer", KeyedSilver)).endswith("silver.keyed.number)")
    for given, message in (
        ({}, "has no such column"),
        ({"key": "stat"}, "has no column `stat` (did you mean `state`?)"),
    ):
        with pytest.raises(DeclarationError, match=re.escape(message)):
            references("customer", CustomersBronze, **given)
    with pytest.raises(DeclarationError, match="a table is wanted"):
        references("customer", "customers")


def test_severities_and_names() -> None:
    assert expectation("n", not_empty(), "warn") == Expectation("n", not_empty(), Severity.WARN)
    assert expectation(None, no_nulls_in_column("order_id"), "ERROR").name == "no_nulls_in_column(order_id)"
    assert expectation(None, column_values_in_range("a", 0), "ERROR").name == "column_values_in_range(a, 0)"
    assert expectation(None, row("a > 0"), "ERROR").name == "row(a > 0)"

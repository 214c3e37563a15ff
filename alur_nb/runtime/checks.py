"""Checks as data: what `@expect` accepts, declared without Spark; `quality` measures them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.tables import Table, table_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Bound = int | float | Decimal | str | date | datetime
Rule = Literal[
    "not_empty",
    "min_row_count",
    "max_row_count",
    "no_nulls_in_column",
    "no_duplicates_in_column",
    "schema_has_columns",
    "column_values_in_range",
    "freshness_check",
    "values_in_set",
    "matches_pattern",
    "unique_key",
    "references",
    "row",
]
# What each row keeps or breaks by itself: only such a rule can say which rows are to be dropped.
ROW_RULES = ("row", "no_nulls_in_column", "column_values_in_range", "values_in_set", "matches_pattern")
CheckFunction = Callable[["DataFrame"], tuple[bool, str]]

# The only errors of Python's `re` that an expression of Java's can rightly cause.
_JAVA_ONLY = ("bad escape", "multiple repeat", "unknown extension")


class Severity(StrEnum):
    """What a failed check does: ERROR publishes nothing, WARN reports, DROP rejects the rows that break the rule."""

    ERROR = "ERROR"
    WARN = "WARN"
    DROP = "DROP"

    @classmethod
    def of(cls, value: object) -> Severity:
        """Return the severity by itself or by its name in any case.

        Raises
        ------
        DeclarationError
            There is no such severity.
        """
        name = str(value).upper()
        if name not in cls.__members__:
            raise DeclarationError(
                f"expect: severity is {value!r}{suggest(name, cls.__members__)}.",
                fix="severity=Severity.ERROR publishes nothing, Severity.WARN only reports, Severity.DROP rejects rows",
            )
        return cls[name]


@dataclass(frozen=True, slots=True)
class Check:
    """One built-in check: its rule, the columns it looks at, and its numbers or texts."""

    rule: Rule
    columns: tuple[str, ...] = ()
    arguments: tuple[object, ...] = ()

    @property
    def referenced(self) -> Table | None:
        """The table that `references` looks into; None for every other rule."""
        return self.arguments[0] if self.arguments and isinstance(self.arguments[0], Table) else None

    def __str__(self) -> str:
        arguments = self.arguments
        if self.referenced is not None:
            arguments = (f"{self.referenced.qualified_name}.{self.arguments[1]}",)
        parts = [*self.columns, *(str(argument) for argument in arguments if argument is not None)]
        return f"{self.rule}({', '.join(parts)})" if parts else self.rule


@dataclass(frozen=True, slots=True)
class Expectation:
    """A check with its name in reports and what happens when it fails."""

    name: str
    check: Check | CheckFunction
    severity: Severity = Severity.ERROR

    @property
    def referenced(self) -> Table | None:
        """The table that the check looks into beside the result, if any."""
        return self.check.referenced if isinstance(self.check, Check) else None

    def with_tables(self, tables: Mapping[str, Table]) -> Expectation:
        """Return the expectation with its referenced table as it is declared now."""
        known = tables.get(self.referenced.qualified_name) if self.referenced is not None else None
        if known is None or not isinstance(self.check, Check):
            return self
        return replace(self, check=replace(self.check, arguments=(known, self.check.arguments[1])))


def not_empty() -> Check:
    """At least one row."""
    return Check("not_empty")


def min_row_count(min_count: int) -> Check:
    """At least `min_count` rows."""
    return Check("min_row_count", arguments=(_count("min_row_count", min_count),))


def max_row_count(max_count: int) -> Check:
    """At most `max_count` rows."""
    return Check("max_row_count", arguments=(_count("max_row_count", max_count),))


def no_nulls_in_column(column: str) -> Check:
    """Every row has a value."""
    return Check("no_nulls_in_column", (_column("no_nulls_in_column", column),))


def no_duplicates_in_column(column: str) -> Check:
    """No value comes twice; nulls are not judged."""
    return Check("no_duplicates_in_column", (_column("no_duplicates_in_column", column),))


def unique_key(columns: str | Sequence[str]) -> Check:
    """No combination of the columns comes twice; a row with a null among them is not judged."""
    return Check("unique_key", _columns("unique_key", columns))


def schema_has_columns(columns: str | Sequence[str]) -> Check:
    """The result has these columns."""
    return Check("schema_has_columns", _columns("schema_has_columns", columns))


def column_values_in_range(
    column: str, min_value: Bound | None = None, max_value: Bound | None = None
) -> Check:
    """Every value lies between the bounds, both included; NaN never does, nulls are not judged."""
    name = _column("column_values_in_range", column)
    bounds = (min_value, max_value)
    if bounds == (None, None):
        raise DeclarationError(
            f"column_values_in_range: `{name}` has no bounds.",
            fix=f'column_values_in_range("{name}", 0, 100)',
        )
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int | float | Decimal | str | date | None):
            raise DeclarationError(
                f"column_values_in_range: the bound {bound!r} is no number, text or date.",
                fix=f'column_values_in_range("{name}", 0, 100)',
            )
    if not _in_order(min_value, max_value):
        raise DeclarationError(
            f"column_values_in_range: the bounds {min_value!r} and {max_value!r} leave nothing in between.",
            fix="Give the smaller one first, both of one type.",
        )
    return Check("column_values_in_range", (name,), bounds)


def freshness_check(column: str, max_age_hours: float) -> Check:
    """The newest value is at most this many hours old."""
    name = _column("freshness_check", column)
    if isinstance(max_age_hours, bool) or not isinstance(max_age_hours, int | float) or not max_age_hours > 0:
        raise DeclarationError(
            f"freshness_check: max_age_hours is {max_age_hours!r}, not a number above 0.",
            fix=f'freshness_check("{name}", max_age_hours=24)',
        )
    return Check("freshness_check", (name,), (max_age_hours,))


def values_in_set(column: str, values: Iterable[object]) -> Check:
    """Every value is one of these; nulls are not judged."""
    name = _column("values_in_set", column)
    example = f'values_in_set("{name}", ["new", "paid"])'
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DeclarationError(f"values_in_set: {values!r} is not a list of values.", fix=example)
    # A set has no order of its own, and equal declarations must be equal bytes.
    given = tuple(sorted(values, key=repr) if isinstance(values, set | frozenset) else values)
    if not given:
        raise DeclarationError(f"values_in_set: no value is allowed in `{name}`.", fix=example)
    if None in given:
        raise DeclarationError(
            "values_in_set: None is among the values, but nulls are not judged by this check.",
            fix="Leave None out; to refuse nulls add no_nulls_in_column.",
        )
    return Check("values_in_set", (name,), given)


def matches_pattern(column: str, pattern: str) -> Check:
    """Every value contains a match of Java's regular expression (`^...$` for the whole); nulls are not judged."""
    name = _column("matches_pattern", column)
    if not isinstance(pattern, str) or not pattern:
        raise DeclarationError(
            f"matches_pattern: {pattern!r} is not a pattern.",
            fix=f'matches_pattern("{name}", r"^[A-Z]{{2}}$")',
        )
    try:
        re.compile(pattern)
    except re.error as error:
        if not str(error).startswith(_JAVA_ONLY):
            raise DeclarationError(
                f"matches_pattern: {pattern!r} is not a regular expression: {error}.",
                fix="A sign that means itself has a backslash before it, as in r'\\(.*\\)'.",
            ) from None
    return Check("matches_pattern", (name,), (pattern,))


def row(expression: str) -> Check:
    """The SQL expression is true in every row; where it is null, the row is not judged."""
    if not isinstance(expression, str) or not expression.strip():
        raise DeclarationError(f"row: {expression!r} is not an SQL expression.", fix='row("amount > 0")')
    return Check("row", arguments=(expression.strip(),))


def references(column: str, table: object, key: str | None = None) -> Check:
    """Every value is one of the `key` column of another table's committed rows; nulls are not judged.

    `key` is by default the column of the same name, or the other table's primary key of one column.
    """
    name = _column("references", column)
    other = table_of(table)
    sole = other.primary_key[0] if len(other.primary_key) == 1 else None
    found = key if key is not None else name if name in other.columns else sole
    if found is None or found not in other.columns:
        missing = f"has no column `{found}`{suggest(found, other.columns)}" if found else "has no such column"
        raise DeclarationError(
            f"references: {other.qualified_name} {missing}, to look `{name}` up in.",
            fix=f'references("{name}", {other.class_name}, key="{next(iter(other.columns))}")',
        )
    return Check("references", (name,), (other, found))


def expectation(name: object, check: object, severity: object) -> Expectation:
    """Return the expectation of an `@expect(...)`, its name taken from the check where none is given.

    Raises
    ------
    DeclarationError
        The check or the name is not one.
    """
    example = '@expect("positive", check_fn=row("amount > 0"))'
    if isinstance(check, type) or not (isinstance(check, Check) or callable(check)):
        what = "is missing" if check is None else f"is {check!r}, not a check"
        raise DeclarationError(f"expect: check_fn {what}.", fix=example)
    default = str(check) if isinstance(check, Check) else getattr(check, "__name__", type(check).__name__)
    if not isinstance(check, Check) and any(check is made for made in _BUILT_IN):
        raise DeclarationError(
            f"expect: check_fn is {default} itself, not a check made by it.", fix=f"check_fn={default}(...)"
        )
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise DeclarationError(f"expect: the name is {name!r}, not a text.", fix=example)
    made = Expectation(name or default, check, Severity.of(severity))
    if made.severity is Severity.DROP and not (isinstance(check, Check) and check.rule in ROW_RULES):
        raise DeclarationError(
            f"expect: {made.name!r} cannot drop rows: it judges all of them together, not each by itself.",
            fix=f"Severity.DROP is for {', '.join(ROW_RULES)}; here use Severity.ERROR or Severity.WARN.",
        )
    return made


def _column(rule: str, column: object) -> str:
    if isinstance(column, str) and column.strip():
        return column
    raise DeclarationError(f"{rule}: {column!r} is not a column's name.", fix=f'{rule}("order_id")')


def _columns(rule: str, columns: object) -> tuple[str, ...]:
    given = (columns,) if isinstance(columns, str) else columns
    if not isinstance(given, Sequence) or not given:
        raise DeclarationError(f"{rule}: {columns!r} names no columns.", fix=f'{rule}(["order_id", "line"])')
    return tuple(dict.fromkeys(_column(rule, column) for column in given))


def _count(rule: str, count: object) -> int:
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    raise DeclarationError(f"{rule}: {count!r} is not a number of rows.", fix=f"{rule}(1)")


def _in_order(low: Bound | None, high: Bound | None) -> bool:
    if low is None or high is None:
        return True
    try:
        return bool(low <= high)  # type: ignore[operator]  # bounds of two types raise, and that is the answer
    except TypeError:
        return False


_BUILT_IN: tuple[object, ...] = (
    not_empty,
    min_row_count,
    max_row_count,
    no_nulls_in_column,
    no_duplicates_in_column,
    unique_key,
    schema_has_columns,
    column_values_in_range,
    freshness_check,
    values_in_set,
    matches_pattern,
    row,
    references,
)

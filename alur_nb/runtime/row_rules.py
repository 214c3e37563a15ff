"""What a row rule means on a frame: which rows break it, which it does not judge, and how that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alur_nb.runtime.checks import Check

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def conditions(frame: DataFrame, check: Check) -> tuple[Column, Column]:
    """Return when a row breaks the rule, and when it is not judged; neither is ever null.

    Raises pyspark's AnalysisException where the rule does not fit the frame.
    """
    from pyspark.sql import functions as F

    broken, unknown = _conditions(frame, check)
    broken = F.coalesce(broken, F.lit(False))
    frame.filter(broken)  # resolves the names and types of the rule, and runs nothing
    return broken, unknown


def _conditions(frame: DataFrame, check: Check) -> tuple[Column, Column]:
    from pyspark.sql import functions as F

    if check.rule == "row":
        expression = F.expr(str(check.arguments[0]))
        return ~expression, expression.isNull()
    column = column_of(check.columns[0])
    if check.rule == "no_nulls_in_column":
        return column.isNull(), F.lit(False)
    # A value that cannot be compared with the bound or the set gives null, and does not keep the rule.
    kept = F.coalesce(_keeps(frame, check, column), F.lit(False))
    return column.isNotNull() & ~kept, column.isNull()


def _keeps(frame: DataFrame, check: Check, column: Column) -> Column:
    from pyspark.sql import functions as F

    match check.rule:
        case "values_in_set":
            return column.isin(*check.arguments)
        case "matches_pattern":
            return column.rlike(str(check.arguments[0]))
        case _:
            low, high = check.arguments
            kept = F.lit(True) if low is None else column >= F.lit(low)
            kept = kept if high is None else kept & (column <= F.lit(high))
            # To Spark NaN is greater than every number, so a lower bound alone would let it pass.
            is_float = frame.schema[check.columns[0]].dataType.typeName() in ("double", "float")
            return kept & ~F.isnan(column) if is_float else kept


def breach(check: Check) -> str:
    """Say what a row does that breaks the rule."""
    column = f"`{check.columns[0]}`" if check.columns else ""
    match check.rule:
        case "row":
            return f"({check.arguments[0]}) is false"
        case "no_nulls_in_column":
            return f"{column} is null"
        case "values_in_set":
            more = ", ..." if len(check.arguments) > 10 else ""
            return f"{column} is none of {', '.join(map(repr, check.arguments[:10]))}{more}"
        case "matches_pattern":
            return f"{column} does not match {check.arguments[0]}"
        case _:
            low, high = check.arguments
            if low is None or high is None:
                return f"{column} is {f'above {high}' if low is None else f'below {low}'}"
            return f"{column} is outside {low} to {high}"


def keeping(check: Check) -> str:
    """Return a row rule in words, as a row keeps it."""
    column = f"`{check.columns[0]}`" if check.columns else ""
    match check.rule:
        case "row":
            return f"({check.arguments[0]}) is true"
        case "no_nulls_in_column":
            return f"{column} has a value"
        case "values_in_set":
            more = ", ..." if len(check.arguments) > 10 else ""
            return f"{column} is one of {', '.join(map(repr, check.arguments[:10]))}{more}"
        case "matches_pattern":
            return f"{column} matches {check.arguments[0]}"
        case _:
            low, high = check.arguments
            if low is None or high is None:
                return f"{column} is {f'at most {high}' if low is None else f'at least {low}'}"
            return f"{column} is within {low} to {high}"


def row_rule_told(check: Check, broken: int, rows: int, nulls: int = 0) -> str:
    """Return what a row rule finds, without a full stop; one that no row breaks is told by the rows that keep it."""
    if broken:
        return f"{breach(check)} in {broken:,} of {rows:,} rows{not_judged(nulls)}"
    return f"{keeping(check)} in {rows - nulls:,} of {rows:,} rows{not_judged(nulls)}"


def count_if(condition: Column) -> Column:
    """Return 1 where the condition holds, else 0; to be summed."""
    from pyspark.sql import functions as F

    return F.when(condition, 1).otherwise(0)


def column_of(name: str) -> Column:
    """Return the column of exactly this name, whatever characters it has."""
    from pyspark.sql import functions as F

    return F.col("`" + name.replace("`", "``") + "`")


def first_rows(frame: DataFrame, count: int) -> tuple[dict[str, object], ...]:
    """Return the first rows as plain dicts; the example rows of a failed check."""
    return tuple(one.asDict(recursive=True) for one in frame.limit(count).collect())


def not_judged(nulls: int) -> str:
    """Return `; 2 nulls not judged`, or nothing."""
    return f"; {nulls:,} {'null' if nulls == 1 else 'nulls'} not judged" if nulls else ""


def first_line(error: Exception) -> str:
    """Return what Spark says, without its plan."""
    return str(error).strip().splitlines()[0]

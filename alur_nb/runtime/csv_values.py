"""Text to value: what a CSV file's text must look like to become a column's value, as Spark expressions.

Everything is read as text. A cast alone is too generous (`12F` is a double to it, `2024` a date, `1.239` becomes
1.24), so each type has the cheapest check of the text that leaves only the accepted forms. A value is null where the
text is not accepted; the row is rejected where the text was not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from alur_nb.runtime.types import DateField, DecimalField, Field, TimestampField

# Characters up to U+0020, and DEL, which Spark's casts trim too.
_BLANK = r"[\x00-\x20\x7f]*+"
_OFFSET = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIMESTAMP = rf"{_DAY}[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}}0*+)?)?{_OFFSET}"
DATE = _DAY
FLOATING = r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
SPECIAL_FLOATING = r"NaN|-?Infinity"
BASE64 = r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+"
FIRST_DAY, LAST_DAY = "DATE'0001-01-01'", "DATE'9999-12-31'"
FIRST_MOMENT, LAST_MOMENT = "TIMESTAMP'0001-01-01 00:00:00'", "TIMESTAMP'9999-12-31 23:59:59.999999'"


def value(field: Field, name: str) -> Column:
    """Return the value of the text column `name`: null where the text is null, blank or not accepted."""
    text = F.col(name)
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return _formatted(field, name, field.format)
    if isinstance(field, DecimalField):
        return _decimal(field, name)
    return _RULES.get(field.ddl, lambda _: text)(name)


def whole(pattern: str) -> str:
    """Return the pattern for a whole text with blanks around it."""
    return rf"\A{_BLANK}(?:{pattern}){_BLANK}\z"


def trimmed(text: Column) -> Column:
    """Return the text without the blanks around it."""
    return F.regexp_replace(text, rf"\A{_BLANK}|{_BLANK}\z", "")


def _cast(name: str, ddl: str) -> Column:
    return F.expr(f"try_cast({name} AS {ddl})")


def _number(ddl: str) -> Callable[[str], Column]:
    return lambda name: _cast(name, ddl)


def _floating(ddl: str) -> Callable[[str], Column]:
    def rule(name: str) -> Column:
        number = _cast(name, ddl)
        finite = F.abs(number) < F.lit(float("inf")).cast(ddl)
        plain = F.col(name).rlike(whole(FLOATING)) & finite
        return F.when(plain | F.col(name).rlike(whole(SPECIAL_FLOATING)), number)

    return rule


def _boolean(name: str) -> Column:
    text = F.col(name)
    return (
        F.when(text.isin("true", "True", "TRUE"), F.lit(True))
        .when(text.isin("false", "False", "FALSE"), F.lit(False))
        .when(text.rlike(whole("(?i:true)")), F.lit(True))
        .when(text.rlike(whole("(?i:false)")), F.lit(False))
    )


def decimal_pattern(field: DecimalField) -> str:
    """Return the pattern of a number without an exponent that keeps all its digits in the field's scale."""
    fraction = rf"\.[0-9]{{0,{field.scale}}}0*+"
    return rf"[+-]?+(?:[0-9]++(?:{fraction})?+|(?=\.[0-9]){fraction})"


def _decimal(field: DecimalField, name: str) -> Column:
    text = F.col(name)
    return F.when(text.rlike(whole(decimal_pattern(field))), _cast(name, field.ddl))


def _date(name: str) -> Column:
    day = _cast(name, "date")
    return F.when(F.col(name).rlike(whole(DATE)) & (day >= F.expr(FIRST_DAY)), day)


def _timestamp(name: str) -> Column:
    return F.when(F.col(name).rlike(whole(TIMESTAMP)), _in_range(_cast(name, "timestamp")))


def _in_range(moment: Column) -> Column:
    return F.when(moment.between(F.expr(FIRST_MOMENT), F.expr(LAST_MOMENT)), moment)


def _formatted(field: Field, name: str, pattern: str) -> Column:
    moment = _in_range(F.try_to_timestamp(trimmed(F.col(name)), F.lit(pattern)))
    return moment.cast("date") if isinstance(field, DateField) else moment


def _binary(name: str) -> Column:
    text = F.col(name)
    return F.when(text.rlike(whole(BASE64)), F.unbase64(trimmed(text)))


_RULES: Mapping[str, Callable[[str], Column]] = {
    "int": _number("int"),
    "bigint": _number("bigint"),
    "double": _floating("double"),
    "float": _floating("float"),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "binary": _binary,
}

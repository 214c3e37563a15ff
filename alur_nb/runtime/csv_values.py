r"""Text to value: what a CSV file's text must look like to become a column's value, as Spark expressions.

Everything is read as text and cast, which is also the fastest way: Spark's own typed CSV reader spends twice as long
on dates and timestamps. A cast alone is too generous (`12F` is a double to it, `2024` a date, `1.239` becomes 1.24),
so each type has the cheapest check that leaves only the accepted forms. Usual texts pass a check of some nanoseconds
(no letter in it, the length behind the point); only the others meet a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from alur_nb.runtime.types import DateField, DecimalField, Field, StringField, TimestampField

# Characters up to U+0020, and DEL, which Spark's casts trim as well.
_BLANKS = r"[\x00-\x20\x7f]*+"
_EDGES = r"\A[\x00-\x20\x7f]+|[\x00-\x20\x7f]+\z"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*+)?+)?+"
_LOCAL_OR_UTC = rf"\A{_DAY}[T ]{_CLOCK}Z?\z"
_ANY_OFFSET = rf"\A{_BLANKS}{_DAY}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?{_BLANKS}\z"
# Letters that Java's parser takes in a floating-point number: type suffixes, and hexadecimal digits and marks.
_JAVA_LETTERS = ("d", "D", "f", "F", "x", "X")
_SPECIAL_FLOATING = rf"\A{_BLANKS}(?:NaN|-?Infinity){_BLANKS}\z"
# An exponent of four digits can only be a mistake, and would keep Java's BigDecimal busy for hours.
_EXPONENT_FORM = rf"\A{_BLANKS}[+-]?+(?:[0-9]++\.?[0-9]*+|\.[0-9]++)[eE][+-]?+0*[0-9]{{1,3}}{_BLANKS}\z"
_BASE64 = rf"\A{_BLANKS}(?:[A-Za-z0-9+/]{{4}})*+(?:[A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?+{_BLANKS}\z"
# What lies outside is a text that was too large, or a year that Python and Athena cannot show.
_LIMITS = {
    "double": ("-1.7976931348623157E308D", "1.7976931348623157E308D"),
    "float": ("float(-3.4028234663852886E38D)", "float(3.4028234663852886E38D)"),
    "date": ("DATE'0001-01-01'", "DATE'9999-12-31'"),
    "timestamp": ("TIMESTAMP'0001-01-01 00:00:00'", "TIMESTAMP'9999-12-31 23:59:59.999999'"),
}


def value(field: Field, name: str) -> Column:
    """Return the value of the text column `name`; null where the text is null or blank, or cannot be a value."""
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return _formatted(field, name, field.format)
    if isinstance(field, DecimalField):
        return _decimal(field, name)
    return _VALUES.get(field.ddl, F.col)(name)


def offence(field: Field, found: Column, text: Column, null_value: str) -> Column | None:
    """Return whether a row is to be rejected for this column, never null; None where nothing can be wrong.

    `found` is the column of `value`, computed before, so that using it here costs nothing.
    """
    if isinstance(field, StringField):
        return None if field.nullable else found.isNull()
    wrong = found.isNull() if not field.nullable else found.isNull() & ~_is_empty(text, null_value)
    if field.ddl in _LIMITS:
        first, last = _LIMITS[field.ddl]
        inside = found.between(F.expr(first), F.expr(last)) | text.rlike(_SPECIAL_FLOATING)
        return F.when(found.isNull(), wrong).otherwise(~inside)
    return wrong


def shown(field: Field, found: Column) -> Column:
    """Return the value for the frame: a year that Python has no date for is null, also in a rejected row."""
    if field.ddl not in ("date", "timestamp"):
        return found
    first, last = _LIMITS[field.ddl]
    return F.when(found.between(F.expr(first), F.expr(last)), found)


def trimmed(text: Column) -> Column:
    """Return the text without the blanks around it."""
    return F.regexp_replace(text, _EDGES, "")


def _is_empty(text: Column, null_value: str) -> Column:
    """Whether a text means null, in a column that holds no strings: nothing, blanks, or the dialect's null value."""
    empty = text.isNull() | text.rlike(rf"\A{_BLANKS}\z")
    return empty | (trimmed(text) == null_value) if null_value else empty


def _cast(name: str, ddl: str) -> Column:
    return F.expr(f"try_cast({name} AS {ddl})")


def _whole(ddl: str) -> Callable[[str], Column]:
    return lambda name: _cast(name, ddl)


def _floating(ddl: str) -> Callable[[str], Column]:
    def rule(name: str) -> Column:
        text = F.col(name)
        java_only = reduce(or_, (text.contains(letter) for letter in _JAVA_LETTERS))
        return F.when(~java_only | text.contains("Infinity"), _cast(name, ddl))

    return rule


def _boolean(name: str) -> Column:
    text = F.col(name)
    return (
        F.when(text.isin("true", "True", "TRUE"), True)
        .when(text.isin("false", "False", "FALSE"), False)
        .when(F.lower(trimmed(text)) == "true", True)
        .when(F.lower(trimmed(text)) == "false", False)
    )


def _decimal(field: DecimalField, name: str) -> Column:
    text = F.col(name)
    point = F.instr(text, ".")
    ascii_only = F.octet_length(text) == F.length(text)
    short = ascii_only & ((point == 0) | (F.length(text) - point <= field.scale))
    before, behind = digits_needed(trimmed(text))
    fits = text.rlike(_EXPONENT_FORM) & (behind <= field.scale) & (before <= field.precision - field.scale)
    longer = rf"\A{_BLANKS}[+-]?+[0-9]*+\.[0-9]{{0,{field.scale}}}0*+{_BLANKS}\z"
    number = _cast(name, field.ddl)
    has_exponent = text.contains("e") | text.contains("E")
    # Spark finds no room for zero with a large exponent.
    scaled = F.when(before + behind == 0, F.lit(0).cast(field.ddl)).otherwise(number)
    return F.when(has_exponent, F.when(fits, scaled)).when(short | text.rlike(longer), number)


def digits_needed(number: Column) -> tuple[Column, Column]:
    """Return how many digits a number's text needs before and behind the point, once its exponent is taken in."""
    mantissa = F.regexp_replace(number, "^[+-]|[eE].*$", "")
    has_exponent = number.rlike("[eE][+-]?[0-9]{1,9}$")
    exponent = F.when(has_exponent, F.regexp_extract(number, "[eE]([+-]?[0-9]+)$", 1)).cast("int")
    point = F.length(F.substring_index(mantissa, ".", 1)) + F.coalesce(exponent, F.lit(0))
    digits = F.replace(mantissa, F.lit("."), F.lit(""))
    leading = F.length(F.regexp_extract(digits, "^0*", 0))
    significant = F.length(F.regexp_replace(digits, "0+$", ""))
    before = F.when(significant == 0, 0).otherwise(F.greatest(point - leading, F.lit(0)))
    behind = F.when(significant == 0, 0).otherwise(F.greatest(significant - point, F.lit(0)))
    return before, behind


def _date(name: str) -> Column:
    return F.when(F.col(name).rlike(rf"\A{_BLANKS}{_DAY}{_BLANKS}\z"), _cast(name, "date"))


def _timestamp(name: str) -> Column:
    text = F.col(name)
    # Parsing the zone `Z` costs four times the rest; the session is in UTC, so it can go.
    without_zone = F.expr(f"try_cast(trim(TRAILING 'Z' FROM {name}) AS timestamp)")
    # The cast takes no offset behind a time without seconds.
    with_seconds = F.regexp_replace(trimmed(text), r"\A(.{16})(Z|[+-].*)?\z", "$1:00$2")
    return F.when(text.rlike(_LOCAL_OR_UTC), without_zone).when(
        text.rlike(_ANY_OFFSET), F.try_to_timestamp(with_seconds)
    )


def _formatted(field: Field, name: str, pattern: str) -> Column:
    moment = F.try_to_timestamp(trimmed(F.col(name)), F.lit(pattern))
    return moment.cast("date") if isinstance(field, DateField) else moment


def _binary(name: str) -> Column:
    text = F.col(name)
    return F.when(text.rlike(_BASE64), F.unbase64(F.when(~text.rlike(rf"\A{_BLANKS}\z"), trimmed(text))))


_VALUES: Mapping[str, Callable[[str], Column]] = {
    "int": _whole("int"),
    "bigint": _whole("bigint"),
    "double": _floating("double"),
    "float": _floating("float"),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "binary": _binary,
}

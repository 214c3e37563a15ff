"""Why a text is not a value, in words for people: rules that look at the text only, one per type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from alur_nb.runtime.types import DateField, DecimalField, Field, StringField, TimestampField

NULL_REASON = "null in a column that is not nullable"
_SHOWN_CHARACTERS = 60
_BLANKS = r"[\x00-\x20\x7f]+"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_SPECIAL = ("NaN", "Infinity", "-Infinity")
_LONG_EXPONENT = "[eE][+-]?0*[0-9]{4,}$"
_TIMESTAMP = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)
_CLOCK = r"^.{11}(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?(?:[^:0-9]|$)"
_CLOCK_PARTS = "[T ]([0-9]{2}):([0-9]{2})"
_OFFSET_PARTS = r":[0-9]{2}(?:\.[0-9]+)?([+-])([0-9]{2}):?([0-9]{2})?$"
_OFFSET = r"[T ].*[+-](?:(?:0[0-9]|1[0-7])(?::?[0-5][0-9])?|18(?::?00)?)$"
# The middle between the largest float and the next power of two: from here on a text rounds to Infinity.
_FLOAT_LIMIT = 3.4028235677973366e38
_LIMITS = {"int": (2**31, "integer", "long"), "bigint": (2**63, "long", "decimal")}


def reason(field: Field, text: Column, null_value: str) -> Column:
    """Return why the text is not accepted; null where it is."""
    null_reason = _nothing() if field.nullable else F.lit(NULL_REASON)
    if isinstance(field, StringField):
        return F.when(text.isNull(), null_reason)
    bare = F.regexp_replace(text, f"^{_BLANKS}|{_BLANKS}$", "")
    empty = text.isNull() | (bare == "") | (bare == null_value)
    return F.when(empty, null_reason).otherwise(_rule(field)(bare))


def _rule(field: Field) -> Callable[[Column], Column]:
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return _formatted(field.format)
    if isinstance(field, DecimalField):
        return _decimal(field)
    return _RULES[field.ddl]


def _nothing() -> Column:
    return F.lit(None).cast("string")


def _says(text: Column, words: str) -> Column:
    """Return "`text` words", the text in one line and not too long."""
    line = F.translate(text, "`\r\n\t", "'   ")
    short = F.when(F.length(line) <= _SHOWN_CHARACTERS, line).otherwise(
        F.concat(F.substring(line, 1, _SHOWN_CHARACTERS), F.lit("..."))
    )
    return F.concat(F.lit("`"), short, F.lit(f"` {words}"))


def _integer(ddl: str) -> Callable[[Column], Column]:
    limit, name, wider = _LIMITS[ddl]

    def rule(text: Column) -> Column:
        digits = F.regexp_replace(text, "^[+-]?0*", "")
        # As texts of one length, digits compare as numbers do.
        highest = F.when(text.startswith("-"), F.lit(str(limit))).otherwise(F.lit(str(limit - 1)))
        size = len(str(limit))
        too_large = (F.length(digits) > size) | ((F.length(digits) == size) & (digits > highest))
        number = text.rlike("^[+-]?[0-9]+$")
        return (
            F.when(number & ~too_large, _nothing())
            .when(number, _says(text, f"is outside of the range of {name}: declare {wider}"))
            .when(text.rlike(_NUMBER), _says(text, "is not written as a whole number: declare double"))
            .otherwise(_says(text, "is not a whole number"))
        )

    return rule


def _floating(name: str) -> Callable[[Column], Column]:
    def rule(text: Column) -> Column:
        number = text.rlike(_NUMBER)
        size = F.abs(F.when(number, text).cast("double"))
        fits = size < float("inf")
        if name == "float":
            # On the border itself a double cannot tell which side the text was on.
            fits = (size < _FLOAT_LIMIT) | (
                (size == _FLOAT_LIMIT) & (F.abs(F.when(number, text).cast("float")) < float("inf"))
            )
        return (
            F.when(text.isin(*_SPECIAL) | (number & fits), _nothing())
            .when(number, _says(text, f"is too large for a {name}"))
            .otherwise(_no_number(text))
        )

    return rule


def _no_number(text: Column) -> Column:
    comma = text.rlike("^[+-]?[0-9.]*,[0-9.,]*$")
    return F.when(comma, _says(text, "is not a number: it has a comma")).otherwise(
        _says(text, "is not a number")
    )


def _decimal(field: DecimalField) -> Callable[[Column], Column]:
    whole = field.precision - field.scale

    def rule(text: Column) -> Column:
        number = text.rlike(_NUMBER) & ~text.rlike(_LONG_EXPONENT)
        before, behind = _digits_needed(text)
        return (
            F.when(text.isin(*_SPECIAL), _says(text, "is not a decimal: declare double"))
            .when(~number, _no_number(text))
            .when(
                behind > field.scale, _says(text, f"has more than {_counted(field.scale, 'decimal place')}")
            )
            .when(before > whole, _says(text, f"has more than {_counted(whole, 'digit')} before the point"))
        )

    return rule


def _digits_needed(number: Column) -> tuple[Column, Column]:
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


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _boolean(text: Column) -> Column:
    return F.when(~F.lower(text).isin("true", "false"), _says(text, "is not true or false"))


def _date(text: Column) -> Column:
    return F.when(~text.rlike(_DATE), _says(text, "is not a date: yyyy-MM-dd")).when(
        ~_in_calendar(text), _says(text, "is not a day of the calendar")
    )


def _in_calendar(day: Column) -> Column:
    """Whether `yyyy-MM-dd` is a day from year 1 on; by a formatter, where the fast reading has a cast."""
    parsed = F.try_to_timestamp(day, F.lit("yyyy-MM-dd"))
    return parsed.isNotNull() & ~day.startswith("0000")


def _timestamp(text: Column) -> Column:
    day = F.substring(text, 1, 10)
    return (
        F.when(text.rlike(_DATE), _says(text, "has no time of day: declare date"))
        .when(~text.rlike(_TIMESTAMP), _says(text, "is not a timestamp: yyyy-MM-dd HH:mm:ss"))
        .when(~_in_calendar(day) | ~text.rlike(_CLOCK), _says(text, "is not a moment of the calendar"))
        .when(
            text.rlike("[T ].*[+-]") & ~text.rlike(_OFFSET),
            _says(text, "has an offset of more than 18 hours"),
        )
        .when(_leaves_years(text, day), _says(text, "is outside of the years 1 to 9999 in UTC"))
    )


def _leaves_years(text: Column, day: Column) -> Column:
    """Whether the offset moves the first or the last day over the edge of the years that have four digits."""
    minutes = _number_at(text, _CLOCK_PARTS, 1) * 60 + _number_at(text, _CLOCK_PARTS, 2)
    offset = _number_at(text, _OFFSET_PARTS, 2) * 60 + _number_at(text, _OFFSET_PARTS, 3)
    early = (day == "0001-01-01") & text.rlike(r"[T ].*\+") & (minutes < offset)
    late = (day == "9999-12-31") & text.rlike("[T ].*-") & (minutes + offset >= 24 * 60)
    return early | late


def _number_at(text: Column, pattern: str, group: int) -> Column:
    found = F.regexp_extract(text, pattern, group)
    return F.when(found != "", found).otherwise(F.lit("0")).cast("int")


def _formatted(pattern: str) -> Callable[[Column], Column]:
    def rule(text: Column) -> Column:
        parsed = F.try_to_timestamp(text, F.lit(pattern))
        inside = parsed.between(
            F.expr("TIMESTAMP'0001-01-01 00:00:00'"), F.expr("TIMESTAMP'9999-12-31 23:59:59.999999'")
        )
        return F.when(~F.coalesce(inside, F.lit(False)), _says(text, f"does not match the format {pattern}"))

    return rule


def _binary(text: Column) -> Column:
    plain = F.regexp_replace(text, "=", "")
    groups = (F.length(text) % 4 == 0) & text.rlike("^[A-Za-z0-9+/]*={0,2}$") & (F.length(plain) > 0)
    return F.when(~groups, _says(text, "is not base64"))


_RULES: Mapping[str, Callable[[Column], Column]] = {
    "int": _integer("int"),
    "bigint": _integer("bigint"),
    "double": _floating("double"),
    "float": _floating("float"),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "binary": _binary,
}

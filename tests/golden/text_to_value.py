"""The contract of reading CSV: what a cell, written as it stands in the file, becomes under each type, and why.

A row is `(cell, value or Rejected(reason), why this row is here)`. Both readings, `read` and `explain`, answer to it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from alur_nb.runtime.types import (
    BinaryField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    FloatField,
    IntegerField,
    LongField,
    StringField,
    TimestampField,
)


@dataclass(frozen=True)
class Rejected:
    """The row is refused, with this reason."""

    reason: str


Row = tuple[str, object, str]

NULL = Rejected("null in a column that is not nullable")
INF, NAN = float("inf"), float("nan")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(*parts: int, offset: float = 0) -> datetime:
    """Return a moment in UTC from its parts in a zone `offset` hours ahead."""
    return datetime(*parts, tzinfo=timezone(timedelta(hours=offset))).astimezone(UTC)  # type: ignore[misc,arg-type]


INTEGERS: list[Row] = [
    ("5", 5, "a digit"),
    ("0", 0, "zero"),
    ("-0", 0, "a sign before zero"),
    ("+5", 5, "a plus sign"),
    ("-5", -5, "a minus sign"),
    ("007", 7, "leading zeros"),
    ("2147483647", 2147483647, "the largest"),
    ("-2147483648", -2147483648, "the smallest"),
    ("0000000000000000000000000000000000000000005", 5, "more zeros than any number has digits"),
    (" 5", 5, "a blank in front"),
    ("5 ", 5, "a blank behind"),
    ("\t5\t", 5, "tabs are blanks"),
    ('"5"', 5, "quoted"),
    ('" 5 "', 5, "blanks inside of quotes"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    ("   ", None, "blanks are null"),
    ('" "', None, "quoted blanks are null"),
    ("2147483648", Rejected("`2147483648` is outside of the range of integer: declare long"), "one too many"),
    (
        "-2147483649",
        Rejected("`-2147483649` is outside of the range of integer: declare long"),
        "one too few",
    ),
    (
        "99999999999999999999",
        Rejected("`99999999999999999999` is outside of the range of integer: declare long"),
        "never wraps",
    ),
    (
        "517.0",
        Rejected("`517.0` is not written as a whole number: declare double"),
        "what pandas writes for integers with nulls",
    ),
    ("5.", Rejected("`5.` is not written as a whole number: declare double"), "a point"),
    ("1e3", Rejected("`1e3` is not written as a whole number: declare double"), "an exponent"),
    ("abc", Rejected("`abc` is not a whole number"), "a word"),
    ("1,000", Rejected("3 values, the header has 2 columns"), "unquoted, a comma is a separator"),
    ('"1,000"', Rejected("`1,000` is not a whole number"), "thousands marks are not guessed"),
    ("1_000", Rejected("`1_000` is not a whole number"), "Python's marks neither"),
    ("1 000", Rejected("`1 000` is not a whole number"), "a blank inside"),
    ("0x1F", Rejected("`0x1F` is not a whole number"), "no hexadecimal"),
    ("--5", Rejected("`--5` is not a whole number"), "two signs"),
    ("+", Rejected("`+` is not a whole number"), "a sign alone"),
    ("- 5", Rejected("`- 5` is not a whole number"), "a blank behind the sign"),
    ("5-", Rejected("`5-` is not a whole number"), "a sign behind"),
    (
        "NULL",
        Rejected("`NULL` is not a whole number"),
        "null is an empty cell, unless nullValue says otherwise",
    ),
    ("NaN", Rejected("`NaN` is not a whole number"), "not a number, not a whole number"),
    ("true", Rejected("`true` is not a whole number"), "a truth value"),
    ("٥", Rejected("`٥` is not a whole number"), "other scripts' digits are letters here"),
    ("５", Rejected("`５` is not a whole number"), "so are wide digits"),
    ("\u00a05", Rejected("`\u00a05` is not a whole number"), "a no-break space is no blank"),
    ("5`6", Rejected("`5'6` is not a whole number"), "a back-tick does not break the reason's marks"),
    ("x" * 70, Rejected(f"`{'x' * 60}...` is not a whole number"), "a long text is shown short"),
]
LONGS: list[Row] = [
    ("9223372036854775807", 9223372036854775807, "the largest"),
    ("-9223372036854775808", -9223372036854775808, "the smallest"),
    ("9007199254740993", 9007199254740993, "never by way of a double"),
    (
        "9223372036854775808",
        Rejected("`9223372036854775808` is outside of the range of long: declare decimal"),
        "one too many",
    ),
    (
        "-9223372036854775809",
        Rejected("`-9223372036854775809` is outside of the range of long: declare decimal"),
        "one too few",
    ),
    ("1e18", Rejected("`1e18` is not written as a whole number: declare double"), "an exponent"),
    ("12L", Rejected("`12L` is not a whole number"), "a suffix of programmers"),
]
DOUBLES: list[Row] = [
    ("1.5", 1.5, "a point"),
    ("-1.5", -1.5, "a sign"),
    ("+1.5", 1.5, "a plus sign"),
    ("1", 1.0, "digits"),
    ("1.", 1.0, "a point behind"),
    (".5", 0.5, "a point in front"),
    ("1e3", 1000.0, "an exponent"),
    ("1E3", 1000.0, "a capital exponent"),
    ("1.5e-3", 0.0015, "a negative exponent"),
    ("1e+3", 1000.0, "an exponent with plus"),
    ("-0.0", -0.0, "negative zero"),
    (" 1.5 ", 1.5, "blanks around"),
    ('"1.5"', 1.5, "quoted"),
    ("0.1", 0.1, "the nearest double"),
    ("1.7976931348623157e308", 1.7976931348623157e308, "the largest"),
    ("4.9e-324", 5e-324, "the smallest above zero"),
    ("1e-400", 0.0, "too small is zero, the nearest double"),
    ("123456789012345678901234567890", 1.2345678901234568e29, "more digits than a double has"),
    ("NaN", NAN, "as Java prints it"),
    ("Infinity", INF, "as Java prints it"),
    ("-Infinity", -INF, "as Java prints it"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    (" ", None, "a blank is null"),
    ("1e400", Rejected("`1e400` is too large for a double"), "never silently Infinity"),
    ("-1e400", Rejected("`-1e400` is too large for a double"), "nor -Infinity"),
    ("1e99999999999", Rejected("`1e99999999999` is too large for a double"), "an exponent beyond all"),
    ("12F", Rejected("`12F` is not a number"), "Java takes it"),
    ("12f", Rejected("`12f` is not a number"), "Java takes it"),
    ("1.5d", Rejected("`1.5d` is not a number"), "Java takes it"),
    ("1.5D", Rejected("`1.5D` is not a number"), "Java takes it"),
    ("0x1p3", Rejected("`0x1p3` is not a number"), "Java takes it"),
    ("0X1P3", Rejected("`0X1P3` is not a number"), "Java takes it"),
    ('"12,34"', Rejected("`12,34` is not a number: it has a comma"), "a decimal comma is not guessed"),
    ('"1,234.5"', Rejected("`1,234.5` is not a number: it has a comma"), "nor a thousands mark"),
    ("nan", Rejected("`nan` is not a number"), "Spark's cast takes it"),
    ("inf", Rejected("`inf` is not a number"), "Spark's cast takes it"),
    ("+Infinity", Rejected("`+Infinity` is not a number"), "Java does not print it"),
    ("infinity", Rejected("`infinity` is not a number"), "Spark's cast takes it"),
    ("-NaN", Rejected("`-NaN` is not a number"), "nobody prints it"),
    ("1e", Rejected("`1e` is not a number"), "an exponent without digits"),
    ("e5", Rejected("`e5` is not a number"), "an exponent alone"),
    (".", Rejected("`.` is not a number"), "a point alone"),
    ("1.2.3", Rejected("`1.2.3` is not a number"), "two points"),
    ("$1.50", Rejected("`$1.50` is not a number"), "a currency"),
    ("50%", Rejected("`50%` is not a number"), "a percentage"),
    ("1 .5", Rejected("`1 .5` is not a number"), "a blank inside"),
    ("١.٥", Rejected("`١.٥` is not a number"), "other scripts' digits"),
    ("null", Rejected("`null` is not a number"), "a word"),
]
FLOATS: list[Row] = [
    ("1.5", 1.5, "exact in a float"),
    ("0.1", 0.10000000149011612, "the nearest float"),
    ("3.4028235e38", 3.4028234663852886e38, "the largest"),
    ("-3.4028235677973365e38", -3.4028234663852886e38, "still rounds to the largest"),
    ("NaN", NAN, "as Java prints it"),
    ("-Infinity", -INF, "as Java prints it"),
    ("1e-60", 0.0, "too small is zero"),
    ("3.4028236e38", Rejected("`3.4028236e38` is too large for a float"), "one step too large"),
    ("1e39", Rejected("`1e39` is too large for a float"), "never silently Infinity"),
    ("1.5f", Rejected("`1.5f` is not a number"), "Java takes it"),
    ("1e400", Rejected("`1e400` is too large for a float"), "too large for a double, too"),
]
DECIMALS: list[Row] = [
    ("1.23", Decimal("1.23"), "as many places as the scale"),
    ("1.2", Decimal("1.20"), "fewer places"),
    ("1", Decimal("1.00"), "no point"),
    ("1.", Decimal("1.00"), "a point behind"),
    (".5", Decimal("0.50"), "a point in front"),
    ("-1.23", Decimal("-1.23"), "a sign"),
    ("+1.23", Decimal("1.23"), "a plus sign"),
    ("1.2300000", Decimal("1.23"), "zeros beyond the scale lose nothing"),
    ("12345678.90", Decimal("12345678.90"), "all the digits there are"),
    ("0000000012345678.90", Decimal("12345678.90"), "leading zeros"),
    ("0.00", Decimal("0.00"), "zero"),
    ("-0", Decimal("0.00"), "decimals have one zero"),
    (" 1.23 ", Decimal("1.23"), "blanks around"),
    ("\t1.2 ", Decimal("1.20"), "a blank is no digit behind the point"),
    ("1.5e2", Decimal("150.00"), "an exponent"),
    ("123e-2", Decimal("1.23"), "a negative exponent"),
    ("1.200e-1", Decimal("0.12"), "zeros that an exponent moves"),
    ("0e999", Decimal("0.00"), "zero has no size"),
    ("0e-999", Decimal("0.00"), "nor places"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    ("  ", None, "blanks are null"),
    ("1.239", Rejected("`1.239` has more than 2 decimal places"), "never rounded"),
    ("1.001", Rejected("`1.001` has more than 2 decimal places"), "never cut"),
    (
        "1.0000000000000000000000000000000000000001",
        Rejected("`1.0000000000000000000000000000000000000001` has more than 2 decimal places"),
        "a digit beyond all decimals",
    ),
    ("123e-3", Rejected("`123e-3` has more than 2 decimal places"), "an exponent loses a digit"),
    ("1e-999", Rejected("`1e-999` has more than 2 decimal places"), "an exponent loses all"),
    ("123456789", Rejected("`123456789` has more than 8 digits before the point"), "too large"),
    ("99999999.999", Rejected("`99999999.999` has more than 2 decimal places"), "would round to too large"),
    ("1e8", Rejected("`1e8` has more than 8 digits before the point"), "an exponent makes it too large"),
    ("1e999", Rejected("`1e999` has more than 8 digits before the point"), "far too large"),
    ("1e-999999999", Rejected("`1e-999999999` is not a number"), "an exponent that would take Java hours"),
    ("1e999999999", Rejected("`1e999999999` is not a number"), "or all its memory"),
    (
        '"12,34"',
        Rejected("`12,34` is not a number: it has a comma"),
        "Spark's reader drops the comma: 1234.00",
    ),
    ('"1,234.50"', Rejected("`1,234.50` is not a number: it has a comma"), "a thousands mark is not guessed"),
    ("12F", Rejected("`12F` is not a number"), "a suffix"),
    ("NaN", Rejected("`NaN` is not a decimal: declare double"), "decimals have no such value"),
    ("Infinity", Rejected("`Infinity` is not a decimal: declare double"), "nor this one"),
    ("٣", Rejected("`٣` is not a number"), "Java's BigDecimal takes other scripts' digits"),
    ("1.2.3", Rejected("`1.2.3` is not a number"), "two points"),
    ("abc", Rejected("`abc` is not a number"), "a word"),
    ("€5", Rejected("`€5` is not a number"), "a currency"),
]
WIDE_DECIMALS: list[Row] = [
    ("9" * 38, Decimal("9" * 38), "38 nines"),
    ("1e37", Decimal(10) ** 37, "38 digits by exponent"),
    ("5.0", Decimal(5), "a zero behind the point loses nothing"),
    ("5.5", Rejected("`5.5` has more than 0 decimal places"), "scale 0"),
    ("1" + "0" * 38, Rejected(f"`1{'0' * 38}` has more than 38 digits before the point"), "39 digits"),
]
FRACTIONS: list[Row] = [
    ("0.12345", Decimal("0.12345"), "no digit before the point"),
    (".00001", Decimal("0.00001"), "the smallest"),
    ("1e-5", Decimal("0.00001"), "by exponent"),
    ("1", Rejected("`1` has more than 0 digits before the point"), "no room for a one"),
]
BOOLEANS: list[Row] = [
    ("true", True, "as Java prints it"),
    ("false", False, "as Java prints it"),
    ("TRUE", True, "as Excel prints it"),
    ("False", False, "as Python prints it"),
    ("tRuE", True, "in any case"),
    (" false ", False, "blanks around"),
    ('"true"', True, "quoted"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    ("yes", Rejected("`yes` is not true or false"), "Spark's cast takes it"),
    ("y", Rejected("`y` is not true or false"), "Spark's cast takes it"),
    ("t", Rejected("`t` is not true or false"), "Spark's cast takes it"),
    ("1", Rejected("`1` is not true or false"), "Spark's cast takes it"),
    ("0", Rejected("`0` is not true or false"), "Spark's cast takes it"),
    ("\t\t\ty", Rejected("`y` is not true or false"), "as long as true"),
    ("wahr", Rejected("`wahr` is not true or false"), "a word"),
]
DATES: list[Row] = [
    ("2024-01-31", date(2024, 1, 31), "yyyy-MM-dd"),
    ("2024-02-29", date(2024, 2, 29), "a leap day"),
    ("0001-01-01", date(1, 1, 1), "the first day"),
    ("9999-12-31", date(9999, 12, 31), "the last day, as open ends are written"),
    ("1582-10-10", date(1582, 10, 10), "one calendar for all times"),
    (" 2024-01-31 ", date(2024, 1, 31), "blanks around"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    ("2023-02-29", Rejected("`2023-02-29` is not a day of the calendar"), "no leap year"),
    ("2024-02-30", Rejected("`2024-02-30` is not a day of the calendar"), "aborts Spark's typed read"),
    ("2024-13-01", Rejected("`2024-13-01` is not a day of the calendar"), "month 13"),
    ("0000-00-00", Rejected("`0000-00-00` is not a day of the calendar"), "what MySQL writes for no date"),
    ("0000-01-01", Rejected("`0000-01-01` is not a day of the calendar"), "there was no year 0"),
    ("2024", Rejected("`2024` is not a date: yyyy-MM-dd"), "never the first of January"),
    ("2024-01", Rejected("`2024-01` is not a date: yyyy-MM-dd"), "never the first of the month"),
    ("2024-1-1", Rejected("`2024-1-1` is not a date: yyyy-MM-dd"), "Spark's cast takes it"),
    (
        "2024-01-1T",
        Rejected("`2024-01-1T` is not a date: yyyy-MM-dd"),
        "ten characters that Spark's cast takes",
    ),
    ("2024-01-1 ", Rejected("`2024-01-1` is not a date: yyyy-MM-dd"), "ten with the blank"),
    ("2024-01-31 10:00", Rejected("`2024-01-31 10:00` is not a date: yyyy-MM-dd"), "a time would be lost"),
    ("2024-01-31T00:00:00", Rejected("`2024-01-31T00:00:00` is not a date: yyyy-MM-dd"), "even midnight"),
    ("31.01.2024", Rejected("`31.01.2024` is not a date: yyyy-MM-dd"), "needs format="),
    ("01/31/2024", Rejected("`01/31/2024` is not a date: yyyy-MM-dd"), "needs format="),
    (
        "20240131",
        Rejected("`20240131` is not a date: yyyy-MM-dd"),
        "Spark's cast takes no more than 7 digits",
    ),
    ("12024-01-31", Rejected("`12024-01-31` is not a date: yyyy-MM-dd"), "five digits of years"),
    ("+2024-01-31", Rejected("`+2024-01-31` is not a date: yyyy-MM-dd"), "a sign"),
    ("today", Rejected("`today` is not a date: yyyy-MM-dd"), "a word"),
]
TIMESTAMPS: list[Row] = [
    ("2024-01-31 10:15:30", at(2024, 1, 31, 10, 15, 30), "a blank between"),
    ("2024-01-31T10:15:30", at(2024, 1, 31, 10, 15, 30), "a T between"),
    ("2024-01-31 10:15", at(2024, 1, 31, 10, 15), "without seconds"),
    ("2024-01-31T10:15Z", at(2024, 1, 31, 10, 15), "UTC said"),
    ("2024-01-31T10:15:30.5", at(2024, 1, 31, 10, 15, 30, 500000), "a fraction"),
    ("2024-01-31T10:15:30.123456", at(2024, 1, 31, 10, 15, 30, 123456), "microseconds"),
    ("2024-01-31T10:15:30.123456000", at(2024, 1, 31, 10, 15, 30, 123456), "zeros beyond lose nothing"),
    ("2024-01-31T10:15:30.000000000Z", at(2024, 1, 31, 10, 15, 30), "nanoseconds that are none"),
    ("2024-01-31T10:15:30+01:00", at(2024, 1, 31, 10, 15, 30, offset=1), "an offset"),
    ("2024-01-31T10:15:30+0530", at(2024, 1, 31, 10, 15, 30, offset=5.5), "an offset without a colon"),
    ("2024-01-31T10:15:30-08", at(2024, 1, 31, 10, 15, 30, offset=-8), "an offset of hours"),
    ("2024-01-31 10:15-08:00", at(2024, 1, 31, 10, 15, offset=-8), "an offset without seconds"),
    ("2024-01-31T10:15:30+18:00", at(2024, 1, 31, 10, 15, 30, offset=18), "the largest offset"),
    ("2024-03-31 02:30:00", at(2024, 3, 31, 2, 30), "no hour is missing in UTC"),
    ("2024-01-31 00:00:00", at(2024, 1, 31), "midnight"),
    ("0001-01-01 00:00:00", at(1, 1, 1), "the first moment"),
    ("9999-12-31 23:59:59.999999", at(9999, 12, 31, 23, 59, 59, 999999), "the last moment"),
    (" 2024-01-31 10:15 ", at(2024, 1, 31, 10, 15), "blanks around"),
    ("", None, "nothing is null"),
    ('" "', None, "quoted blanks are null"),
    ("12:30", Rejected("`12:30` is not a timestamp: yyyy-MM-dd HH:mm:ss"), "never today at 12:30"),
    ("T12:30", Rejected("`T12:30` is not a timestamp: yyyy-MM-dd HH:mm:ss"), "Spark's cast takes it"),
    ("2024-01-31", Rejected("`2024-01-31` has no time of day: declare date"), "a date alone"),
    ("2024-01-31 ", Rejected("`2024-01-31` has no time of day: declare date"), "a date and a blank"),
    (
        "2024-01-31T",
        Rejected("`2024-01-31T` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "Spark's cast takes it",
    ),
    ("2024-01-31 10", Rejected("`2024-01-31 10` is not a timestamp: yyyy-MM-dd HH:mm:ss"), "an hour alone"),
    (
        "2024-01-31  10:15",
        Rejected("`2024-01-31  10:15` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "two blanks",
    ),
    (
        "2024-1-31 10:15",
        Rejected("`2024-1-31 10:15` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "Spark's cast takes it",
    ),
    (
        "2024-01-31 9:15",
        Rejected("`2024-01-31 9:15` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "Spark's cast takes it",
    ),
    (
        "2024-01-31 10:15:5Z",
        Rejected("`2024-01-31 10:15:5Z` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "19 characters that Spark's cast takes",
    ),
    (
        "2024-01-31 10:15:30.1234567",
        Rejected("`2024-01-31 10:15:30.1234567` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "a digit would be lost",
    ),
    (
        "2024-01-31 10:15:30.",
        Rejected("`2024-01-31 10:15:30.` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "a point alone",
    ),
    ("2024-01-31 24:00:00", Rejected("`2024-01-31 24:00:00` is not a moment of the calendar"), "no hour 24"),
    ("2024-01-31 24:00", Rejected("`2024-01-31 24:00` is not a moment of the calendar"), "no hour 24"),
    ("2024-01-31 10:60", Rejected("`2024-01-31 10:60` is not a moment of the calendar"), "no minute 60"),
    (
        "2024-01-31 23:59:60",
        Rejected("`2024-01-31 23:59:60` is not a moment of the calendar"),
        "no leap second",
    ),
    ("2024-02-30 10:15", Rejected("`2024-02-30 10:15` is not a moment of the calendar"), "no such day"),
    (
        "0000-01-01 00:00",
        Rejected("`0000-01-01 00:00` is not a moment of the calendar"),
        "there was no year 0",
    ),
    (
        "2024-01-31T10:15:30+19:00",
        Rejected("`2024-01-31T10:15:30+19:00` has an offset of more than 18 hours"),
        "no such zone",
    ),
    (
        "2024-01-31T10:15:30+18:01",
        Rejected("`2024-01-31T10:15:30+18:01` has an offset of more than 18 hours"),
        "a minute too far",
    ),
    (
        "2024-01-31T10:15:30+01:60",
        Rejected("`2024-01-31T10:15:30+01:60` has an offset of more than 18 hours"),
        "60 minutes of offset",
    ),
    (
        "0001-01-01T00:00+01:00",
        Rejected("`0001-01-01T00:00+01:00` is outside of the years 1 to 9999 in UTC"),
        "falls into year 0",
    ),
    (
        "9999-12-31T23:30-01:00",
        Rejected("`9999-12-31T23:30-01:00` is outside of the years 1 to 9999 in UTC"),
        "falls into year 10000",
    ),
    (
        "2024-01-31T10:15:30 Z",
        Rejected("`2024-01-31T10:15:30 Z` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "a blank before the zone",
    ),
    (
        "2024-01-31T10:15:30 Europe/Berlin",
        Rejected("`2024-01-31T10:15:30 Europe/Berlin` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "zones by name change over time",
    ),
    (
        "2024-01-31T10:15:30UTC",
        Rejected("`2024-01-31T10:15:30UTC` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "Spark's cast takes it",
    ),
    (
        "2024-01-31T10:15:30+1",
        Rejected("`2024-01-31T10:15:30+1` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "Spark's cast takes it",
    ),
    (
        "2024-01-31t10:15:30",
        Rejected("`2024-01-31t10:15:30` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "a small t",
    ),
    (
        "1706696130",
        Rejected("`1706696130` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "seconds since 1970 are not guessed",
    ),
    (
        "31.01.2024 10:15",
        Rejected("`31.01.2024 10:15` is not a timestamp: yyyy-MM-dd HH:mm:ss"),
        "needs format=",
    ),
]
GERMAN_DATES: list[Row] = [
    ("31.01.2024", date(2024, 1, 31), "as the format says"),
    (" 31.01.2024 ", date(2024, 1, 31), "blanks around"),
    ("", None, "nothing is null"),
    ("30.02.2024", Rejected("`30.02.2024` does not match the format dd.MM.yyyy"), "no such day"),
    ("2024-01-31", Rejected("`2024-01-31` does not match the format dd.MM.yyyy"), "one format a column"),
    ("1.1.2024", Rejected("`1.1.2024` does not match the format dd.MM.yyyy"), "dd is two digits"),
    (
        "31.01.2024 10:15",
        Rejected("`31.01.2024 10:15` does not match the format dd.MM.yyyy"),
        "nothing behind",
    ),
    ("01.01.0000", Rejected("`01.01.0000` does not match the format dd.MM.yyyy"), "there was no year 0"),
]
GERMAN_TIMESTAMPS: list[Row] = [
    ("31.01.2024 10:15", at(2024, 1, 31, 10, 15), "as the format says, in UTC"),
    ('"31.01.2024 10:15"', at(2024, 1, 31, 10, 15), "quoted"),
    (
        "31.01.2024 24:00",
        Rejected("`31.01.2024 24:00` does not match the format dd.MM.yyyy HH:mm"),
        "no hour 24",
    ),
    ("31.01.2024", Rejected("`31.01.2024` does not match the format dd.MM.yyyy HH:mm"), "a date alone"),
    (
        "2024-01-31 10:15",
        Rejected("`2024-01-31 10:15` does not match the format dd.MM.yyyy HH:mm"),
        "one format a column",
    ),
]
BINARIES: list[Row] = [
    ("aGVsbG8=", b"hello", "base64"),
    ("aGVsbG8h", b"hello!", "no padding needed"),
    (" aGk= ", b"hi", "blanks around"),
    ("", None, "nothing is null"),
    ('""', None, "a quoted nothing is null"),
    ("aGk", Rejected("`aGk` is not base64"), "the padding is missing"),
    ("a", Rejected("`a` is not base64"), "too short"),
    ("====", Rejected("`====` is not base64"), "padding alone"),
    ("aG=k", Rejected("`aG=k` is not base64"), "padding inside"),
    ("aG k=", Rejected("`aG k=` is not base64"), "a blank inside"),
    ("_-__", Rejected("`_-__` is not base64"), "the alphabet for addresses"),
    ("0xFF", b"\xd3\x11\x45", "looks hexadecimal, is base64"),
]
STRINGS: list[Row] = [
    ("abc", "abc", "a word"),
    (" abc ", " abc ", "blanks are kept"),
    ("   ", "   ", "also alone"),
    ("\tabc", "\tabc", "tabs too"),
    ('""', "", "a quoted nothing is the empty string"),
    ("NULL", "NULL", "a word"),
    ('"a,b"', "a,b", "a separator in quotes"),
    ('"say ""hi"""', 'say "hi"', "doubled quotes"),
    ('""""', '"', "a quote alone"),
    ('"a\nb"', "a\nb", "a line end in quotes"),
    ('5" pipe', '5" pipe', "a quote inside of an unquoted text"),
    ("C:\\temp\\", "C:\\temp\\", "a backslash is a character"),
    ('"C:\\temp"', "C:\\temp", "in quotes, too"),
    ("é€😀", "é€😀", "any character"),
    ("'x'", "'x'", "single quotes are characters"),
    ("#x", "#x", "no comments unless asked for"),
    ("\u00a0", "\u00a0", "a no-break space"),
]
REQUIRED_INTEGERS: list[Row] = [
    ("5", 5, "a value"),
    ('""', NULL, "null"),
    (" ", NULL, "blank is null"),
    ("abc", Rejected("`abc` is not a whole number"), "the better reason wins"),
]
REQUIRED_STRINGS: list[Row] = [
    ("x", "x", "a value"),
    ('""', "", "the empty string is a value"),
    (" ", " ", "blanks are a value"),
]

GOLDEN: dict[str, tuple[Field, list[Row]]] = {
    "integer": (IntegerField(), INTEGERS),
    "long": (LongField(), LONGS),
    "double": (DoubleField(), DOUBLES),
    "float": (FloatField(), FLOATS),
    "decimal": (DecimalField(10, 2), DECIMALS),
    "wide_decimal": (DecimalField(38, 0), WIDE_DECIMALS),
    "fraction": (DecimalField(5, 5), FRACTIONS),
    "boolean": (BooleanField(), BOOLEANS),
    "date": (DateField(), DATES),
    "timestamp": (TimestampField(), TIMESTAMPS),
    "german_date": (DateField(format="dd.MM.yyyy"), GERMAN_DATES),
    "german_timestamp": (TimestampField(format="dd.MM.yyyy HH:mm"), GERMAN_TIMESTAMPS),
    "binary": (BinaryField(), BINARIES),
    "string": (StringField(), STRINGS),
    "required_integer": (IntegerField(nullable=False), REQUIRED_INTEGERS),
    "required_string": (StringField(nullable=False), REQUIRED_STRINGS),
}

# --- JSON lines ------------------------------------------------------------------------------------------------

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def json_spelling(field: Field, cell: str) -> str | None:
    """Return the cell of a CSV file as JSON writes such a value; None where JSON cannot, or has other rules."""
    if cell.startswith('"') or "," in cell:
        return None
    if isinstance(field, (StringField, DateField, TimestampField, BinaryField)):
        return json.dumps(cell) if cell else "null"
    if cell == "":
        return "null"
    if isinstance(field, BooleanField):
        return cell if cell in ("true", "false") else None
    if cell in ("NaN", "Infinity", "-Infinity") and field.ddl in ("double", "float"):
        return json.dumps(cell)
    return cell if _JSON_NUMBER.fullmatch(cell) else None


JSON_ONLY: dict[str, list[Row]] = {
    "integer": [
        ('"5"', Rejected('`"5"` is a text, not a whole number'), "a text is no number, whatever it says"),
        ('""', Rejected('`""` is a text, not a whole number'), "JSON has a word for null"),
        ("true", Rejected("`true` is true or false, not a whole number"), "never 1"),
        ("[5]", Rejected("`[5]` is a list, not a whole number"), "a list of one"),
        ('{"n": 5}', Rejected('`{"n": 5}` is an object, not a whole number'), "an object"),
        ("5.0", Rejected("`5.0` is not written as a whole number: declare double"), "what pandas writes"),
        (
            "9" * 5000,
            Rejected(f"`{'9' * 60}...` is outside of the range of integer: declare long"),
            "endless digits",
        ),
        ("null", None, "null is null"),
    ],
    "double": [
        ('"1.5"', Rejected('`"1.5"` is a text, not a number'), "a text is no number"),
        ('"inf"', Rejected('`"inf"` is a text, not a number'), "Python's word"),
        ("1e400", Rejected("`1e400` is too large for a double"), "never silently Infinity"),
        ("5", 5.0, "a whole number"),
    ],
    "decimal": [
        ('"1.23"', Rejected('`"1.23"` is a text, not a number'), "money in quotes: declare string"),
        ("0.1", Decimal("0.10"), "never by way of a double"),
        ("1.005", Rejected("`1.005` has more than 2 decimal places"), "never rounded"),
    ],
    "wide_decimal": [
        (
            "12345678901234567890123456789012345678",
            Decimal("12345678901234567890123456789012345678"),
            "exact",
        ),
    ],
    "boolean": [
        ('"true"', Rejected('`"true"` is a text, not true or false'), "a text"),
        ("1", Rejected("`1` is a number, not true or false"), "a number"),
    ],
    "date": [
        ("20240131", Rejected("`20240131` is a number, not a date in quotes"), "a number"),
        ('""', None, "a text of nothing is null, as in CSV"),
    ],
    "timestamp": [
        (
            "1706696130",
            Rejected("`1706696130` is a number, not a timestamp in quotes"),
            "no seconds since 1970",
        ),
    ],
    "binary": [("[104, 105]", Rejected("`[104, 105]` is a list, not base64 in quotes"), "a list of bytes")],
    "string": [
        ("5", Rejected("`5` is a number, not a text"), "`5` and `5.0` would be two texts"),
        ("true", Rejected("`true` is true or false, not a text"), "a truth value"),
        ('{"a": 1}', Rejected('`{"a": 1}` is an object, not a text'), "declare a struct"),
        ('""', "", "the empty string"),
        ('"\\u00e9"', "é", "an escape"),
        ('"\\ud83d\\ude00"', "😀", "two halves of a character"),
        ('"\\ud83d"', Rejected("a text has half of a character (a lone surrogate)"), "half of a character"),
        ('"a\\u0000b"', "a\0b", "any character"),
    ],
    "required_string": [("null", NULL, "null")],
}

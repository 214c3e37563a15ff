"""Which texts a column of a CSV file accepts, without Spark: the rules of the readers, for texts that were sampled.

A third telling of the rules after the two readings of `runtime.csv_values` and `runtime.csv_reasons`; the golden table
holds it to theirs. Where it is in doubt it refuses, so that what is inferred is what a run accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache

from alur_nb.runtime.jsonl_rules import Misfit, Number, convert_plain
from alur_nb.runtime.types import (
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    IntegerField,
    LongField,
    StringField,
    TimestampField,
)

BLANKS = "".join(map(chr, range(33))) + "\x7f"
"""Characters up to U+0020, and DEL: what the readers trim."""
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+")
SPECIAL = ("NaN", "Infinity", "-Infinity")

_LONG_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{4,}")
_LIMITS = {"int": 2**31, "bigint": 2**63}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The letters of Spark's datetime patterns that are inferred, each with what it reads.
_PARTS = {
    "yyyy": "(?P<year>[0-9]{4})",
    "MMM": f"(?P<month>{'|'.join(_MONTHS)})",
    "MM": "(?P<month>[0-9]{2})",
    "M": "(?P<month>[0-9]{1,2})",
    "dd": "(?P<day>[0-9]{2})",
    "d": "(?P<day>[0-9]{1,2})",
    "HH": "(?P<hour>[0-9]{2})",
    "H": "(?P<hour>[0-9]{1,2})",
    "hh": "(?P<half>[0-9]{2})",
    "h": "(?P<half>[0-9]{1,2})",
    "mm": "(?P<minute>[0-9]{2})",
    "ss": "(?P<second>[0-9]{2})",
    "a": "(?:AM|PM)",
}
_LETTERS = re.compile(r"(y+|M+|d+|H+|h+|m+|s+|a)|(.)")

Test = Callable[[str], bool]


def is_empty(text: str, null_value: str = "") -> bool:
    """Whether a text means null in a column that holds no strings."""
    bare = text.strip(BLANKS)
    return not bare or bare == null_value


def accepted_by(field: Field) -> Test:
    """Return the test that a text which is not empty must pass to be a value of the column."""
    if isinstance(field, StringField):
        return lambda text: True
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return formatted_as(field.format)
    rule = _rule(field)
    return lambda text: rule(text.strip(BLANKS))


def formatted_as(pattern: str) -> Test:
    """Return the test for Spark's datetime pattern; it knows the letters that are inferred, and refuses all else."""
    regex = _pattern_regex(pattern)

    def test(text: str) -> bool:
        found = regex.fullmatch(text.strip(BLANKS)) if regex else None
        return found is not None and _is_moment(found.groupdict())

    return test


@cache
def _pattern_regex(pattern: str) -> re.Pattern[str] | None:
    written = []
    for letters, sign in _LETTERS.findall(pattern):
        if (letters and letters not in _PARTS) or sign.isalpha() or sign == "'":
            return None
        written.append(_PARTS[letters] if letters else re.escape(sign))
    return re.compile("".join(written))


def _is_moment(parts: dict[str, str | None]) -> bool:
    """Whether the parts are of the calendar and the clock; Spark's parser is strict about both."""
    month = parts.get("month") or ""
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    try:
        date(int(parts["year"] or 0), number, int(parts["day"] or 0))
    except ValueError:
        return False
    half = parts.get("half")
    clock_is_right = half is None or 1 <= int(half) <= 12
    return (
        clock_is_right
        and int(parts.get("hour") or 0) < 24
        and int(parts.get("minute") or 0) < 60
        and int(parts.get("second") or 0) < 60
    )


def _rule(field: Field) -> Test:
    if isinstance(field, (IntegerField, LongField)):
        return _integer(_LIMITS[field.ddl])
    if isinstance(field, DoubleField):
        return lambda text: text in SPECIAL or (_is_number(text) and abs(float(text)) != float("inf"))
    if isinstance(field, DecimalField):
        return lambda text: _is_number(text) and not _LONG_EXPONENT.search(text) and _converts(field, text)
    if isinstance(field, BooleanField):
        return lambda text: text.isascii() and text.lower() in ("true", "false")
    if isinstance(field, (DateField, TimestampField)):
        return lambda text: _converts(field, text)
    return lambda text: False


def _integer(limit: int) -> Test:
    def test(text: str) -> bool:
        if not WHOLE.fullmatch(text):
            return False
        digits = text.lstrip("+-").lstrip("0") or "0"
        # Python refuses to read numbers of thousands of digits; these fit nothing here either.
        if len(digits) > len(str(limit)):
            return False
        number = -int(digits) if text[0] == "-" else int(digits)
        return -limit <= number < limit

    return test


def _is_number(text: str) -> bool:
    return NUMBER.fullmatch(text) is not None


def _converts(field: Field, text: str) -> bool:
    is_decimal = isinstance(field, DecimalField)
    try:
        convert_plain(field, Number(text) if is_decimal else text)
    except Misfit:
        return False
    return True

"""JSON value to column value, for the plain types: the rules of the golden table, in Python, with the same reasons."""

from __future__ import annotations

import json
import math
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal

from alur_nb.runtime.types import DecimalField, Field, StringField

NULL_REASON = "null in a column that is not nullable"
_SHOWN_CHARACTERS = 60
# Characters up to U+0020, and DEL: what the CSV readings trim as well.
_BLANKS = "".join(map(chr, range(33))) + "\x7f"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6})0*)?)?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_INTEGER = re.compile(r"-?[0-9]+")
_LONG_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{4,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LIMITS = {"int": (2**31, "integer", "long"), "bigint": (2**63, "long", "decimal")}
_SPECIAL = ("NaN", "Infinity", "-Infinity")
_EXACT = Context(prec=100)


class Misfit(ValueError):
    """A value that its column does not accept, with the reason in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Number(str):
    """A JSON number as it is written, so that no digit of it is lost."""

    __slots__ = ()


def convert_plain(column: Field, value: object) -> object:
    """Return the value of a column that is neither list, struct nor map; raises Misfit.

    Blank text is null for dates, timestamps and binary, as it is in CSV.
    """
    if isinstance(column, DecimalField):
        return _decimal(column, _number(value, "a number"))
    return _RULES[column.ddl](value)


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def says(value: object, words: str) -> str:
    """Return "`value` words", the value in one line and not too long."""
    text = value if isinstance(value, str) else as_json(value)
    line = text.translate(str.maketrans("`\r\n\t", "'   "))
    short = line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + "..."
    return f"`{short}` {words}"


def as_json(value: object) -> str:
    """Return the value as JSON text, its numbers as they were written; raises Misfit for half a character."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(_characters(value), ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_json(str(key))}: {as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return json.dumps(value)


def _characters(text: str) -> str:
    """Return the text where each of its characters is whole: JSON can write half of one, which UTF-8 cannot."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Misfit("a text has half of a character (a lone surrogate)") from None
    return text


def _text(value: object, wanted: str) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        raise Misfit(says(value, f"is {kind_of(value)}, not {wanted}"))
    return _characters(value)


def _number(value: object, wanted: str) -> str:
    if isinstance(value, Number):
        return str(value)
    shown = as_json(value) if isinstance(value, str) else value
    raise Misfit(says(shown, f"is {kind_of(value)}, not {wanted}"))


def _string(value: object) -> str:
    return _text(value, "a text")


def _integer(ddl: str) -> Callable[[object], int]:
    limit, name, wider = _LIMITS[ddl]

    def rule(value: object) -> int:
        text = _number(value, "a whole number")
        if not _INTEGER.fullmatch(text):
            raise Misfit(says(text, "is not written as a whole number: declare double"))
        # Python refuses to read numbers of thousands of digits; these fit nothing here either.
        number = int(text) if len(text) <= len(str(limit)) + 1 else limit
        if not -limit <= number < limit:
            raise Misfit(says(text, f"is outside of the range of {name}: declare {wider}"))
        return number

    return rule


def _floating(name: str) -> Callable[[object], float]:
    def rule(value: object) -> float:
        if value in _SPECIAL and isinstance(value, str):
            return float(value)  # as Spark and Java print them, for JSON has no such numbers
        text = _number(value, "a number")
        number = float(text)
        try:
            found = _nearest_float(text, number) if name == "float" else number
        except OverflowError:
            found = float("inf")
        if abs(found) == float("inf"):
            raise Misfit(says(text, f"is too large for a {name}"))
        return found

    return rule


def _nearest_float(text: str, number: float) -> float:
    """Return the 32-bit number nearest to the text; OverflowError where that is none.

    Rounding twice, to 64 bits and then to 32, can miss it; not where the first step rounds to the odd neighbour
    (Boldo and Melquiond, "When double rounding is odd", 2005).
    """
    exact = Decimal(text)
    is_even = struct.pack("<d", number)[0] % 2 == 0
    if is_even and abs(number) != math.inf and exact != Decimal(number):
        number = math.nextafter(number, math.inf if exact > Decimal(number) else -math.inf)
    found: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return found


def _decimal(column: DecimalField, text: str) -> Decimal:
    if _LONG_EXPONENT.search(text):
        raise Misfit(says(text, "is not a number"))
    number = Decimal(text)
    digits = "".join(map(str, number.as_tuple().digits))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # NaN and Infinity never come here
    significant = digits.rstrip("0")
    behind = -(exponent + len(digits) - len(significant)) if significant else 0
    before = len(digits.lstrip("0")) + exponent if significant else 0
    whole = column.precision - column.scale
    if behind > column.scale:
        raise Misfit(says(text, f"has more than {_counted(column.scale, 'decimal place')}"))
    if before > whole:
        raise Misfit(says(text, f"has more than {_counted(whole, 'digit')} before the point"))
    if not significant:
        return Decimal(0)
    return number.quantize(Decimal(1).scaleb(-column.scale), context=_EXACT)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    shown = as_json(value) if isinstance(value, str) else value
    raise Misfit(says(shown, f"is {kind_of(value)}, not true or false"))


def _date(value: object) -> date | None:
    text = _text(value, "a date in quotes").strip(_BLANKS)
    if not text:
        return None
    if not _DATE.fullmatch(text):
        raise Misfit(says(text, "is not a date: yyyy-MM-dd"))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misfit(says(text, "is not a day of the calendar")) from None


def _timestamp(value: object) -> datetime | None:
    text = _text(value, "a timestamp in quotes").strip(_BLANKS)
    if not text:
        return None
    if _DATE.fullmatch(text):
        raise Misfit(says(text, "has no time of day: declare date"))
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Misfit(says(text, "is not a timestamp: yyyy-MM-dd HH:mm:ss"))
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    micros = int((fraction or "").ljust(6, "0"))
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros, UTC
        )
    except ValueError:
        raise Misfit(says(text, "is not a moment of the calendar")) from None
    offset = 60 * int(hours or 0) + int(minutes or 0)
    if offset > 18 * 60 or int(minutes or 0) > 59:
        raise Misfit(says(text, "has an offset of more than 18 hours"))
    try:
        return local - timedelta(minutes=-offset if sign == "-" else offset)
    except OverflowError:
        raise Misfit(says(text, "is outside of the years 1 to 9999 in UTC")) from None


def _binary(value: object) -> bytes | None:
    text = _text(value, "base64 in quotes").strip(_BLANKS)
    if not text:
        return None
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise Misfit(says(text, "is not base64"))
    return b64decode(text)


_RULES: Mapping[str, Callable[[object], object]] = {
    StringField().ddl: _string,
    "int": _integer("int"),
    "bigint": _integer("bigint"),
    "double": _floating("double"),
    "float": _floating("float"),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "binary": _binary,
}

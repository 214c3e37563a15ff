r"""Text to value: what a CSV file's text must look like to become a column's value, as Spark expressions.

Everything is read as text and cast, which is also the fastest way: Spark's own typed CSV reader spends twice as long
on dates and timestamps. A cast alone is too generous (`12F` is a double to it, `2024` a date, `1.239` becomes 1.24),
so each type has the cheapest check that leaves only the accepted forms. Usual texts pass a check of some nanoseconds
(no letter in it, the length behind the point); only the others meet a pattern.

The expressions are written as SQL: a column's is one call into the JVM, and not one for each function in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alur_nb.runtime.types import DateField, DecimalField, Field, StringField, TimestampField

# Characters up to U+0020, and DEL, which Spark's casts trim as well.
_BLANKS = r"[\x00-\x20\x7f]*+"
_BLANK = rf"\A{_BLANKS}\z"
_EDGES = r"\A[\x00-\x20\x7f]+|[\x00-\x20\x7f]+\z"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ONE_DAY = rf"\A{_BLANKS}{_DAY}{_BLANKS}\z"
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


def text_literal(text: str) -> str:
    """Return the text as Spark SQL writes a string, whatever characters it has."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def value(field: Field, text: str) -> str:
    """Return the value of the text column `text`; null where that is null or blank, or cannot be a value."""
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return _formatted(field, text, field.format)
    if isinstance(field, DecimalField):
        return _decimal(field, text)
    return _VALUES.get(field.ddl, str)(text)


def offence(field: Field, found: str, text: str, null_value: str) -> str | None:
    """Return whether a row is to be rejected for this column, never null; None where nothing can be wrong.

    `found` is the column of `value`, computed before, so that using it here costs nothing.
    """
    if isinstance(field, StringField):
        return None if field.nullable else f"{found} IS NULL"
    wrong = f"{found} IS NULL"
    if field.nullable:
        wrong = f"({wrong} AND NOT {_is_empty(text, null_value)})"
    if field.ddl in _LIMITS:
        first, last = _LIMITS[field.ddl]
        outside = f"NOT ({found} BETWEEN {first} AND {last} OR {_like(text, _SPECIAL_FLOATING)})"
        return f"CASE WHEN {found} IS NULL THEN {wrong} ELSE {outside} END"
    return wrong


def shown(field: Field, found: str) -> str:
    """Return the value for the frame: a year that Python has no date for is null, also in a rejected row."""
    if field.ddl not in ("date", "timestamp"):
        return found
    first, last = _LIMITS[field.ddl]
    return f"CASE WHEN {found} BETWEEN {first} AND {last} THEN {found} END"


def _digits_needed(number: str) -> tuple[str, str]:
    """Return how many digits a number's text needs before and behind the point, once its exponent is taken in."""
    mantissa = f"regexp_replace({number}, '^[+-]|[eE].*$', '')"
    exponent = (
        f"CAST(CASE WHEN {_like(number, '[eE][+-]?[0-9]{1,9}$')} "
        f"THEN regexp_extract({number}, '[eE]([+-]?[0-9]+)$', 1) END AS int)"
    )
    point = f"(length(substring_index({mantissa}, '.', 1)) + coalesce({exponent}, 0))"
    digits = f"replace({mantissa}, '.', '')"
    leading = f"length(regexp_extract({digits}, '^0*', 0))"
    significant = f"length(regexp_replace({digits}, '0+$', ''))"
    before = f"CASE WHEN {significant} = 0 THEN 0 ELSE greatest({point} - {leading}, 0) END"
    behind = f"CASE WHEN {significant} = 0 THEN 0 ELSE greatest({significant} - {point}, 0) END"
    return before, behind


def _trimmed(text: str) -> str:
    """Return the text without the blanks around it."""
    return f"regexp_replace({text}, {text_literal(_EDGES)}, '')"


def _like(text: str, pattern: str) -> str:
    return f"{text} RLIKE {text_literal(pattern)}"


def _is_empty(text: str, null_value: str) -> str:
    """Whether a text means null, in a column that holds no strings: nothing, blanks, or the dialect's null value."""
    null = f" OR {_trimmed(text)} = {text_literal(null_value)}" if null_value else ""
    return f"({text} IS NULL OR {_like(text, _BLANK)}{null})"


def _cast(text: str, ddl: str) -> str:
    return f"try_cast({text} AS {ddl})"


def _whole(ddl: str) -> Callable[[str], str]:
    return lambda text: _cast(text, ddl)


def _floating(ddl: str) -> Callable[[str], str]:
    def rule(text: str) -> str:
        java_only = " OR ".join(f"contains({text}, '{letter}')" for letter in _JAVA_LETTERS)
        return f"CASE WHEN NOT ({java_only}) OR contains({text}, 'Infinity') THEN {_cast(text, ddl)} END"

    return rule


def _boolean(text: str) -> str:
    bare = f"lower({_trimmed(text)})"
    return (
        f"CASE WHEN {text} IN ('true', 'True', 'TRUE') THEN true WHEN {text} IN ('false', 'False', 'FALSE') "
        f"THEN false WHEN {bare} = 'true' THEN true WHEN {bare} = 'false' THEN false END"
    )


def _decimal(field: DecimalField, text: str) -> str:
    # Of ASCII only: Java's numbers may have the digits of any script. Then bytes are characters, and faster to count.
    behind_point = f"instr({text}, '.') = 0 OR octet_length({text}) - instr({text}, '.') <= {field.scale}"
    short = f"octet_length({text}) = length({text}) AND ({behind_point})"
    before, behind = _digits_needed(_trimmed(text))
    fits = (
        f"{_like(text, _EXPONENT_FORM)} AND {behind} <= {field.scale} "
        f"AND {before} <= {field.precision - field.scale}"
    )
    longer = rf"\A{_BLANKS}[+-]?+[0-9]*+\.[0-9]{{0,{field.scale}}}0*+{_BLANKS}\z"
    number = _cast(text, field.ddl)
    # Spark finds no room for zero with a large exponent.
    scaled = f"CASE WHEN {before} + {behind} = 0 THEN CAST(0 AS {field.ddl}) ELSE {number} END"
    return (
        f"CASE WHEN contains({text}, 'e') OR contains({text}, 'E') THEN CASE WHEN {fits} THEN {scaled} END "
        f"WHEN {short} OR {_like(text, longer)} THEN {number} END"
    )


def _date(text: str) -> str:
    # Where the marks of `2024-03-31` are in their places and a digit comes last, the cast is not too generous: no blank,
    # which it would trim, takes a digit's place. It tells itself whether the rest are digits, and costs less than a pattern.
    marks = f"instr({text}, '-') = 5 AND locate('-', {text}, 6) = 8"
    usual = f"octet_length({text}) = 10 AND {marks} AND substring({text}, 10, 1) BETWEEN '0' AND '9'"
    return f"CASE WHEN ({usual}) OR {_like(text, _ONE_DAY)} THEN {_cast(text, 'date')} END"


def _timestamp(text: str) -> str:
    # Parsing the zone `Z` costs four times the rest; the session is in UTC, so it can go. (`trim` is the slower way.)
    without_zone = f"try_cast(replace({text}, 'Z', '') AS timestamp)"
    # The cast takes no offset behind a time without seconds.
    seconds = text_literal(r"\A(.{16})(Z|[+-].*)?\z")
    with_seconds = f"regexp_replace({_trimmed(text)}, {seconds}, '$1:00$2')"
    return (
        f"CASE WHEN {_like(text, _LOCAL_OR_UTC)} THEN {without_zone} "
        f"WHEN {_like(text, _ANY_OFFSET)} THEN try_to_timestamp({with_seconds}) END"
    )


def _formatted(field: Field, text: str, pattern: str) -> str:
    moment = f"try_to_timestamp({_trimmed(text)}, {text_literal(pattern)})"
    return f"CAST({moment} AS date)" if isinstance(field, DateField) else moment


def _binary(text: str) -> str:
    blank = _like(text, _BLANK)
    return (
        f"CASE WHEN {_like(text, _BASE64)} THEN unbase64(CASE WHEN NOT {blank} THEN {_trimmed(text)} END) END"
    )


_VALUES: Mapping[str, Callable[[str], str]] = {
    "int": _whole("int"),
    "bigint": _whole("bigint"),
    "double": _floating("double"),
    "float": _floating("float"),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "binary": _binary,
}

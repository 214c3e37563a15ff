"""From a column's texts to its type: the narrowest that nearly all accept, and what speaks for it and against.

Nothing is guessed that would lose something: leading zeros, two orders of day and month, a comma in a number keep a
column a string, and the evidence says which of them it was.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alur_nb.authoring.infer_values import BLANKS, SPECIAL, WHOLE, Test, accepted_by, formatted_as
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

MISFIT_SHARE = 0.01
"""A type is chosen where fewer than this share of the values are none of it."""
ALMOST_SHARE = 0.1
"""Where fewer than this share are none of it, the column is a string, and the evidence names the type and them."""
NULL_WORDS = frozenset(
    ["na", "n/a", "#n/a", "null", "none", "nan", "nil", "-", "--", "?", "\\n", "unknown", "missing"]
)

_SHOWN_CHARACTERS = 30
_NAMED = 3
_NINE_DIGITS = 10**9
_LONG_DIGITS = 18
_PRECISIONS = (10, 18, 28, 38)
_HEADROOM = 2
_MONEY_PLACES = 4
_ENOUGH_DAYS = 20
_MONEY = re.compile(
    r"amount|price|cost|total|fee|revenue|tax|salary|balance|discount|charge|paid|payment|betrag|preis|summe|umsatz"
)
_DAY = re.compile(r"date|day|datum|tag|_on$|_at$|^dt|_dt$")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
_COMMA = re.compile(r"[+-]?[0-9][0-9.]*,[0-9,.]*[0-9]|[+-]?[0-9.]+,[0-9]+")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[+-]?[0-9]+(?:,[0-9]+)?")
_DAY_LIKE = re.compile(r"[0-9]{1,4}[./ -][0-9A-Z]")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}(?: .*)?")
_YES_NO = (frozenset(["yes", "no"]), frozenset(["y", "n"]), frozenset(["t", "f"]), frozenset(["ja", "nein"]))
_CLOCKS = ("HH:mm:ss", "HH:mm", "hh:mm:ss a", "hh:mm a", "h:mm:ss a", "h:mm a", "H:mm:ss", "H:mm")
# Two patterns that tell day and month apart by nothing but the numbers.
_ORDERS = tuple(
    (day_first.replace("/", sep), month_first.replace("/", sep))
    for day_first, month_first in (("dd/MM/yyyy", "MM/dd/yyyy"), ("d/M/yyyy", "M/d/yyyy"))
    for sep in "./-"
)
_PLAIN_DAYS = (
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-M-d",
    "dd-MMM-yyyy",
    "dd MMM yyyy",
    "d MMM yyyy",
    "d-MMM-yyyy",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A type for a column, the values that it would reject with how often they come, and the evidence."""

    wanted: Field
    misfits: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """What the user should look at: these are said in the cell too."""
    null_word: str = ""
    """The one text of the column that seems to mean null, where there is one."""


def quoted(text: str) -> str:
    """Return a value for a sentence, in one line and not too long."""
    line = "".join(mark if mark.isprintable() else " " for mark in text).replace("`", "'")
    return f"`{line}`" if len(line) <= _SHOWN_CHARACTERS else f"`{line[:_SHOWN_CHARACTERS]}...`"


def choose(texts: Mapping[str, int], name: str = "") -> Choice:
    """Choose the type of a column from its texts, none of them empty, each with how often it comes.

    `name` speaks only where values do not decide: for money, and for days written as numbers.
    """
    if not texts:
        return Choice(StringField(), doubts=("no value in the sample: taken for text",))
    bare: dict[str, int] = {}
    for text, count in texts.items():
        key = text.strip(BLANKS)
        bare[key] = bare.get(key, 0) + count
    found = _plain(BooleanField(), bare) or choose_number(bare, name) or choose_day(bare)
    return found or _text(bare, name)


def _fitting(texts: Mapping[str, int], test: Test, share: float = MISFIT_SHARE) -> dict[str, int] | None:
    """Return the misfits where they are few enough; None as soon as they are too many."""
    total, wrong = sum(texts.values()), 0
    misfits: dict[str, int] = {}
    for text, count in texts.items():
        if not test(text):
            misfits[text] = count
            wrong += count
            if wrong >= total * share:
                return None
    return misfits


def _plain(wanted: Field, texts: Mapping[str, int]) -> Choice | None:
    misfits = _fitting(texts, accepted_by(wanted))
    return None if misfits is None else Choice(wanted, misfits)


def choose_number(texts: Mapping[str, int], name: str, *, may_be_days: bool = True) -> Choice | None:
    """Choose a type for texts that are numbers; None where they are not, a string where a number would lose something."""
    misfits = _fitting(texts, accepted_by(DoubleField()))
    if misfits is None:
        return None
    numbers = [text for text in texts if text not in misfits]
    kept = next((text for text in numbers if _LEADING_ZERO.match(text)), None)
    if kept is not None:
        return Choice(StringField(), notes=(f"leading zeros, as in {quoted(kept)}: kept as text",))
    kept = next((text for text in numbers if text.startswith("+")), None)
    if kept is not None:
        return Choice(StringField(), notes=(f"a plus sign, as in {quoted(kept)}: kept as text",))
    if all(map(WHOLE.fullmatch, numbers)):
        days = _days_as_numbers(texts, name) if may_be_days and not misfits else None
        return days or replace(_whole(numbers), misfits=misfits)
    found = _fraction(numbers, name)
    # Of a decimal it is the digits that decide, not only the form.
    misfits = _fitting(texts, accepted_by(found.wanted))
    return None if misfits is None else replace(found, misfits=misfits)


def _days_as_numbers(texts: Mapping[str, int], name: str) -> Choice | None:
    fits = formatted_as("yyyyMMdd")
    if not all(text[:2] in ("19", "20") and fits(text) for text in texts):
        return None
    if len(texts) < _ENOUGH_DAYS and not _DAY.search(name):
        return None
    return Choice(DateField(format="yyyyMMdd"), notes=("every number is a day of the calendar",))


def _whole(numbers: Sequence[str]) -> Choice:
    longest = max(numbers, key=lambda text: len(text.lstrip("-")))
    digits = len(longest.lstrip("-"))
    if digits > _LONG_DIGITS:
        return Choice(
            StringField(),
            notes=(f"{digits} digits, as in {quoted(longest)}: more than a bigint, kept as text",),
        )
    values = [int(text) for text in numbers]
    low, high = min(values), max(values)
    notes = [f"{low:,} to {high:,}" if low != high else f"always {low:,}"]
    if {low, high} <= {0, 1}:
        notes.append("0 and 1 are numbers: boolean reads true and false only")
    is_small = max(-low, high) < _NINE_DIGITS
    return Choice(IntegerField() if is_small else LongField(), notes=tuple(notes))


def _fraction(numbers: Sequence[str], name: str) -> Choice:
    odd = next((text for text in numbers if text in SPECIAL or "e" in text.lower()), None)
    if odd is not None:
        return Choice(DoubleField(), notes=(f"{quoted(odd)} among the numbers: only a double holds it",))
    places = {len(text.partition(".")[2]) for text in numbers if "." in text}
    scale = max(places)
    before = max(len(text.lstrip("-").partition(".")[0].lstrip("0")) for text in numbers)
    is_money = _MONEY.search(name) is not None and scale <= _MONEY_PLACES
    if not is_money and places != {2}:
        seen = f"{min(places)} to {scale}" if len(places) > 1 else f"{scale}"
        return Choice(DoubleField(), notes=(f"decimal places: {seen}",))
    scale = max(scale, 2)
    wanted = before + scale + _HEADROOM
    precision = next((width for width in _PRECISIONS if width >= wanted), None)
    if precision is None:
        return Choice(DoubleField(), doubts=(f"{before} digits before the point: a double rounds them",))
    why = "money by its name" if is_money and places != {2} else f"always {scale} decimal places"
    return Choice(DecimalField(precision, scale), notes=(f"{why}, {before} digits before the point at most",))


def choose_day(texts: Mapping[str, int]) -> Choice | None:
    """Choose a type for texts that are days or moments; None where they are not."""
    return _plain(DateField(), texts) or _plain(TimestampField(), texts) or _other_days(texts)


def _other_days(texts: Mapping[str, int]) -> Choice | None:
    """Find a pattern for days or moments that are not written as ISO 8601 has them: the one with the fewest misfits."""
    if _fitting(texts, lambda text: _DAY_LIKE.match(text) is not None) is None:
        return None
    found: list[Choice] = []
    for clock in ("", *(f" {clock}" for clock in _CLOCKS)):
        make: Callable[..., Field] = TimestampField if clock else DateField
        for pattern in (f"{days}{clock}" for days in _PLAIN_DAYS):
            misfits = _fitting(texts, formatted_as(pattern))
            found += [] if misfits is None else [Choice(make(format=pattern), misfits)]
        for day_first, month_first in _ORDERS:
            choice = _ordered(texts, day_first + clock, month_first + clock, make)
            found += [] if choice is None else [choice]
    return min(found, key=lambda choice: sum(choice.misfits.values()), default=None)


def _ordered(
    texts: Mapping[str, int], day_first: str, month_first: str, make: Callable[..., Field]
) -> Choice | None:
    """Choose between two orders of day and month; where no value rules one of them out, neither is chosen."""
    is_day_first, is_month_first = formatted_as(day_first), formatted_as(month_first)
    misfits = _fitting(texts, lambda text: is_day_first(text) or is_month_first(text))
    if misfits is None:
        return None
    days = {text for text in texts if is_day_first(text)}
    months = {text for text in texts if is_month_first(text)}
    only_days, only_months = days - months, months - days
    day_rows, month_rows = (sum(map(texts.__getitem__, only)) for only in (only_days, only_months))
    # The weaker order may be a slip, where the other is proven a hundred times as often.
    if min(day_rows, month_rows) >= max(day_rows, month_rows) * MISFIT_SHARE:
        why = f"{_first(days | months)} may be {day_first} or {month_first}: no value rules one of them out"
        if only_days:
            why = f"{_first(only_days)} is {day_first} and {_first(only_months)} is {month_first}: two orders"
        said = f"{why}; taken for text. Say it with {make.__name__}(format=..)"
        return Choice(StringField(), misfits, doubts=(said,))
    pattern, proof, slips = (day_first, only_days, only_months)
    if month_rows > day_rows:
        pattern, proof, slips = (month_first, only_months, only_days)
    misfits |= {text: texts[text] for text in slips}
    return Choice(make(format=pattern), misfits, notes=(f"{_first(proof)} rules the other order out",))


def _first(texts: Iterable[str]) -> str:
    return quoted(min(texts))


def _text(texts: Mapping[str, int], name: str) -> Choice:
    """Keep a column text, and say what it nearly was."""
    total = sum(texts.values())
    words = {text: count for text, count in texts.items() if text.lower() in NULL_WORDS}
    rest = {text: count for text, count in texts.items() if text not in words}
    if words and rest:
        other = choose(rest, name)
        if not isinstance(other.wanted, StringField) and not other.misfits:
            named = ", ".join(quoted(text) for text in words)
            option = shlex.quote(f"nullValue={next(iter(words))}")
            way = f"--option {option}" if len(words) == 1 else "one word for null in the files"
            why = f"all but {named} ({sum(words.values()):,} of {total:,}) are {other.wanted.ddl}: with {way} it can be"
            return Choice(
                StringField(), doubts=(why,), null_word=next(iter(words)) if len(words) == 1 else ""
            )
    return _almost(texts, name) or Choice(StringField(), notes=tuple(_nearly(texts, name)))


def _almost(texts: Mapping[str, int], name: str) -> Choice | None:
    """Keep a column text whose values are of another kind but for a few: the word of a totals row, an impossible day."""
    is_day_like = _fitting(texts, lambda text: _DAY_LIKE.match(text) is not None, ALMOST_SHARE) is not None
    patterns = [*_PLAIN_DAYS, *itertools.chain.from_iterable(_ORDERS)] if is_day_like else []
    tests = (accepted_by(DoubleField()), accepted_by(DateField()), accepted_by(TimestampField()))
    for test in (*tests, *map(formatted_as, patterns), _is_comma_number):
        misfits = _fitting(texts, test, ALMOST_SHARE)
        if misfits:
            rest = {text: count for text, count in texts.items() if text not in misfits}
            return _but_for(misfits, choose(rest, name), sum(texts.values()))
    return None


def _but_for(misfits: Mapping[str, int], other: Choice, total: int) -> Choice:
    """Return text, with what the column would be without some of its values."""
    named = ", ".join(map(quoted, itertools.islice(misfits, _NAMED))) + (
        ", .." if len(misfits) > _NAMED else ""
    )
    but = f"all but {named} ({sum(misfits.values()):,} of {total:,})"
    if isinstance(other.wanted, StringField):
        # Leading zeros, a decimal comma, two orders of day and month: text in any case.
        return Choice(StringField(), notes=tuple(f"{but}: {note}" for note in (*other.notes, *other.doubts)))
    way = "declared so, these rows are rejected, and --no-strict loads the others"
    return Choice(StringField(), doubts=(f"{but} are {other.wanted.ddl}: {way}",))


def _is_comma_number(text: str) -> bool:
    return _COMMA.fullmatch(text) is not None or WHOLE.fullmatch(text) is not None


def _by_sql(texts: Iterable[str], name: str) -> str:
    """Return how a query makes numbers of texts whose comma can be a decimal one; empty where it cannot be."""
    if not name or not all(_DECIMAL_COMMA.fullmatch(text) for text in texts):
        return ""
    grouped = any("." in text for text in texts)
    bare = f"replace({name}, '.', '')" if grouped else name
    return f"; in SQL, if it is the decimal comma: CAST(replace({bare}, ',', '.') AS decimal(18,2))"


def _nearly(texts: Mapping[str, int], name: str = "") -> Iterable[str]:
    first = next(iter(texts))
    if frozenset(text.lower() for text in texts) in _YES_NO:
        yield f"{' and '.join(quoted(text) for text in list(texts)[:2])}: boolean reads true and false only"
    elif _fitting(texts, _is_comma_number) is not None:
        comma = next((text for text in texts if "," in text), first)
        yield f"numbers with a comma, as in {quoted(comma)}: no type reads them{_by_sql(texts, name)}"
    elif _fitting(texts, lambda text: _SHORT_YEAR.fullmatch(text) is not None) is not None:
        yield f"years of two digits, as in {quoted(first)}: kept as text"
    elif _fitting(texts, lambda text: text[:1].isdigit()) is not None:
        yield f"begins with a digit, as in {quoted(first)}"

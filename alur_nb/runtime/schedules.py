"""Schedules: AWS's six-field cron expressions in a time zone, checked when they are declared.

The grammar is the one that AWS documents, no more:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html (fields, wildcards, limits)
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (six fields, `6L`, time zones)
https://repost.aws/knowledge-center/eventbridge-scheduler-adjust-dst (a time that the clock skips does not fire, a
time that it repeats fires once)
"""

from __future__ import annotations

import calendar
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.types import FrozenMap

FORM = "minutes hours day-of-month month day-of-week year"
EXAMPLE = "0 6 * * ? *"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_CONCURRENT_RUNS = 1000

_WRAPPED = re.compile(r"\s*cron\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_STEP = re.compile(r"(?P<base>[^/]+)/(?P<step>\d+)")
_NEAREST = re.compile(r"(\d+)W")
_LAST_WEEKDAY = re.compile(r"([A-Z0-9]+)L")
_NTH_WEEKDAY = re.compile(r"([A-Z0-9]+)#(\d+)")


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the six fields: its range, and the names that stand for its numbers."""

    title: str
    low: int
    high: int
    names: Mapping[str, int] = FrozenMap()


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAYS = _Field("day-of-month", 1, 31)
_MONTHS = _Field("month", 1, 12, FrozenMap({name: number for number, name in enumerate(MONTHS, 1)}))
_WEEKDAYS = _Field("day-of-week", 1, 7, FrozenMap({name: number for number, name in enumerate(WEEKDAYS, 1)}))
_YEARS = _Field("year", FIRST_YEAR, LAST_YEAR)


@dataclass(frozen=True, slots=True)
class Days:
    """The days that one of the two day fields picks out of a month; all empty where the field is `?`."""

    numbers: frozenset[int] = frozenset()
    last: bool = False
    nearest: frozenset[int] = frozenset()
    last_weekdays: frozenset[int] = frozenset()
    nth_weekday: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Cron:
    """A checked cron expression; `str()` gives its six fields in upper case with single blanks."""

    expression: str
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    days_of_month: Days | None
    days_of_week: Days | None

    def __str__(self) -> str:
        return self.expression

    def next_times(self, after: datetime, count: int) -> list[datetime]:
        """Return the next `count` times later than `after`, on the clock of its time zone (naive: UTC).

        Fewer where the years run out. A time that daylight saving skips is left out, one that it repeats comes once.
        """
        start = after if after.tzinfo is not None else after.replace(tzinfo=UTC)
        found: list[datetime] = []
        for day in self._days(start.date()):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    moment = datetime.combine(day, time(hour, minute), tzinfo=start.tzinfo)
                    # Compared in UTC: within one zone Python compares wall clocks, wrong when they are set back.
                    if moment.astimezone(UTC) > start.astimezone(UTC) and _exists(moment):
                        found.append(moment if after.tzinfo is not None else moment.replace(tzinfo=None))
                        if len(found) >= count:
                            return found
        return found

    def _days(self, start: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                if (year, month) >= (start.year, start.month):
                    yield from (day for day in self._days_in(year, month) if day >= start)

    def _days_in(self, year: int, month: int) -> Iterator[date]:
        for number in range(1, calendar.monthrange(year, month)[1] + 1):
            day = date(year, month, number)
            if self.days_of_month is not None:
                picked = _in_month(self.days_of_month, day)
            else:
                picked = _in_week(self.days_of_week or Days(), day)
            if picked:
                yield day


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a pipeline runs: a cron expression on the clock of a time zone."""

    cron: str
    timezone: str = "UTC"
    enabled: bool = True
    description: str | None = None
    max_concurrent_runs: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "cron", str(parse_cron(self.cron)))
        _check_zone(self.timezone)
        if not isinstance(self.enabled, bool):
            raise DeclarationError(
                f"schedule: enabled is {self.enabled!r}, not True or False.", fix="enabled=False"
            )
        if self.description is not None and not isinstance(self.description, str):
            raise DeclarationError(
                f"schedule: description is {self.description!r}, not a text.", fix='description="..."'
            )
        runs = self.max_concurrent_runs
        if not isinstance(runs, int) or isinstance(runs, bool) or not 1 <= runs <= MAX_CONCURRENT_RUNS:
            raise DeclarationError(
                f"schedule: max_concurrent_runs is {runs!r}, not a number from 1 to {MAX_CONCURRENT_RUNS}.",
                fix="max_concurrent_runs=1",
            )

    def next_times(self, after: datetime, count: int = 3) -> list[datetime]:
        """Return the next times later than `after` (naive: UTC), in the schedule's time zone."""
        start = after if after.tzinfo is not None else after.replace(tzinfo=UTC)
        return parse_cron(self.cron).next_times(start.astimezone(zoneinfo.ZoneInfo(self.timezone)), count)


def parse_cron(expression: str) -> Cron:
    """Return the checked expression; `cron(...)` around it is taken off.

    Raises
    ------
    DeclarationError
        It is not a six-field cron expression of AWS, or it can never fire.
    """
    fields = _split(expression)
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise DeclarationError(
            f"cron {' '.join(fields)!r}: exactly one of day-of-month and day-of-week must be `?`, "
            f"and they are `{day}` and `{weekday}`.",
            fix=f"Every day is {minutes} {hours} * {month} ? {year}, "
            f"every Monday is {minutes} {hours} ? {month} MON {year}.",
        )
    cron = Cron(
        expression=" ".join(fields),
        minutes=_values(minutes, _MINUTES),
        hours=_values(hours, _HOURS),
        months=_values(month, _MONTHS),
        years=_values(year, _YEARS),
        days_of_month=None if day == "?" else _days_of_month(day),
        days_of_week=None if weekday == "?" else _days_of_week(weekday),
    )
    if not cron.next_times(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - timedelta(minutes=1), 1):
        raise DeclarationError(
            f"cron {cron.expression!r} never fires: no month of its years has such a day.",
            fix="The last day of a month is L, as in 0 6 L * ? *",
        )
    return cron


def _split(expression: object) -> list[str]:
    if not isinstance(expression, str):
        raise DeclarationError(f"cron: {expression!r} is not a text.", fix=f'cron="{EXAMPLE}"')
    wrapped = _WRAPPED.fullmatch(expression)
    fields = (wrapped[1] if wrapped else expression).upper().split()
    if len(fields) != 6:
        what = "is not a cron expression" if "RATE" in expression.upper() else f"has {len(fields)} fields"
        raise DeclarationError(
            f"cron {expression!r} {what}; AWS wants six: {FORM}.", fix=f'cron="{_six_fields(fields)}"'
        )
    return fields


def _six_fields(fields: list[str]) -> str:
    """Return five Unix fields as AWS's six where that is safe, else the example."""
    if len(fields) != 5:
        return EXAMPLE
    minutes, hours, day, month, weekday = fields
    if weekday in ("*", "?"):
        return f"{minutes} {hours} {day} {month} ? *"
    # Unix counts weekdays from Sunday = 0, AWS from Sunday = 1: only names mean the same in both.
    if day in ("*", "?") and re.fullmatch(r"[A-Z,-]+", weekday):
        return f"{minutes} {hours} ? {month} {weekday} *"
    return EXAMPLE


def _values(text: str, field: _Field) -> frozenset[int]:
    """Return the numbers that a list of values, ranges and steps stands for."""
    return frozenset(number for item in text.split(",") for number in _item(item, field, text))


def _item(item: str, field: _Field, text: str) -> range:
    stepped = _STEP.fullmatch(item)
    base, step = (stepped["base"], int(stepped["step"])) if stepped else (item, 1)
    if stepped and not 1 <= step <= field.high:
        raise _bad(field, text, f"a step is a number from 1 to {field.high}, not {step}")
    if base == "*":
        return range(field.low, field.high + 1, step)
    low, dash, high = base.partition("-")
    first = _number(low, field, text)
    if not dash:
        return range(first, field.high + 1, step) if stepped else range(first, first + 1)
    last = _number(high, field, text)
    if first > last:
        raise _bad(field, text, f"the range {base} runs backwards; write two, with a comma between")
    return range(first, last + 1, step)


def _number(text: str, field: _Field, whole: str) -> int:
    if text in field.names:
        return field.names[text]
    # str.isdigit alone also takes digits of other scripts, and int() would read them.
    if not (text.isascii() and text.isdigit()):
        raise _bad(field, whole, f"`{text}` is no value{suggest(text, field.names)}")
    if not field.low <= int(text) <= field.high:
        raise _bad(field, whole, f"{text} is outside {field.low} to {field.high}")
    return int(text)


def _days_of_month(text: str) -> Days:
    plain, nearest, last = [], [], False
    for item in text.split(","):
        near = _NEAREST.fullmatch(item)
        if item == "L":
            last = True
        elif near:
            nearest.append(_number(near[1], _DAYS, text))
        else:
            plain.append(item)
    numbers = _values(",".join(plain), _DAYS) if plain else frozenset[int]()
    return Days(numbers=numbers, last=last, nearest=frozenset(nearest))


def _days_of_week(text: str) -> Days:
    nth = _NTH_WEEKDAY.fullmatch(text)
    if nth:
        if not 1 <= int(nth[2]) <= 5:
            raise _bad(_WEEKDAYS, text, f"`#` is followed by a week from 1 to 5, not {nth[2]}")
        return Days(nth_weekday=(_number(nth[1], _WEEKDAYS, text), int(nth[2])))
    if "#" in text:
        raise _bad(_WEEKDAYS, text, "`#` stands alone, as in MON#1")
    plain, last = [], []
    for item in text.split(","):
        last_weekday = _LAST_WEEKDAY.fullmatch(item)
        if last_weekday:
            last.append(_number(last_weekday[1], _WEEKDAYS, text))
        else:
            # L alone is the last day of the week: Saturday.
            plain.append("SAT" if item == "L" else item)
    numbers = _values(",".join(plain), _WEEKDAYS) if plain else frozenset[int]()
    return Days(numbers=numbers, last_weekdays=frozenset(last))


def _in_month(days: Days, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if day.day in days.numbers or (days.last and day.day == last):
        return True
    return any(_nearest_workday(day.year, day.month, number, last) == day.day for number in days.nearest)


def _nearest_workday(year: int, month: int, number: int, last: int) -> int | None:
    """Return the Monday-to-Friday day nearest to a day of the month, never in another month."""
    if number > last:
        return None
    weekday = date(year, month, number).weekday()
    if weekday == 5:
        return number - 1 if number > 1 else number + 2
    if weekday == 6:
        return number + 1 if number < last else number - 2
    return number


def _in_week(days: Days, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    if weekday in days.numbers or days.nth_weekday == (weekday, (day.day - 1) // 7 + 1):
        return True
    return weekday in days.last_weekdays and day.day + 7 > calendar.monthrange(day.year, day.month)[1]


def _exists(moment: datetime) -> bool:
    """Return False for a wall-clock time that daylight saving skips."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(
        tzinfo=None
    )


def _bad(field: _Field, text: str, reason: str) -> DeclarationError:
    names = f", or {next(iter(field.names))} to {list(field.names)[-1]}" if field.names else ""
    return DeclarationError(
        f"cron: the {field.title} field `{text}` is wrong: {reason}.",
        fix=f"{field.title} takes {field.low} to {field.high}{names}; "
        f'the six fields are {FORM}, as in "{EXAMPLE}".',
    )


def _check_zone(name: object) -> None:
    try:
        if not isinstance(name, str) or not name:
            raise ValueError(name)
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        hint = suggest(str(name), known)
        missing = "" if known else " This Python has no time zones: pip install tzdata."
        raise DeclarationError(
            f"schedule: there is no time zone {name!r}{hint}.",
            fix=f'Write an IANA name, as in timezone="Europe/Berlin".{missing}',
        ) from None

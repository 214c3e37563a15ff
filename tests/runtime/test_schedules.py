"""Cron expressions: what AWS documents is accepted, everything else is refused, and the times are right."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.schedules import MONTHS, WEEKDAYS, Schedule, parse_cron

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def times(cron: str, count: int = 3, after: datetime = NEW_YEAR) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in parse_cron(cron).next_times(after, count)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        # From AWS's own list of examples.
        ("0 10 * * ? *", ["2026-01-01 10:00", "2026-01-02 10:00", "2026-01-03 10:00"]),
        ("15 12 * * ? *", ["2026-01-01 12:15", "2026-01-02 12:15", "2026-01-03 12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-01-01 18:00", "2026-01-02 18:00", "2026-01-05 18:00"]),
        ("0 8 1 * ? *", ["2026-01-01 08:00", "2026-02-01 08:00", "2026-03-01 08:00"]),
        ("0/15 * * * ? *", ["2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"]),
        ("0/10 * ? * MON-FRI *", ["2026-01-01 00:10", "2026-01-01 00:20", "2026-01-01 00:30"]),
        ("0/30 20-2 ? * MON-FRI *", None),
        # Every wildcard.
        ("1/10 0 * * ? *", ["2026-01-01 00:01", "2026-01-01 00:11", "2026-01-01 00:21"]),
        ("*/20 5 * * ? *", ["2026-01-01 05:00", "2026-01-01 05:20", "2026-01-01 05:40"]),
        ("10-30/10 5 * * ? *", ["2026-01-01 05:10", "2026-01-01 05:20", "2026-01-01 05:30"]),
        ("0 6,18 * * ? *", ["2026-01-01 06:00", "2026-01-01 18:00", "2026-01-02 06:00"]),
        ("0 0 L * ? *", ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]),
        ("0 0 L 2 ? 2028", ["2028-02-29 00:00"]),
        ("0 0 3W * ? *", ["2026-01-02 00:00", "2026-02-03 00:00", "2026-03-03 00:00"]),
        ("0 0 1W 8 ? *", ["2026-08-03 00:00", "2027-08-02 00:00", "2028-08-01 00:00"]),
        ("0 0 31W 5 ? *", ["2026-05-29 00:00", "2027-05-31 00:00", "2028-05-31 00:00"]),
        ("0 0 1,15W,L 1 ? 2026", ["2026-01-15 00:00", "2026-01-31 00:00"]),
        ("0 9 ? * 3#2 *", ["2026-01-13 09:00", "2026-02-10 09:00", "2026-03-10 09:00"]),
        ("0 9 ? * MON#5 *", ["2026-03-30 09:00", "2026-06-29 09:00", "2026-08-31 09:00"]),
        ("15 10 ? * 6L 2026-2027", ["2026-01-30 10:15", "2026-02-27 10:15", "2026-03-27 10:15"]),
        ("0 0 ? * L *", ["2026-01-03 00:00", "2026-01-10 00:00", "2026-01-17 00:00"]),
        ("0 0 ? * SUN *", ["2026-01-04 00:00", "2026-01-11 00:00", "2026-01-18 00:00"]),
        ("0 0 ? * 1 *", ["2026-01-04 00:00", "2026-01-11 00:00", "2026-01-18 00:00"]),
        ("0 0 ? JAN,FEB 7 2027", ["2027-01-02 00:00", "2027-01-09 00:00", "2027-01-16 00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 0 1 1 ? 2020", []),
    ],
)
def test_the_next_times(cron: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(DeclarationError, match="runs backwards"):
            parse_cron(cron)
    else:
        assert times(cron) == expected


@pytest.mark.parametrize(
    ("cron", "message", "fix"),
    [
        ("1-99 * * * ? *", "minutes field `1-99` is wrong: 99 is outside 0 to 59", "0 6 * * ? *"),
        ("FOO * * * ? *", "minutes field `FOO` is wrong: `FOO` is no value", "minutes takes 0 to 59"),
        ("*/0 * * * ? *", "a step is a number from 1 to 59, not 0", "0 6 * * ? *"),
        ("0/60 * * * ? *", "a step is a number from 1 to 59, not 60", "0 6 * * ? *"),
        ("0 6 * * *", "has 5 fields; AWS wants six: minutes hours", 'cron="0 6 * * ? *"'),
        ("30 7 * * MON-FRI", "has 5 fields", 'cron="30 7 ? * MON-FRI *"'),
        ("30 7 * * 1-5", "has 5 fields", 'cron="0 6 * * ? *"'),
        ("0 6 1 * *", "has 5 fields", 'cron="0 6 1 * ? *"'),
        ("", "has 0 fields", 'cron="0 6 * * ? *"'),
        ("0 0 6 * * ? *", "has 7 fields", 'cron="0 6 * * ? *"'),
        ("rate(5 minutes)", "is not a cron expression", 'cron="0 6 * * ? *"'),
        (
            "0 6 * * * *",
            "exactly one of day-of-month and day-of-week must be `?`",
            "Every day is 0 6 * * ? *",
        ),
        ("0 6 ? * ? *", "they are `?` and `?`", "every Monday is 0 6 ? * MON *"),
        ("0 6 1 * MON *", "they are `1` and `MON`", "Every day is"),
        ("0 24 * * ? *", "hours field `24` is wrong: 24 is outside 0 to 23", "hours takes 0 to 23"),
        ("0 6 0 * ? *", "day-of-month field `0` is wrong", "1 to 31"),
        ("0 6 32 * ? *", "32 is outside 1 to 31", "1 to 31"),
        ("0 6 * 13 ? *", "month field `13` is wrong", "1 to 12, or JAN to DEC"),
        ("0 6 * JANN ? *", "`JANN` is no value (did you mean `JAN`?)", "JAN to DEC"),
        ("0 6 ? * 0 *", "day-of-week field `0` is wrong", "1 to 7, or SUN to SAT"),
        ("0 6 ? * FRI-MON *", "the range FRI-MON runs backwards", "SUN to SAT"),
        ("0 6 ? * MON#6 *", "followed by a week from 1 to 5, not 6", "day-of-week"),
        ("0 6 ? * 3#1,6#3 *", "`#` stands alone", "day-of-week"),
        ("0 6 * * ? 1969", "1969 is outside 1970 to 2199", "year takes"),
        ("0 6 LW * ? *", "`LW` is no value", "day-of-month"),
        ("0 6 L-3 * ? *", "`L` is no value", "day-of-month"),
        ("0 6 32W * ? *", "32 is outside 1 to 31", "day-of-month"),
        ("5, 6 * * ? *", "`` is no value", "minutes"),
        ("1-2-3 6 * * ? *", "`2-3` is no value", "minutes"),
        ("1/2/3 6 * * ? *", "is no value", "minutes"),
        ("-5 6 * * ? *", "`` is no value", "minutes"),
        ("٣ 6 * * ? *", "is no value", "minutes"),
        ("? 6 * * ? *", "`?` is no value", "minutes"),
        ("L 6 * * ? *", "`L` is no value", "minutes"),
        ("0 6 30 2 ? *", "never fires", "L"),
        ("0 6 31 4,6,9,11 ? *", "never fires", "L"),
        (None, "None is not a text", 'cron="0 6 * * ? *"'),
    ],
)
def test_what_aws_does_not_document_is_refused(cron, message: str, fix: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        parse_cron(cron)
    assert fix in (caught.value.fix or "")


def test_the_expression_is_normalized() -> None:
    assert str(parse_cron("cron(0  6 ? jan-mar mon *)")) == "0 6 ? JAN-MAR MON *"
    assert Schedule("cron(0 6 * * ? *)").cron == "0 6 * * ? *"


def field(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Return texts of one field, all of them right."""
    number = st.integers(low, high)
    value = number.map(str) | (st.sampled_from(names) if names else st.nothing())
    ranges = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.just("*") | number.map(str) | ranges, st.integers(1, high)).map(
        lambda p: f"{p[0]}/{p[1]}"
    )
    return st.just("*") | st.lists(value | ranges | steps, min_size=1, max_size=3).map(",".join)


DAYS = st.tuples(field(1, 28), st.just("?")) | st.tuples(st.just("?"), field(1, 7, WEEKDAYS))
CRONS = st.builds(
    lambda minute, hour, days, month: f"{minute} {hour} {days[0]} {month} {days[1]} *",
    field(0, 59),
    field(0, 23),
    DAYS,
    field(1, 12, MONTHS),
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(CRONS, MOMENTS)
def test_times_are_later_rise_and_match_every_field(cron: str, after: datetime) -> None:
    parsed = parse_cron(cron)
    found = parsed.next_times(after, 3)
    assert len(found) == 3
    assert after < found[0] < found[1] < found[2]
    for moment in found:
        assert moment.minute in parsed.minutes
        assert moment.hour in parsed.hours
        assert moment.month in parsed.months
        days = parsed.days_of_month or parsed.days_of_week
        day = moment.day if parsed.days_of_month else moment.isoweekday() % 7 + 1
        assert days is not None
        assert day in days.numbers


@given(CRONS, MOMENTS)
def test_no_time_is_left_out(cron: str, after: datetime) -> None:
    parsed = parse_cron(cron)
    first = parsed.next_times(after, 1)[0]
    # Going on from any moment before it leads to it again.
    assert parsed.next_times(first - timedelta(minutes=1), 1) == [first]
    assert parsed.next_times(after, 3)[1:] == parsed.next_times(first, 2)


@given(CRONS)
def test_a_normalized_expression_means_the_same(cron: str) -> None:
    assert parse_cron(str(parse_cron(f" cron({cron.lower()}) "))) == parse_cron(cron)


@given(st.text(alphabet="0123456789*/-,?LW#ABCDEFGHIJ ", max_size=24))
def test_any_text_is_a_cron_or_a_declaration_error(text: str) -> None:
    with contextlib.suppress(DeclarationError):
        assert len(str(parse_cron(text)).split()) == 6


def test_a_time_that_the_clock_skips_does_not_fire() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = Schedule("30 2 * * ? *", "Europe/Berlin").next_times(datetime(2026, 3, 28, 12, tzinfo=berlin), 2)
    assert [moment.isoformat() for moment in found] == [
        "2026-03-30T02:30:00+02:00",
        "2026-03-31T02:30:00+02:00",
    ]


def test_a_time_that_the_clock_repeats_fires_once() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = Schedule("30 2 * * ? *", "Europe/Berlin").next_times(datetime(2026, 10, 24, 12, tzinfo=berlin), 2)
    assert [moment.isoformat() for moment in found] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    between = datetime(
        2026, 10, 25, 0, 45, tzinfo=UTC
    )  # after the first 2:30, before the clock shows it again
    again = Schedule("30 2 * * ? *", "Europe/Berlin").next_times(between, 1)
    assert again[0].isoformat() == "2026-10-26T02:30:00+01:00"


def test_a_moment_without_a_zone_is_utc() -> None:
    naive = datetime(2026, 1, 1, 5, 59)
    assert parse_cron("0 6 * * ? *").next_times(naive, 1) == [datetime(2026, 1, 1, 6)]
    assert (
        Schedule("0 6 * * ? *", "Asia/Tokyo").next_times(naive, 1)[0].isoformat()
        == "2026-01-02T06:00:00+09:00"
    )


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        ({"timezone": "Europe/Berln"}, "no time zone 'Europe/Berln' (did you mean `Europe/Berlin`?)", "IANA"),
        ({"timezone": ""}, "no time zone ''", "IANA"),
        ({"timezone": "../etc/passwd"}, "no time zone '../etc/passwd'", "IANA"),
        ({"timezone": None}, "no time zone None", "IANA"),
        ({"enabled": "yes"}, "enabled is 'yes'", "enabled=False"),
        ({"description": 3}, "description is 3", 'description="..."'),
        ({"max_concurrent_runs": 0}, "max_concurrent_runs is 0", "max_concurrent_runs=1"),
        ({"max_concurrent_runs": True}, "max_concurrent_runs is True", "max_concurrent_runs=1"),
        ({"cron": "0 6 * * *"}, "has 5 fields", "0 6 * * ? *"),
    ],
)
def test_a_schedules_other_mistakes(arguments: dict, message: str, fix: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        Schedule(**{"cron": "0 6 * * ? *", **arguments})
    assert fix in (caught.value.fix or "")

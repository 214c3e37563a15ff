"""Which files a run is asked for: dates in paths, days, globs, the oldest first."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.selection import FIRST_BATCH_MAX_FILES, Selection, age, date_of, day

LANDED = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def file(path: str, at: datetime = LANDED) -> SourceFile:
    return SourceFile(path, f"file:///{path}", 1, "v", "p", at)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("orders/2024-02-29.csv", date(2024, 2, 29)),
        ("orders/2024_02_29.csv", date(2024, 2, 29)),
        ("orders/export-20240229-eu.csv", date(2024, 2, 29)),
        ("orders/2024/02/29/part.csv", date(2024, 2, 29)),
        ("orders/year=2024/month=02/day=29/part.csv", date(2024, 2, 29)),
        ("dt=2024-02-29/part-00000.csv", date(2024, 2, 29)),
        ("orders/2024-02.csv", date(2024, 2, 1)),
        ("2023-01-01/orders-2024-02-29.csv", date(2024, 2, 29)),
        ("orders/2024-02-30.csv", LANDED.date()),  # digits, not a date
        ("orders/2024-13-01.csv", LANDED.date()),
        ("orders/1202402291.csv", LANDED.date()),  # within a longer number
        ("orders/2024.csv", LANDED.date()),
        ("orders/1.csv", LANDED.date()),
    ],
)
def test_the_day_of_a_file(path: str, found: date) -> None:
    assert date_of(file(path)) == found


@given(
    st.dates(date(1990, 1, 1), date(2080, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y_%m_%d", "%Y/%m/%d"]),
)
def test_every_date_is_found_as_it_is_written(wanted: date, form: str) -> None:
    assert date_of(file(f"shop/orders-{wanted.strftime(form)}.csv")) == wanted


def test_both_days_are_included() -> None:
    asked = Selection(since=date(2024, 1, 2), until=date(2024, 1, 3))
    kept = [d for d in range(1, 6) if asked.leaves_out(file(f"2024-01-0{d}.csv")) is None]
    assert kept == [2, 3]
    assert "before --since 2024-01-02" in str(asked.leaves_out(file("2024-01-01.csv")))


def test_globs_are_those_of_sources() -> None:
    asked = Selection(files=("orders/{a,b}-*.csv", "**/late.csv"))
    paths = ["orders/a-1.csv", "orders/c-1.csv", "orders/x/late.csv", "orders/x/a-1.csv"]
    assert [asked.leaves_out(file(path)) is None for path in paths] == [True, False, True, False]


def test_age_is_the_date_in_the_path_then_the_path() -> None:
    paths = ["b/2024-01-02.csv", "a/2024-01-02.csv", "z/2023-12-31.csv"]
    ordered = sorted(map(file, paths), key=age)
    assert [one.path for one in ordered] == ["z/2023-12-31.csv", "a/2024-01-02.csv", "b/2024-01-02.csv"]


def test_a_first_batch_has_a_limit_of_its_own() -> None:
    unasked = Selection().limit(first_batch=True)
    assert unasked and unasked.files == FIRST_BATCH_MAX_FILES and "--max-files" in unasked.reason
    assert Selection().limit(first_batch=False) is None
    assert Selection(full=True).limit(first_batch=True) is None
    assert Selection(max_files=7).limit(first_batch=True) == (7, "more than --max-files 7")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"full": True, "since": date(2024, 1, 1)}, "--full and --since do not go together"),
        ({"full": True, "retry": True}, "--full and --retry"),
        ({"full": True, "replay": "1"}, "--full and a replay"),
        ({"replay": "1", "max_files": 3}, "a replay and --max-files"),
        ({"drop_missing": True}, "--drop-missing belongs to --full"),
        ({"since": date(2024, 2, 1), "until": date(2024, 1, 1)}, "is after --until"),
        ({"max_files": 0}, "no file at all"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Selection(**options)  # type: ignore[arg-type]


def test_a_day_is_written_one_way() -> None:
    assert day("2024-02-29") == date(2024, 2, 29)
    with pytest.raises(SettingsError, match=r"`29\.2\.2024` is no day"):
        day("29.2.2024")

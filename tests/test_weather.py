"""The story `weather`: every hour once, the mended month in place of the wrong one, and the jobs do the same."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import weather_landing as landing
from alur_nb import export
from tests.demo_run import DemoRun, alur
from tests.lake_state import published_rows
from tests.story_tests import StoryTests, run_all

pytestmark = pytest.mark.slow

SEATTLE_WARMER = 1_765
WARM_DAYS = {2012: 37, 2013: 45, 2014: 63, 2015: 75}


def hours(name: str) -> dict[datetime, float]:
    """Read a city's hours from the package without the product."""
    rows = landing.read(name)
    return {
        datetime.strptime(row["date"][:16], "%Y/%m/%d %H:%M").replace(tzinfo=UTC): float(row["temp"])
        for row in rows
    }


class TestWeather(StoryTests):
    story = "weather"
    package = "vega_datasets"
    install = landing.INSTALL
    dag = ("ingest_days", "ingest_readings", "daily", "warm_days")

    @staticmethod
    def second_post(folder: Path, bundle: Path, python: Path, elsewhere: Path) -> list[dict[str, Any]]:
        """A changed file is for a person to decide on: the command that the notebook gives too."""
        done = alur(folder, "run", "ingest_readings", "--full", "--downstream", "--json")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert {run["state"] for run in run_all(python, bundle, folder, elsewhere)} == {"nothing new"}
        runs: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
        return runs

    def test_every_hour_is_there_once_as_the_package_has_it(self, ran: DemoRun) -> None:
        found = published_rows(ran.folder, "bronze.readings").to_pylist()
        assert len(found) == 2 * landing.HOURS
        for station, name in (("Seattle", "seattle-temps"), ("San Francisco", "sf-temps")):
            here = {
                row["observed_at"].replace(tzinfo=UTC): row["temp_f"]
                for row in found
                if row["station"] == station
            }
            assert here == hours(name)

    def test_the_first_load_dropped_the_hours_of_the_stuck_sensor(self, ran: DemoRun, page: str) -> None:
        first, second = ran.ledger["bronze.readings"]
        counts = [(batch["counts"]["rows"], batch["counts"]["rejected"]) for batch in (first, second)]
        assert counts == [(2 * landing.HOURS - 48, 48), (2 * landing.HOURS, 0)]
        assert first["reject_reasons"] == {"a possible temperature": 48}
        assert "a possible temperature Seattle 48 2010-08-14T00:00:00.000Z 2010-08-15T23:00:00.000Z" in page

    def test_each_table_was_loaded_anew_in_place_of_what_was_there(self, ran: DemoRun) -> None:
        for table in ("bronze.readings", "bronze.daily", "bronze.warm_days"):
            first, second = ran.ledger[table]
            assert second["supersedes"] == (first["id"],), table
        assert len(ran.ledger["bronze.days"]) == 1

    def test_the_preview_told_of_the_changed_file(self, page: str) -> None:
        assert "1 loaded file may have changed" in page
        assert 'stops where it differs (on_changed="error")' in page

    def test_every_day_of_2010_is_there_in_full(self, ran: DemoRun) -> None:
        rows = published_rows(ran.folder, "bronze.daily").to_pylist()
        assert len(rows) == 2 * 365
        assert sum(row["hours"] for row in rows) == 2 * landing.HOURS
        assert {row["hours"] for row in rows} == {23, 24}

    def test_the_warm_days_are_counted_right(self, ran: DemoRun) -> None:
        warmest: dict[str, float] = {}
        for moment, temp in hours("seattle-temps").items():
            day = moment.strftime("%m-%d")
            warmest[day] = max(warmest.get(day, temp), temp)
        wanted = {}
        for row in landing.read("seattle-weather"):
            day = row["date"].replace("/", "-")
            over = round(float(row["temp_max"]) * 9 / 5 + 32, 1) - warmest.get(day[5:], 999)
            if round(over, 1) > 10:
                wanted[day] = round(over, 1)
        found = published_rows(ran.folder, "bronze.warm_days").to_pylist()
        assert {row["date"].isoformat(): row["warmer_by_f"] for row in found} == wanted
        years = [row["date"].year for row in found]
        assert {year: years.count(year) for year in sorted(set(years))} == WARM_DAYS

    def test_the_page_answers(self, page: str) -> None:
        assert f"{landing.HOURS} {SEATTLE_WARMER}" in page
        for year, days in WARM_DAYS.items():
            assert f"{year} {days} " in page

    def test_a_parameter_that_is_given_is_what_the_jobs_get(
        self, ran: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = (ran.bundle / "jobs" / "warm_days.py").read_text(encoding="utf-8")
        assert 'margin_f = parameter("margin_f", 10.0)' in script
        for name in ("alur.toml", "weather.ipynb"):
            shutil.copy(ran.folder / name, tmp_path)
        monkeypatch.chdir(tmp_path)
        bundle = export("weather.ipynb", parameters={"margin_f": 15}).path
        manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["parameters"] == {"margin_f": 15.0}

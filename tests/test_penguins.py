"""The story `penguins`: every bird once, every wrong row with its reason, and the jobs do the same."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import penguins_landing as landing
from tests.demo_run import DemoRun
from tests.lake_state import published_rows
from tests.story_tests import StoryTests

pytestmark = pytest.mark.slow


def typed(bird: dict[str, str]) -> dict[str, Any]:
    """Read a row of the package without the product."""
    known = {name: None if value == "NA" else value for name, value in bird.items()}

    def number(name: str, kind: Any) -> Any:
        text = known[name]
        return None if text is None else kind(text)

    return {
        "study": known["studyName"],
        "sample": number("Sample Number", int),
        "species": str(known["Species"]).split()[0],
        "island": known["Island"],
        "bird": known["Individual ID"],
        "clutch_complete": known["Clutch Completion"] == "Yes",
        "egg_date": number("Date Egg", date.fromisoformat),
        "culmen_length_mm": number("Culmen Length (mm)", Decimal),
        "culmen_depth_mm": number("Culmen Depth (mm)", Decimal),
        "flipper_mm": number("Flipper Length (mm)", int),
        "mass_g": number("Body Mass (g)", int),
        "sex": number("Sex", str.lower),
        "delta_15_n": number("Delta 15 N (o/oo)", float),
        "delta_13_c": number("Delta 13 C (o/oo)", float),
    }


def key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["study"], row["species"], row["sample"]


class TestPenguins(StoryTests):
    story = "penguins"
    package = "palmerpenguins"
    install = landing.INSTALL
    dag = ("ingest_isotopes", "ingest_sheets", "penguins")

    def test_every_bird_is_there_once_as_the_package_has_it(self, ran: DemoRun) -> None:
        found = published_rows(ran.folder, "bronze.penguins").drop(["batch_id"]).to_pylist()
        wanted = [typed(bird) for bird in landing.read_birds()]
        assert len(found) == landing.TOTAL_PENGUINS
        assert sorted(found, key=key) == sorted(wanted, key=key)

    def test_each_wrong_row_is_rejected_with_its_place_and_reason(self, ran: DemoRun) -> None:
        rejects = published_rows(ran.folder, "bronze.penguin_sheets__rejects").to_pylist()
        others = sum(len(lines) for lines in landing.OTHER_LINES.values())
        assert len(rejects) == len(landing.WRONG_ROWS) + others == 11
        for wrong in landing.WRONG_ROWS:
            place = (None, None) if wrong.by_check else (wrong.file, wrong.bird + 2)
            here = [
                row
                for row in rejects
                if (row["source_file"], row["line_number"], row["column"]) == (*place, wrong.column)
            ]
            assert [wrong.reason in row["reason"] for row in here] == [True], wrong

    def test_totals_and_empty_rows_are_rejected_as_they_stand(self, ran: DemoRun) -> None:
        rejects = published_rows(ran.folder, "bronze.penguin_sheets__rejects").to_pylist()
        lines = Counter((name, line) for name, lines in landing.OTHER_LINES.items() for line in lines)
        assert lines - Counter((row["source_file"], row["raw"]) for row in rejects) == Counter()

    def test_the_copy_and_the_shifted_sheet_are_skipped_and_the_mended_one_is_loaded(
        self, ran: DemoRun
    ) -> None:
        first, second = ran.ledger["bronze.penguin_sheets"]
        skipped = {one["key"]: one["reason"] for one in first["inputs"] if one["outcome"] == "skipped"}
        assert set(skipped) == {landing.COPY, landing.SHIFTED}
        assert skipped[landing.COPY] == f"same content as {landing.COPIED}"
        assert "column without a name" in skipped[landing.SHIFTED]
        loaded = {one["key"]: one["accepted"] for one in second["inputs"] if one["outcome"] == "loaded"}
        assert (loaded[landing.SHIFTED], loaded[landing.CORRECTIONS]) == (34, 6)
        assert sum(loaded.values()) == 34 + 6 + 120

    def test_the_new_column_of_the_laboratory_is_taken_in(self, ran: DemoRun, page: str) -> None:
        first, second = ran.ledger["bronze.isotopes"]
        assert (first["added"], second["added"]) == ({}, {"comments": "string"})
        assert "comments = StringField()" in page
        rows = published_rows(ran.folder, "bronze.isotopes").to_pylist()
        assert sum(row["comments"] is not None for row in rows) == 13

    def test_the_page_answers_with_the_published_means(self, page: str) -> None:
        answer = page[page.index("How long are their flippers?") :]
        for line in ("Adelie 152 189.95 141", "Chinstrap 68 195.82 67", "Gentoo 124 217.19 122"):
            assert line in answer
        for told in (
            "nothing new",
            "a column without a name",
            "same content as",
            "13 bis",
            "Total – 44 birds",
        ):
            assert told in page, told

"""Rows that a test gives become what the source's reader takes: a landing file of its format, its own names in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alur_nb import BronzeTable, DecimalField, LongField, StringField, TimestampField, files, new, pipeline
from alur_nb.authoring.given_rows import give
from alur_nb.runtime.errors import DeclarationError, SourceError
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace

Give = Callable[..., list[Path]]
ROWS = [
    {"id": 1, "amount": Decimal("1.50"), "at": datetime(2024, 1, 2, tzinfo=UTC)},
    {"id": 2, "note": "a,b"},
]


class SalesBronze(BronzeTable):
    id = LongField(nullable=False, source="Sale No.")
    amount = DecimalField(10, 2)
    at = TimestampField()
    note = StringField()


def loading(pattern: str | list[str] = "sales/*.csv", **options: Any) -> Pipeline:
    @pipeline(sources={"sales": files(pattern, **options)}, target=SalesBronze)
    def load(sales: Any) -> Any:
        return sales

    return load


@pytest.fixture
def given(project: Project, workspace: Workspace) -> Give:
    def landed(made: Pipeline, content: Any, parameter: str = "sales") -> list[Path]:
        give(workspace, made, parameter, content)
        data = workspace.settings.root / "data"
        return sorted(path.relative_to(data) for path in data.rglob("*") if path.is_file())

    return landed


def test_rows_become_a_csv_file_with_the_names_that_files_have(given: Give) -> None:
    assert given(loading(), ROWS) == [Path("sales/given-1.csv")]
    assert Path("data/sales/given-1.csv").read_text(encoding="utf-8") == (
        'Sale No.,amount,at,note\n1,1.50,2024-01-02T00:00:00+00:00,\n2,,,"a,b"\n'
    )


def test_options_of_the_source_hold_for_the_file(given: Give) -> None:
    given(loading(options={"sep": ";", "header": False, "encoding": "latin-1"}), [{"id": 1, "note": "é"}])
    assert Path("data/sales/given-1.csv").read_bytes() == b"1;\xe9\n"


def test_without_rows_the_file_has_its_header(given: Give) -> None:
    given(loading(), [])
    assert Path("data/sales/given-1.csv").read_text(encoding="utf-8") == "Sale No.,amount,at,note\n"


def test_rows_become_json_lines(given: Give) -> None:
    given(loading("sales/*.jsonl", format="jsonl"), ROWS[1:])
    assert Path("data/sales/given-1.jsonl").read_text(encoding="utf-8") == '{"id": 2, "note": "a,b"}\n'


def test_text_is_written_as_it_is_and_each_time_to_a_new_file(given: Give) -> None:
    made = loading()
    given(made, "Sale No.\r\n1\r\n")
    assert given(made, b"\xff") == [Path("sales/given-1.csv"), Path("sales/given-2.csv")]
    assert Path("data/sales/given-1.csv").read_bytes() == b"Sale No.\r\n1\r\n"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("sales/**/day_?.csv", "sales/day_1.csv"),
        ("{shop,web}/*.csv", "shop/given-1.csv"),
        ("sales/[ab]*.csv", "sales/agiven-1.csv"),
        ("one.csv", "one.csv"),
        (["first/*.csv", "second/*.csv"], "first/given-1.csv"),
    ],
)
def test_the_name_of_the_file_is_made_of_the_pattern(
    given: Give, pattern: str | list[str], name: str
) -> None:
    assert given(loading(pattern), ROWS) == [Path(name)]


@pytest.mark.parametrize("pattern", ["s3://bucket/*.csv", "/etc/*.csv", "sales/[!!].csv", "../*.csv"])
def test_a_file_is_never_landed_elsewhere(given: Give, pattern: str) -> None:
    with pytest.raises(SourceError, match=r"No name of a file can be made(?s:.*)lake.land"):
        given(loading(pattern), ROWS)


def test_an_unknown_source_is_told_with_the_nearest(given: Give) -> None:
    with pytest.raises(DeclarationError, match=r"no source `sale` \(did you mean `sales`\?\)"):
        given(loading(), ROWS, "sale")


def test_a_table_takes_rows_not_text(given: Give) -> None:
    @pipeline(sources={"sales": new(SalesBronze)}, target=type("LateBronze", (SalesBronze,), {}))
    def late(sales: Any) -> Any:
        return sales

    with pytest.raises(
        DeclarationError, match=r"is the table bronze.sales, not a file(?s:.*)\"sales\": \[\{\"id\""
    ):
        given(late, "id\n1\n")

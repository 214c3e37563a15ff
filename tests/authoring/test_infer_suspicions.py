"""What is suspected of the sampled files: said with its evidence, never acted on, and not said where nothing speaks for it."""

from __future__ import annotations

import json

import pytest

from alur_nb.authoring.infer_facts import Inference
from alur_nb.authoring.infer_suspicions import header_below
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import columns, inferred
from tests.conftest import Land


def suspected(found: Inference, word: str) -> list[str]:
    return [doubt for doubt in found.doubts if word in doubt]


def test_a_column_in_another_s_place_may_be_a_renamed_one(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", "id,amt,note\n1,2.50,a\n")
    land("orders/2.csv", "id,amount,note\n2,3.50,b\n")
    land("orders/3.csv", "id,amount,note\n3,4.50,c\n")
    found = inferred(workspace, "orders/*.csv")
    assert suspected(found, "renamed") == [
        "`amt` and `amount` may be one column that was renamed: 1 of 3 files have the one, the others the other, and "
        "both are decimal(10,2) and both are column 2. If so, give it one name in the files"
    ]
    assert {"amt", "amount"} <= set(columns(found))  # said, and not acted on


def test_moved_and_renamed_is_told_by_a_type_that_no_other_has(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", "id,day\n1,2024-01-31\n")
    land("orders/2.csv", "id,note,ordered\n2,b,2024-02-01\n")
    (doubt,) = suspected(inferred(workspace, "orders/*.csv"), "renamed")
    assert doubt.startswith("`day` and `ordered` may be one column")
    assert "both are date" in doubt
    assert "both are column" not in doubt


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("id,a\n1,2\n", "id,a,b\n1,2,3\n"),  # only new
        ("id,a\n1,x\n", "id,c,b\n1,y,z\n"),  # in a's place c, of which both are text: but a place speaks
    ],
)
def test_a_column_that_is_only_new_is_no_renamed_one(
    workspace: Workspace, land: Land, first: str, second: str
) -> None:
    land("orders/1.csv", first)
    land("orders/2.csv", second)
    doubts = suspected(inferred(workspace, "orders/*.csv"), "renamed")
    assert all("`b`" not in doubt for doubt in doubts)


def test_of_two_new_columns_of_one_type_none_is_picked(workspace: Workspace, land: Land) -> None:
    land("events/1.jsonl", json.dumps({"id": "x", "weight": 1.5}) + "\n")
    land("events/2.jsonl", json.dumps({"id": "y", "net": 1.5, "gross": 2.5}) + "\n")
    assert suspected(inferred(workspace, "events/*.jsonl"), "renamed") == []
    land("events/2.jsonl", json.dumps({"id": "y", "net": 1.5}) + "\n")
    assert suspected(inferred(workspace, "events/*.jsonl"), "`weight` and `net` may be one column")


def test_many_renamed_columns_are_counted(workspace: Workspace, land: Land) -> None:
    for number, mark in enumerate("ab"):
        names = ",".join(f"{mark}{column}" for column in range(2_000))
        land(f"orders/{number}.csv", f"{names}\n{','.join(['1'] * 2_000)}\n")
    doubts = suspected(inferred(workspace, "orders/*.csv"), "renamed")
    assert len(doubts) == 4
    assert doubts[-1] == "1,997 more pairs of columns may be renamed ones as well"


ROWS = "id,item,amount\n1,tea,2.50\n2,milk,1.25\n3,salt,0.75\n"


@pytest.mark.parametrize(
    ("row", "evidence"),
    [
        ("Total,,4.50", "it says `Total` and `amount` is the sum of the other 3 rows"),
        (",Grand total:,9.99", "it says `Grand total:`."),
        (",Summe,4.50", "it says `Summe` and `amount` is the sum"),
        (",,4.5", ": `amount` is the sum of the other 3 rows"),
    ],
)
def test_a_total_at_the_end_is_told_with_what_speaks_for_it(
    workspace: Workspace, land: Land, row: str, evidence: str
) -> None:
    land("orders/1.csv", f"{ROWS}{row}\n")
    (doubt,) = suspected(inferred(workspace, "orders/*.csv"), "total,")
    assert doubt.startswith("orders/1.csv: its last row looks like a total, and a run takes it for a row")
    assert evidence in doubt


def test_a_total_may_come_first_and_in_several_files(workspace: Workspace, land: Land) -> None:
    head, _, rest = ROWS.partition("\n")
    for number in range(3):
        land(f"orders/{number}.csv", f"{head}\nTotal,,4.50\n{rest}")
    (doubt,) = suspected(inferred(workspace, "orders/*.csv"), "total,")
    assert doubt.startswith("orders/0.csv and 2 more files: its first row looks like a total")


@pytest.mark.parametrize("row", ["4,total,2.00", "4,bread,4.50", "4,,1.00", ",,0"])
def test_a_row_like_the_others_is_none(workspace: Workspace, land: Land, row: str) -> None:
    land("orders/1.csv", f"{ROWS}5,total,1.00\n{row}\n")
    assert suspected(inferred(workspace, "orders/*.csv"), "total,") == []


def test_empty_rows_at_either_end_are_told_and_a_total_before_them(workspace: Workspace, land: Land) -> None:
    head, _, rest = ROWS.partition("\n")
    land("orders/1.csv", f"{head}\n,,\n{rest}Total,,4.50\n,,\n, ,\n")
    doubts = inferred(workspace, "orders/*.csv").doubts
    assert any("its first row holds no value: a run rejects it, or loads" in doubt for doubt in doubts)
    assert any("its last 2 rows hold no value" in doubt for doubt in doubts)
    assert any("looks like a total" in doubt for doubt in doubts)


def test_of_a_file_whose_end_was_not_seen_nothing_is_said_of_it(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", ROWS + "".join(f"{n},x,1\n" for n in range(10_000)) + "Total,,10004.50\n")
    found = inferred(workspace, "orders/*.csv")
    assert not found.files.complete
    assert suspected(found, "total,") == []


@pytest.mark.parametrize("above", ["Sales 2024,,\n", ",,\n", "Sales 2024,,\n,,\n"])
def test_what_stands_above_the_header_is_told_with_the_header_s_row(
    workspace: Workspace, land: Land, above: str
) -> None:
    land("orders/1.csv", f"{above}{ROWS}")
    with pytest.raises(SourceError) as caught:
        inferred(workspace, "orders/*.csv")
    number = above.count("\n") + 1
    assert "columns have no name in its first row" in str(caught.value)
    assert f"The first row with a text in each place is row {number}: `id`, `item`, `amount`." in str(
        caught.value
    )
    assert "Delete what is above the header" in (caught.value.fix or "")


def test_a_header_is_found_only_where_each_place_has_a_text() -> None:
    assert header_below([["Sales", ""], ["", ""], ["id", "amount"]]) == (3, ["id", "amount"])
    assert header_below([["Sales", ""], ["1", ""]]) is None
    assert header_below([["one"], ["two"]]) is None
    assert header_below([]) is None

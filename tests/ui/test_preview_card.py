"""The preview's card: what profiles, proposals, partners and changes say, in words, and nothing that the text lacks."""

from __future__ import annotations

import dataclasses
import re

from alur_nb.authoring.preview_facts import (
    Bin,
    ColumnProfile,
    ContractColumn,
    Partners,
    RejectedRow,
    ResultColumn,
    Sampled,
    SourcePreview,
)
from alur_nb.authoring.preview_text import sampled_text
from alur_nb.ui.cards import to_html
from tests.ui.test_cards import PREVIEW, read

RANGE = ColumnProfile(
    "id",
    "int",
    147,
    3,
    144,
    least=1,
    greatest=99,
    bins=(Bin("1 to 50", 100), Bin("50 to 99", 44)),
    is_range=True,
)
VALUES = ColumnProfile("name", "string", 147, 0, 7, about=True, least="", greatest="z", bins=(Bin("ann", 9),))
FULL = dataclasses.replace(
    PREVIEW,
    since=("verdict: would load -> would fail", "1 file more (orders/3.csv)"),
    profiles=(RANGE, VALUES),
    sources=(
        dataclasses.replace(
            PREVIEW.sources[0],
            columns=(ContractColumn("colour", None, "refused", 1, 2, proposed="colour = StringField()"),),
            profiles=(RANGE,),
        ),
        SourcePreview(
            "customers",
            "table",
            "bronze.customers",
            "new",
            batches=3,
            batch_rows=4_000,
            whole=False,
            partners=Partners(("key",), "orders", 147, 9, searched=True),
        ),
    ),
    rows=((1, None), (2, "null"), (3, "")),
    rejected=(RejectedRow("orders/2.csv", 7, "id", "`x` is not a whole number", "x,y", "x"),),
    result_columns=(ResultColumn("total", None, "int", "surplus", "total = IntegerField()"),),
)


def test_the_card_says_what_the_text_says() -> None:
    shown = read(str(to_html(FULL)))
    for fact in (
        "since the last preview: verdict: would load -> would fail; 1 file more (orders/3.csv)",
        "what the columns of the result hold, in 147 rows",
        "id int 3 (2.0%) 144 1 99 █▄ 100, 44 in 2 equal parts from 1 to 99",
        "name string 0 about 7 '' z ann 9, 6 more values",
        "colour refused 1 of 2 colour = StringField()",
        "total nothing int surplus refused total = IntegerField()",
        "searched for partners",
        "orders/2.csv 7 id x `x` is not a whole number x,y",
        "1 null 2 'null' 3 ''",
    ):
        assert fact in shown


def test_the_card_has_every_word_of_the_text() -> None:
    shown = read(str(to_html(FULL)))
    words = set(re.findall(r"[\w./*-]*\w", str(FULL)))
    joining = {"next", "by", "given", "fails", "opened", "nulls", "least", "greatest", "declare", "result"}
    assert not {word for word in words if word not in shown} - joining


def test_numbers_stand_to_the_right_and_lines_to_copy_are_code() -> None:
    markup = str(to_html(FULL))
    assert '<td style="text-align:right">3 (2.0%)</td>' in markup
    assert "<code>colour = StringField()</code>" in markup
    assert "<code>total = IntegerField()</code>" in markup
    assert "<code>x</code>" in markup


def test_what_a_check_does_when_it_fails_is_not_taken_for_what_it_did() -> None:
    (check,) = FULL.checks
    passed = dataclasses.replace(FULL, checks=(dataclasses.replace(check, outcome="passed"),))
    assert "check positive: passed, 1 of 147 rows (ERROR if it fails)" in str(passed)
    assert "check positive: failed, 1 of 147 rows (ERROR)" in str(FULL)
    assert "note if it fails positive passed" in read(str(to_html(passed)))


def test_rows_that_are_loaded_already_are_said_to_be_in_the_first_lines() -> None:
    old = dataclasses.replace(FULL, verdict="nothing new")
    said = "A run would load nothing; the rows, rejects and checks below are of what is loaded already."
    assert str(old).splitlines()[1] == said
    assert f"bronze.orders: nothing new {said} since the last" in read(str(to_html(old)))
    assert said not in str(FULL)
    empty = dataclasses.replace(old, columns=(), types=(), rows=(), rejected_rows=0)
    assert said not in str(empty), "there is nothing below"


def test_that_all_was_read_is_not_said_of_the_rejected_rows() -> None:
    sampled = Sampled(1, 1, 120, 120, 8, 3, complete=True, bytes_covered=120)
    assert (
        sampled_text(sampled)
        == "read 1 of 1 file, 120 bytes of 120 bytes, 8 rows (3 rejected), the whole file"
    )
    both = dataclasses.replace(sampled, files_read=2, files_found=2, rejected=0)
    assert sampled_text(both) == "read 2 of 2 files, 120 bytes of 120 bytes, 8 rows, the whole files"


def test_the_path_of_a_rejected_row_stays_in_one_line() -> None:
    assert '><span style="white-space:nowrap">orders/2.csv</span></th>' in str(to_html(FULL))


def test_depth_is_folded_and_what_is_refused_is_open() -> None:
    markup = str(to_html(FULL))
    assert "<details><summary>what the columns of the result hold" in markup
    assert "<details open><summary>columns of orders against the contract" in markup
    assert "<details open><summary>the result&#x27;s columns against bronze.orders" in markup

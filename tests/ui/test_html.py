"""How values stand in tables and lines, and that they read the same everywhere."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from alur_nb.authoring.query import QueryResult
from alur_nb.ui import html
from alur_nb.ui.cards import to_html
from alur_nb.ui.help import help_page
from tests.ui.test_cards import BUNDLE


def test_numbers_of_every_kind_stand_to_the_right_under_their_headers() -> None:
    rows = [(1, Decimal("0.0000001"), "a", 1.5), (2, None, None, None)]
    result = QueryResult(("id", "price", "name", "share"), ("int", "decimal(9,7)", "string", "double"), rows)
    sides = re.findall(r'<(th|td)[^>]* style="text-align:(left|right)">([^<]*)<', str(to_html(result)))
    right = [text for _, side, text in sides if side == "right"]
    head = ["id int", "price decimal(9,7)", "share double"]
    assert right == [*head, "1", "0.0000001", "1.5", "2", "NULL", "NULL"]
    assert "0.0000001" in str(result)
    mixed = str(html.table("facts", ("what", "value"), [("rows", 3), ("state", "ok"), ("flag", True)]))
    assert re.findall(r'text-align:right">([^<]*)<', mixed) == ["3"]


def test_an_example_of_the_help_is_code_in_its_cell() -> None:
    card = str(to_html(help_page()))
    assert "<pre>" not in card
    assert "<code>%alur_export --env dev</code></td>" in card
    assert "<div><code>" in card, "one of more than one line"


def test_where_a_bundle_is_reads_the_same_in_every_folder() -> None:
    told = {
        (str(one), str(to_html(one)))
        for root in (Path("/home/ann/shop"), Path("/srv/shop"))
        for one in [replace(BUNDLE, path=root / "out/bundle", root=root)]
    }
    ((text, markup),) = told
    assert text.startswith("Bundle for dev: 1 job, 1 table, in out/bundle\n")
    assert "Bundle for dev: 1 job, 1 table, in out/bundle<" in markup and ">1 job script<" in markup
    elsewhere = replace(BUNDLE, path=Path("/mnt/bundle"), root=Path("/srv/shop"))
    assert "in /mnt/bundle" in str(elsewhere) and "in /mnt/bundle" in str(to_html(elsewhere))

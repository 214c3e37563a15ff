"""Markup from plain values: escaped, with captions, scopes and sides."""

from __future__ import annotations

import re
from decimal import Decimal

from alur_nb.authoring.query import QueryResult
from alur_nb.ui import html
from alur_nb.ui.cards import to_html
from alur_nb.ui.help import help_page
from tests.ui.test_cards import QUERY, RUN


def test_tables_have_captions_and_scopes() -> None:
    card = str(to_html(RUN))
    assert card.count("<table><caption style=") == card.count("<table>") > 1
    assert '<th scope="col"' in card
    assert '<th scope="row"' in card


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


def test_text_is_escaped() -> None:
    assert "&lt;late&gt;" in str(to_html(RUN))
    assert "<b>" not in str(to_html(QUERY))

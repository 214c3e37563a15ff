"""What a preview says of tables that were searched for the partners of a sample."""

from __future__ import annotations

import dataclasses

from alur_nb.authoring.preview_facts import Partners
from alur_nb.authoring.preview_notes import partners_text

FOUND = Partners(("key",), "orders", 6, 5, searched=True)


def test_the_words_for_partners_say_whether_more_of_them_may_be_elsewhere() -> None:
    head = "5 of 6 rows of `orders` matched by key: `customers` was "
    searched = head + "searched for their partners only, and the function called once more with them"
    assert partners_text("customers", FOUND) == searched + "; its other rows are not here."
    taken = partners_text("customers", dataclasses.replace(FOUND, taken=1_000))
    assert taken == (
        searched
        + ". The first 1,000 partners were taken: what finds none, or too few, here may find more in a run."
    )
    to_come = partners_text("customers", dataclasses.replace(FOUND, with_samples=True))
    assert to_come == (
        searched
        + ". Of its rows still to come a sample was searched: what finds no partner in it here may find one "
        "in a run."
    )
    sampled = partners_text("customers", dataclasses.replace(FOUND, searched=False))
    assert sampled == head + "sampled, so what finds no partner in it here may find one in a run."

from __future__ import annotations

import random

import pytest

from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.ledger_pages import PAGE_BYTES, inputs_of, pages


def noise(length: int, seed: int) -> str:
    """Text that hardly compresses: the worst that a path can be."""
    return random.Random(seed).randbytes(length // 2).hex()


def test_about_a_thousand_inputs_make_a_page() -> None:
    inputs = [Input("file", f"s3://landing/orders/2026/{n:06d}.csv", "1") for n in range(2_500)]
    packed = list(pages(inputs))
    assert len(packed) == 3
    assert [item for one in packed for item in inputs_of(one)] == inputs
    assert list(pages([])) == []


def test_long_paths_make_more_pages_and_never_a_larger_one() -> None:
    inputs = [Input("file", noise(1_024, n), noise(64, -n)) for n in range(2_000)]
    packed = list(pages(inputs))
    assert len(packed) > 2
    assert max(map(len, packed)) <= PAGE_BYTES
    assert [item for one in packed for item in inputs_of(one)] == inputs


def test_one_input_that_no_page_holds_is_refused_by_name() -> None:
    with pytest.raises(LedgerError, match="more than a ledger holds"):
        list(pages([Input("file", "short", "1"), Input("file", noise(1_000_000, 1), "1")]))

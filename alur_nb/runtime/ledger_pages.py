"""Inputs as a ledger keeps them: about a thousand to a page, compressed, each page well below what an item may hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import Input, inputs_from_json, inputs_to_json

INPUTS_PER_PAGE = 1_000
# An item of DynamoDB holds 400 KB, names and keys included (developer guide, "Quotas"). SQLite keeps the same pages.
PAGE_BYTES = 300_000


def pages(inputs: Sequence[Input]) -> Iterator[bytes]:
    """Cut inputs into pages; never more pages than inputs, and none for none.

    Raises LedgerError for one input that no page can hold.
    """
    for start in range(0, len(inputs), INPUTS_PER_PAGE):
        yield from _halved(inputs[start : start + INPUTS_PER_PAGE])


def page(inputs: Sequence[Input]) -> bytes:
    """Return these inputs as one page, however long it becomes."""
    return zlib.compress(inputs_to_json(inputs).encode())


def inputs_of(packed: bytes) -> list[Input]:
    """Read a page back."""
    return inputs_from_json(zlib.decompress(packed).decode())


def _halved(inputs: Sequence[Input]) -> Iterator[bytes]:
    packed = page(inputs)
    if len(packed) <= PAGE_BYTES:
        yield packed
    elif len(inputs) == 1:
        raise LedgerError(
            f"What is to be noted of {inputs[0].key[:200]}.. takes {len(packed):,} bytes, more than a ledger holds.",
            fix="Give the file a shorter path.",
        )
    else:
        middle = len(inputs) // 2
        yield from _halved(inputs[:middle])
        yield from _halved(inputs[middle:])

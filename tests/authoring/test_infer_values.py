"""The rules that inference counts by are those of the readers: each row of the golden table, and no text more."""

from __future__ import annotations

import pytest

from alur_nb.authoring.infer_values import accepted_by, formatted_as, is_empty
from alur_nb.runtime.types import BinaryField, FloatField
from tests.golden.text_to_value import GOLDEN, NULL, Rejected

# What a cell of the golden table holds once the file's quotes are taken off.
TYPES = {
    name: field for name, (field, _) in GOLDEN.items() if not isinstance(field, (BinaryField, FloatField))
}


def cell_text(cell: str) -> str:
    """Return the value of a cell as a CSV reader gives it."""
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


CELLS = [
    (name, cell, value)
    for name, field in TYPES.items()
    for cell, value, _ in GOLDEN[name][1]
    # Of two values, one of which is too many, no column decides.
    if not (isinstance(value, Rejected) and "the header has" in value.reason) and value != NULL
]


@pytest.mark.parametrize(("name", "cell", "value"), CELLS)
def test_a_text_is_accepted_as_the_golden_table_says(name: str, cell: str, value: object) -> None:
    text = cell_text(cell)
    accepted = value is None if is_empty(text) and value is None else accepted_by(TYPES[name])(text)
    assert accepted == (not isinstance(value, Rejected))


def test_a_null_value_is_empty_where_it_stands_alone() -> None:
    assert is_empty(" NA ", "NA")
    assert not is_empty("NAN", "NA")
    assert not is_empty("NA")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("d/M/yyyy", ("1/2/2024", "31/12/2024"), ("1/13/2024", "1/2/24", "2024/1/2")),
        ("dd MMM yyyy", ("05 Sep 2024",), ("05 Sept 2024", "5 Sep 2024", "31 Sep 2024")),
        ("MM/dd/yyyy hh:mm a", ("01/31/2024 12:59 PM",), ("01/31/2024 00:10 AM", "01/31/2024 13:00 PM")),
        ("dd.MM.yyyy HH:mm:ss", ("31.01.2024 23:59:59",), ("31.01.2024 23:59:60", "31.01.2024 24:00:00")),
        ("yyyyMMdd", ("20240131",), ("20240132", "2024013")),
        ("yyyy-MM-dd'T'HH:mm", (), ("2024-01-31T10:00",)),
        ("EEE", (), ("Mon",)),
    ],
)
def test_a_pattern_reads_what_spark_reads(pattern: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    accepts = formatted_as(pattern)
    assert [text for text in (*good, *bad) if accepts(text)] == list(good)

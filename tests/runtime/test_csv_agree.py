"""Two readings of one file, written apart from each other, refuse the same rows: whatever the file holds."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from alur_nb.runtime.csv import explain, read
from alur_nb.runtime.csv_scan import parse_row
from alur_nb.runtime.dialect import Dialect, inspect
from tests.csv_case import contract, land, opened
from tests.golden.text_to_value import GOLDEN

pytestmark = pytest.mark.slow

TABLE = contract(**{kind: field for kind, (field, _) in GOLDEN.items()})
CELLS = {kind: [cell for cell, _, _ in rows] for kind, (_, rows) in GOLDEN.items()}
EASY = {
    kind: [cell for cell, value, _ in rows if type(value).__name__ != "Rejected"]
    for kind, (_, rows) in GOLDEN.items()
}

digits = st.text("0123456789+-.eEdfx :TZ/", max_size=12)
quoted = st.text("ab01 ,;\n\r\t\"'\\é", max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"')
raw = st.text('a1,"\n\r \\#', max_size=4)


def nearly(kind: str) -> st.SearchStrategy[str]:
    """Draw a cell that would be in order, but for one character."""

    def changed(text: str, position: int, character: str) -> str:
        where = position % (len(text) + 1)
        return text[:where] + character + text[where + 1 :]

    return st.builds(changed, st.sampled_from(EASY[kind]), st.integers(0, 40), st.sampled_from("0T-:Z .+\t"))


def cell(kind: str) -> st.SearchStrategy[str]:
    usual = st.sampled_from(EASY[kind])
    odd = st.one_of(
        nearly(kind),
        st.sampled_from(CELLS[kind]),
        st.sampled_from([cell for cells in CELLS.values() for cell in cells]),
        digits,
        quoted,
        raw,
    )
    return st.integers(0, 19).flatmap(lambda dice: odd if dice == 0 else usual)


@st.composite
def csv_text(draw: st.DrawFn) -> str:
    """Draw a file: some or all columns in any order, rows mostly of the right width, one kind of line end or more."""
    optional = [kind for kind, (field, _) in GOLDEN.items() if field.nullable]
    kept = draw(st.lists(st.sampled_from(optional), unique=True, max_size=4))
    header = draw(st.permutations([*kept, "required_integer", "required_string"]))
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"], ["\n", "\n\n"], ["\n", "\n \n"]]))
    lines = [",".join(header)]
    for _ in range(draw(st.integers(0, 12))):
        row = [draw(cell(kind)) for kind in header]
        dice = draw(st.integers(0, 19))
        row = row[:-1] if dice == 0 else [*row, draw(cell("string"))] if dice == 1 else row
        lines.append(",".join(row) + "," * (dice == 2) * draw(st.integers(1, 8)))
    body = "".join(line + draw(st.sampled_from(ends)) for line in lines)
    return body if draw(st.booleans()) else body.rstrip("\r\n")


def lines_of(text: str) -> list[str]:
    """Return the file's lines; a return alone ends them only where it ends the header."""
    plain = text.replace("\r\n", "\n")
    returns = "\r" in plain and "\r" in plain.split("\n")[0]
    return (plain.replace("\r", "\n") if returns else plain).split("\n")


def records(text: str) -> int:
    """Count the records behind the header as Python sees them."""
    data = "\n".join(lines_of(text)).encode()
    position, found = 0, 0
    while position < len(data):
        if data.startswith(b"\n", position):
            position += 1
            continue
        position += parse_row(data[position:], Dialect().marks())[1] + 1
        found += 1
    return found - 1


@given(texts=st.lists(csv_text(), min_size=3, max_size=6))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_read_and_explain_refuse_the_same_rows(
    texts: list[str], spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("agree")
    expected = {}
    for index, text in enumerate(texts):
        look = inspect(io.BytesIO(text.encode()), "x.csv", Dialect())
        if look.problem is None and look.escape == '"':
            land(folder, {f"{index}.csv": text})
            expected[f"{index}.csv"] = records(text)
    assume(expected)
    files = opened(folder, TABLE)
    rows = read(spark, files, TABLE, Dialect()).groupBy("_source_file")
    counts = {
        row[0]: (row[1], row[2])
        for row in rows.agg(F.count("*"), F.sum(F.col("_rejected").cast("int"))).collect()
    }
    reasons = explain(spark, files, TABLE, Dialect()).collect()
    explained: dict[str, int] = {}
    for row in reasons:
        assert row.reason
        assert row.raw is not None
        explained[row.source_file] = explained.get(row.source_file, 0) + 1
        if row.line_number is not None:
            text = texts[int(row.source_file.removesuffix(".csv"))]
            assert lines_of(text)[row.line_number - 1] == row.raw
    assert {name: count for name, (count, _) in counts.items()} == {n: c for n, c in expected.items() if c}
    assert {name: bad for name, (_, bad) in counts.items() if bad} == explained

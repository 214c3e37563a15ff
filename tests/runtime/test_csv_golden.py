from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb.authoring.sample import head
from alur_nb.runtime.csv import explain, read
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.types import LongField, TimestampField
from tests.csv_case import contract, land, opened
from tests.golden.text_to_value import EPOCH, GOLDEN, Rejected

pytestmark = pytest.mark.slow


def same(found: object, expected: object) -> bool:
    """Whether two values are one, to the sign of zero and NaN."""
    if isinstance(found, float) and isinstance(expected, float):
        return math.isnan(found) == math.isnan(expected) and (
            math.isnan(found) or (found == expected and math.copysign(1, found) == math.copysign(1, expected))
        )
    if isinstance(found, bytearray):  # from Spark 4 on, pyspark gives bytes
        found = bytes(found)
    return type(found) is type(expected) and found == expected


def as_compared(frame: DataFrame, kind: str) -> DataFrame:
    """Return moments as microseconds since 1970: pyspark gives them in the machine's own zone."""
    if isinstance(GOLDEN[kind][0], TimestampField):
        return frame.withColumn("value", F.unix_micros("value"))
    return frame


def expected_value(value: object, kind: str) -> object:
    if value is not None and isinstance(GOLDEN[kind][0], TimestampField):
        return (value - EPOCH) // EPOCH.resolution  # type: ignore[operator]
    return value


def test_the_table_has_a_reason_for_every_row_and_no_row_twice() -> None:
    for kind, (_, rows) in GOLDEN.items():
        cells = [cell for cell, _, _ in rows]
        assert len(cells) == len(set(cells)), kind
        assert all(why for _, _, why in rows), kind


@pytest.mark.parametrize("kind", list(GOLDEN))
def test_the_head_that_a_preview_reads_holds_the_table_s_very_bytes(kind: str) -> None:
    """A preview inspects and reads the head as a run does the file: equal bytes are an equal path from here on."""
    rows = GOLDEN[kind][1]
    table = "id,value\n" + "".join(f"{index},{cell}\n" for index, (cell, _, _) in enumerate(rows))
    stream = io.BytesIO(table.encode() + b"-1,behind the head\n")
    found = head(stream, "golden.csv", Dialect(), max_bytes=1 << 20, max_rows=len(rows))
    assert (found.data.decode(), found.rows, found.complete) == (table, len(rows), False)


@pytest.mark.parametrize("kind", list(GOLDEN))
def test_text_to_value(kind: str, spark: SparkSession, tmp_path: Path) -> None:
    field, rows = GOLDEN[kind]
    text = "id,value\n" + "".join(f"{index},{cell}\n" for index, (cell, _, _) in enumerate(rows))
    land(tmp_path, {"golden.csv": text})
    table = contract(id=LongField(), value=field)
    files = opened(tmp_path, table)
    read_rows = {row.id: row for row in as_compared(read(spark, files, table, Dialect()), kind).collect()}
    reasons = {int(row.raw.split(",")[0]): row for row in explain(spark, files, table, Dialect()).collect()}
    wrong = []
    for index, (cell, expected, why) in enumerate(rows):
        found = read_rows[index]
        if isinstance(expected, Rejected):
            reason = reasons[index].reason if index in reasons else None
            if not found._rejected or reason != expected.reason:
                wrong.append((cell, why, f"read: {found}", f"explain: {reason}"))
        elif found._rejected or index in reasons or not same(found.value, expected_value(expected, kind)):
            wrong.append((cell, why, f"read: {found}", f"explain: {reasons.get(index)}"))
    assert wrong == []
    assert len(read_rows) == len(rows)

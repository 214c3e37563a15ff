from __future__ import annotations

import bz2
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from alur_nb.runtime.contract import Table
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.files import LocalFiles
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.readers import Looker, explain, read
from alur_nb.runtime.sources import files
from alur_nb.runtime.types import (
    ArrayField,
    DateField,
    DecimalField,
    Field,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from alur_nb.runtime.zstd import packed
from tests.csv_case import contract, land

pytestmark = pytest.mark.slow

ORDERS = contract(id=LongField(nullable=False), note=StringField(), amount=DecimalField(10, 2))
SOURCE = files("*", format="jsonl")


def opened(folder: Path, table: Table, source: object = SOURCE) -> list[ReadableFile]:
    landing = LocalFiles(folder)
    found = []
    for file in landing.list("**/*"):
        with landing.open(file) as stream:
            found.append(Looker(table, source).look(file, stream))  # type: ignore[arg-type]
        assert found[-1].inspection.problem is None, found[-1].inspection.problem
    return found


def both(
    spark: SparkSession, folder: Path, table: Table, source: object = SOURCE
) -> tuple[list[Row], list[Row]]:
    """Return the accepted rows, and the reasons of the others."""
    found = opened(folder, table, source)
    frame = read(spark, found, table, source)  # type: ignore[arg-type]
    reasons = explain(spark, found, table, source).orderBy("source_file", "line_number")  # type: ignore[arg-type]
    rejected = frame.where("_rejected").count()
    told = reasons.collect()
    assert rejected == len(told)
    assert frame.count() == sum(item.inspection.records or 0 for item in found)
    return frame.where("NOT _rejected").drop("_rejected", "_source_file").collect(), told


def one(spark: SparkSession, folder: Path, line: str, **columns: Field) -> object:
    """Return the first value of a line, or why it was refused."""
    land(folder, {"one.jsonl": line + "\n"})
    rows, told = both(spark, folder, contract(**columns))
    return told[0].reason if told else rows[0][0]


def test_records_in_any_order_of_keys_with_line_and_reason(spark: SparkSession, tmp_path: Path) -> None:
    land(
        tmp_path,
        {
            "orders.jsonl": '{"id": 1, "note": "é", "amount": 12345678.90}\n'
            '\n{"Amount": 1.239, "ID": 2}\r\n   \n'
            '{"note": "no id"}\n'
            '{"id": "3"}\n{"id": 4, "id": 5}\n{"id": 4, " ID ": 5}\n{"id": 6, "colour": "red"}\n'
            '{"id": NaN}\n[1]\nnull\n{"id": 7'
        },
    )
    rows, told = both(spark, tmp_path, ORDERS)
    assert [tuple(row) for row in rows] == [(1, "é", Decimal("12345678.90"))]
    assert [(row.line_number, row.column, row.reason) for row in told] == [
        (3, "amount", "`1.239` has more than 2 decimal places"),
        (5, "id", "null in a column that is not nullable"),
        (6, "id", '`"3"` is a text, not a whole number'),
        (7, None, "the key `id` stands twice"),
        (8, None, "two keys are one by name: ` ID ` and another for `id`"),
        (9, None, "the key `colour` is not in bronze.orders"),
        (10, None, "`NaN` is no JSON"),
        (11, None, "the line is a list, not an object"),
        (12, None, "the line is null, not an object"),
        (13, None, "the line ends inside of the record: the file was cut off, or the record spans lines"),
    ]
    assert told[0].raw == '{"Amount": 1.239, "ID": 2}'


def test_nested_fields_are_read_with_their_types(spark: SparkSession, tmp_path: Path) -> None:
    table = contract(
        tags=ArrayField(StringField(nullable=False)),
        address=StructField({"street": StringField(), "zip": IntegerField(nullable=False)}),
        prices=MapField(StringField(), DecimalField(5, 2)),
        days=MapField(DateField(), ArrayField(TimestampField())),
    )
    land(
        tmp_path,
        {
            "a.jsonl": '{"tags": ["x", ""], "address": {"zip": 1, "Street": null}, "prices": {"a": 1.5, "b": null},'
            ' "days": {"2024-01-31": ["2024-01-31T10:00+01:00"]}}\n'
            '{"tags": null}\n'
            '{"tags": ["x", null]}\n'
            '{"tags": "x"}\n'
            '{"address": {"street": "s"}}\n'
            '{"address": {"zip": 1.5}}\n'
            '{"address": {"zip": 1, "city": "Ulm"}}\n'
            '{"prices": {"a": 1.234}}\n'
            '{"days": {"2024-02-30": []}}\n'
        },
    )
    rows, told = both(spark, tmp_path, table)
    first = rows[0]
    assert (first.tags, tuple(first.address), first.prices) == (
        ["x", ""],
        (None, 1),
        {"a": Decimal("1.50"), "b": None},
    )
    assert list(first.days) == [date(2024, 1, 31)]
    assert tuple(rows[1]) == (None, None, None, None)
    assert [(row.column, row.reason) for row in told] == [
        ("tags", "[1]: null in a column that is not nullable"),
        ("tags", "`x` is a text, not a list"),
        ("address", "zip: null in a column that is not nullable"),
        ("address", "zip: `1.5` is not written as a whole number: declare double"),
        ("address", "the key `city` is not in `address` of bronze.orders"),
        ("prices", "a: `1.234` has more than 2 decimal places"),
        ("days", "`2024-02-30` is not a day of the calendar"),
    ]


def test_moments_are_utc_and_formats_are_spark_s(spark: SparkSession, tmp_path: Path) -> None:
    table = contract(
        at=TimestampField(),
        day=DateField(format="dd.MM.yyyy"),
        must=DateField(format="dd.MM.yyyy", nullable=False),
    )
    land(
        tmp_path,
        {
            "a.jsonl": '{"at": "2024-01-31 10:15:30.5", "day": " 31.01.2024 ", "must": "01.02.2024"}\n'
            '{"day": "", "must": "01.02.2024"}\n'
            '{"day": "30.02.2024", "must": null}\n'
            '{"day": 5, "must": "01.02.2024"}\n'
        },
    )
    found = opened(tmp_path, table)
    micros = read(spark, found, table, SOURCE).select(F.unix_micros("at")).first()
    moment = datetime(2024, 1, 31, 10, 15, 30, 500000, tzinfo=UTC)
    assert micros is not None and micros[0] == int(moment.timestamp() * 1_000_000)
    rows, told = both(spark, tmp_path, table)
    assert [(row.day, row.must) for row in rows] == [
        (date(2024, 1, 31), date(2024, 2, 1)),
        (None, date(2024, 2, 1)),
    ]
    assert [(row.line_number, row.column, row.reason) for row in told] == [
        (
            3,
            "day",
            "`30.02.2024` does not match the format dd.MM.yyyy; must: null in a column that is not nullable",
        ),
        (4, "day", "`5` is a number, not a text"),
    ]


def test_a_format_inside_of_a_list_is_refused(tmp_path: Path) -> None:
    land(tmp_path, {"a.jsonl": "{}\n"})
    with pytest.raises(DeclarationError, match="format= inside"):
        opened(tmp_path, contract(days=ArrayField(DateField(format="dd.MM.yyyy"))))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst", ".zstd"])
def test_compressed(suffix: str, spark: SparkSession, tmp_path: Path) -> None:
    content = b"".join(b'{"id": %d}\n' % number for number in range(100)) + b'{"id": "x"}\n'
    if suffix == ".bz2":
        content = bz2.compress(content[:500]) + bz2.compress(content[500:])
    elif suffix != ".gz":
        content = packed(content[:500]) + packed(content[500:])
    land(tmp_path, {f"a.jsonl{suffix}": content})
    rows, told = both(spark, tmp_path, ORDERS)
    assert len(rows) == 100
    assert told[0].line_number == 101


def test_a_byte_order_mark_is_no_part_of_the_first_record(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"a.jsonl": b'\xef\xbb\xbf{"id": 1}\n{"id": 2}\n'})
    rows, told = both(spark, tmp_path, ORDERS)
    assert ([row.id for row in rows], told) == ([1, 2], [])


def test_lines_are_numbered_in_files_that_several_tasks_read(spark: SparkSession, tmp_path: Path) -> None:
    lines = [f'{{"id": {number}, "note": "{"x" * 50}"}}' for number in range(20_000)]
    lines[15_000] = '{"id": 1.5}'
    lines[19_999] = '{"id": null}'
    land(tmp_path, {"a.jsonl": "\n".join(lines)})
    small = spark.conf.get("spark.sql.files.maxPartitionBytes")
    spark.conf.set("spark.sql.files.maxPartitionBytes", "200000")
    try:
        rows, told = both(spark, tmp_path, ORDERS)
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", str(small))
    assert len(rows) == 19_998
    assert [row.line_number for row in told] == [15_001, 20_000]


def test_rescued_keys_keep_their_text(spark: SparkSession, tmp_path: Path) -> None:
    source = files("*", format="jsonl", schema_mode="rescue")
    table = contract(id=LongField(), address=StructField({"zip": IntegerField()}))
    land(
        tmp_path,
        {
            "a.jsonl": '{"id": 1, "price": 1.10, "b": {"x": [1e5, null, "é"]}, "address": {"zip": 1, "city": "Ulm"}}\n'
            '{"id": 2}\n{"id": 3, "x": "\\ud800"}\n'
        },
    )
    rows, told = both(spark, tmp_path, table, source)
    assert [row["_rescued"] for row in rows] == [
        '{"price": 1.10, "b": {"x": [1e5, null, "é"]}, "address.city": "Ulm"}',
        None,
    ]
    assert [row.reason for row in told] == ["a text has half of a character (a lone surrogate)"]


def test_a_record_nested_without_end_is_rejected(spark: SparkSession, tmp_path: Path) -> None:
    found = one(spark, tmp_path, '{"note": ' + "[" * 100_000 + "]" * 100_000 + "}", note=StringField())
    assert found == "the record is nested too deeply"

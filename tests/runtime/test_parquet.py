from __future__ import annotations

import decimal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from alur_nb.runtime.contract import Table
from alur_nb.runtime.files import LocalFiles
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.readers import Looker, explain, read
from alur_nb.runtime.sources import FileSource, files
from alur_nb.runtime.types import (
    ArrayField,
    BinaryField,
    DateField,
    DecimalField,
    DoubleField,
    FloatField,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from tests.csv_case import contract

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

SOURCE = files("*", format="parquet")
ORDERS = contract(id=LongField(nullable=False), note=StringField())


def write(path: Path, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def opened(folder: Path, table: Table, source: FileSource = SOURCE) -> list[ReadableFile]:
    landing = LocalFiles(folder)
    found = []
    for file in landing.list("**/*"):
        with landing.open(file) as stream:
            found.append(Looker(table, source).look(file, stream))
    return found


def problem(folder: Path, table: Table) -> tuple[str, str]:
    (found,) = opened(folder, table)
    return str(found.inspection.problem or found.binding.problem), str(
        found.inspection.fix or found.binding.fix
    )


def good(spark: SparkSession, folder: Path, table: Table, source: FileSource = SOURCE) -> list[Row]:
    found = opened(folder, table, source)
    assert [(item.inspection.problem, item.binding.problem) for item in found] == [(None, None)] * len(found)
    return read(spark, found, table, source).where("NOT _rejected").collect()


def test_columns_go_by_name_and_narrow_types_are_widened(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path / "a b%20[1].parquet",
        **{
            "Amount": pa.array([decimal.Decimal("1.50")], pa.decimal128(6, 2)),
            "Order ID": pa.array([1], pa.int32()),
            "rate": pa.array([0.5], pa.float32()),
        },
    )
    table = contract(
        id=LongField(source="order_id"), rate=DoubleField(), amount=DecimalField(10, 3), note=StringField()
    )
    (row,) = good(spark, tmp_path, table)
    assert tuple(row)[:4] == (1, 0.5, decimal.Decimal("1.500"), None)
    assert row["_source_file"] == "a b%20[1].parquet"


@pytest.mark.parametrize("mode", [{}, {"extra_columns": "ignore"}, {"schema_mode": "rescue"}])
@pytest.mark.parametrize("names", [("id", "ID"), ("id", "Colour", "colour")])
def test_columns_that_are_equal_but_for_case_are_refused(
    tmp_path: Path, names: tuple[str, ...], mode: dict[str, Any]
) -> None:
    write(tmp_path / "a.parquet", **{name: pa.array([1], pa.int64()) for name in names})
    (found,) = opened(tmp_path, ORDERS, files("*", format="parquet", **mode))
    assert found.inspection.problem is None
    assert found.binding.problem == (
        f"the header has two columns that are one by name: `{names[-2]}` and `{names[-1]}`"
    )
    assert "Rename one of them in the files: letters' case" in str(found.binding.fix)


def test_members_that_are_equal_but_for_case_are_refused_with_their_file(tmp_path: Path) -> None:
    kind = pa.struct([("zip", pa.int32()), ("ZIP", pa.int32())])
    write(tmp_path / "a.parquet", address=pa.array([{"zip": 1, "ZIP": 2}], kind))
    said, fix = problem(tmp_path, contract(address=StructField({"zip": IntegerField()})))
    assert "`address` is struct<zip:int,ZIP:int>, declared struct<zip:int>" in said
    assert fix == "Deliver `address` as struct<zip:int>."


def test_every_type(spark: SparkSession, tmp_path: Path) -> None:
    moment = datetime(2024, 1, 31, 10, 15, 30, 5, tzinfo=UTC)
    write(
        tmp_path / "a.parquet",
        i=pa.array([1], pa.int8()),
        f=pa.array([0.5], pa.float32()),
        d=pa.array([moment.date()]),
        utc=pa.array([moment], pa.timestamp("us", tz="UTC")),
        naive=pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")),
        b=pa.array([b"\x00\xff"]),
        tags=pa.array([["x", None]]),
        address=pa.array([{"zip": 5}], pa.struct([("zip", pa.int32())])),
        prices=pa.array([[("a", 1.5)]], pa.map_(pa.string(), pa.float64())),
    )
    table = contract(
        i=IntegerField(),
        f=FloatField(),
        d=DateField(),
        utc=TimestampField(),
        naive=TimestampField(),
        b=BinaryField(),
        tags=ArrayField(StringField()),
        address=StructField({"zip": IntegerField()}),
        prices=MapField(StringField(), DoubleField()),
    )
    frame = read(spark, opened(tmp_path, table), table, SOURCE)
    row = frame.withColumns({"utc": F.unix_micros("utc"), "naive": F.unix_micros("naive")}).collect()[0]
    micros = int(moment.timestamp()) * 1_000_000 + 5
    assert (row.i, row.f, row.d, row.utc, row.naive) == (1, 0.5, moment.date(), micros, micros)
    assert (bytes(row.b), row.tags, row.address.zip, row.prices) == (b"\x00\xff", ["x", None], 5, {"a": 1.5})


@pytest.mark.parametrize(
    ("array", "field", "fragments"),
    [
        (pa.array([1], pa.int64()), IntegerField(), ("bigint, declared int", "LongField()")),
        (pa.array([1.5]), FloatField(), ("double, declared float", "DoubleField()")),
        (pa.array(["1"]), IntegerField(), ("string, declared int", "StringField()")),
        (pa.array([1]), StringField(), ("bigint, declared string",)),
        (pa.array([1.5]), DecimalField(10, 2), ("double, declared decimal(10,2)",)),
        (
            pa.array([decimal.Decimal("1.234")]),
            DecimalField(10, 2),
            ("decimal(4,3), declared decimal(10,2)",),
        ),
        (pa.array([datetime(2024, 1, 1)]), DateField(), ("timestamp_ntz, declared date", "TimestampField()")),
        (pa.array([[1]]), ArrayField(StringField()), ("array<bigint>, declared array<string>",)),
    ],
)
def test_another_type_makes_the_file_bad(
    array: pa.Array, field: Any, fragments: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", value=array)
    told = " ".join(problem(tmp_path, contract(value=field)))
    for fragment in ("`value`", *fragments):
        assert fragment in told


def test_a_missing_column_is_null_or_makes_the_file_bad(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=[1])
    assert good(spark, tmp_path, ORDERS)[0].note is None
    write(tmp_path / "a.parquet", note=["x"])
    assert "the column `id` is missing" in problem(tmp_path, ORDERS)[0]
    write(tmp_path / "a.parquet", id=[1], colour=["red"])
    assert "the column `colour` is not in bronze.orders" in problem(tmp_path, ORDERS)[0]
    write(tmp_path / "a.parquet", id=[1], ID=[2])
    assert "one by name: `id` and `ID`" in problem(tmp_path, ORDERS)[0]


def test_nulls_where_none_may_be_are_rejected_rows(spark: SparkSession, tmp_path: Path) -> None:
    table = contract(
        id=LongField(nullable=False),
        tags=ArrayField(StringField(nullable=False)),
        address=StructField({"zip": IntegerField(nullable=False)}, nullable=False),
    )
    kind = pa.struct([("zip", pa.int32())])
    write(
        tmp_path / "a.parquet",
        id=pa.array([1, None, 3, 4, 5]),
        tags=pa.array([["x"], ["y"], [None], None, []], pa.list_(pa.string())),
        address=pa.array([{"zip": 1}, {"zip": 1}, {"zip": 1}, {"zip": None}, None], kind),
    )
    found = opened(tmp_path, table)
    assert [row.id for row in good(spark, tmp_path, table)] == [1]
    told = explain(spark, found, table, SOURCE).orderBy("line_number").collect()
    assert [(row.line_number, row.column, row.reason) for row in told] == [
        (2, "id", "null in a column that is not nullable"),
        (3, "tags", "a null inside, where none may be"),
        (4, "address", "a null inside, where none may be"),
        (5, "address", "null in a column that is not nullable"),
    ]
    assert told[0].raw == '{"id":null,"tags":["y"],"address":{"zip":1}}'


def test_damaged_files_are_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write(path, id=list(range(1000)))
    whole = path.read_bytes()
    for content, fragment in (
        (b"", "0 bytes"),
        (b"id,note\n1,x\n", "not Parquet"),
        (whole[:-10], "ends before its end"),
        (whole[:200] + b"PAR1", "Spark cannot read it"),
        (whole[:-30] + b"\xff" * 22 + whole[-8:], "Spark cannot read it"),
    ):
        path.write_bytes(content)
        told, fix = problem(tmp_path, ORDERS)
        assert fragment in told
        assert fix != "None"


def test_nanoseconds_are_refused_with_the_way_to_write_others(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", at=pa.array([datetime(2024, 1, 1)], pa.timestamp("ns")))
    told, fix = problem(tmp_path, contract(at=TimestampField()))
    assert "NANOS" in told
    assert "coerce_timestamps" in fix


def test_other_columns_are_rescued_with_their_values(spark: SparkSession, tmp_path: Path) -> None:
    source = files("*", format="parquet", schema_mode="rescue")
    write(tmp_path / "a.parquet", id=[1, 2], colour=["red", None], size=pa.array([1.5, None]))
    rows = good(spark, tmp_path, ORDERS, source)
    assert [row["_rescued"] for row in rows] == ['{"colour":"red","size":1.5}', None]

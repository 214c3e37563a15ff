"""Why rows were rejected: line, raw text, column and reason, from a reading of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from alur_nb.runtime import csv_explain
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.types import StringField
from tests.csv_case import ORDERS, TEXTS, contract, land, reasons, rows

pytestmark = pytest.mark.slow


def test_a_reason_names_the_line_the_column_and_the_text(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"1.csv": "id,note,amount\n1,a,2.5\nx,b,1.239\n3,c\n\t,d,1\n"})
    found = [(row.line_number, row.raw, row.column, row.reason) for row in reasons(spark, tmp_path, ORDERS)]
    assert found == [
        (3, "x,b,1.239", "id", "`x` is not a whole number; amount: `1.239` has more than 2 decimal places"),
        (4, "3,c", None, "2 values, the header has 3 columns"),
        (5, "\t,d,1", "id", "null in a column that is not nullable"),
    ]


def test_lines_are_not_numbered_where_rows_are_no_lines(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {
        "blank.csv": "id,note,amount\n\nx,a,1\n",
        "mixed.csv": "id,note,amount\r\nx,a,1\n",
        "span.csv": 'id,note,amount\nx,"a\nb",1\n',
        "good.csv.gz": "\n\nid,note,amount\nx,a,1\n".lstrip("\n"),
    })  # fmt: skip
    found = {row.source_file: (row.line_number, row.raw) for row in reasons(spark, tmp_path, ORDERS)}
    assert found == {
        "blank.csv": (None, "x,a,1"),
        "mixed.csv": (None, "x,a,1"),
        "span.csv": (None, 'x,"a\nb",1'),
        "good.csv.gz": (2, "x,a,1"),
    }


def test_a_record_that_spark_keeps_no_text_of_is_put_together_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    surplus = "," * csv_explain._SURPLUS
    land(tmp_path, {"1.csv": f'a,b\n1,"x, ""y"""{surplus}\n'})
    (why,) = reasons(spark, tmp_path, TEXTS)
    assert why.raw == f'1,"x, ""y"""{surplus}'
    assert why.reason == f"{csv_explain._SURPLUS + 2} values, the header has 2 columns"


@pytest.mark.parametrize(
    ("line", "values", "options"),
    [
        ('"a,b"', 1, {}),
        ('"a""b,c"', 1, {}),
        ('5", 6"', 2, {}),
        ('"",""', 2, {}),
        ('"","",""', 3, {}),
        ('"""a,b""",x', 2, {}),
        ('x,"a\nb,c",y', 3, {}),
        (",,,", 4, {}),
        ('"a\\",b",c', 2, {"escape": "\\"}),
        ('"a\\\\",b,c', 3, {"escape": "\\"}),
        ('"a;b";c', 2, {"sep": ";"}),
        ('"a,b";c', 2, {"sep": ";"}),
        ("a|b|c", 3, {"sep": "|"}),
        ("a.b.c", 3, {"sep": "."}),
        ("a$b$c", 3, {"sep": "$"}),
        ('"a,b"', 2, {"quote": ""}),
    ],
)
def test_values_are_counted_as_spark_counts_them(
    line: str, values: int, options: dict[str, str], spark: SparkSession, tmp_path: Path
) -> None:
    dialect = Dialect.of(options)
    names = [f"n{index}" for index in range(6)]
    land(tmp_path, {"1.csv": dialect.sep.join(names) + f"\n{line}\n"})
    table = contract(**{name: StringField() for name in names})
    (row,) = rows(spark, tmp_path, table, dialect)
    (why,) = reasons(spark, tmp_path, table, dialect)
    assert row._rejected
    assert why.reason == f"{values} value{'' if values == 1 else 's'}, the header has 6 columns"
    assert why.raw == line


def test_more_files_than_are_numbered_are_still_explained(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_explain, "_NUMBERED_FILES", 1)
    land(tmp_path, {f"{index}.csv": f"id,note,amount\n1,a,1\nx{index},b,2\n" for index in range(4)})
    found = [(row.source_file, row.line_number, row.reason) for row in reasons(spark, tmp_path, ORDERS)]
    assert found == [
        ("0.csv", 3, "`x0` is not a whole number"),
        ("1.csv", None, "`x1` is not a whole number"),
        ("2.csv", None, "`x2` is not a whole number"),
        ("3.csv", None, "`x3` is not a whole number"),
    ]

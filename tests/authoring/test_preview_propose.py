"""The line that declares a new column: from texts, from JSON, from Parquet, and where to be careful."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import types as T

import alur_nb
from alur_nb.authoring.preview_propose import proposals, proposed_line, typed_line
from alur_nb.runtime.dialect import Dialect, Inspection, inspect
from alur_nb.runtime.files import LocalFiles
from alur_nb.runtime.header import Binding, bind
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import table_of
from alur_nb.runtime.types import Field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ([], "StringField()"),
        (["", " "], "StringField()"),
        (["1", "-2", ""], "IntegerField()"),
        (["2147483648"], "LongField()"),
        (["1234567890123456789012"], "StringField()"),
        (["007", "8"], "StringField()"),
        (["1.50", "22"], "DecimalField(10, 2)"),
        (["1" * 17 + ".25"], "DecimalField(28, 2)"),
        (["0.12345678"], "DoubleField()"),
        (["1e5", "2.5"], "DoubleField()"),
        (["1,5"], "StringField()"),
        (["true", "FALSE"], "BooleanField()"),
        (["2024-01-31"], "DateField()"),
        (["2024-13-31"], "StringField()"),
        (["31.01.2024"], "DateField(format='dd.MM.yyyy')"),
        (["01.02.2024"], "StringField()"),
        (["2024-01-31T10:00:00Z", "2024-01-31 10:00"], "TimestampField()"),
        (["2024-01-31", "2024-01-31 10:00"], "StringField()"),
        (["1", "x"], "StringField()"),
        (["NaN"], "DoubleField()"),
        (["1"] * 999 + ["x"], "StringField()"),
    ],
)
def test_the_type_that_an_inference_chooses_where_it_takes_every_value(
    values: Sequence[str], field: str
) -> None:
    assert proposed_line("a", values) == f"a = {field}"


@pytest.mark.parametrize(
    ("column", "line"),
    [
        ("Order No.", "order_no_ = StringField()"),
        ("class", "column_class = StringField(source='class')"),
        ("2024", "column_2024 = StringField(source='2024')"),
        ("batch_id", "column_batch_id = StringField(source='batch_id')"),
        ("Größe", "größe = StringField()"),
        ("", "column_name = StringField()"),
        ("¼", "column_1_4 = StringField(source='¼')"),
        ("ﬁ", "column_fi = StringField(source='ﬁ')"),
    ],
)
def test_a_name_that_python_cannot_have_keeps_its_source(column: str, line: str) -> None:
    assert proposed_line(column, ["a"]) == line


@settings(deadline=None)
@given(st.text(max_size=20), st.lists(st.text(max_size=30), max_size=5))
def test_every_line_can_be_pasted_into_a_class(column: str, values: list[str]) -> None:
    name, _, call = proposed_line(column, values).partition(" = ")
    assert name.isidentifier()
    assert isinstance(eval(call, vars(alur_nb) | {n: getattr(alur_nb, n) for n in alur_nb.__all__}), Field)


def test_types_that_spark_knows_are_said_as_they_are() -> None:
    nested = T.StructType([T.StructField("a", T.ArrayType(T.IntegerType()))])
    assert typed_line("x", nested) == "x = StructField({'a': ArrayField(IntegerField())})"
    assert typed_line("x", T.DecimalType(12, 3)) == "x = DecimalField(12, 3)"
    assert typed_line("x", T.NullType()) is None


class Known(alur_nb.BronzeTable):
    id = alur_nb.IntegerField()


def csv(folder: Path, content: bytes, **options: object) -> tuple[ReadableFile, FileSource]:
    (folder / "a.csv").write_bytes(content)
    (file,) = LocalFiles(folder).list("*.csv")
    dialect = Dialect.of(options)
    with (folder / "a.csv").open("rb") as stream:
        look = inspect(stream, file.path, dialect)
    source = alur_nb.files("*.csv", options=options, extra_columns="ignore")
    return ReadableFile(file, look, bind(look.header, table_of(Known), "ignore")), source


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b'id,Paid On,n\n1,2024-01-02,"1,5"\n2,,x\n', {}),
        (b'id,Paid On,n\r\n1,2024-01-02,"a\r\nb"\r\n2,2024-01-03,', {}),
        ("id;Paid On;n\n1;2024-01-02;ü\n".encode("utf-16"), {"sep": ";", "encoding": "utf-16"}),
        (b"id,Paid On,n\n1,2024-01-02,a\n" + b"2,2024-01-03,b\n" * 20_000, {}),
        (b"id,Paid On,n\n3\n1,2024-01-02,a\n\n", {}),
    ],
)
def test_extra_columns_of_csv_are_judged_by_their_values(
    tmp_path: Path, content: bytes, options: dict[str, object]
) -> None:
    file, source = csv(tmp_path, content, **options)
    assert proposals([file], source) == {"Paid On": "paid_on = DateField()", "n": "n = StringField()"}


def test_a_file_that_is_gone_proposes_a_text(tmp_path: Path) -> None:
    file, source = csv(tmp_path, b"id,n\n1,2\n")
    (tmp_path / "a.csv").unlink()
    assert proposals([file], source) == {"n": "n = StringField()"}


def test_json_lines_say_their_types_as_json_does(tmp_path: Path) -> None:
    lines = '{"id": 1, "n": 2.5, "ok": true, "deep": {"x": 1}}\nnot json\n[1]\n{"id": 2, "n": null, "ok": false}\n{"n'
    (tmp_path / "a.jsonl").write_text(lines)
    (file,) = LocalFiles(tmp_path).list("*.jsonl")
    binding = Binding(columns=("id", None, None, None), extra=("n", "ok", "deep"))
    one = ReadableFile(file, Inspection(header=("id", "n", "ok", "deep")), binding)
    found = proposals([one], alur_nb.files("*.jsonl", format="json", extra_columns="ignore"))
    assert found == {"n": "n = DoubleField()", "ok": "ok = BooleanField()"}


def test_parquet_says_its_types_itself(tmp_path: Path) -> None:
    schema = T.StructType([T.StructField("Paid On", T.DateType()), T.StructField("none", T.NullType())])
    (tmp_path / "a.parquet").write_bytes(b"")
    (file,) = LocalFiles(tmp_path).list("*.parquet")
    one = ReadableFile(file, Inspection(spark_schema=schema.json()), Binding(extra=("Paid On", "none")))
    found = proposals([one], alur_nb.files("*.parquet", format="parquet", extra_columns="ignore"))
    assert found == {"Paid On": "paid_on = DateField()"}

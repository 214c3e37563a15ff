from __future__ import annotations

import bz2
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from alur_nb.runtime import csv_text
from alur_nb.runtime.csv import explain, read
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.errors import DeclarationError, SettingsError, SourceError
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.types import (
    DateField,
    DecimalField,
    IntegerField,
    LongField,
    StringField,
    TimestampField,
)
from alur_nb.runtime.zstd import packed
from tests.csv_case import ORDERS, TEXTS, contract, land, opened, reasons, rows

pytestmark = pytest.mark.slow

# --- columns ---------------------------------------------------------------------------------------------------


def test_columns_come_in_the_contract_s_order_whatever_the_file_s(
    spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path, {"1.csv": "amount,id,note\n1.5,1,a\n", "2.csv": "ID,Note,Amount\n2,b,2.5\n"})
    frame = read(spark, opened(tmp_path, ORDERS), ORDERS, Dialect())
    assert frame.schema.names == ["id", "note", "amount", "_source_file", "_rejected"]
    assert [field.dataType for field in frame.schema] == [
        T.LongType(),
        T.StringType(),
        T.DecimalType(10, 2),
        T.StringType(),
        T.BooleanType(),
    ]
    assert sorted(map(tuple, frame.collect())) == [
        (1, "a", Decimal("1.50"), "1.csv", False),
        (2, "b", Decimal("2.50"), "2.csv", False),
    ]


def test_missing_columns_are_null_and_extra_ones_left_out(spark: SparkSession, tmp_path: Path) -> None:
    land(
        tmp_path,
        {
            "1.csv": "x,id,_metadata,\n9,1,m,n\n",
            "2.csv": "id,_metadata\n2,m\n",
            "3.csv": "id,_metadata\n3,m\n",
        },
    )
    found = rows(spark, tmp_path, ORDERS, extra="ignore")
    assert sorted(map(tuple, found)) == [
        (1, None, None, "1.csv", False),
        (2, None, None, "2.csv", False),
        (3, None, None, "3.csv", False),
    ]


@pytest.mark.parametrize(
    "name", ["a.b", "a`b", "a b", "raw", "c0", "_raw", "_metadata", "_source_file", "größe", "0", "a\tb"]
)
def test_columns_of_any_name_in_the_files(name: str, spark: SparkSession, tmp_path: Path) -> None:
    table = contract(value=StringField(source=name), other=IntegerField())
    land(tmp_path, {"1.csv": f"{name},other\nx,1\n", "2.csv": f"{name},other\ny,2,3\n"})
    assert sorted(map(tuple, rows(spark, tmp_path, table))) == [
        ("x", 1, "1.csv", False),
        ("y", 2, "2.csv", True),
    ]
    assert [row.reason for row in reasons(spark, tmp_path, table)] == ["3 values, the header has 2 columns"]


def test_no_files_are_an_empty_frame_of_the_same_columns(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"1.csv": "id,note,amount\n"})
    nothing = read(spark, [], ORDERS, Dialect())
    header_only = read(spark, opened(tmp_path, ORDERS), ORDERS, Dialect())
    assert nothing.dtypes == header_only.dtypes
    assert nothing.collect() == header_only.collect() == []
    assert explain(spark, [], ORDERS, Dialect()).collect() == []


def test_rows_can_be_counted_though_only_their_width_can_be_wrong(
    spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path, {"1.csv": "a,b\nx,y\nz\n", "2.csv": "a,b\nx,y,z\n"})
    frame = read(spark, opened(tmp_path, TEXTS), TEXTS, Dialect())
    assert frame.where("_rejected").count() == 2
    assert frame.where("NOT _rejected").count() == 1
    assert frame.count() == 3
    assert {row[0]: row[1] for row in frame.where("_rejected").groupBy("_source_file").count().collect()} == {
        "1.csv": 1,
        "2.csv": 1,
    }


# --- files -----------------------------------------------------------------------------------------------------

ODD_NAMES = [
    "a [1].csv",
    "[a-z].csv",
    "{x,y}.csv",
    "st*r?.csv",
    "per%20cent+plus%.csv",
    "ünïcode é.csv",
    "e\u0301.csv",
    "no\u00a0break.csv",
    "back\\slash.csv",
    "hash#question?.csv",
    "semi;colon,comma&=.csv",
    "a'quote\"s`.csv",
    "dt=2024-01-01/part.csv",
    "tab\tnew\nline.csv",
    "sub/[dir]/x y.csv.gz",
    "😀.csv",
]


def test_any_file_name_is_taken_literally_and_given_back_exactly(spark: SparkSession, tmp_path: Path) -> None:
    """The name is in the file, so that a row that comes from another file shows."""
    files = {name: f'a,b\n"{name.replace(chr(34), chr(34) * 2)}",x\n' for name in ODD_NAMES}
    land(tmp_path, {**files, "a 1.csv": "a,b\na 1.csv,x\n", "b.csv": "a,b\nb.csv,x\n"})
    frame = read(spark, opened(tmp_path, TEXTS), TEXTS, Dialect())
    assert {(row.a, row._source_file) for row in frame.collect()} == {
        (name, name) for name in [*ODD_NAMES, "a 1.csv", "b.csv"]
    }
    for file in opened(tmp_path, TEXTS):
        (row,) = read(spark, [file], TEXTS, Dialect()).collect()
        assert row.a == row._source_file == file.file.path


def test_files_outside_of_the_landing_folder_have_their_whole_path(
    spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path / "in", {"x y.csv": "a,b\n1,2\n", "z.csv": "a,b\n1,2\n"})
    land(tmp_path / "out", {"x y.csv": "a,b\n3,4\n"})
    inside = opened(tmp_path / "in", TEXTS)
    (other,) = opened(tmp_path / "out", TEXTS)
    elsewhere = Elsewhere(f"{tmp_path.as_posix()}/out/x y.csv", other.file.uri, other.file.size)
    outside = ReadableFile(elsewhere, other.inspection, other.binding)
    found = read(spark, [*inside, outside], TEXTS, Dialect()).collect()
    assert {(row.a, row._source_file) for row in found} == {
        ("1", "x y.csv"),
        ("1", "z.csv"),
        ("3", elsewhere.path),
    }


class Elsewhere:
    """A file that is named by its whole path."""

    def __init__(self, path: str, uri: str, size: int) -> None:
        self.path, self.uri, self.size = path, uri, size


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("_x.csv", "begins with `_`"),
        (".x.csv", r"begins with `\.`"),
        ("10:15.csv", "`:` in its name"),
        ("\udcff.csv", r"^\\udcff.csv: the name is no UTF-8"),
    ],
)
def test_names_that_spark_would_pass_over_are_refused(
    name: str, message: str, spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path, {"x.csv": "a,b\n1,2\n"})
    (file,) = opened(tmp_path, TEXTS)
    hidden = ReadableFile(Elsewhere(name, f"file://{tmp_path}/{name}", 1), file.inspection, file.binding)
    with pytest.raises(SourceError, match=message):
        read(spark, [hidden], TEXTS, Dialect())


# --- dialects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a;b\n1,5;x\n", {"sep": ";"}),
        ("a\tb\n1,5\tx\n", {"sep": "\\t"}),
        ("a¦b\n1,5¦x\n", {"sep": "¦"}),
        ("'a','b'\n'1,5','x'\n", {"quote": "'"}),
        ('a;b\n1,5;"x\n', {"sep": ";", "quote": "", "nullValue": '"x'}),
        ('# from x "\na,b\n"1,5",x\n#"\n', {"comment": "#"}),
        ('\ufeffa,b\r\n"1,5",x\r\n', {}),
        ('a,b\r"1,5",x\r', {}),
        ('a,b\r\n"1,5",x\n', {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("split_bytes", [csv_text.SPLIT_BYTES, 0])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_dialect(
    text: str,
    options: dict[str, str],
    suffix: str,
    split_bytes: int,
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_text, "SPLIT_BYTES", split_bytes)
    land(tmp_path, {f"1.{suffix}": text})
    dialect = Dialect.of(options)
    (row,) = rows(spark, tmp_path, TEXTS, dialect)
    assert (row.a, row.b) == ("1,5", None if "nullValue" in options else "x")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "gb18030"])
def test_encodings(encoding: str, spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"1.csv": "größe,b\nüber,ß\n"}, encoding)
    table = contract(größe=StringField(), b=StringField())
    assert [
        (row.größe, row.b) for row in rows(spark, tmp_path, table, Dialect.of({"encoding": encoding}))
    ] == [("über", "ß")]


@pytest.mark.parametrize("split_bytes", [csv_text.SPLIT_BYTES, 0])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["1.csv", "1.csv.gz"])
def test_without_a_header_columns_go_by_position_at_exact_width(
    name: str,
    encoding: str,
    split_bytes: int,
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_text, "SPLIT_BYTES", split_bytes)
    land(tmp_path, {name: "1,a,2.5\r\n2,b\r\n3,c,1,surplus\r\nx,d,1\r\n"}, encoding)
    dialect = Dialect.of({"header": "false", "encoding": encoding})
    good, *bad = rows(spark, tmp_path, ORDERS, dialect)
    assert (good.id, good.note, good.amount, good._rejected) == (1, "a", Decimal("2.50"), False)
    assert [row._rejected for row in bad] == [True] * 3
    whys = [(row.line_number, row.column, row.reason) for row in reasons(spark, tmp_path, ORDERS, dialect)]
    assert whys == [
        (2, None, "2 values, the table has 3 columns"),
        (3, None, "4 values, the table has 3 columns"),
        (4, "id", "`x` is not a whole number"),
    ]


def test_each_file_has_its_own_way_of_escaping_quotes(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {
        "doubled.csv": 'a,b\n"say ""hi""\\",x\n',
        "backslash.csv": 'a,b\n"say \\"hi\\"\\\\",x\n',
    })  # fmt: skip
    assert {row.a for row in rows(spark, tmp_path, TEXTS)} == {'say "hi"\\'}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_inside_of_values_are_kept_as_they_are(
    end: str, spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path, {"1.csv": end.join(["a,b", '1,"x\r\ny"', '2,"x\ny"', '3,"x\ry"', ""])})
    assert [row.b for row in rows(spark, tmp_path, TEXTS)] == ["x\r\ny", "x\ny", "x\ry"]


@pytest.mark.parametrize(("suffix", "pack"), [("bz2", bz2.compress), ("zst", packed), ("zstd", packed)])
def test_what_is_packed_is_read_as_one_whole(
    suffix: str, pack: Callable[[bytes], bytes], spark: SparkSession, tmp_path: Path
) -> None:
    text = 'a,b\n1,"x\ny"\n' + "2,z\n" * 50_000
    land(tmp_path, {f"a.csv.{suffix}": pack(text.encode()[:100]) + pack(text.encode()[100:])})
    found = rows(spark, tmp_path, TEXTS)
    assert (len(found), found[0].b, found[-1].b) == (50_001, "x\ny", "z")


def test_a_quoted_nothing_is_what_the_options_say_in_text_only(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"a.csv": 'id,note,amount\n1,"",""\n2,,\n'})
    found = rows(spark, tmp_path, ORDERS, Dialect.of({"emptyValue": "none"}))
    assert [(row.note, row.amount, row._rejected) for row in found] == [
        ("none", None, False),
        (None, None, False),
    ]


def test_columns_beyond_the_contract_are_rescued(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"a.csv": 'x y,a,b,"q"""\n1,A,B,\n,A,B,\n"",A,B,"é\n"\n', "b.csv": "b,a\nB,A\n"})
    files = opened(tmp_path, TEXTS, extra="ignore")
    found = read(spark, files, TEXTS, Dialect(), rescue=True).collect()
    assert [row["_rescued"] for row in found] == [
        '{"x y":"1"}',
        None,
        '{"x y":"","q\\"":"é\\n"}',
        None,
    ]


def test_a_null_value_is_null_for_every_type(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"1.csv": "id,note,amount\n1,NA,NA\n2,,\n3, NA , NA \nNA,x,1\n"})
    dialect = Dialect(null_value="NA")
    found = [(row.id, row.note, row.amount, row._rejected) for row in rows(spark, tmp_path, ORDERS, dialect)]
    assert found == [
        (1, None, None, False),
        (2, None, None, False),
        (3, " NA ", None, False),
        (None, "x", Decimal("1.00"), True),
    ]
    (why,) = reasons(spark, tmp_path, ORDERS, dialect)
    assert (why.column, why.reason) == ("id", "null in a column that is not nullable")


def test_large_files_are_split_only_where_every_line_is_a_row(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "SPLIT_BYTES", 0)
    land(
        tmp_path, {"flat.csv": "a,b\nx,1\nx,2\n", "span.csv": 'a,b\n"x\ny",1\n', "blank.csv": "a,b\nx,1\n \n"}
    )
    modes = {
        file.file.path: csv_text.layout_of(file, Dialect()).multi_line for file in opened(tmp_path, TEXTS)
    }
    assert modes == {"flat.csv": False, "span.csv": True, "blank.csv": True}
    found = sorted(
        (row._source_file, row.a, row.b, row._rejected) for row in rows(spark, tmp_path, TEXTS) if row.b
    )
    assert found == [
        ("blank.csv", "x", "1", False),
        ("flat.csv", "x", "1", False),
        ("flat.csv", "x", "2", False),
        ("span.csv", "x\ny", "1", False),
    ]


# --- the session -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [("spark.sql.session.timeZone", "Europe/Berlin"), ("spark.sql.legacy.timeParserPolicy", "LEGACY")],
)
def test_a_session_that_reads_times_otherwise_is_refused(key: str, value: str, spark: SparkSession) -> None:
    before = spark.conf.get(key)
    spark.conf.set(key, value)
    try:
        with pytest.raises(SettingsError, match=value) as caught:
            read(spark, [], ORDERS, Dialect())
    finally:
        spark.conf.set(key, before)
    assert caught.value.fix is not None
    assert key in caught.value.fix


def test_columns_are_not_pruned_whatever_the_session_says(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"1.csv": "id,note,amount\n1,a,1,surplus\n"})
    spark.conf.set("spark.sql.csv.parser.columnPruning.enabled", "true")
    try:
        frame = read(spark, opened(tmp_path, ORDERS), ORDERS, Dialect())
        assert frame.select("_rejected").collect() == [(True,)]
    finally:
        spark.conf.set("spark.sql.csv.parser.columnPruning.enabled", "false")


def test_under_ansi_a_wrong_value_is_rejected_and_does_not_stop_the_job(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = contract(id=LongField(), day=DateField(), at=TimestampField(), amount=DecimalField(4, 2))
    land(tmp_path, {"1.csv": "id,day,at,amount\n1,2024-01-31,2024-01-31 10:15,1.5\nx,2024-02-30,12:30,1e9\n"})
    spark.conf.set("spark.sql.ansi.enabled", "true")
    try:
        good, bad = rows(spark, tmp_path, table)
        (why,) = reasons(spark, tmp_path, table)
    finally:
        spark.conf.set("spark.sql.ansi.enabled", "false")
    assert (good.id, good.day, good.amount, good._rejected) == (1, date(2024, 1, 31), Decimal("1.50"), False)
    assert bad._rejected
    assert why.reason.count(";") == 3


@pytest.mark.parametrize("pattern", ["nonsense", "YYYY-MM-dd", "dd.MM.yyyy 'open"])
def test_a_format_that_is_no_pattern_is_named_before_a_job_meets_it(
    pattern: str, spark: SparkSession
) -> None:
    table = contract(day=DateField(format=pattern))
    with pytest.raises(DeclarationError, match=r"bronze\.orders\.day: the format"):
        read(spark, [], table, Dialect())

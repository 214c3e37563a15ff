"""Which files an inference reads and how, and what it says where there are none or none can be read."""

from __future__ import annotations

import bz2
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.infer_files import records_of
from alur_nb.runtime.csv_scan import parse_row
from alur_nb.runtime.dialect import Dialect, inspect
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import ORDERS, inferred, types
from tests.conftest import Land


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", "id;name\n1;a,b\n2;c\n"),
        ("tabs.tsv", "id\tname\n1\ta,b\n"),
        ("packed.csv.gz", "id;name\n1;a\n"),
        ("packed.csv.bz2", bz2.compress(b"id;name\n1;a\n")),
        ("windows.csv", "id;name\r\n1;a\r\n"),
        ("mac.csv", "id;name\r1;a\r"),
        ("marked.csv", b"\xef\xbb\xbfid;name\n1;a\n"),
        ("quoted.csv", '"id";"name"\n"1";"a\nb ""c"""\n'),
    ],
)
def test_files_are_read_as_they_are_written(
    workspace: Workspace, land: Land, name: str, content: str | bytes
) -> None:
    land(name, content)
    found = inferred(workspace, name)
    assert types(found) == {"id": "int not null", "name": "string not null"}
    mark = "\\t" if name.endswith("tsv") else ";"
    assert found.options == {"sep": mark}
    assert Dialect.of(found.options).sep in ("\t", ";")


def test_options_are_the_sources_own(workspace: Workspace, land: Land) -> None:
    land("latin.csv", "größe#x\n1#é\n".encode("latin-1"))
    options = {"encoding": "latin-1", "sep": "#"}
    found = inferred(workspace, "latin.csv", options=options)
    assert types(found) == {"größe": "int not null", "x": "string not null"}
    assert found.options == options
    nameless = inferred(workspace, "latin.csv", options={**options, "header": "false"})
    assert types(nameless) == {"column_1": "string not null", "column_2": "string not null"}


BAD = [
    ("empty.csv", b"", "the file has 0 bytes", None),
    ("wide.csv", "id,name\n1,a\n".encode("utf-16"), "the mark of UTF-16", "--option encoding=UTF-16"),
    (
        "latin.csv",
        "id,größe\n1,a\n".encode("latin-1"),
        "is no character in utf-8",
        "--option encoding=windows-1252",
    ),
    ("sheet.csv", b"PK\x03\x04" + b"\0" * 99, "an Excel workbook", "Save it as CSV"),
    ("picture.csv", b"\x89PNG\r\n\0\0\0\rIHDR", "cannot be read", None),
    ("twins.csv", b"Id,ID\n1,2\n", "two columns that are one by name, `Id` and `ID`", "Rename one"),
    ("array.jsonl", b'[{"id": 1}]\n', "one JSON array", "jq"),
    ("cut.csv.gz", b"\x1f\x8b\x08\0\0\0", "cannot be read", None),
]


@pytest.mark.parametrize(("name", "content", "problem", "fix"), BAD, ids=[name for name, *_ in BAD])
def test_a_file_that_no_run_could_read_is_an_error(
    workspace: Workspace, name: str, content: bytes, problem: str, fix: str | None
) -> None:
    (workspace.settings.root / "data" / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        inferred(workspace, name)
    assert problem in caught.value.message
    assert name in caught.value.message
    assert caught.value.place is not None
    assert caught.value.fix
    assert fix is None or fix in caught.value.fix


def test_a_bad_file_among_good_ones_is_a_doubt(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", ORDERS)
    land("orders/2.csv", b"")
    found = inferred(workspace, "orders/*.csv")
    assert found.doubts == ("orders/2.csv cannot be read: the file has 0 bytes.",)
    assert not found.files.complete


@pytest.mark.parametrize(
    ("pattern", "problem", "fix"),
    [
        (
            "orders/*.txt",
            "No file matches `orders/*.txt`. The landing folder is",
            "Did you mean `orders/*.csv`",
        ),
        ("order/*.csv", "does not exist", "Did you mean `orders/*.csv`"),
        ("data/orders/*.csv", "does not exist", "Did you mean `orders/*.csv`"),
        ("orders", "No file matches", "orders/*.csv"),
        ("nothing/like/it", "does not exist", "There are `both/*.csv`"),
        ("both/*", "files of several formats: csv, jsonl", "'*.csv'"),
    ],
)
def test_a_pattern_that_matches_nothing_says_what_there_is(
    workspace: Workspace, land: Land, pattern: str, problem: str, fix: str
) -> None:
    land("orders/1.csv", ORDERS)
    land("both/1.csv", ORDERS)
    land("both/2.jsonl", "{}\n")
    with pytest.raises(SourceError) as caught:
        inferred(workspace, pattern)
    assert problem in caught.value.message
    assert fix in (caught.value.fix or "")


def test_an_empty_landing_folder_says_so(workspace: Workspace) -> None:
    with pytest.raises(SourceError) as caught:
        inferred(workspace, "*.csv")
    assert "The landing folder holds no file." in (caught.value.fix or "")


@settings(deadline=None)
@given(st.lists(st.text('a",;\\ \né', max_size=12), min_size=1, max_size=6), st.sampled_from([",", ";"]))
def test_records_are_those_of_the_readers_own_parser(lines: list[str], sep: str) -> None:
    content = ("id\n" + "\n".join(lines) + "\n").encode()
    dialect = Dialect(sep=sep)
    look = inspect(io.BytesIO(content), "any.csv", dialect)
    if look.problem is not None:
        return
    marks = Dialect(sep=sep, escape=look.escape).marks()
    expected, position = [], 0
    while position < len(content):
        values, length = parse_row(content[position:], marks)
        if length:
            expected.append([value.decode() for value in values])
        position += length + 1
    assert list(records_of(content, marks)) == expected

"""The head of any CSV file is a prefix of it that ends where a record ends."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from alur_nb.authoring.sample import Head, head, spread
from alur_nb.runtime.dialect import Dialect, Inspection, inspect

RFC = Dialect(escape='"')
BACKSLASH = Dialect(escape="\\")
WHOLE = 1 << 20

VALUES = st.text(st.sampled_from(list('ab7",;\\\n é€')), max_size=6)
ROWS = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=12)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def take(
    content: bytes, dialect: Dialect = RFC, path: str = "a.csv", *, size: int = WHOLE, rows: int = 10_000
) -> Head:
    return head(io.BytesIO(content), path, dialect, max_bytes=size, max_rows=rows)


def look(content: bytes, dialect: Dialect = RFC, path: str = "a.csv") -> Inspection:
    return inspect(io.BytesIO(content), path, dialect)


def unpacked(found: Head, path: str) -> bytes:
    return gzip.decompress(found.data) if path.endswith(".gz") else found.data


def written(
    rows: list[list[str]], line_end: str, *, last_line_end: bool, blank_lines: bool, doubled: bool
) -> str:
    """Write rows as others do: some values quoted, some not, the last line with or without its end."""
    out = io.StringIO(newline="")
    style = {"doublequote": True} if doubled else {"doublequote": False, "escapechar": "\\"}
    writer = csv.writer(out, lineterminator=line_end, **style)  # type: ignore[call-overload]
    for number, row in enumerate(rows):
        # A row of one empty value would be a blank line, and the csv module escapes what Spark takes as it is.
        quoted = len(row) == 1 or any(set(value) & set('",\\\n\r ') for value in row)
        writer = csv.writer(
            out,
            lineterminator=line_end,
            quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
            **style,  # type: ignore[arg-type]
        )
        writer.writerow(row)
        if blank_lines and number % 3 == 0:
            out.write(line_end)
    text = out.getvalue()
    return text if last_line_end or blank_lines else text.removesuffix(line_end)


def parsed(text: str, *, doubled: bool) -> list[list[str]]:
    style = {"doublequote": True} if doubled else {"doublequote": False, "escapechar": "\\"}
    reader = csv.reader(io.StringIO(text, newline=""), **style)  # type: ignore[call-overload]
    return [row for row in reader if row]


@given(
    rows=ROWS,
    line_end=LINE_ENDS,
    last_line_end=st.booleans(),
    blank_lines=st.booleans(),
    doubled=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    path=st.sampled_from(["a.csv", "a.csv.gz"]),
    header=st.booleans(),
    max_rows=st.integers(0, 12),
    max_bytes=st.integers(1, 250),
)
@settings(max_examples=400, deadline=None)
@example([['"'], [""]], "\r", False, False, False, "utf-8", "a.csv", False, 2, 7)
def test_the_head_of_any_csv_file_parses_to_the_first_records_of_the_whole(
    rows: list[list[str]],
    line_end: str,
    last_line_end: bool,
    blank_lines: bool,
    doubled: bool,
    encoding: str,
    path: str,
    header: bool,
    max_rows: int,
    max_bytes: int,
) -> None:
    assume(header or max_rows)  # no rows of a file without a header are no file
    # Where a return alone ends lines, a newline ends one too; inside of a value the two would be one to our scan.
    if line_end == "\r":
        rows = [[value.replace("\n", " ") for value in row] for row in rows]
    text = written(rows, line_end, last_line_end=last_line_end, blank_lines=blank_lines, doubled=doubled)
    content = text.encode(encoding)
    dialect = Dialect(escape='"' if doubled else "\\", encoding=encoding.removesuffix("-sig"), header=header)
    raw = gzip.compress(content, mtime=0) if path.endswith(".gz") else content
    found = take(raw, dialect, path, size=max_bytes, rows=max_rows)
    data = unpacked(found, path)
    assert content.startswith(data)
    assert len(data) <= max_bytes
    if found.unended_line == 1:
        return  # not even the first record ended
    whole = parsed(text, doubled=doubled)
    begin = parsed(data.decode(encoding), doubled=doubled) if data else []
    assert begin == whole[: len(begin)]
    assert found.rows == max(len(begin) - header, 0) <= max_rows
    assert found.complete == (data == content)
    if not found.complete and len(begin) < max_rows + header:
        assert len(content) > max_bytes  # nothing but the size stopped it
    if data:
        assert look(found.data, dialect, path).problem is None


@given(
    content=st.lists(
        st.sampled_from([b"a", b",", b'"', b"\n", b"\r", b"\\", b"\xff", b"#", b"\0"]), max_size=40
    ).map(b"".join),
    dialect=st.sampled_from(
        [
            RFC,
            BACKSLASH,
            Dialect(),
            Dialect(quote=""),
            Dialect(comment="#"),
            Dialect(encoding="utf-16-le"),
            Dialect(header=False),
        ]
    ),
    max_bytes=st.integers(1, 50),
    max_rows=st.integers(0, 6),
)
@settings(max_examples=400, deadline=None)
@example(b'a,b\n"x\\"y\n",1\n2,3\n', Dialect(), 50, 1)
def test_any_bytes_give_a_prefix_and_no_new_problem(
    content: bytes, dialect: Dialect, max_bytes: int, max_rows: int
) -> None:
    assume(dialect.header or max_rows)
    found = take(content, dialect, size=max_bytes, rows=max_rows)
    assert content.startswith(found.data)
    assert found.bytes_read <= max_bytes + 1
    assert found.complete == (found.data == content and found.bytes_read <= max_bytes)
    cut_in_the_header = (
        found.unended_line is not None and len(found.data) >= max_bytes - 1
    )  # UTF-16: half a character
    if look(content, dialect).problem is None and not cut_in_the_header:
        assert look(found.data, dialect).problem is None


@given(
    names=st.lists(st.sampled_from(["表", "ソ", "能", "a", "b,c", 'd"e']), min_size=1, max_size=5),
    rows=st.integers(0, 6),
    encoding=st.sampled_from(["shift_jis", "gbk", "big5", "cp1252", "koi8-r"]),
)
@settings(deadline=None)
def test_bytes_of_half_a_character_are_no_quotes_and_separators(
    names: list[str], rows: int, encoding: str
) -> None:
    lines = [",".join('"' + name.replace('"', '""') + '"' for name in names)] * 5
    content = "\n".join(lines).encode(encoding, "ignore")
    found = take(content, Dialect(escape='"', encoding=encoding), rows=rows)
    begin = parsed(found.data.decode(encoding), doubled=True)
    assert begin == parsed(content.decode(encoding), doubled=True)[: rows + 1]


def test_a_quoted_line_end_does_not_end_the_head() -> None:
    found = take(b'id,note\n1,"a\nb"\n2,c\n', rows=1)
    assert (found.data, found.rows, found.complete) == (b'id,note\n1,"a\nb"\n', 1, False)


def test_a_quote_inside_of_a_plain_value_opens_nothing() -> None:
    found = take(b'id,note\n1,5" pipe\n2,c\n', rows=1)
    assert found.data == b'id,note\n1,5" pipe\n'


def test_backslashes_are_escapes_where_only_that_makes_sense() -> None:
    content = b'id,note\n1,"say \\"hi\\", twice"\n2,c\n3,d\n'
    found = take(content, Dialect(), rows=2)
    assert found.data == content.removesuffix(b"3,d\n")


def test_a_row_that_the_window_cuts_is_left_out_in_silence() -> None:
    found = take(b"id,note\n1,aaaa\n2,bbbb\n3,cccc\n", size=25)
    assert (found.data, found.unended_line) == (b"id,note\n1,aaaa\n2,bbbb\n", None)


def test_a_row_that_fills_the_window_is_named() -> None:
    found = take(b'id,note\n1,a\n2,"' + b"x" * 500 + b"\n3,c\n", size=200)
    assert (found.data, found.rows, found.unended_line) == (b"id,note\n1,a\n", 1, 3)


def test_a_row_that_cannot_be_told_apart_stays_in_the_head_with_what_follows() -> None:
    content = b'id,note\n1,"a" b\n' + b"2,c\n" * 100
    found = take(content, size=50, rows=3)
    assert "text follows the closing quote on line 2" in str(look(found.data).problem)


def test_long_rows_are_found_beyond_the_first_window() -> None:
    row = '1,"' + 'x""y' * 5_000 + '"\n'
    found = take(("id,note\n" + row * 3).encode(), rows=2)
    assert found.data.decode() == "id,note\n" + row * 2


def test_comments_and_blank_lines_are_no_rows() -> None:
    content = b'# "made by\n\nid,note\n# x\n1,a\n\n2,b\n3,c\n'
    found = take(content, Dialect(comment="#"), rows=2)
    assert (found.data, found.rows) == (content.removesuffix(b"3,c\n"), 2)


def test_a_compressed_head_reads_only_its_part_of_the_file() -> None:
    lines = "".join(f"{number},{number * 7919 % 100_003}\n" for number in range(200_000))
    content = gzip.compress(("id,note\n" + lines).encode(), mtime=0)
    found = take(content, path="a.csv.gz", size=10_000)
    assert found.bytes_read < len(content) / 20
    assert gzip.decompress(found.data).startswith(b"id,note\n0,0\n1,7919\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file has 0 bytes"),
        (b"id\n1\n", "the gzip data is damaged"),
        (gzip.compress(b"id\n1\n" * 1_000, mtime=0)[:-9], "the gzip data ends before its end"),
        (gzip.compress(b"", mtime=0), "0 bytes inside its gzip"),
    ],
)
def test_a_damaged_file_is_returned_as_it_is_so_that_inspection_says_why(
    content: bytes, problem: str
) -> None:
    found = take(content, path="a.csv.gz")
    assert problem in str(look(found.data, path="a.csv.gz").problem)


def test_spread_takes_the_first_and_the_last() -> None:
    assert spread(range(24), 3) == (0, 11, 23)
    assert spread(range(2), 3) == (0, 1)
    assert spread(range(24), 1) == (23,)
    assert spread([], 3) == ()

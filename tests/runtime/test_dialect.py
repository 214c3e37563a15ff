from __future__ import annotations

import bz2
import gzip
import hashlib
import io

import pytest

from alur_nb.runtime import dialect as dialects
from alur_nb.runtime.dialect import Dialect, Inspection, inspect
from alur_nb.runtime.errors import DeclarationError


def look(content: str | bytes, path: str = "orders.csv", **options: str) -> Inspection:
    raw = content if isinstance(content, bytes) else content.encode()
    return inspect(io.BytesIO(raw), path, Dialect.of(options))


def header_of(content: str | bytes, **options: str) -> tuple[str, ...]:
    found = look(content, **options)
    assert found.problem is None
    return found.header


# --- options ---------------------------------------------------------------------------------------------------


def test_options_are_spark_s_by_name_in_any_case() -> None:
    dialect = Dialect.of(
        {
            "SEP": ";",
            "quote": "'",
            "charset": "ISO-8859-1",
            "nullValue": "NA",
            "multiLine": "false",
            "header": "true",
        }
    )
    assert dialect == Dialect(sep=";", quote="'", encoding="iso8859-1", null_value="NA", multi_line=False)


@pytest.mark.parametrize(
    ("written", "codec", "java"),
    [
        ("UTF-8", "utf-8", "UTF-8"),
        ("utf8", "utf-8", "UTF-8"),
        ("latin-1", "iso8859-1", "ISO-8859-1"),
        ("windows-1252", "cp1252", "windows-1252"),
        ("cp1252", "cp1252", "windows-1252"),
        ("UTF-16", "utf-16", "UTF-16"),
        ("Shift_JIS", "shift_jis", "Shift_JIS"),
    ],
)
def test_encodings_by_any_of_their_names(written: str, codec: str, java: str) -> None:
    dialect = Dialect.of({"encoding": written})
    assert (dialect.encoding, dialect.spark_encoding) == (codec, java)


def test_a_tab_may_be_written_as_two_characters() -> None:
    assert Dialect.of({"sep": "\\t"}).sep == Dialect.of({"delimiter": "\t"}).sep == "\t"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": ";"}, "`separator` is no option of a CSV source"),
        ({"enforceSchema": "true"}, "`enforceSchema` is not yours to set"),
        ({"timestampFormat": "yyyy"}, r"TimestampField\(format="),
        ({"mode": "DROPMALFORMED"}, "rejected, with a reason"),
        ({"sep": ";;"}, "not one character"),
        ({"sep": ""}, "not one character"),
        ({"sep": "\n"}, "not one character"),
        ({"quote": "«"}, "not an ASCII character"),
        ({"encoding": "utf-9"}, "encoding 'utf-9' is unknown here"),
        ({"encoding": "rot13"}, "unknown here"),
        ({"multiLine": "maybe"}, "not true or false"),
        ({"nullValue": None}, "not a text"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message) as caught:
        Dialect.of(options)
    assert caught.value.fix


def test_a_file_without_a_header_begins_with_a_row() -> None:
    found = look("\n1,x\n2,y\n", header="false")
    assert (found.problem, found.header, found.header_line, found.lines) == (None, (), 0, 3)
    assert look("\n\n", header="false").problem is None
    assert "0 bytes" in (look("", header="false").problem or "")


# --- headers ---------------------------------------------------------------------------------------------------


def test_a_header_longer_than_any_buffer_is_whole() -> None:
    names = [f"column_{index:06d}" for index in range(20_000)]
    assert header_of(",".join(names) + "\n") == tuple(names)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("a,b\n1,2\n", ("a", "b")),
        ("a,b", ("a", "b")),
        ("\ufeffa,b\n", ("a", "b")),
        ("a,b\r\n1,2\r\n", ("a", "b")),
        ("a,b\r1,2\r", ("a", "b")),
        ('"a","b, ""c"""\n', ("a", 'b, "c"')),
        ('a,"b\nc"\n', ("a", "b\nc")),
        ('"a" ,b\n', ("a", "b")),
        (" a ,b\n", (" a ", "b")),
        ("\n\na,b\n", ("a", "b")),
        ("a,,\n", ("a", "", "")),
        ("größe,表\n", ("größe", "表")),
        ('a,5" b\n', ("a", '5" b')),
    ],
)
def test_header(content: str, names: tuple[str, ...]) -> None:
    assert header_of(content) == names


def test_a_header_alone_is_no_problem() -> None:
    assert look("a,b\n").problem is None


def test_a_header_under_other_marks() -> None:
    assert header_of("'a;b';c\n", sep=";", quote="'") == ("a;b", "c")
    assert header_of("a\tb\n", sep="\t") == ("a", "b")
    assert header_of("a¦b\n", sep="¦") == ("a", "b")
    assert header_of("# made by x\na,b\n", comment="#") == ("a", "b")
    assert header_of('"a,"b\n', quote="") == ('"a', '"b')


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", "a,b\n".encode("utf-16-le")])
def test_utf_16_without_its_mark_is_a_bad_file(content: bytes) -> None:
    found = look(content, encoding="utf-16")
    assert found.problem == "the file is not UTF-16, or it lacks the mark with which UTF-16 begins"
    assert "UTF-16LE" in (found.fix or "")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "shift_jis", "utf-8-sig"])
def test_a_header_in_other_encodings(encoding: str) -> None:
    text = "ソ,b\n" if encoding == "shift_jis" else "größe,b\n"
    assert header_of(text.encode(encoding), encoding=encoding) == tuple(text.strip().split(","))


def test_the_line_on_which_the_header_ends() -> None:
    assert look("a\n1\n").header_line == 1
    assert look("\n\na\n1\n").header_line == 3
    assert look('"a\nb"\n1\n').header_line == 2
    assert look("#x\n#y\na\n1\n", comment="#").header_line == 3


# --- hash and compression --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"a\n\xff\n" + b"1\n" * 2_000_000, b'a\n"'])
def test_the_hash_is_of_all_raw_bytes_also_of_bad_files(content: bytes) -> None:
    assert look(content).content_hash == hashlib.sha256(content).hexdigest()
    zipped = gzip.compress(content)
    assert look(zipped, "orders.csv.gz").content_hash == hashlib.sha256(zipped).hexdigest()


def test_gzip_of_several_members_is_read_through() -> None:
    content = gzip.compress(b"a,b\n1,", mtime=0) + gzip.compress(b'"x\ny"\n')
    found = look(content, "orders.csv.gz")
    assert (found.problem, found.header, found.rows_spanning_lines) == (None, ("a", "b"), True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gzip.compress(b"a,b\n" * 10_000, mtime=0)[:-20], "the gzip data ends before its end"),
        (gzip.compress(b"a,b\n" * 10_000, mtime=0)[:-8] + b"\0" * 8, "the gzip data is damaged"),
        (gzip.compress(b"a,b\n", mtime=0) + b"rubbish", "the gzip data is damaged"),
        (b"a,b\n1,2\n", "the gzip data is damaged"),
        (gzip.compress(b"", mtime=0), "the file has 0 bytes inside its gzip"),
        (b"", "the file has 0 bytes"),
    ],
)
def test_damaged_gzip(content: bytes, problem: str) -> None:
    found = look(content, "orders.csv.gz")
    assert found.problem is not None
    assert found.problem.startswith(problem)
    assert found.fix


def test_bzip2_of_several_streams_is_read_through() -> None:
    content = bz2.compress(b"a,b\n1,") + bz2.compress(b'"x\ny"\n' * 100_000)
    found = look(content, "orders.csv.bz2")
    assert (found.problem, found.header, found.rows_spanning_lines) == (None, ("a", "b"), True)
    assert found.lines == 200_001


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (bz2.compress(b"a,b\n" * 10_000)[:-5], "the bzip2 data ends before its end"),
        (bz2.compress(b"a,b\n") + b"rubbish", "the bzip2 data is damaged"),
        (b"a,b\n1,2\n", "the bzip2 data is damaged"),
        (bz2.compress(b""), "the file has 0 bytes inside its bzip2"),
        (b"", "the file has 0 bytes"),
    ],
)
def test_damaged_bzip2(content: bytes, problem: str) -> None:
    found = look(content, "orders.csv.bz2")
    assert str(found.problem).startswith(problem)
    assert found.fix


def test_files_under_the_wrong_name() -> None:
    zipped = gzip.compress(b"a,b\n", mtime=0)
    assert look(zipped).problem == "the file is gzip, but its name does not end in .gz"
    # Spark goes by the name, and by its case.
    assert look(zipped, "orders.csv.GZ").problem == "the file is gzip, but its name does not end in .gz"
    assert look(b"PK\x03\x04rest").problem == "the file is an Excel workbook or a zip archive"
    assert look(bz2.compress(b"a,b\n")).problem == "the file is bzip2, but its name does not end in .bz2"
    zstd = b"\x28\xb5\x2f\xfd"
    assert look(zstd).problem == "the file is Zstandard, but its name does not end in .zst"
    assert look(zstd, "orders.csv.ZST").problem == "the file is Zstandard, but its name does not end in .zst"
    assert look(b"\xfd7zXZ", "orders.csv.XZ").problem == ".XZ files are not read"
    assert "(.gz)" in str(look(b"\xfd7zXZ", "orders.csv.xz").fix)


# --- problems with their place ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "problem", "place"),
    [
        (b"", {}, "the file has 0 bytes", (None, None)),
        (b"\n \n\n"[:1], {}, "the file has no header", (None, None)),
        (b"\xef\xbb\xbf", {}, "the file has no header", (None, None)),
        (b"a,b\n1,\0\n", {}, "line 2, column 3: a NUL byte", (2, 3)),
        (b"a,b\n\xe9t\xe9,2\n", {}, "line 2, column 1: the byte 0xe9 is no character in utf-8", (2, 1)),
        ("a,b\nünü,".encode() + b"\xff\n", {}, "line 2, column 5: the byte 0xff", (2, 5)),
        (b"a,b\n1,\xc3", {}, "line 2, column 3: the byte 0xc3", (2, 3)),
        (b"a\n" * 700_000 + b"\xff\n", {}, "line 700001, column 1: the byte 0xff", (700_001, 1)),
        (b"a\n\x81\n", {"encoding": "cp1252"}, "line 2, column 1: the byte 0x81 is no character in cp1252", (2, 1)),
        ("a,b\n".encode("utf-16"), {}, "the file begins with the mark of UTF-16", (1, None)),
        (b"\xef\xbb\xbfa,b\n", {"encoding": "latin-1"}, "the file begins with the mark of UTF-8", (1, None)),
        (b'a,b\n1,"x\n2,y\n', {}, "a quote opens on line 2, column 3, and never closes", (2, 3)),
        (b'a,b\n1,x\n2,"', {}, "a quote opens on line 3, column 3, and never closes", (3, 3)),
        (b'a,b\n1,"x"y\n', {}, "text follows the closing quote on line 2, column 5", (2, 5)),
        (b'a,b\n1,"x\n2,"y"\n', {}, "text follows the closing quote on line 3, column 3 (it opens on line 2, column 3)", (3, 3)),
        (b'a,"b', {}, "a quote opens on line 1, column 3, and never closes", (1, 3)),
        (b"a\n" + b"," * 20_480 + b"\n", {}, "line 2 has more than 20,480 values", (2, None)),
        (b'a\n"x",' + b'"",' * 20_480 + b"\n", {}, "line 2 has more than 20,480 values", (2, None)),
        (b'a\n1\n5",' + b"," * 20_480 + b"\n", {}, "line 3 has more than 20,480 values", (3, None)),
        (b'a,b\n1,"x\ny"\n', {"multiLine": "false"}, "a quoted value spans lines, though", (None, None)),
        (b'a,b\n1,"x\ny"\r\n2,z\n', {}, "some lines end in", (None, None)),
    ],
)  # fmt: skip
def test_problem(
    content: bytes, options: dict[str, str], problem: str, place: tuple[int | None, int | None]
) -> None:
    found = look(content, **options)
    assert found.problem is not None
    assert found.problem.startswith(problem)
    assert found.fix
    assert (found.place_line, found.place_column) == place


def test_another_encoding_is_suggested_by_the_line_to_write() -> None:
    fix = look("a\n5 €\n".encode("cp1252")).fix
    assert fix is not None
    assert 'options={"encoding": "windows-1252"}' in fix


def test_commas_in_quotes_are_no_values() -> None:
    text = b'a\n"' + b"," * 30_000 + b'"\n'
    assert look(text).problem is None
    assert look(text + b'5" x\n').problem is None


# --- quotes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "spanning"),
    [
        ("a,b\n1,2\n", False),
        ('a,b\n1,"x, y"\n', False),
        ('a,b\n1,"x\ny"\n', True),
        ('a,b\n1,"x ""y"" z"\n', False),
        ('a,b\n1,"x\n""y"""\n', True),
        ('a,b\n"","\n"\n', True),
        ('a,b\n1,5" pipe\n2,6" pipe\n', False),
        ('a,b\n1,5" pipe\n2,"x\ny"\n', True),
        ('a,b\n1,"x" \n', False),
        ('a,b\n1, "x\n', False),
        ('a,b\r\n1,"x\r\ny"\r\n', True),
    ],
)
def test_rows_that_span_lines(content: str, spanning: bool) -> None:
    found = look(content)
    assert found.problem is None
    assert found.rows_spanning_lines is spanning
    assert found.splittable is not spanning


@pytest.mark.parametrize(
    ("content", "escape"),
    [
        ('a\n"x ""y"""\n', '"'),
        ('a\n"x \\"y\\" z"\n', "\\"),
        ('a\n"C:\\temp\\"\n"x"\n', '"'),
        ('a\n"\\\\"\n"x \\"y\\" z"\n', "\\"),
        ('a\n"x\n\\"y\\" z"\n', "\\"),
        ("a\nx\n", '"'),
    ],
)
def test_what_escapes_a_quote_is_seen_file_by_file(content: str, escape: str) -> None:
    found = look(content)
    assert (found.problem, found.escape) == (None, escape)


def test_an_escape_that_is_said_is_not_looked_for() -> None:
    assert look('a\n"x \\"y\\" z"\n', escape='"').problem is not None
    assert look('a\n"x ""y"""\n', escape="\\").problem is not None
    assert look('a\n"x"\n', escape="\\").escape == "\\"


def test_both_ways_of_escaping_in_one_file_are_a_problem() -> None:
    assert look('a\n"x ""y"""\n"x \\"y\\" z"\n').problem is not None


# --- line ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line_sep", "mixed", "splittable"),
    [
        ("a\n1\n", None, False, True),
        ("a\r\n1\r\n", None, False, True),
        ("a\r1\r", "\r", False, True),
        ("a\n1\r\n", None, True, True),
        ("a\r\n1\n", None, True, True),
        ("a\r1\n", None, True, True),
        ('a\r\n"x\ny"\r\n', "\r\n", False, False),
        ('a\r\n"x\r\ny"\r\n', "\r\n", False, False),
        ('a\n"x\r\ny"\n', "\n", False, False),
        ('a\n"x\ry"\n', "\n", False, False),
        ("a\nx\ry\n", "\n", False, False),
        ("a\r\nx\ry\r\n", "\r\n", False, False),
    ],
)
def test_line_ends(content: str, line_sep: str | None, mixed: bool, splittable: bool) -> None:
    found = look(content)
    assert found.problem is None
    assert (found.line_sep, found.mixed_line_endings, found.splittable) == (line_sep, mixed, splittable)


@pytest.mark.parametrize(
    ("content", "blank", "splittable"),
    [
        ("a\n1\n", False, True),
        ("a\n1\n\n", True, True),
        ("a\r\n\r\n1\r\n", True, True),
        ("a\n \n1\n", True, False),
        ("a\n\t", True, False),
        ('a\n"\n\n"\n', False, False),
        ("a\n x\n", False, True),
    ],
)
def test_blank_lines(content: str, blank: bool, splittable: bool) -> None:
    found = look(content)
    assert (found.blank_lines, found.splittable) == (blank, splittable)


@pytest.mark.parametrize("row", ["1,b", '"x\ny",b', '1,"b\\"c"'], ids=["plain", "spanning", "backslash"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_of_a_bad_byte_is_counted_over_many_chunks(row: str, end: str) -> None:
    rows = ("a,b" + end + (row + end) * 100_000).encode()
    found = look(rows + b"12\xff,b")
    assert (found.place_line, found.place_column) == (rows.count(b"\n") + 1, 3)


def test_a_header_is_remembered_for_the_next_file_and_a_first_line_that_is_none_is_not() -> None:
    dialects._same_names.cache_clear()
    assert header_of("a,b\n1,2\n") == header_of("a,b\r\n3,4\r\n") == header_of("a,b\n5,6\n")
    found = dialects._same_names.cache_info()
    assert (found.hits, found.currsize) == (1, 2)
    assert header_of("x" * (1 << 20) + ",b\n1,2\n")[1] == "b"
    assert dialects._same_names.cache_info().currsize == 2

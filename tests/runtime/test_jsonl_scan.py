from __future__ import annotations

import gzip
import io

import pytest

from alur_nb.runtime.jsonl_scan import inspect_json_lines


def look(content: bytes, name: str = "a.jsonl", *, every_key: bool = False):  # type: ignore[no-untyped-def]
    return inspect_json_lines(io.BytesIO(content), name, every_key=every_key)


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b'{"a": 1}', 1),
        (b'{"a": 1}\n', 1),
        (b'{"a": 1}\r\n\r\n \t\n{"a": 2}\n\n', 2),
        (b"\n", 0),
        (b'\xef\xbb\xbf{"a": 1}\n', 1),
        (b'{"a": 1}\n{"a"', 2),
    ],
)
def test_records_are_lines_that_are_not_blank(content: bytes, records: int) -> None:
    found = look(content)
    assert (found.problem, found.records) == (None, records)


@pytest.mark.parametrize(
    ("content", "problem", "fix"),
    [
        (b"", "0 bytes", "at least one line end"),
        (b'[{"a": 1}]', "one JSON array", "jq -c '.[]'"),
        (b'\n  [\n{"a": 1}\n]', "one JSON array", "jq"),
        (b'{\n  "a": 1\n}\n', "spans lines", "jq -c ."),
        ('{"a": "é"}\n'.encode("latin-1"), "0xe9 is no character in utf-8", "Deliver the file in UTF-8"),
        ('{"a": 1}\n'.encode("utf-16"), "mark of UTF-16", "Deliver the file in UTF-8"),
        (b'{"a": 1}\n\0\0', "NUL byte", "UTF-8"),
        (gzip.compress(b"{}\n", mtime=0), "does not end in .gz", "Rename"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(content: bytes, problem: str, fix: str) -> None:
    found = look(content)
    assert problem in str(found.problem)
    assert fix in str(found.fix)
    assert len(found.content_hash) == 64


def test_a_gzip_cut_off_is_a_bad_file() -> None:
    found = look(gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:-10], "a.jsonl.gz")
    assert "ends before its end" in str(found.problem)


def test_keys_are_noted_in_the_order_in_which_they_come() -> None:
    lines = [b'{"a": 1, "b": 2}', b"no json", b'{"c": 1}'] + [b"{}"] * 1000 + [b'{"late": 1}']
    assert look(b"\n".join(lines)).header == ("a", "b", "c")
    assert look(b"\n".join(lines), every_key=True).header == ("a", "b", "c", "late")


def test_a_line_without_end_is_named() -> None:
    found = look(b'{"a": 1}\n{"a": "' + b"x" * (65 << 20))
    assert "the record that begins on line 2 is longer than 64 MB" in str(found.problem)


def test_the_line_of_a_bad_byte_is_counted_over_many_chunks() -> None:
    found = look(b'{"a": 1}\n' * 100_000 + b"12\xff")
    assert (found.place_line, found.place_column) == (100_001, 3)

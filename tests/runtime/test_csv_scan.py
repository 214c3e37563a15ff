from __future__ import annotations

import csv
import gzip
import io
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alur_nb.runtime import csv_bytes
from alur_nb.runtime.dialect import Dialect, Inspection, inspect


def look(content: str | bytes, path: str = "orders.csv", **options: str) -> Inspection:
    raw = content if isinstance(content, bytes) else content.encode()
    return inspect(io.BytesIO(raw), path, Dialect.of(options))


values = st.text("ab,\"\n\r\\'#; é", max_size=6)
tables = st.lists(st.lists(values, min_size=2, max_size=4), min_size=1, max_size=8)


@given(rows=tables, quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), chunk=st.integers(1, 40))
@settings(max_examples=300, deadline=None)
@example([["a", 'x"\n"y'], ["\n", '"']], csv.QUOTE_ALL, 1)
def test_what_python_writes_is_in_order_in_chunks_of_any_size(
    rows: list[list[str]], quoting: int, chunk: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    content = text.getvalue()
    whole = look(content, escape='"')
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_bytes, "_CHUNK_BYTES", chunk)
        assert look(content, escape='"') == whole
    if quoting == csv.QUOTE_ALL:
        assert whole.problem is None
        assert whole.header == tuple(rows[0])
        assert whole.rows_spanning_lines == any("\n" in value for row in rows for value in row)
        assert whole.lines == content.count("\n")


@given(
    content=st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r", b"\\", b"\xff", b"\0", b"\xc3\xa9"]), max_size=30).map(b"".join),
    path=st.sampled_from(["a.csv", "a.csv.gz"]),
    chunk=st.integers(1, 40),
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_no_bytes_raise_and_chunks_do_not_matter(content: bytes, path: str, chunk: int) -> None:
    raw = gzip.compress(content) if path.endswith("gz") else content
    whole = look(raw, path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_bytes, "_CHUNK_BYTES", chunk)
        parted = look(raw, path)
    # Of two problems in one file, either may be the one that is told.
    assert (parted.problem is None) == (whole.problem is None) == (whole.fix is None)
    assert parted.content_hash == whole.content_hash
    assert whole.problem is not None or parted == whole


class Endless(io.RawIOBase):
    """A file of any size that is never in memory."""

    def __init__(self, row: bytes, size: int) -> None:
        self._block = row * (1_000_000 // len(row))
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._block[: min(self._left, len(self._block))]
        self._left -= len(data)
        return data


@pytest.mark.parametrize("row", [b"12345,some text,2024-01-31,1.5\n", b'12345,"some, text",2024-01-31,1.5\n'])
def test_memory_is_bounded(row: bytes) -> None:
    tracemalloc.start()
    found = inspect(Endless(row, 60_000_000), "a.csv", Dialect())  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.lines > 1_000_000
    assert peak < 30_000_000


def test_a_row_without_end_is_a_problem_and_not_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alur_nb.runtime.csv_scan.MAX_ROW_BYTES", 1_000_000)
    found = inspect(Endless(b"x" * 1_000, 5_000_000), "a.csv", Dialect())  # type: ignore[arg-type]
    assert found.problem == "the row that begins on line 1 is longer than 0 MB"


@pytest.mark.slow
def test_plain_files_are_scanned_faster_than_100_mb_a_second() -> None:
    row = b"12345,some text,2024-01-31,1.5,another text,77,\n"
    started = time.process_time()
    inspect(Endless(row, 100_000_000), "a.csv", Dialect())  # type: ignore[arg-type]
    assert time.process_time() - started < 1.5  # 0.3 s on an idle machine

"""Zstandard files: what is looked at and what Spark reads is the same, and what is cut off is never taken for whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from alur_nb import LongField, StringField
from alur_nb.authoring.preview_files import HEAD_BYTES
from alur_nb.authoring.sample import Head, head
from alur_nb.runtime.dialect import Dialect, Inspection, inspect
from alur_nb.runtime.zstd import CHUNK_BYTES, ZstdError, packed, unpacked, with_codecs
from tests.csv_case import contract, land, reasons, rows

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

PLAIN = b"a,b\n1,2\n"
# Frames as RFC 8878 has them, written by hand: one raw block, its size shifted by three, with the mark of the last.
FRAME = b"\x28\xb5\x2f\xfd\x00\x58" + bytes([len(PLAIN) << 3 | 1, 0, 0]) + PLAIN
EMPTY = b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00"
SKIPPED = b"\x50\x2a\x4d\x18\x05\x00\x00\x00hello"
CONTRACT = contract(a=LongField(nullable=False), b=StringField())


def look(content: bytes, path: str = "orders.csv.zst") -> Inspection:
    return inspect(io.BytesIO(content), path, Dialect())


def chunks(content: bytes, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    return iter([content[start : start + size] for start in range(0, len(content), size)])


@pytest.mark.parametrize(
    "content",
    [
        FRAME,
        SKIPPED + FRAME + SKIPPED,
        FRAME + EMPTY,
        EMPTY + SKIPPED * 3 + FRAME,
        FRAME.replace(b"\x58", b"\x88", 1),  # a window of 128 MB
    ],
    ids=["one", "skippable", "empty last", "empty first", "widest window"],
)
@pytest.mark.parametrize("suffix", ["zst", "zstd"])
def test_what_a_frame_can_be_is_read_as_spark_reads_it(
    content: bytes, suffix: str, spark: SparkSession, tmp_path: Path
) -> None:
    found = look(content)
    assert (found.problem, found.header, found.lines) == (None, ("a", "b"), 2)
    land(tmp_path, {f"x.csv.{suffix}": content})
    (row,) = rows(spark, tmp_path, CONTRACT)
    assert (row.a, row.b, row._source_file, row._rejected) == (1, "2", f"x.csv.{suffix}", False)


@pytest.mark.parametrize(
    ("content", "problem", "fix"),
    [
        (FRAME[:-3], "the Zstandard data ends before its end", "cut off"),
        (FRAME[:3], "the Zstandard data ends before its end", "cut off"),
        (FRAME + FRAME[:-3], "the Zstandard data ends before its end", "cut off"),
        (FRAME + SKIPPED[:-2], "the Zstandard data ends before its end", "cut off"),
        (FRAME + b"rubbish", "the Zstandard data is damaged (Unknown frame descriptor)", "again"),
        (PLAIN, "the Zstandard data is damaged (Unknown frame descriptor)", "again"),
        (FRAME.replace(b"\x58", b"\x90", 1), "the Zstandard data needs more than 128 MB", "--long=27"),
        (EMPTY, "the file has 0 bytes inside its Zstandard", "header"),
        (SKIPPED, "the file has 0 bytes inside its Zstandard", "header"),
        (b"", "the file has 0 bytes", "header"),
    ],
)
def test_what_is_damaged_is_told(content: bytes, problem: str, fix: str) -> None:
    found = look(content)
    assert str(found.problem).startswith(problem)
    assert fix in str(found.fix)


def test_files_are_looked_at_in_several_threads_at_once() -> None:
    contents = [
        packed(b"a,b\n" + b"1,2\n" * 50_000 * (number % 3) + b"1,2\n" * number) for number in range(24)
    ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look, contents))
    assert [one.lines for one in found] == [1 + 50_000 * (number % 3) + number for number in range(24)]


def test_a_wrong_checksum_is_damage(spark: SparkSession) -> None:
    context = spark.sparkContext._jvm.com.github.luben.zstd.ZstdCompressCtx()  # type: ignore[union-attr]
    context.setChecksum(True)
    content = bytes(context.compress(PLAIN * 1_000))
    context.close()
    assert look(content).problem is None
    wrong = content[:-1] + bytes([content[-1] ^ 1])
    assert "checksum" in str(look(wrong).problem)


def test_a_cut_at_any_byte_is_seen() -> None:
    content = FRAME + packed(PLAIN * 3) + SKIPPED
    ends = {len(FRAME), len(FRAME) + len(packed(PLAIN * 3))}
    for end in set(range(1, len(content))) - ends:
        with pytest.raises(EOFError):
            list(unpacked(chunks(content[:end])))


@given(
    parts=st.lists(
        st.binary(max_size=300) | st.just(b"x" * CHUNK_BYTES) | st.just(b"ab" * 200_000), min_size=1
    ),
    size=st.sampled_from([1, 7, 1_000, CHUNK_BYTES]),
)
@settings(max_examples=30, deadline=None)
def test_what_was_packed_comes_out_whatever_the_frames_and_the_chunks(parts: list[bytes], size: int) -> None:
    content = b"".join(map(packed, parts))
    if len(content) > 2_000:
        size = max(size, 1_000)  # each chunk takes a millisecond
    out = list(unpacked(chunks(content, size)))
    assert b"".join(out) == b"".join(parts)
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in out)


def test_a_small_file_that_holds_much_comes_out_chunk_by_chunk() -> None:
    content = packed(bytes(64 << 20))
    assert len(content) < 10_000
    sizes = [len(chunk) for chunk in unpacked(chunks(content))]
    assert (sum(sizes), max(sizes)) == (64 << 20, CHUNK_BYTES)


def test_damage_is_told_once_all_before_it_has_come_out() -> None:
    found = unpacked(chunks(FRAME * 3 + b"rubbish"))
    assert [next(found) for _ in range(3)] == [PLAIN] * 3
    with pytest.raises(ZstdError):
        next(found)


def test_the_rejected_rows_of_packed_and_plain_files_have_their_places(
    spark: SparkSession, tmp_path: Path
) -> None:
    land(tmp_path, {
        "plain.csv": "a,b\n1,x\nnone,x\n",
        "g.csv.gz": "a,b\n2,x\nnone,y\n",
        "50% z.csv.zst": packed(b"a,b\n3,x\n4,x\nnone,z\n"),
        "z.csv.zstd": packed(b"b,a\nw,5\nv,none\n"),
    })  # fmt: skip
    found = rows(spark, tmp_path, CONTRACT)
    assert sorted((row.a, row._source_file) for row in found if not row._rejected) == [
        (1, "plain.csv"),
        (2, "g.csv.gz"),
        (3, "50% z.csv.zst"),
        (4, "50% z.csv.zst"),
        (5, "z.csv.zstd"),
    ]
    assert [(row.source_file, row.line_number, row.raw) for row in reasons(spark, tmp_path, CONTRACT)] == [
        ("50% z.csv.zst", 4, "none,z"),
        ("g.csv.gz", 3, "none,y"),
        ("plain.csv", 3, "none,x"),
        ("z.csv.zstd", 3, "v,none"),
    ]


def test_lines_are_numbered_also_where_their_ends_are_mixed(spark: SparkSession, tmp_path: Path) -> None:
    land(tmp_path, {"a.csv.zst": packed(b"a,b\r\n1,x\n2,x\r\nnone,y\n")})
    assert [(row.line_number, row.column) for row in reasons(spark, tmp_path, CONTRACT)] == [(4, "a")]


def test_the_codec_is_shipped_once_and_only_where_it_is_needed(spark: SparkSession, tmp_path: Path) -> None:
    reader = spark.read
    assert with_codecs(spark, reader, ["a.csv", "a.csv.gz", "zst"]) is reader
    land(tmp_path, {"a.txt.zst": packed(b"x\ny\n"), "b.txt.gz": "z\n"})
    for _ in range(2):
        frame = with_codecs(spark, spark.read, ["a.txt.zst"]).text(tmp_path.as_uri())
        assert sorted(row.value for row in frame.collect()) == ["x", "y", "z"]
    jars = spark.sparkContext._jsc.sc().listJars().mkString(" ")
    assert jars.count("alur-nb-zst.jar") == 1


# --- the head that a preview reads ---------------------------------------------------------------------------


def take(content: bytes, *, size: int = 1 << 20, rows: int = 10_000) -> Head:
    return head(io.BytesIO(content), "a.csv.zst", Dialect(), max_bytes=size, max_rows=rows)


def test_a_head_is_cut_and_packed_again() -> None:
    lines = "".join(f"{number},{number * 7919 % 100_003}\n" for number in range(400_000))
    content = packed(("a,b\n" + lines).encode())
    found = take(content, size=10_000)
    assert found.bytes_read == CHUNK_BYTES < len(content) / 4
    text = b"".join(unpacked(chunks(found.data)))
    assert text.startswith(b"a,b\n0,0\n1,7919\n")
    assert (text.count(b"\n"), text[-1:], len(text) <= 10_000) == (found.rows + 1, b"\n", True)
    assert not found.complete


def test_a_head_of_content_that_cannot_be_made_smaller_is_within_what_a_preview_fetches() -> None:
    line = bytes(range(128, 256)) * 80
    lines = [bytes(Random(number).sample(line, 10_000)) + b"\n" for number in range(500)]
    content = packed(b"a\n" + b"".join(lines))
    fetched = io.BytesIO(content[: HEAD_BYTES + (128 << 10) + 1_000])
    found = head(fetched, "a.csv.zst", Dialect(encoding="iso8859-1"), max_bytes=HEAD_BYTES, max_rows=10_000)
    assert found.rows == 419


def test_the_head_of_a_small_file_is_the_file() -> None:
    found = take(FRAME + SKIPPED)
    assert (found.data, found.complete, found.rows) == (FRAME + SKIPPED, True, 1)


@pytest.mark.parametrize("content", [b"", PLAIN, FRAME[:-3], EMPTY], ids=["0 bytes", "plain", "cut", "empty"])
def test_a_damaged_file_is_returned_as_it_is_so_that_inspection_says_why(content: bytes) -> None:
    assert look(take(content).data).problem == look(content).problem

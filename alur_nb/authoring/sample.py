"""The head of a landing file, cut at a record's end: what a preview reads instead of the whole file."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar

from alur_nb.runtime import zstd
from alur_nb.runtime.csv_bytes import BadFileError
from alur_nb.runtime.csv_scan import Marks, QuoteScan, parse_row
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.landed import WHOLE_CODECS

_UTF8_MARK = b"\xef\xbb\xbf"
# Most rows end within the first; only a row that does not is tried again with eight times as much.
_FIRST_WINDOW = 4 << 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, as a file of its own would hold it."""

    data: bytes
    """A prefix of the file that ends where a record ends; compressed where the file is."""
    rows: int
    """Records behind the header; blank lines and comments are none."""
    complete: bool
    """Whether this is the whole file, byte for byte."""
    bytes_read: int
    """Raw bytes that were read to find it."""
    bytes_covered: int
    """Raw bytes of the file that it stands for; about, where the file is compressed."""
    unended_line: int | None = None
    """The line on which a row begins that does not end within `max_bytes`: it is left out, with all behind it."""


def head(stream: BinaryIO, path: str, dialect: Dialect, *, max_bytes: int, max_rows: int) -> Head:
    """Read the first `max_rows` records of a file, of at most `max_bytes`, and not much more of the stream than that.

    `path` says by its suffix whether the file is compressed; then `max_bytes` counts what is inside. What cannot be cut,
    because it is damaged or no CSV, is returned as far as it was read: inspecting it says what is wrong.
    """
    packed = path.endswith(WHOLE_CODECS)
    window = _unpacked(stream, path, max_bytes) if packed else _plain(stream, max_bytes)
    cut = None if window.damaged else _cut(window.content, dialect, final=window.ended, max_rows=max_rows)
    if cut is None:
        return Head(window.raw, 0, window.ended, len(window.raw), len(window.raw))
    covered = len(window.raw) * cut.end // max(len(window.content), 1) if packed else cut.end
    found = Head(
        window.content[: cut.end], cut.rows, False, len(window.raw), covered, unended_line=cut.unended_line
    )
    if window.ended and cut.end == len(window.content):
        return replace(found, data=window.raw, complete=True)
    if path.endswith(".gz"):
        return replace(found, data=gzip.compress(found.data, compresslevel=1, mtime=0))
    if path.endswith(zstd.SUFFIXES):
        return replace(found, data=zstd.packed(found.data))
    if packed:
        return replace(found, data=bz2.compress(found.data, compresslevel=1))
    return found


def spread(items: Sequence[T], count: int) -> tuple[T, ...]:
    """Return up to `count` items, the first and the last among them: files change over time, and names with it."""
    if len(items) <= count:
        return tuple(items)
    if count == 1:
        return (items[-1],)
    return tuple(items[index * (len(items) - 1) // (count - 1)] for index in range(count))


@dataclass(frozen=True, slots=True)
class _Window:
    """What was read of a file: its raw bytes, and what they hold."""

    raw: bytes
    content: bytes
    ended: bool
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the head ends, and how many rows are before it."""

    end: int
    rows: int
    unended_line: int | None = None
    refused: bool = False
    """Whether a row cannot be told apart: then the head goes on to the end of what was read."""


def _plain(stream: BinaryIO, max_bytes: int) -> _Window:
    parts, missing = [], max_bytes + 1
    while missing > 0 and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    raw = b"".join(parts)
    return _Window(raw, raw[:max_bytes], ended=missing > 0)


class _Remembering(io.RawIOBase):
    """A stream that keeps what was read of it: a stream of S3 cannot be rewound."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seen = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.seen += data
        return data


class _ZstdFile(io.RawIOBase):
    """What is inside of a Zstandard file, chunk by chunk, whatever size is asked for."""

    def __init__(self, raw: _Remembering) -> None:
        self._chunks = zstd.unpacked(iter(lambda: raw.read(zstd.CHUNK_BYTES), b""))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return next(self._chunks, b"")

    def close(self) -> None:
        self._chunks.close()
        super().close()


def _unpacked(stream: BinaryIO, path: str, max_bytes: int) -> _Window:
    raw = _Remembering(stream)
    opened: gzip.GzipFile | bz2.BZ2File | _ZstdFile
    if path.endswith(zstd.SUFFIXES):
        opened = _ZstdFile(raw)
    else:
        opened = gzip.GzipFile(fileobj=raw, mode="rb") if path.endswith(".gz") else bz2.BZ2File(raw)
    try:
        with opened as unpacked:
            inside = _plain(unpacked, max_bytes)  # type: ignore[arg-type]  # it needs `read` only
    except (OSError, EOFError, zlib.error, zstd.ZstdError):
        return _Window(raw.seen, b"", ended=False, damaged=True)
    return replace(inside, raw=raw.seen)


def _cut(content: bytes, dialect: Dialect, *, final: bool, max_rows: int) -> _Cut | None:
    """Find the head's end in the content; None where the content is not in the dialect's encoding."""
    if not dialect.transcoded:
        mark = len(_UTF8_MARK) if content.startswith(_UTF8_MARK) else 0
        cut = _cut_bytes(content[mark:], dialect, final=final, max_rows=max_rows)
        return replace(cut, end=mark + cut.end)
    try:
        text = codecs.getincrementaldecoder(dialect.encoding)("strict").decode(content, final)
    except UnicodeError:  # also where UTF-16 has no mark
        return None
    # In UTF-16 the mark counts: encoding writes one where decoding took one.
    cut = _cut_bytes(text.encode(), dialect, final=final, max_rows=max_rows)
    ended = final and cut.end == len(text.encode())
    before = text.encode()[: cut.end].decode()
    return replace(cut, end=len(content) if ended else len(before.encode(dialect.encoding)))


def _cut_bytes(content: bytes, dialect: Dialect, *, final: bool, max_rows: int) -> _Cut:
    view, marks = _one_line_end(content), dialect.marks()
    header = int(dialect.header)
    cut = _walk(view, marks, header=header, final=final, max_rows=max_rows)
    undecided = dialect.escape is None and dialect.quote and b"\\" + marks.quote in view
    if cut.refused and undecided:
        backslash = replace(marks, escape=b"\\")
        other = _walk(view, backslash, header=header, final=final, max_rows=max_rows)
        cut = cut if other.refused else other
    if content[cut.end - 1 : cut.end + 1] == b"\r\n":
        return replace(cut, end=cut.end + 1)
    return cut


def _one_line_end(content: bytes) -> bytes:
    r"""Return the content, byte for byte as long, with `\n` as its line end: `\r` ends lines if it ends the first."""
    first, newline = content.find(b"\r"), content.find(b"\n")
    if first == -1 or -1 < newline <= first + 1:
        return content
    return content.replace(b"\r", b"\n")


def _walk(view: bytes, marks: Marks, *, header: int, final: bool, max_rows: int) -> _Cut:
    """Go from record to record, `header` of them before the rows, until there are enough or the content ends."""
    position, records = 0, 0
    while position < len(view):
        line_end = view.find(b"\n", position)
        after = len(view) if line_end == -1 else line_end + 1
        is_comment = marks.comment != b"" and view.startswith(marks.comment, position)
        if is_comment or view[position:after] in (b"\n", b"\r\n", b"\r"):
            position = after
            continue
        if records >= max_rows + header:
            break
        if marks.quote and view.find(marks.quote, position, after) != -1:
            after, refused = _row_end(view, position, marks, final=final)
            if refused:
                return _Cut(len(view), max(records - header, 0), refused=True)
        elif line_end == -1 and not final:
            after = -1
        if after == -1:
            return _unended(view, position, records, header)
        position, records = after, records + 1
    return _Cut(position, max(records - header, 0), None if records or final else 1)


def _unended(view: bytes, position: int, records: int, header: int) -> _Cut:
    """Leave the row out that the window cuts in two; without a whole record there is no head, and all is returned."""
    line = view.count(b"\n", 0, position) + 1
    # A row that the window cuts is no news, unless the window holds little else.
    news = line if records == 0 or len(view) - position > len(view) // 2 else None
    return _Cut(position if records else len(view), max(records - header, 0), news)


def _row_end(view: bytes, start: int, marks: Marks, *, final: bool) -> tuple[int, bool]:
    """Return where the row ends that begins at `start` (-1: not in this view), and whether it cannot be told."""
    width = _FIRST_WINDOW
    while True:
        part = view[start : start + width]
        _, length = parse_row(part, marks)
        if length < len(part):
            return start + length + 1, False
        if start + width >= len(view):
            break
        width *= 8
    try:
        QuoteScan(marks).feed(view[start:].replace(b"\r\n", b"\n"), final=final)
    except BadFileError:
        return -1, True
    return (len(view) if final else -1), False

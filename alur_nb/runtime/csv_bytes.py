"""The bytes of a landing file on their way to the scan: hashed, decompressed, checked, with one kind of line end."""

from __future__ import annotations

import bz2
import codecs
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import BinaryIO

from alur_nb.runtime import zstd

# A chunk goes through several passes: it should stay in a processor's own cache meanwhile.
_CHUNK_BYTES = 256 << 10
_KEPT_BYTES = 1 << 20
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_COMPRESSION = (".lz4", ".snappy", ".deflate", ".xz", ".zip")
_LINE_END = re.compile(rb"\r\n?|\n")
_EMPTY_FIX = "Deliver it again; a file without rows still has its header."


class BadFileError(Exception):
    """A file-level problem with its place: `inspect` turns it into a value, callers never see it."""

    def __init__(self, problem: str, fix: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix
        self.line = line
        self.column = column


class CheckedBytes:
    """The content of one file, chunk by chunk: decompressed, without byte order mark, valid in its encoding.

    What cannot be scanned byte by byte (`transcode`) comes out as UTF-8. Iterating raises BadFileError; `lines_before`
    tells it how many line ends came out already: who scans them has counted them.
    """

    def __init__(
        self, stream: BinaryIO, path: str, encoding: str, lines_before: Callable[[], int], *, transcode: bool
    ) -> None:
        self._stream = stream
        self._path = path
        self._encoding = encoding
        self._transcode = transcode
        self._digest = hashlib.sha256()
        self._lines_before = lines_before
        self._line_start = b""
        self._ended = False

    def content_hash(self) -> str:
        """Read what is left of the raw file and return the SHA-256 of all of it."""
        if not self._ended:
            for _ in self._raw():
                pass
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self._encoding)("strict")
        head = True
        for chunk in chain(self._content(), (b"",)):
            data = self._without_mark(chunk) if head else chunk
            head = False
            out = self._checked(decoder, data, final=not chunk)
            self._remember(out)
            if out:
                yield out

    def _raw(self) -> Iterator[bytes]:
        while chunk := self._stream.read(_CHUNK_BYTES):
            self._digest.update(chunk)
            yield chunk
        self._ended = True

    def _content(self) -> Iterator[bytes]:
        if self._path.lower().endswith(_OTHER_COMPRESSION):
            suffix = self._path.rsplit(".", 1)[-1]
            raise BadFileError(
                f".{suffix} files are not read",
                "Compress them with gzip (.gz), bzip2 (.bz2) or Zstandard (.zst), or not at all.",
            )
        chunks = self._raw()
        first = next(chunks, b"")
        if not first:
            raise BadFileError("the file has 0 bytes", _EMPTY_FIX)
        for suffixes, (name, magic, unpacked) in _PACKED.items():
            if self._path.endswith(suffixes):
                return unpacked(chain((first,), chunks))
            if first.startswith(magic):
                raise BadFileError(
                    f"the file is {name}, but its name does not end in {suffixes[0]}",
                    "Rename it: Spark goes by the name.",
                )
        if first.startswith(b"PK\x03\x04"):
            raise BadFileError("the file is an Excel workbook or a zip archive", "Save it as CSV.")
        return chain((first,), chunks)

    def _without_mark(self, data: bytes) -> bytes:
        if data.startswith(_UTF8_MARK):
            if self._encoding != "utf-8":
                raise BadFileError(
                    f"the file begins with the mark of UTF-8, but the encoding is {self._encoding}",
                    "Leave the option `encoding` out.",
                    1,
                )
            return data[len(_UTF8_MARK) :]
        if data.startswith(_UTF16_MARKS) and not self._encoding.startswith("utf-16"):
            raise BadFileError(
                "the file begins with the mark of UTF-16", 'Say so: options={"encoding": "UTF-16"}.', 1
            )
        return data

    def _checked(self, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool) -> bytes:
        out = data
        # Every byte is a character of Latin-1: nothing to check.
        if self._encoding != "iso8859-1":
            try:
                text = decoder.decode(data, final)
            except UnicodeDecodeError as error:
                raise self._undecodable(data, error) from error
            except UnicodeError as error:  # Python's word for UTF-16 that does not say which end comes first
                raise BadFileError(
                    "the file is not UTF-16, or it lacks the mark with which UTF-16 begins",
                    'Say which of the two it is: options={"encoding": "UTF-16LE"} or "UTF-16BE".',
                    1,
                ) from error
            out = text.encode() if self._transcode else data
        if b"\0" in out:
            raise self._binary(out)
        return out

    def _undecodable(self, data: bytes, error: UnicodeDecodeError) -> BadFileError:
        if b"\0" in data and not self._transcode:
            return self._binary(data)
        # Bytes of a character that began in the chunk before are part of the object: the offset may be negative.
        line, column = self._place(data, error.start - (len(error.object) - len(data)))
        wrong = error.object[error.start : error.start + 1].hex()
        # Not latin-1: there every byte is a character, so that the euro sign of a Windows file becomes an invisible one.
        fix = 'Try options={"encoding": "windows-1252"} (Western European), or deliver the file in UTF-8.'
        if self._encoding != "utf-8":
            fix = "Leave the option `encoding` out if the file is UTF-8, or name the right one."
        return BadFileError(
            f"line {line}, column {column}: the byte 0x{wrong} is no character in {self._encoding}",
            fix,
            line,
            column,
        )

    def _binary(self, data: bytes) -> BadFileError:
        line, column = self._place(data, data.index(b"\0"))
        return BadFileError(
            f"line {line}, column {column}: a NUL byte, so the file is binary or cut off",
            'Deliver it again as text; where it is UTF-16, say so: options={"encoding": "UTF-16"}.',
            line,
            column,
        )

    def _remember(self, out: bytes) -> None:
        """Keep the start of the current line, for the place of what comes later."""
        last = out.rfind(b"\n")
        if last == -1:
            self._line_start = (self._line_start + out)[:_KEPT_BYTES]
        else:
            self._line_start = out[last + 1 :]

    def _place(self, data: bytes, offset: int) -> tuple[int, int]:
        before = (self._line_start + data)[: len(self._line_start) + offset]
        line = self._lines_before() + before.count(b"\n") + 1
        spelled = "utf-8" if self._transcode else self._encoding
        return line, len(before[before.rfind(b"\n") + 1 :].decode(spelled, "replace")) + 1


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress member after member, never more than a chunk at a time."""
    inflate = zlib.decompressobj(wbits=31)
    empty = True
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if inflate.eof:
                    inflate = zlib.decompressobj(wbits=31)
                out = inflate.decompress(data, _CHUNK_BYTES)
                data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                if out:
                    empty = False
                    yield out
    except zlib.error as error:
        raise BadFileError(f"the gzip data is damaged ({error})", "Deliver the file again.") from error
    if not inflate.eof:
        raise BadFileError("the gzip data ends before its end", "Deliver the file again: it was cut off.")
    if empty:
        raise BadFileError("the file has 0 bytes inside its gzip", _EMPTY_FIX)


def _bunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress stream after stream, as parallel packers write them, never more than a chunk at a time."""
    inflate = bz2.BZ2Decompressor()
    empty = True
    try:
        for chunk in chunks:
            data = chunk
            while data or not (inflate.needs_input or inflate.eof):
                if inflate.eof:
                    inflate = bz2.BZ2Decompressor()
                out = inflate.decompress(data, _CHUNK_BYTES)
                data = inflate.unused_data if inflate.eof else b""
                if out:
                    empty = False
                    yield out
    except OSError as error:
        raise BadFileError(f"the bzip2 data is damaged ({error})", "Deliver the file again.") from error
    if not inflate.eof:
        raise BadFileError("the bzip2 data ends before its end", "Deliver the file again: it was cut off.")
    if empty:
        raise BadFileError("the file has 0 bytes inside its bzip2", _EMPTY_FIX)


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress frame after frame, never more than a chunk at a time; starts Spark where none runs yet."""
    empty = True
    try:
        for out in zstd.unpacked(chunks):
            empty = False
            yield out
    except zstd.ZstdWindowError as error:
        raise BadFileError(
            "the Zstandard data needs more than 128 MB to be read",
            "Compress it again, with --long=27 at most.",
        ) from error
    except zstd.ZstdError as error:
        raise BadFileError(f"the Zstandard data is damaged ({error})", "Deliver the file again.") from error
    except EOFError as error:
        raise BadFileError(
            "the Zstandard data ends before its end", "Deliver the file again: it was cut off."
        ) from error
    if empty:
        raise BadFileError("the file has 0 bytes inside its Zstandard", _EMPTY_FIX)


# Suffixes -> name, the bytes that such a file begins with (bzip2: and that its first block does), how it is unpacked.
_PACKED: Mapping[tuple[str, ...], tuple[str, bytes, Callable[[Iterator[bytes]], Iterator[bytes]]]] = {
    (".gz",): ("gzip", b"\x1f\x8b", _gunzipped),
    (".bz2",): ("bzip2", b"BZh91AY&SY", _bunzipped),
    zstd.SUFFIXES: ("Zstandard", zstd.MAGIC, _unzstd),
}


class LineEnds:
    r"""Gives files whose lines end in `\r` alone, as old Macs wrote them, the `\n` that is looked for.

    A `\r` alone ends lines only in files whose first line ends so; in others it is an ordinary character.
    """

    def __init__(self, quote: bytes, escape: bytes) -> None:
        self.returns_end_lines: bool | None = None
        self.newline_seen = False
        self._quote = quote
        self._escape = b"" if escape == quote else escape
        self._quoted = False
        self._held = b""

    def feed(self, chunk: bytes, *, final: bool = False) -> bytes:
        r"""Return the chunk with `\n` as its line end; a `\r` at its end waits for what follows."""
        if self.returns_end_lines is False:
            return chunk
        data = self._held + chunk
        self._held = b""
        if not final and data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        if self.returns_end_lines is None:
            self.returns_end_lines = self._first_end_is_a_return(data)
        # Also before it is decided: a newline inside of the header's quotes counts as one.
        self.newline_seen = self.newline_seen or b"\n" in data
        if self.returns_end_lines:
            return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self.returns_end_lines is False:
            data, self._held = data + self._held, b""
        return data

    def _first_end_is_a_return(self, data: bytes) -> bool | None:
        """Decide by the first line end that is not inside of quotes; None where there is none yet."""
        position = 0
        for end in _LINE_END.finditer(data):
            self._count_quotes(data, position, end.start())
            position = end.start()
            if not self._quoted:
                return end.group() == b"\r"
        self._count_quotes(data, position, len(data))
        return None

    def _count_quotes(self, data: bytes, start: int, end: int) -> None:
        if not self._quote:
            return
        text = data[start:end]
        if self._escape:
            text = text.replace(self._escape * 2, b"").replace(self._escape + self._quote, b"")
        self._quoted ^= text.count(self._quote) % 2 == 1

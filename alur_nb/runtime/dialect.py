"""How a CSV file is written, and one streaming look at its bytes that says whether it can be read at all."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from alur_nb.runtime.csv_bytes import BadFileError, CheckedBytes, LineEnds
from alur_nb.runtime.csv_scan import Marks, QuoteScan, RowFacts, parse_row, skipped_lines
from alur_nb.runtime.errors import DeclarationError, suggest

# Python's name of the codec -> the name that Java knows it by.
_ENCODINGS = {
    "utf-8": "UTF-8",
    "ascii": "US-ASCII",
    "iso8859-1": "ISO-8859-1",
    "iso8859-2": "ISO-8859-2",
    "iso8859-15": "ISO-8859-15",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "cp1252": "windows-1252",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp437": "IBM437",
    "cp850": "IBM850",
    "koi8-r": "KOI8-R",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "shift_jis": "Shift_JIS",
    "cp932": "windows-31j",
    "gbk": "GBK",
    "gb18030": "GB18030",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
}
# Their bytes cannot be scanned as they are: a separator's byte may be half of another character.
_TRANSCODED = {
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "shift_jis",
    "cp932",
    "gbk",
    "gb18030",
    "big5",
    "euc_jp",
    "euc_kr",
}
_OWN_OPTIONS = {
    "enforceschema": "the header decides which column is which",
    "mode": "rows that do not parse are rejected, with a reason",
    "columnnameofcorruptrecord": "rejected rows have a table of their own",
    "inferschema": "the table's columns say the types",
    "timestampformat": 'say it at the column: TimestampField(format="dd.MM.yyyy HH:mm")',
    "dateformat": 'say it at the column: DateField(format="dd.MM.yyyy")',
    "linesep": "line ends are found by looking",
    "ignoreleadingwhitespace": "blanks are trimmed except in strings",
    "ignoretrailingwhitespace": "blanks are trimmed except in strings",
}
_OPTIONS = {
    "sep": "sep",
    "delimiter": "sep",
    "quote": "quote",
    "escape": "escape",
    "encoding": "encoding",
    "charset": "encoding",
    "nullvalue": "null_value",
    "emptyvalue": "empty_value",
    "comment": "comment",
    "multiline": "multi_line",
    "header": "header",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a source's `options` say about its files; what they leave open is decided file by file."""

    sep: str = ","
    quote: str = '"'
    """Empty: quotes are ordinary characters."""
    escape: str | None = None
    """None: a doubled quote (RFC 4180), or a backslash in files that only make sense so."""
    encoding: str = "utf-8"
    """Python's name of the codec."""
    null_value: str = ""
    """A text that means null, besides an empty value."""
    empty_value: str = ""
    """What a quoted nothing, `""`, is read as in a text column."""
    comment: str = ""
    multi_line: bool | None = None
    """None: a file is split only where no row spans lines."""
    header: bool = True
    """False: the first row is data, and columns are matched by position, at exact width."""

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Dialect:
        """Return the dialect of Spark's CSV options.

        Raises
        ------
        DeclarationError
            An option is unknown, is set by alur itself, or has a value that cannot be.
        """
        settings = {_option(name): value for name, value in options.items()}
        return cls(**{name: _CHECKS[name](name, value) for name, value in settings.items()})  # type: ignore[arg-type]

    @property
    def spark_encoding(self) -> str:
        """The encoding as Java spells it."""
        return _ENCODINGS[self.encoding]

    @property
    def transcoded(self) -> bool:
        """Whether the encoding's bytes can only be split into lines after decoding."""
        return self.encoding in _TRANSCODED

    @property
    def scan_encoding(self) -> str:
        """The encoding of the bytes that are scanned."""
        return "utf-8" if self.transcoded else self.encoding

    def marks(self) -> Marks:
        """Return the structuring bytes; an escape that is left open is taken to be the doubled quote."""
        escape = self.quote if self.escape is None else self.escape
        return _marks(self.sep, self.quote, escape, self.comment, self.scan_encoding)


@lru_cache(maxsize=32)
def _marks(sep: str, quote: str, escape: str, comment: str, encoding: str) -> Marks:
    return Marks(*(text.encode(encoding) for text in (sep, quote, escape, comment)))


def _option(name: str) -> str:
    key = name.lower()
    if key in _OWN_OPTIONS:
        raise DeclarationError(
            f"The option `{name}` is not yours to set: {_OWN_OPTIONS[key]}.", fix="Leave it out."
        )
    if key not in _OPTIONS:
        known = ["sep", "quote", "escape", "encoding", "nullValue", "emptyValue", "comment"]
        known += ["multiLine", "header"]
        raise DeclarationError(
            f"`{name}` is no option of a CSV source{suggest(name, known)}.",
            fix=f"Options: {', '.join(known)}.",
        )
    return _OPTIONS[key]


def _one_character(name: str, value: object) -> str:
    text = "\t" if value == "\\t" else value
    if not isinstance(text, str) or len(text) != 1 or text in "\r\n\0":
        raise DeclarationError(
            f"The option `{name}` is {value!r}, not one character.",
            fix='options={"sep": ";"}, or "\\t" for a tab',
        )
    return text


def _ascii_or_empty(name: str, value: object) -> str:
    if value == "":
        return ""
    text = _one_character(name, value)
    if not text.isascii():
        raise DeclarationError(
            f"The option `{name}` is {value!r}, not an ASCII character.", fix="Leave it out."
        )
    return text


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise DeclarationError(
            f"The option `{name}` is {value!r}, not a text.", fix='options={"nullValue": "NA"}'
        )
    return value


def _codec(name: str, value: object) -> str:
    try:
        found = codecs.lookup(str(value)).name.removesuffix("-sig")
    except LookupError:
        found = ""
    if found not in _ENCODINGS:
        raise DeclarationError(
            f"The {name} {value!r} is unknown here{suggest(str(value), _ENCODINGS)}.",
            fix=f"One of {', '.join(_ENCODINGS)}.",
        )
    return found


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise DeclarationError(f"The option `{name}` is {value!r}, not true or false.", fix="Leave it out.")
    return text == "true"


_CHECKS = {
    "sep": _one_character,
    "quote": _ascii_or_empty,
    "escape": _ascii_or_empty,
    "encoding": _codec,
    "null_value": _text,
    "empty_value": _text,
    "comment": _ascii_or_empty,
    "multi_line": _flag,
    "header": _flag,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one look at a file's bytes says: its header, how Spark must read it, or why nothing can."""

    header: tuple[str, ...] = ()
    """Empty for a file without one."""
    content_hash: str = ""
    """SHA-256 of the raw bytes, compressed as they are."""
    problem: str | None = None
    fix: str | None = None
    place_line: int | None = None
    place_column: int | None = None
    escape: str = '"'
    """What escapes a quote in this file."""
    line_sep: str | None = None
    """What Spark is told; None: it finds the line ends by looking at the first."""
    header_line: int = 1
    """The line on which the header ends, counted from 1; 0 without a header."""
    lines: int = 0
    rows_spanning_lines: bool = False
    blank_lines: bool = False
    mixed_line_endings: bool = False
    splittable: bool = True
    """Whether every line is a row, also for a reader that starts in the middle of the file."""
    records: int | None = None
    """Rows, where the look counts them (JSON lines, Parquet): what is read must come to as many."""
    spark_schema: str = ""
    """The columns of a Parquet file, as Spark's JSON has them."""


def inspect(stream: BinaryIO, path: str, dialect: Dialect) -> Inspection:
    """Read the stream to its end, once, and say what it holds; bad content is a `problem`, never an exception.

    `path` says by its suffix whether the file is compressed, as it does for Spark. Memory is bounded by the longest row.
    """
    look = _Look(dialect)
    content = CheckedBytes(
        stream, path, dialect.encoding, lambda: look.line_ends, transcode=dialect.transcoded
    )
    try:
        for chunk in content:
            look.feed(chunk)
        look.feed(b"", final=True)
        return look.result(content.content_hash())
    except BadFileError as bad:
        return Inspection(
            content_hash=content.content_hash(),
            problem=bad.problem,
            fix=bad.fix,
            place_line=bad.line,
            place_column=bad.column,
        )


def _names(row: bytes, marks: Marks, encoding: str) -> tuple[tuple[str, ...], int]:
    """Return the column names at the start of `row`, and behind how many line ends they stop."""
    values, length = parse_row(row, marks)
    if row[:length].endswith(b"\r") and row[:length].endswith(values[-1]):
        values[-1] = values[-1].removesuffix(b"\r")  # of the line's end, as it stands outside of quotes
    return tuple(value.decode(encoding) for value in values), row.count(b"\n", 0, length)


_same_names = lru_cache(maxsize=32)(_names)
"""10,000 files of a source have one header."""
_KEPT_HEADER = 64 << 10  # bytes: a file of one long line is no header to be held on to


class _Look:
    """What is known of a file while its bytes go by."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._ends = LineEnds(dialect.quote.encode(), (dialect.escape or "").encode())
        self._scan = QuoteScan(dialect.marks())
        self._other: QuoteScan | None = None
        self._bad: BadFileError | None = None
        self._undecided = dialect.escape is None and dialect.quote != ""
        self._head = b""
        self._head_full = not dialect.header
        self._last = b""

    @property
    def line_ends(self) -> int:
        r"""How many `\n` have been fed; of a file whose lines end in `\r` none, since they were none in its bytes."""
        scan = self._scan if self._bad is None else self._other
        return 0 if scan is None or self._ends.returns_end_lines else scan.line_ends

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        r"""Scan as doubled quotes, and beside it as backslashes from the first `\"` on, while both may be meant."""
        data = self._ends.feed(chunk, final=final)
        if not self._head_full:
            self._head += data
        if self._undecided and self._has_backslash(data):
            self._undecided = False
            self._other = self._scan.as_backslash()
        self._last = data[-1:]
        if self._bad is None:
            try:
                self._scan.feed(data, final=final)
            except BadFileError as bad:
                self._bad = bad
        if self._other is not None:
            try:
                self._other.feed(data, final=final)
            except BadFileError:
                self._other = None
        if self._bad is not None and self._other is None:
            raise self._bad
        if not self._head_full:
            scan = self._scan if self._bad is None else self._other
            self._head_full = scan is not None and scan.lines >= self._header_start(scan.marks)[1]

    def _has_backslash(self, data: bytes) -> bool:
        """Whether a quote stands behind a backslash; the two may be in two chunks."""
        quote = self._scan.marks.quote
        if b"\\" not in data:  # one byte is found ten times as fast as two
            return self._last == b"\\" and data.startswith(quote)
        return b"\\" + quote in data or (self._last == b"\\" and data.startswith(quote))

    def result(self, content_hash: str) -> Inspection:
        """Return what was found; raises BadFileError where there is no header, or where rows cannot be told apart."""
        scan = self._other if self._bad is not None and self._other is not None else self._scan
        facts, dialect = scan.facts, self._dialect
        header, header_line = self._header(scan.marks) if dialect.header else ((), 0)
        mixed = self._mixed(facts)
        odd_lines = facts.spanning or facts.lines_of_blanks or facts.lone_returns
        splittable = not (odd_lines or dialect.comment or dialect.transcoded)
        if mixed and not splittable:
            raise BadFileError(
                "some lines end in \\n, others in \\r\\n or \\r, and some of these are inside of values",
                "Deliver the file with one kind of line end: Spark cannot tell its rows apart.",
            )
        if facts.spanning and dialect.multi_line is False:
            raise BadFileError(
                "a quoted value spans lines, though the options say multiLine=false", "Leave the option out."
            )
        return Inspection(
            header=header,
            content_hash=content_hash,
            escape=scan.marks.escape.decode(),
            line_sep=None if mixed else self._line_sep(facts),
            header_line=header_line,
            lines=scan.lines,
            rows_spanning_lines=facts.spanning,
            blank_lines=facts.blank_lines,
            mixed_line_endings=mixed,
            splittable=splittable,
        )

    def _mixed(self, facts: RowFacts) -> bool:
        """Whether rows end in more than one way."""
        if self._ends.returns_end_lines:
            return self._ends.newline_seen
        return facts.newline_ends and facts.pair_ends

    def _line_sep(self, facts: RowFacts) -> str | None:
        """Return what Spark must be told: left to itself, it rewrites line ends inside of quotes."""
        if self._ends.returns_end_lines:
            return "\r"
        if facts.pair_ends:
            # Spark warns of a separator of two characters, so it is only named where it matters.
            return "\r\n" if facts.spanning or facts.lone_returns else None
        return "\n" if facts.pairs_inside or facts.lone_returns else None

    def _header(self, marks: Marks) -> tuple[tuple[str, ...], int]:
        """Return the column names and the line on which they end."""
        start, line = self._header_start(marks)
        rest = self._head[start:]
        if not rest:
            raise BadFileError("the file has no header", "Write the column names as its first line.")
        first, encoding = rest[: rest.find(b"\n") + 1], self._dialect.scan_encoding
        is_whole = 0 < len(first) <= _KEPT_HEADER and (not marks.quote or marks.quote not in first)
        names, lines = _same_names(first, marks, encoding) if is_whole else _names(rest, marks, encoding)
        return names, line + lines

    def _header_start(self, marks: Marks) -> tuple[int, int]:
        """Return the offset and the line of the first line that is neither blank nor a comment."""
        skipped = skipped_lines(marks.comment).match(self._head)
        end = skipped.end() if skipped else 0
        return end, self._head.count(b"\n", 0, end) + 1

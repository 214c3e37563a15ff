"""The bytes of a CSV file, scanned for quotes: which lines are one row, and what cannot be told apart.

Spark reads on in silence where a quote never closes, and publishes the rest of the file as one good value. So every
file is scanned once before Spark sees it. The usual chunk costs a few C-speed passes: text outside of quotes and text
inside of them are split apart, and each quoted value must stand between separators. Only a chunk that fails this is
walked value by value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from alur_nb.runtime.csv_bytes import BadFileError

MAX_COLUMNS = 20_480
"""Spark's own limit of values in a row; beyond it a job aborts instead of rejecting the row."""
MAX_ROW_BYTES = 64 << 20

_BLANK_START = re.compile(rb"\n[\x00-\x20]")
_BLANKS = bytes(range(1, 33))


@dataclass(frozen=True, slots=True)
class Marks:
    """The bytes that structure a file; an empty mark does not occur."""

    sep: bytes
    quote: bytes
    escape: bytes
    comment: bytes

    @property
    def doubled(self) -> bool:
        """Whether a quote inside a quoted value is written twice, as RFC 4180 has it."""
        return self.escape == self.quote


@dataclass(slots=True)
class RowFacts:
    """What the rows gone by have in common, or not."""

    spanning: bool = False
    """A quoted value holds a line end."""
    blank_lines: bool = False
    lines_of_blanks: bool = False
    """A line holds blanks, and nothing else."""
    doubled_quotes: bool = False
    newline_ends: bool = False
    """A row ends in `\\n` alone."""
    pair_ends: bool = False
    """A row ends in `\\r\\n`."""
    lone_returns: bool = False
    """A `\\r` stands by itself, in or out of quotes."""
    pairs_inside: bool = False
    """A `\\r\\n` is part of a quoted value."""


class QuoteScan:
    """Rows of one file under one set of marks, fed chunk by chunk, each chunk ending anywhere."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.facts = RowFacts()
        self.lines = 0
        self._carry = b""
        self._patterns = _patterns(marks)

    @property
    def line_ends(self) -> int:
        """How many line ends have been fed, also those of a row that is not complete."""
        return self.lines + self._carry.count(b"\n")

    def as_backslash(self) -> QuoteScan | None:
        r"""Return a scan that goes on from here with `\"` as the escape; None where `""` has been met already."""
        if self.facts.doubled_quotes:
            return None
        other = QuoteScan(replace(self.marks, escape=b"\\"))
        other.facts = replace(self.facts)
        other.lines, other._carry = self.lines, self._carry
        return other

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        """Scan the rows that are complete; raises BadFileError at the first thing that cannot be told apart."""
        data = self._carry + chunk
        unit = data if final else data[: data.rfind(b"\n") + 1]
        done = self._scan(unit, final=final) if unit else 0
        self.lines += data.count(b"\n", 0, done)
        self._carry = data[done:]
        if len(self._carry) > MAX_ROW_BYTES:
            raise BadFileError(
                f"the row that begins on line {self.lines + 1} is longer than {MAX_ROW_BYTES >> 20} MB",
                "Look for a quote that never closes on that line, or for missing line ends.",
                self.lines + 1,
            )

    def _scan(self, unit: bytes, *, final: bool) -> int:
        """Return how many bytes of the unit are complete rows."""
        quote = self.marks.quote
        if not quote or quote not in unit:
            self._note(self._note_ends(unit))
            return len(unit)
        splits = not self.marks.comment and len(self.marks.sep) == 1
        done = self._scan_split(unit, final=final) if splits else None
        return self._walk(unit, final=final) if done is None else done

    def _scan_split(self, unit: bytes, *, final: bool) -> int | None:
        """Scan a unit in a few passes; None where it must be walked."""
        quote = self.marks.quote
        pieces = self._without_escapes(unit).split(quote)
        if len(pieces) % 2 == 0:
            cut = None if final else _last_row_end(pieces, len(quote))
            if cut is None:
                return None
            unit = unit[:cut]
            pieces = self._without_escapes(unit).split(quote)
        outside = pieces[::2]
        # The line ends before anything is noted: a unit that must be walked is noted there.
        plain = quote.join(outside).replace(b"\r\n", b"\n") if b"\r" in unit else None
        if not self._well_placed(outside if plain is None else plain.split(quote)):
            return None
        self._note(self._note_ends(quote.join(outside)))
        self._note_inside(quote.join(pieces[1::2]))
        self.facts.doubled_quotes |= b"" in outside[1:-1]
        return len(unit)

    def _without_escapes(self, unit: bytes) -> bytes:
        """Blank out escaped characters, byte for byte, so that every quote left is a structural one."""
        marks = self.marks
        if marks.doubled or not marks.escape or marks.escape not in unit:
            return unit
        plain = unit.replace(marks.escape * 2, b"__")
        return plain.replace(marks.escape + marks.quote, b"__")

    def _well_placed(self, outside: list[bytes]) -> bool:
        """Whether each quoted value stands between separators or line ends; an empty piece is a doubled quote."""
        inner = outside[1:-1]
        neighbours = {piece[:1] for piece in inner} | {piece[-1:] for piece in inner}
        border = {self.marks.sep, b"\n", b""}
        if not self.marks.doubled and b"" in neighbours:
            return False
        return neighbours <= border and outside[0][-1:] in border and outside[-1][:1] in border

    def _note_ends(self, outside: bytes) -> bytes:
        r"""Note in what the rows end, and return the text with `\n` as their end."""
        facts = self.facts
        if b"\r" not in outside:
            facts.newline_ends |= b"\n" in outside
            return outside
        pairs = outside.count(b"\r\n")
        facts.pair_ends |= pairs > 0
        facts.newline_ends |= outside.count(b"\n") > pairs
        facts.lone_returns |= outside.count(b"\r") > pairs
        return outside.replace(b"\r\n", b"\n")

    def _note_inside(self, inside: bytes) -> None:
        """Note the line ends inside of quotes."""
        facts = self.facts
        facts.spanning |= b"\n" in inside
        if b"\r" in inside:
            pairs = inside.count(b"\r\n")
            facts.pairs_inside |= pairs > 0
            facts.lone_returns |= inside.count(b"\r") > pairs

    def _note(self, outside: bytes, *, exact: bool = True) -> None:
        """Note blank lines, and refuse a row of more values than Spark can hold.

        `exact`: the text inside of quotes is out, so each separator parts two values.
        """
        # Only where a line is empty or begins with a blank are the lines looked at one by one.
        if outside and (outside[:1] <= b" " or _BLANK_START.search(outside)):
            lines = outside.removesuffix(b"\n").split(b"\n")
            blank = any(line and not line.strip(_BLANKS) for line in lines)
            self.facts.lines_of_blanks |= blank
            self.facts.blank_lines |= blank or b"" in lines
        # A line of so many values is long: windows without a line end are the only places to look at.
        window = MAX_COLUMNS // 2
        for start in range(0, len(outside) - window, window):
            if outside.find(b"\n", start, start + window) == -1:
                self._check_width(outside, start, exact=exact)

    def _check_width(self, outside: bytes, position: int, *, exact: bool) -> None:
        start = outside.rfind(b"\n", 0, position) + 1
        end = outside.find(b"\n", position)
        row = outside[start : None if end == -1 else end]
        if row.count(self.marks.sep) >= MAX_COLUMNS and (
            exact or len(parse_row(row, self.marks)[0]) > MAX_COLUMNS
        ):
            line = self.lines + outside.count(b"\n", 0, start) + 1
            raise BadFileError(
                f"line {line} has more than {MAX_COLUMNS:,} values",
                "Look for missing line ends, or for the wrong separator.",
                line,
            )

    def _walk(self, unit: bytes, *, final: bool) -> int:
        """Go from row to row, many at once as long as each is one line; return the offset of the first without end."""
        patterns = self._patterns
        ended = unit if unit.endswith(b"\n") else unit + b"\n"
        position = 0
        while position < len(ended):
            row = patterns.lines.match(ended, position) or patterns.row.match(ended, position)
            if row is None:
                self._refuse_quote(unit, position, final=final)
                break
            position = row.end()
        done = unit[:position]
        inside = patterns.quoted.findall(done)
        self._note_inside(b"".join(inside))
        self.facts.doubled_quotes |= self.marks.doubled and any(self.marks.quote in text for text in inside)
        self._note(self._note_ends(patterns.quoted.sub(b"", done)), exact=False)
        return len(done)

    def _refuse_quote(self, unit: bytes, start: int, *, final: bool) -> None:
        """Raise for the first value of the row that is wrong; return where it may end in bytes to come."""
        position = start
        while value := self._patterns.value.match(unit, position):
            position = value.end() + len(self.marks.sep)
        opened = _place(unit, position, self.lines)
        body = self._patterns.body.match(unit, position + len(self.marks.quote))
        closed = body is not None and body.end() < len(unit)
        if not closed and not final:
            return
        if not closed or body is None:
            raise BadFileError(
                f"a quote opens on line {opened[0]}, column {opened[1]}, and never closes",
                "Close the quote, or double it where it belongs to the text; Spark would read the rest of the file "
                'as one value. Where quotes mean nothing in these files: options={"quote": ""}.',
                *opened,
            )
        line, column = _place(unit, body.end(), self.lines)
        raise BadFileError(
            f"text follows the closing quote on line {line}, column {column} "
            f"(it opens on line {opened[0]}, column {opened[1]})",
            'Write a quote inside a quoted value twice (""), or name what escapes it: options={"escape": "\\"}.',
            line,
            column,
        )


def parse_row(data: bytes, marks: Marks) -> tuple[list[bytes], int]:
    """Split the row at the start of `data` into its values, and return them with the offset of the row's end."""
    pattern = _patterns(marks).value
    values: list[bytes] = []
    position = 0
    while match := pattern.match(data, position):
        quoted, plain = match.groups()
        values.append(plain if quoted is None else _unescaped(quoted, marks))
        position = match.end()
        if position >= len(data) or data.startswith(b"\n", position):
            return values, position
        position += len(marks.sep)
    return [*values, data[position:]], len(data)


@lru_cache(maxsize=32)
def skipped_lines(comment: bytes) -> re.Pattern[bytes]:
    """Return what stands before a header: lines without anything, and comments."""
    line = re.escape(comment) + rb"[^\n]*(?:\n|\Z)" if comment else rb"(?!)"
    return re.compile(rb"(?:\r?\n|%b)*" % line)


def _unescaped(body: bytes, marks: Marks) -> bytes:
    if not marks.escape:
        return body
    text = body.replace(marks.escape + marks.quote, marks.quote)
    return text if marks.doubled else text.replace(marks.escape * 2, marks.escape)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What rows look like under one set of marks."""

    value: re.Pattern[bytes]
    """One value, up to a separator or the line's end: the text inside of its quotes, or the text without quotes."""
    body: re.Pattern[bytes]
    """The text behind an opening quote, up to the closing one or the end of the data."""
    lines: re.Pattern[bytes]
    """As many rows as there are, each one line, each with its line end."""
    row: re.Pattern[bytes]
    """One row, which may span lines, with its line end."""
    quoted: re.Pattern[bytes]
    """Every quoted value of rows that are in order, and the text inside of it."""


@lru_cache(maxsize=32)
def _patterns(marks: Marks) -> _Patterns:
    sep, quote, escape = (re.escape(mark) for mark in (marks.sep, marks.quote, marks.escape))
    unquoted = rb"(?:(?!%b)[^\n])*+" % sep if len(marks.sep) > 1 else rb"[^\n%b]*+" % sep
    blanks = rb"(?:(?!%b)[\x01-\x09\x0b-\x20])*+" % sep
    end = rb"(?=%b|\n|\Z)" % sep

    def body(line_end: bytes) -> bytes:
        if not marks.quote:
            return b""
        if marks.doubled or not marks.escape:
            return rb"[^%b%b]*+(?:%b%b[^%b%b]*+)*+" % (quote, line_end, quote, quote, quote, line_end)
        other = rb"[^%b%b%b]*+" % (quote, escape, line_end)
        return rb"%b(?:%b%b%b)*+" % (other, escape, rb"[^\n]" if line_end else b".", other)

    def value(line_end: bytes, group: bytes) -> bytes:
        if not marks.quote:
            return rb"(?:(?!)%b)|%b%b))%b" % (group, group, unquoted, end)
        closed = rb"%b%b%b)%b%b" % (quote, group, body(line_end), quote, blanks)
        return rb"(?:%b|(?!%b)%b%b))%b" % (closed, quote, group, unquoted, end)

    def row(line_end: bytes) -> bytes:
        one = value(line_end, b"(?:")
        comment = rb"%b[^\n]*+|" % re.escape(marks.comment) if marks.comment else b""
        return rb"(?:%b%b(?:%b%b)*+)\n" % (comment, one, sep, one)

    return _Patterns(
        value=re.compile(value(b"", b"("), re.DOTALL),
        body=re.compile(body(b""), re.DOTALL),
        lines=re.compile(rb"(?:(?!\Z)%b)++" % row(b"\n"), re.DOTALL),
        row=re.compile(row(b""), re.DOTALL),
        # The quote comes first: a literal start is what the search is fast with.
        quoted=re.compile(
            rb"%b(?:(?<=%b%b)|(?<=\n%b)|(?<=\A%b))(%b)%b"
            % (quote, sep, quote, quote, quote, body(b""), quote),
            re.DOTALL,
        )
        if marks.quote
        else re.compile(rb"(?!)()"),
    )


def _last_row_end(pieces: list[bytes], quote_width: int) -> int | None:
    """Return the offset behind the last line end outside of quotes; None where there is none."""
    offset = sum(map(len, pieces)) + quote_width * (len(pieces) - 1)
    for index in range(len(pieces) - 1, -1, -1):
        offset -= len(pieces[index])
        if index % 2 == 0 and (found := pieces[index].rfind(b"\n")) != -1:
            return offset + found + 1
        offset -= quote_width
    return None


def _place(unit: bytes, offset: int, lines_before: int) -> tuple[int, int]:
    start = unit.rfind(b"\n", 0, offset) + 1
    return lines_before + unit.count(b"\n", 0, offset) + 1, len(
        unit[start:offset].decode("utf-8", "replace")
    ) + 1

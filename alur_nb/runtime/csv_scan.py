"""The bytes of a CSV file, scanned for quotes: which lines are one row, and what cannot be told apart.

Spark reads on in silence where a quote never closes, and publishes the rest of the file as one good value. So every
file is scanned once before Spark sees it. The usual chunk costs a few C-speed passes: text outside of quotes and text
inside of them are split apart, and each quoted value must stand between separators. Only a chunk that fails this is
walked value by value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from alur_nb.runtime.csv_bytes import BadFileError

MAX_COLUMNS = 20_480
"""Spark's own limit of values in a row; beyond it a job aborts instead of rejecting the row."""
MAX_ROW_BYTES = 64 << 20

_BLANK_STARTS = (b"\n ", b"\n\t", b"\n\x0c", b"\n\x1a")
_LINE_OF_BLANKS = re.compile(rb"(?:^|\n)[\x01-\x09\x0b-\x20]+(?:\n|\Z)")


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


class QuoteScan:
    """Rows of one file under one set of marks, fed chunk by chunk, each chunk ending anywhere."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.spanning = False
        self.blank_lines = False
        self.lines_of_blanks = False
        self.doubled_seen = False
        self.lines = 0
        self._carry = b""
        self._quoted, self._plain = _value_patterns(marks)

    def as_backslash(self) -> QuoteScan | None:
        r"""Return a scan that goes on from here with `\"` as the escape; None where `""` has been met already."""
        if self.doubled_seen:
            return None
        other = QuoteScan(Marks(self.marks.sep, self.marks.quote, b"\\", self.marks.comment))
        other.spanning, other.lines = self.spanning, self.lines
        other.blank_lines, other.lines_of_blanks = self.blank_lines, self.lines_of_blanks
        other._carry = self._carry
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
            self._note(unit)
            return len(unit)
        done = None if self.marks.comment else self._scan_split(unit, final=final)
        return self._walk(unit, final=final) if done is None else done

    def _scan_split(self, unit: bytes, *, final: bool) -> int | None:
        """Scan a unit in a few passes; None where it must be walked."""
        quote = self.marks.quote
        plain = self._without_escapes(unit)
        pieces = plain.split(quote)
        if len(pieces) % 2 == 0:
            cut = None if final else _last_row_end(pieces, len(quote))
            if cut is None:
                return None
            unit, plain = unit[:cut], plain[:cut]
            pieces = plain.split(quote)
        outside = quote.join(pieces[::2])
        if self.marks.doubled and quote + quote in outside:
            self.doubled_seen = True
            while quote + quote in outside:
                outside = outside.replace(quote + quote, quote)
        if not self._well_placed(outside):
            return None
        if not self.spanning:
            self.spanning = b"\n" in quote.join(pieces[1::2])
        self._note(outside)
        return len(unit)

    def _without_escapes(self, unit: bytes) -> bytes:
        """Blank out escaped characters, byte for byte, so that every quote left is a structural one."""
        marks = self.marks
        if marks.doubled or not marks.escape or marks.escape not in unit:
            return unit
        plain = unit.replace(marks.escape * 2, b"__")
        return plain.replace(marks.escape + marks.quote, b"__")

    def _well_placed(self, outside: bytes) -> bool:
        """Whether each quoted value, one quote here, stands between separators or line ends."""
        quote, sep = self.marks.quote, self.marks.sep
        total = outside.count(quote)
        before = outside.count(sep + quote) + outside.count(b"\n" + quote) + outside.startswith(quote)
        after = outside.count(quote + sep) + outside.count(quote + b"\n") + outside.endswith(quote)
        return before == total == after

    def _note(self, outside: bytes) -> None:
        """Note blank lines, and refuse a row of more values than Spark can hold."""
        self.blank_lines = self.blank_lines or outside.startswith(b"\n") or b"\n\n" in outside
        if outside[:1] <= b" " or any(mark in outside for mark in _BLANK_STARTS):
            self.lines_of_blanks = self.lines_of_blanks or _LINE_OF_BLANKS.search(outside) is not None
            self.blank_lines = self.blank_lines or self.lines_of_blanks
        # A line of so many values is long: windows without a line end are the only places to look at.
        window = MAX_COLUMNS // 2
        for start in range(0, len(outside) - window, window):
            if outside.find(b"\n", start, start + window) == -1:
                self._check_width(outside, start)

    def _check_width(self, outside: bytes, position: int) -> None:
        start = outside.rfind(b"\n", 0, position) + 1
        end = outside.find(b"\n", position)
        if outside.count(self.marks.sep, start, len(outside) if end == -1 else end) >= MAX_COLUMNS:
            raise _too_wide(self.lines + outside.count(b"\n", 0, start) + 1)

    def _walk(self, unit: bytes, *, final: bool) -> int:
        """Go from row to row that has a quote, and from value to value in it."""
        marks, position = self.marks, 0
        while (quote_at := unit.find(marks.quote, position)) != -1:
            start = unit.rfind(b"\n", position, quote_at) + 1 or position
            self._note(unit[position:start])
            if marks.comment and unit.startswith(marks.comment, start):
                end = unit.find(b"\n", start)
                position = len(unit) if end == -1 else end + 1
                continue
            row_end = self._walk_row(unit, start, final=final)
            if row_end is None:
                return start
            position = row_end
        self._note(unit[position:])
        return len(unit)

    def _walk_row(self, unit: bytes, start: int, *, final: bool) -> int | None:
        """Return where the next row begins; None where the row does not end in this unit."""
        position, values = start, 0
        while True:
            values += 1
            value = self._quoted.match(unit, position) or self._plain.match(unit, position)
            if value is None:
                return self._refuse_quote(unit, position, final=final)
            text = value.group()
            self.spanning = self.spanning or b"\n" in text
            self.doubled_seen = self.doubled_seen or (
                self.marks.doubled and len(text) > 2 and self.marks.quote * 2 in text[1:-1]
            )
            position = value.end()
            if position >= len(unit) or unit.startswith(b"\n", position):
                break
            position += len(self.marks.sep)
        if values > MAX_COLUMNS:
            raise _too_wide(self.lines + unit.count(b"\n", 0, start) + 1)
        return position + 1

    def _refuse_quote(self, unit: bytes, position: int, *, final: bool) -> None:
        """Tell a quote that never closes from text behind a closing quote; None: wait for more bytes."""
        marks = self.marks
        opened = _place(unit, position, self.lines)
        body = _body(marks).match(unit, position + len(marks.quote))
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
            f"text follows the closing quote on line {line}, column {column}",
            'Write a quote inside a quoted value twice (""), or name what escapes it: options={"escape": "\\\\"}.',
            line,
            column,
        )


def parse_row(data: bytes, marks: Marks) -> tuple[list[bytes], int]:
    """Split the row at the start of `data` into its values, and return them with the offset of the row's end."""
    quoted, plain = _value_patterns(marks)
    values: list[bytes] = []
    position = 0
    while True:
        match = quoted.match(data, position)
        if match is not None:
            values.append(_unescaped(match.group(1), marks))
        else:
            match = plain.match(data, position)
            if match is None:
                return [*values, data[position:]], len(data)
            values.append(match.group())
        position = match.end()
        if position >= len(data) or data.startswith(b"\n", position):
            return values, position
        position += len(marks.sep)


def _unescaped(body: bytes, marks: Marks) -> bytes:
    if not marks.escape:
        return body
    text = body.replace(marks.escape + marks.quote, marks.quote)
    return text if marks.doubled else text.replace(marks.escape * 2, marks.escape)


def _body(marks: Marks) -> re.Pattern[bytes]:
    """Match the text of a quoted value, up to the closing quote or the end of the data."""
    quote, escape = re.escape(marks.quote), re.escape(marks.escape)
    if marks.doubled or not marks.escape:
        inner = rb"[^%b]*+(?:%b[^%b]*+)*+" % (quote, quote * 2, quote)
    else:
        inner = rb"[^%b%b]*+(?:%b.[^%b%b]*+)*+" % (quote, escape, escape, quote, escape)
    return re.compile(inner, re.DOTALL)


def _value_patterns(marks: Marks) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Match a quoted value with blanks behind it, and an unquoted one; both up to a separator or the line's end."""
    sep, quote = re.escape(marks.sep), re.escape(marks.quote)
    end = rb"(?=%b|\n|\Z)" % sep
    unquoted = rb"(?:(?!%b)[^\n])*+" % sep if len(marks.sep) > 1 else rb"[^\n%b]*+" % sep
    if not marks.quote:
        return re.compile(rb"(?!)"), re.compile(unquoted + end)
    blanks = rb"(?:(?!%b)[\x01-\x09\x0b-\x20])*+" % sep
    closed = rb"%b(%b)%b%b" % (quote, _body(marks).pattern, quote, blanks)
    return re.compile(closed + end, re.DOTALL), re.compile(rb"(?!%b)%b%b" % (quote, unquoted, end))


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


def _too_wide(line: int) -> BadFileError:
    return BadFileError(
        f"line {line} has more than {MAX_COLUMNS:,} values",
        "Look for missing line ends, or for the wrong separator.",
        line,
    )

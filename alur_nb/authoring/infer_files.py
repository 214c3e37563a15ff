"""The files that an inference looks into: found by their pattern, and the head of a few read as texts or records."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from alur_nb.authoring.infer_facts import FileFormat
from alur_nb.authoring.infer_suspicions import header_below
from alur_nb.authoring.sample import Head, head
from alur_nb.runtime.csv_bytes import BadFileError, CheckedBytes
from alur_nb.runtime.csv_scan import Marks, parse_row
from alur_nb.runtime.dialect import Dialect, Inspection, inspect
from alur_nb.runtime.errors import Place, SourceError
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.globs import nearest, pattern_of
from alur_nb.runtime.header import listed
from alur_nb.runtime.jsonl_scan import inspect_json_lines
from alur_nb.runtime.jsonl_values import RecordRules
from alur_nb.runtime.landed import WHOLE_CODECS
from alur_nb.runtime.tables import normalized

HEAD_BYTES = 4 << 20
"""The most of one file that is looked at; of many files less, together twice as much."""
_SMALL_HEAD_BYTES = 1 << 20
LISTING_CAP = 10_000
"""Files of a listing among which those to open are chosen."""

# Bytes beyond a head: bzip2 and Zstandard unpack whole blocks, of up to 900 KB.
_SLACK = 1 << 20
_NEAR_CAP = 2_000
_NAMED = 5
_FORMATS: Mapping[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
JSON_LINES = Dialect(quote="", header=False)
"""How a head of JSON lines is cut: a record is a line."""
_SEPARATORS = ";\t|"
_FIRST_WINDOW = 4 << 10


@dataclass(frozen=True, slots=True)
class Texts:
    """The head of one CSV file: its columns' names, and its rows as texts."""

    path: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    """Those with a value for each column."""
    ragged: int
    """Rows with more or fewer values, which a run rejects."""
    head: Head


@dataclass(frozen=True, slots=True)
class Records:
    """The head of one file of JSON lines: its records, numbers as they are written."""

    path: str
    records: Sequence[Mapping[str, object]]
    bad: int
    """Lines that hold no record, which a run rejects."""
    head: Head


def find(files: Files, pattern: str, landing: str) -> tuple[list[SourceFile], bool]:
    """Return the files that match, sorted by path, and whether there are more than were listed.

    Raises SourceError where none matches, with the names nearest to the pattern.
    """
    try:
        found = list(itertools.islice(files.scan(pattern), LISTING_CAP + 1))
    except SourceError as error:
        raise SourceError(error.message, fix=f"{_near(files, pattern)}{error.fix or ''}".strip()) from error
    if not found:
        where = "" if "://" in pattern else f" The landing folder is {landing}."
        raise SourceError(
            f"No file matches `{pattern}`.{where}",
            fix=f"{_near(files, pattern)}Correct the pattern, or bring a file there.",
        )
    capped = len(found) > LISTING_CAP
    return sorted(found[:LISTING_CAP], key=lambda file: file.path), capped


def _near(files: Files, pattern: str) -> str:
    """Return which patterns do match something, the nearest first; only of the landing folder itself."""
    if "://" in pattern:
        return ""
    try:
        seen = list(itertools.islice(files.scan("**/*"), _NEAR_CAP))
    except SourceError:
        return ""
    paths = [file.path for file in seen if not file.path.startswith("/")]
    if not paths:
        return "The landing folder holds no file. "
    near = nearest(pattern, paths)
    if near:
        return f"Did you mean {listed(near)}? "
    known = list(dict.fromkeys(map(pattern_of, paths)))
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return f"There are {listed(known[:_NAMED])}{more}. "


def format_of(found: Sequence[SourceFile]) -> FileFormat:
    """Tell the files' format by their names; SourceError where there are two."""
    formats = dict.fromkeys(format_of_name(file.path) for file in found)
    if len(formats) > 1:
        raise SourceError(
            f"The pattern matches files of several formats: {', '.join(formats)}.",
            fix="Name one in the pattern, for example '*.csv'.",
        )
    return next(iter(formats))


def format_of_name(path: str) -> FileFormat:
    """Tell a file's format by its name; a pattern's too."""
    bare = path.lower()
    for suffix in WHOLE_CODECS:
        bare = bare.removesuffix(suffix)
    return _FORMATS.get(PurePosixPath(bare).suffix, "csv")


@dataclass(frozen=True, slots=True)
class Share:
    """How much is read of each of the files that are opened."""

    rows: int
    bytes: int

    @classmethod
    def of(cls, rows: int, files: int) -> Share:
        """Divide the sample's rows among the files."""
        return cls(-(-rows // files), min(HEAD_BYTES, max(_SMALL_HEAD_BYTES, 2 * HEAD_BYTES // files)))


def read_texts(files: Files, file: SourceFile, dialect: Dialect, share: Share) -> tuple[Texts, Dialect]:
    """Read the head of a CSV file; where its first line has no comma, by the separator that it has.

    Raises SourceError for a file that no run could read.
    """
    found = _head(files, file, dialect, share)
    mark = _separator(found, file.path, dialect)
    if mark:
        dialect = replace(dialect, sep=mark)
        found = _head(files, file, dialect, share)
    look = inspect(io.BytesIO(found.data), file.path, dialect)
    _refuse(file, look)
    rows = list(csv_records(found, file.path, dialect, look))
    _refuse_nameless(file, look, rows)
    _refuse_twins(file, look)
    rows = rows[1:] if dialect.header else rows
    width = max(map(len, rows), default=0)
    header = look.header or tuple(f"column_{number}" for number in range(1, width + 1))
    fitting = [row for row in rows if len(row) == len(header)]
    return Texts(file.path, header, fitting, len(rows) - len(fitting), found), dialect


def csv_records(found: Head, path: str, dialect: Dialect, look: Inspection) -> Iterator[list[str]]:
    """Yield the values of each record of a head, the header among them. Raises BadFileError for what cannot be read."""
    marks = replace(dialect, encoding="utf-8", escape=look.escape or None).marks()
    yield from records_of(_content(found, path, dialect), marks)


def _head(files: Files, file: SourceFile, dialect: Dialect, share: Share) -> Head:
    with files.open(file, head=share.bytes + _SLACK) as stream:
        return head(stream, file.path, dialect, max_bytes=share.bytes, max_rows=share.rows)


def _separator(found: Head, path: str, dialect: Dialect) -> str:
    """Return the mark that the first line has in place of commas; empty where it has commas, or none of the marks."""
    if dialect.sep != ",":
        return ""
    try:
        content = _content(found, path, dialect)
    except (BadFileError, UnicodeError):  # what is wrong is told by the look
        return ""
    line = re.sub(r'"[^"]*"', "", content.lstrip().partition(b"\n")[0].decode())
    counts = {mark: line.count(mark) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=counts.__getitem__)
    return best if "," not in line and counts[best] else ""


def _refuse(file: SourceFile, look: Inspection) -> None:
    if look.problem is None:
        return
    # The look advises for code; in the line of the magic it is an option.
    fix = re.sub(r'options=\{"(\w+)": "([^"]+)"\}', r"--option \1=\2", look.fix or "")
    place = Place(file=file.path, line=look.place_line, column=look.place_column)
    raise SourceError(f"{file.path} cannot be read: {look.problem}.", place=place, fix=fix)


def _refuse_nameless(file: SourceFile, look: Inspection, records: Sequence[Sequence[str]]) -> None:
    """Raise SourceError where more than one column has no name: a sheet's title or an empty row is above the header."""
    nameless = sum(not name.strip() for name in look.header)
    if nameless < 2:
        return
    below = header_below(records)
    said = (
        f" The first row with a text in each place is row {below[0]}: {listed(below[1][:_NAMED])}."
        if below
        else ""
    )
    raise SourceError(
        f"{file.path} cannot be read: {nameless:,} of the {len(look.header):,} columns have no name in its first row.{said}",
        place=Place(file=file.path, line=look.header_line),
        fix="Delete what is above the header, a title or an empty row, and give each column a name.",
    )


def _refuse_twins(file: SourceFile, look: Inspection) -> None:
    seen: dict[str, str] = {}
    for name in look.header:
        key = normalized(name)
        if key in seen:
            raise SourceError(
                f"{file.path} cannot be read: its header has two columns that are one by name, `{seen[key]}` and `{name}`.",
                place=Place(file=file.path, line=look.header_line),
                fix="Rename one of them in the files: letters' case, blanks and signs do not tell columns apart.",
            )
        seen[key] = name


def _content(found: Head, path: str, dialect: Dialect) -> bytes:
    r"""Return the head unpacked and in UTF-8, its lines ended by `\n`; that it can be read was checked before."""
    checked = CheckedBytes(
        io.BytesIO(found.data), path, dialect.encoding, lambda: 0, transcode=dialect.transcoded
    )
    content = b"".join(checked).decode(dialect.scan_encoding).encode().replace(b"\r\n", b"\n")
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def records_of(content: bytes, marks: Marks) -> Iterator[list[str]]:
    """Yield the values of each record of a content in UTF-8; blank lines and comments are none."""
    position, size = 0, len(content)
    sep, quote = marks.sep.decode(), marks.quote.decode()
    while position < size:
        end = content.find(b"\n", position)
        end = size if end == -1 else end
        line = content[position:end]
        if not line or (marks.comment and line.startswith(marks.comment)):
            pass
        elif not quote or marks.quote not in line:
            yield line.decode().split(sep)
        else:
            values = _one_line(line.decode(), sep, quote) if marks.doubled else None
            if values is None:
                raw, end = _quoted_record(content, position, marks)
                values = [value.decode() for value in raw]
            yield values
        position = end + 1


def _one_line(line: str, sep: str, quote: str) -> list[str] | None:
    """Return the values of a record with quotes on one line, five times as fast; None where it does not end there."""
    try:
        return next(csv.reader((line,), delimiter=sep, quotechar=quote, strict=True))
    except csv.Error:
        return None


def _quoted_record(content: bytes, start: int, marks: Marks) -> tuple[list[bytes], int]:
    """Return the values of a record that may span lines, and the offset of its end."""
    width = _FIRST_WINDOW
    while True:
        part = content[start : start + width]
        values, length = parse_row(part, marks)
        if length < len(part) or start + width >= len(content):
            return values, start + length
        width *= 8


def read_records(files: Files, file: SourceFile, share: Share) -> Records:
    """Read the head of a file of JSON lines.

    Raises SourceError for a file that no run could read.
    """
    found = _head(files, file, JSON_LINES, share)
    _refuse(file, inspect_json_lines(io.BytesIO(found.data), file.path, every_key=False))
    records, bad = json_records(found, file.path)
    return Records(file.path, records, bad, found)


def json_records(found: Head, path: str) -> tuple[list[Mapping[str, object]], int]:
    """Return the records of a head of JSON lines, and how many lines hold none. Raises BadFileError."""
    decode = RecordRules("", {}, "ignore").decoder.decode
    records: list[Mapping[str, object]] = []
    bad = 0
    for line in _content(found, path, Dialect()).decode().split("\n"):
        if not line.strip(" \t\r"):
            continue
        try:
            record = decode(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
        else:
            bad += 1
    return records, bad

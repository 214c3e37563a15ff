"""Lays the landing zone of the story `weather`: hours of two cities and days of one, from three kinds of providers.

The values are real: NOAA's, in the public domain, from the package vega-datasets (`seattle-temps.csv`,
`sf-temps.csv` and `seattle-weather.csv`). The formats, the monthly files and the stuck sensor are ours.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from delivery import data_folder, lay_posts

Row = Mapping[str, str]

INSTALL = "pip install 'vega-datasets==0.9.0'"
HOURS = 8_759
"""Of 2010 in each city: the package leaves out 3 o'clock of March 14th, when the clocks went forward."""
DAYS = 1_461
MEASURED = ("precipitation", "temp_max", "temp_min", "wind")

STUCK_FILE = "seattle/2010-08.jsonl"
STUCK_DAYS = ("2010/08/14", "2010/08/15")
STUCK_AT = 999.9


def lay(folder: Path) -> list[Path]:
    """Write both posts of the story below the project's folder and return the files that were written."""
    return lay_posts(folder, *posts())


def posts() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of the first and of the later post, by name. Raises FileNotFoundError."""
    first = {}
    for month, rows in _by(read("seattle-temps"), 7).items():
        first[f"seattle/{month.replace('/', '-')}.jsonl"] = _json_lines(rows)
    for month, rows in _by(read("sf-temps"), 7).items():
        first[f"san_francisco/{month.replace('/', '-')}.csv"] = _csv(rows)
    for year, rows in _by(read("seattle-weather"), 4).items():
        first[f"days/seattle-{year}.parquet"] = _parquet(rows)
    later = {STUCK_FILE: first[STUCK_FILE]}
    stuck = [row | {"temp": str(STUCK_AT)} if row["date"][:10] in STUCK_DAYS else row for row in _august()]
    return first | {STUCK_FILE: _json_lines(stuck)}, later


def read(name: str) -> list[dict[str, str]]:
    """Return a table of the package, as text. Raises FileNotFoundError."""
    path = data_folder("vega_datasets", "_data", INSTALL) / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _august() -> list[dict[str, str]]:
    return _by(read("seattle-temps"), 7)["2010/08"]


def _by(rows: Sequence[dict[str, str]], length: int) -> dict[str, list[dict[str, str]]]:
    """Group rows by the start of their date, `2010/08/14 05:00`."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row["date"][:length]].append(row)
    return groups


def _json_lines(rows: Sequence[Row]) -> bytes:
    """One object a line, as an API would hand the hours out."""
    lines = [{"date": row["date"].replace("/", "-"), "temp": float(row["temp"])} for row in rows]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    days = [date.fromisoformat(row["date"].replace("/", "-")) for row in rows]
    columns: dict[str, pa.Array] = {"date": pa.array(days, pa.date32())}
    columns |= {name: pa.array([float(row[name]) for row in rows], pa.float64()) for name in MEASURED}
    columns |= {"weather": pa.array([row["weather"] for row in rows], pa.string())}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content

"""Lays the landing zone of the story `penguins`: three seasons in the field, as spreadsheets saved by hand.

The birds and their measurements are real: all 344 of the package palmerpenguins, hand-measured near Palmer Station
(Gorman, Williams and Fraser 2014, https://doi.org/10.1371/journal.pone.0090081; the data is CC0). How the sheets look
is ours: the package has one clean file. `WRONG_ROWS` and `OTHER_LINES` say what a good ingestion has to find.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery import data_folder, lay_posts

Bird = Mapping[str, str]

INSTALL = "pip install 'palmerpenguins==0.1.6'"
TOTAL_PENGUINS = 344
SEASONS = {"PAL0708": "2007-08", "PAL0809": "2008-09", "PAL0910": "2009-10"}
ISLANDS = ("Biscoe", "Dream", "Torgersen")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

COPY = "sheets/2007-08_biscoe_copy.csv"
COPIED = "sheets/2007-08_biscoe.csv"
SHIFTED = "sheets/2008-09_dream.csv"
CORRECTIONS = "sheets/2008-09_corrections.csv"

# A column of the sheet -> the column of the package that it shows.
EARLY_FORM = {
    "Study": "studyName",
    "Sample N°": "Sample Number",
    "Species": "Species",
    "Island": "Island",
    "Individual": "Individual ID",
    "Clutch Completion": "Clutch Completion",
    "Date Egg": "Date Egg",
    "Culmen Length (mm)": "Culmen Length (mm)",
    "Culmen Depth (mm)": "Culmen Depth (mm)",
    "Flipper Length (mm)": "Flipper Length (mm)",
    "Body Mass (g)": "Body Mass (g)",
    "Sex": "Sex",
}
NEW_FORM = {
    "Bird": "Individual ID",
    "Species": "Species",
    "Sample": "Sample Number",
    "Study": "studyName",
    "Island": "Island",
    "Egg found": "Date Egg",
    "Clutch complete": "Clutch Completion",
    "Bill length mm": "Culmen Length (mm)",
    "Bill depth mm": "Culmen Depth (mm)",
    "Flipper mm": "Flipper Length (mm)",
    "Weight g": "Body Mass (g)",
    "M/F": "Sex",
}
LAB_COLUMNS = {
    "Study": "studyName",
    "Species": "Species",
    "Sample N°": "Sample Number",
    "Delta 15 N (‰)": "Delta 15 N (o/oo)",
    "Delta 13 C (‰)": "Delta 13 C (o/oo)",
}


@dataclass(frozen=True, slots=True)
class WrongRow:
    """One bird whose row went wrong in one sheet; `bird` counts the sheet's rows from 0."""

    file: str
    bird: int
    column: str | None
    """The column of the reject; None where the line as a whole is wrong."""
    reason: str
    """Words of the reject's reason."""
    field: str
    """The sheet's column that is touched."""
    harm: Callable[[str], str]
    by_check: bool = False
    """Whether it can be read, and a check takes it out: it is of the joined result then, and of no one file."""


def _as_excel_date(text: str) -> str:
    """`18,7` becomes `18-Jul`, as Excel has it where the comma is typed as a point."""
    whole, tenths = text.split(",")
    return f"{whole}-{MONTHS[int(tenths) - 1]}"


WRONG_ROWS = (
    WrongRow(
        "sheets/2007-08_biscoe.csv",
        4,
        "egg_date",
        "does not match the format",
        "Date Egg",
        lambda _: "31/11/2007",
    ),
    WrongRow("sheets/2007-08_biscoe.csv", 17, "mass_g", "not a whole number", "Body Mass (g)", "{} g".format),
    WrongRow(
        "sheets/2007-08_dream.csv",
        7,
        "culmen_depth",
        "culmen depth is a number",
        "Culmen Depth (mm)",
        _as_excel_date,
        True,
    ),
    WrongRow(
        "sheets/2007-08_torgersen.csv", 12, "sample", "not a whole number", "Sample N°", "{} bis".format
    ),
    WrongRow("sheets/2008-09_biscoe.csv", 20, "sex", "a known sex", "Sex", lambda _: "?", True),
    WrongRow("sheets/2008-09_torgersen.csv", 5, None, "13 values", "Sex", "{};seen again 3/12".format),
)
# Below the birds: the totals of the first season's sheets, and two empty rows that were part of the selection.
OTHER_LINES = {
    "sheets/2007-08_biscoe.csv": ("Total – 44 birds;;;;;;;;;;;",),
    "sheets/2007-08_dream.csv": ("Total – 46 birds;;;;;;;;;;;",),
    "sheets/2007-08_torgersen.csv": ("Total – 20 birds;;;;;;;;;;;",),
    "sheets/2008-09_biscoe.csv": (";" * 11, ";" * 11),
}


def lay(folder: Path) -> list[Path]:
    """Write both posts of the story below the project's folder and return the files that were written."""
    return lay_posts(folder, *posts(read_birds()))


def read_birds() -> list[dict[str, str]]:
    """Return the rows of the package's raw table, as text. Raises FileNotFoundError."""
    with (data_folder("palmerpenguins", "data", INSTALL) / "penguins-raw.csv").open(
        encoding="utf-8", newline=""
    ) as stream:
        return list(csv.DictReader(stream))


def posts(birds: Sequence[Bird]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files of the first and of the later post, by name."""
    first: dict[str, bytes] = {}
    later: dict[str, bytes] = {}
    for study, season in SEASONS.items():
        caught = [bird for bird in birds if bird["studyName"] == study]
        is_new = season == "2009-10"
        post = later if is_new else first
        post[f"lab/isotopes_{season}.csv"] = _lab(caught, with_comments=is_new)
        for island in ISLANDS:
            name = f"sheets/{season}_{island.lower()}.csv"
            here = [bird for bird in caught if bird["Island"] == island]
            post[name] = _new_sheet(here) if is_new else _early_sheet(name, here)
    later[SHIFTED] = first[SHIFTED]
    first[SHIFTED] = _with_notes_beside(first[SHIFTED])
    first[COPY] = first[COPIED]
    later[CORRECTIONS] = _corrections(birds)
    return first, later


def _early_sheet(name: str, birds: Sequence[Bird]) -> bytes:
    """A sheet of the first two seasons; in the second the clutch and the date stand in front."""
    columns = list(EARLY_FORM)
    rows = [_early_row(bird) for bird in birds]
    for wrong in WRONG_ROWS:
        if wrong.file == name:
            rows[wrong.bird][wrong.field] = wrong.harm(rows[wrong.bird][wrong.field])
    if "2008-09" in name:
        columns = [*columns[5:7], *columns[:5], *columns[7:]]
    lines = [columns, *([row[column] for column in columns] for row in rows)]
    return _saved(lines, OTHER_LINES.get(name, ()), "cp1252")


def _early_row(bird: Bird) -> dict[str, str]:
    row = {column: bird[source] for column, source in EARLY_FORM.items()}
    year, month, day = bird["Date Egg"].split("-")
    return _with_comma(row, "Culmen") | {"Date Egg": f"{day}/{month}/{year}"}


def _new_sheet(birds: Sequence[Bird]) -> bytes:
    """A sheet of the third season's form: other words, another order, UTF-8 with a byte order mark."""
    lines = [list(NEW_FORM)]
    for bird in birds:
        row = {column: bird[source] for column, source in NEW_FORM.items()}
        year, month, day = bird["Date Egg"].split("-")
        row |= {"Egg found": f"{day}.{month}.{year}", "Species": bird["Species"].split()[0]}
        row |= {"M/F": {"MALE": "m", "FEMALE": "f"}.get(bird["Sex"], "NA")}
        lines.append(["n.a." if value == "NA" else value for value in _with_comma(row, "Bill").values()])
    return _saved(lines, (), "utf-8-sig")


def _with_comma(row: dict[str, str], word: str) -> dict[str, str]:
    return {name: text.replace(".", ",") if word in name else text for name, text in row.items()}


def _corrections(birds: Sequence[Bird]) -> bytes:
    """The wrong rows once more, as they should have been, on a sheet of their own."""
    lines = [list(EARLY_FORM)]
    for wrong in WRONG_ROWS:
        season, _, island = Path(wrong.file).stem.partition("_")
        here = [b for b in birds if SEASONS[b["studyName"]] == season and b["Island"].lower() == island]
        lines.append(list(_early_row(here[wrong.bird]).values()))
    return _saved(lines, (), "cp1252")


def _with_notes_beside(sheet: bytes) -> bytes:
    """Somebody typed notes into the column beside the table, which has no header."""
    lines = sheet.decode("cp1252").split("\r\n")
    notes = {3: "ring missing", 9: "nest 14?"}
    widened = [f"{line};{notes.get(n, '')}" if line else "" for n, line in enumerate(lines)]
    return "\r\n".join(widened).encode("cp1252")


def _lab(birds: Sequence[Bird], *, with_comments: bool) -> bytes:
    """The laboratory's isotope ratios; from the third season on with the comments."""
    columns = LAB_COLUMNS | ({"Comments": "Comments"} if with_comments else {})
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([bird[source] for source in columns.values()] for bird in birds)
    return text.getvalue().encode("cp1252")


def _saved(lines: Sequence[Sequence[str]], more: Sequence[str], encoding: str) -> bytes:
    """Save a sheet as Excel does where a comma is the decimal point: semicolons, CRLF; no value here needs quotes."""
    texts = [";".join(line) for line in lines]
    return "".join(f"{text}\r\n" for text in (*texts, *more)).encode(encoding)

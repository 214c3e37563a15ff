"""`make demo` from end to end: every flight once, every damaged row with its reason, and the second time nothing."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import demo
import landing_zone
from alur_nb.runtime.user_cache import cache_folder
from tests.demo_run import ROOT, DemoRun, alur, run_demo, the_demo
from tests.lake_state import (
    batch_rows,
    difference,
    in_order,
    lake_files,
    published_rows,
)

pytestmark = pytest.mark.slow

GOOD_ROWS = 336_756
TEXTS = ("carrier", "tailnum", "origin", "dest")
TEXT_OF_OURS = re.compile(r"File [^\n]*alur_nb/|Traceback \(most recent call last\)")


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    return the_demo(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def page(demo_run: DemoRun) -> str:
    """What a person reads in the executed notebook."""
    return words((demo_run.folder / "quickstart.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def flights(demo_run: DemoRun) -> pa.Table:
    return published_rows(demo_run.folder, "bronze.flights")


def words(page: str) -> str:
    """Return a page's text, blanks as one blank."""
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def lines_of(path: Path) -> list[list[str]]:
    """Read a landing file by Python's own CSV reader."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def delivered(landing: Path) -> Iterator[pa.Table]:
    """Yield what each month's file says, typed without the product: by column name, less the damaged lines."""
    for path in sorted((landing / "flights").iterdir()):
        if "_again" in path.name:
            continue
        source = f"flights/{path.name}"
        header, *rows = lines_of(path)
        damaged = {row.line - 2 for row in landing_zone.TWENTY_ROWS if row.file == source}
        kept = [row for n, row in enumerate(rows) if n not in damaged]
        columns = {
            name: typed(name, [row[n] for row in kept])
            for n, name in enumerate(header)
            if name != landing_zone.EXTRA_COLUMN
        }
        yield pa.table({**columns, "_source_file": [source] * len(kept)})


def typed(name: str, values: list[str]) -> pa.Array:
    """Read a column's texts: `NA` is null, the clock is UTC, the rest are whole numbers."""
    texts = pa.array([None if value == "NA" else value for value in values], pa.string())
    if name in TEXTS:
        return texts
    if name == "time_hour":
        return texts.cast(pa.timestamp("us", "UTC"))
    return texts.cast(pa.int32())


def test_the_demo_is_what_make_demo_runs() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo: venv\n")[2].partition("\n")[0]
    assert "IPYTHONDIR=" in recipe
    assert recipe.endswith("$(BIN)/python notebooks/demo.py")


def test_every_good_flight_is_in_the_table_once(demo_run: DemoRun, flights: pa.Table) -> None:
    wanted = pa.concat_tables(
        [month.select(sorted(month.column_names)) for month in delivered(demo_run.folder / "data")]
    )
    assert wanted.num_rows == GOOD_ROWS
    names = wanted.column_names
    found = in_order(flights.select(names).cast(pa.schema([wanted.schema.field(name) for name in names])))
    assert difference(in_order(wanted), found) == ""


def test_july_was_delivered_twice_and_loaded_once(demo_run: DemoRun, flights: pa.Table) -> None:
    july = flights.filter(pc.equal(flights["month"], 7))
    assert july.num_rows == 29_425
    assert july["_source_file"].unique().to_pylist() == ["flights/2013-07.csv"]
    (batch,) = demo_run.ledger["bronze.flights"]
    skipped = [(one["key"], one["reason"]) for one in batch["inputs"] if one["outcome"] == "skipped"]
    assert skipped == [("flights/2013-07_again.csv", "same content as flights/2013-07.csv")]


def test_each_damaged_row_is_rejected_with_its_line_column_and_reason(demo_run: DemoRun) -> None:
    rejects = published_rows(demo_run.folder, "bronze.flights__rejects").sort_by("line_number").to_pylist()
    found = [(row["source_file"], row["line_number"], row["column"]) for row in rejects]
    assert found == [(row.file, row.line, row.damage.column) for row in landing_zone.TWENTY_ROWS]
    for reject, damaged in zip(rejects, landing_zone.TWENTY_ROWS, strict=True):
        assert damaged.damage.reason in reject["reason"]
        lines = (demo_run.folder / "data" / damaged.file).read_text(encoding="utf-8").split("\n")
        assert reject["raw"] == lines[damaged.line - 1]


def test_no_row_of_a_file_is_lost(demo_run: DemoRun, flights: pa.Table) -> None:
    """Per file: the lines that it has are the rows parsed, and these are in the table or among the rejects."""
    rejects = published_rows(demo_run.folder, "bronze.flights__rejects")
    in_table, in_rejects = counted(flights["_source_file"]), counted(rejects["source_file"])
    loaded = [
        one for (batch,) in demo_run.ledger.values() for one in batch["inputs"] if one["kind"] == "file"
    ]
    assert len(loaded) == 17
    for one in loaded:
        rows = len(lines_of(demo_run.folder / "data" / one["key"])) - 1
        if one["outcome"] == "skipped":
            assert (one["parsed"], one["accepted"], one["rejected"]) == (0, 0, 0)
        else:
            assert one["parsed"] == one["accepted"] + one["rejected"] == rows, one["key"]
        if one["key"].startswith("flights/"):
            assert in_table.get(one["key"], 0) == one["accepted"], one["key"]
            assert in_rejects.get(one["key"], 0) == one["rejected"], one["key"]


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}


@pytest.mark.parametrize(
    ("table", "rows"), [("airlines", 16), ("airports", 1458), ("planes", 3322), ("weather", 26115)]
)
def test_the_lookups_are_loaded_whole(demo_run: DemoRun, table: str, rows: int) -> None:
    assert published_rows(demo_run.folder, f"bronze.{table}").num_rows == rows


def test_the_late_flights_are_those_more_than_an_hour_late(demo_run: DemoRun, flights: pa.Table) -> None:
    airlines = published_rows(demo_run.folder, "bronze.airlines").to_pylist()
    name_of = {row["carrier"]: row["name"] for row in airlines}
    late = flights.filter(pc.greater(flights["arr_delay"], 60))
    names = pa.array([name_of[carrier] for carrier in late["carrier"].to_pylist()], pa.string())
    found = published_rows(demo_run.folder, "bronze.late_flights").drop(["batch_id"])
    wanted = late.append_column("airline", names).select(found.column_names)
    assert found.num_rows > 20_000
    assert found.to_pylist() == in_order(wanted).to_pylist()


def test_every_flight_is_beside_its_weather_once(demo_run: DemoRun, flights: pa.Table) -> None:
    weather = published_rows(demo_run.folder, "bronze.weather")
    seen = ["temp", "wind_speed", "precip", "visib"]
    reading = {(row["origin"], row["time_hour"]): [row[name] for name in seen] for row in weather.to_pylist()}
    assert len(reading) == weather.num_rows, "a flight can have one reading only"
    found = published_rows(demo_run.folder, "bronze.flights_with_weather").drop(["batch_id"])
    own = ["carrier", "flight", "origin", "time_hour", "dep_delay"]
    assert difference(in_order(found.select(own)), in_order(flights.select(own))) == ""
    wrong = [
        row
        for row in found.to_pylist()
        if [row[name] for name in seen] != reading.get((row["origin"], row["time_hour"]), [None] * 4)
    ]
    assert wrong == []


def test_each_plane_is_one_aircraft(demo_run: DemoRun) -> None:
    planes = {row["tailnum"]: row for row in published_rows(demo_run.folder, "bronze.planes").to_pylist()}
    found = published_rows(demo_run.folder, "silver.aircraft").to_pylist()
    assert len(found) == len(planes) == 3_322
    for row in found:
        plane = planes[row["tailnum"]]
        maker = "AIRBUS" if plane["manufacturer"].startswith("AIRBUS") else plane["manufacturer"]
        assert (row["built"], row["manufacturer"], row["seats"]) == (plane["year"], maker, plane["seats"])


def test_the_year_of_each_airline_is_counted_right(demo_run: DemoRun, flights: pa.Table) -> None:
    seats = {
        row["tailnum"]: row["seats"] for row in published_rows(demo_run.folder, "silver.aircraft").to_pylist()
    }
    known = pa.array([seats.get(plane) for plane in flights["tailnum"].to_pylist()], pa.int32())
    counted_by = (
        flights.append_column("seats", known)
        .group_by("carrier")
        .aggregate([("flight", "count"), ("dep_time", "count"), ("arr_delay", "mean"), ("seats", "mean")])
    )
    found = {row["carrier"]: row for row in published_rows(demo_run.folder, "gold.airline_year").to_pylist()}
    assert len(found) == counted_by.num_rows == 16
    for wanted in counted_by.to_pylist():
        row = found[wanted["carrier"]]
        assert row["flights"] == wanted["flight_count"]
        assert row["cancelled"] == wanted["flight_count"] - wanted["dep_time_count"]
        for ours, theirs in (("mean_arr_delay", "arr_delay_mean"), ("mean_seats", "seats_mean")):
            assert row[ours] == pytest.approx(wanted[theirs], abs=0.051)


def test_the_page_holds_the_numbers(page: str) -> None:
    for number in ("336,756", "27,785", "26,115", "3,322", "1,458"):
        assert number in page
    for told in ("nothing new", "same content as flights/2013-07.csv", "extra columns, ignored: remarks"):
        assert told in page
    assert "`half past nine` is not a whole number" in page
    assert "9 job scripts" in page


def test_no_cell_failed(page: str, demo_run: DemoRun) -> None:
    assert not TEXT_OF_OURS.search(page)
    assert "Error" not in page.replace("ERROR", "")
    assert "Traceback" not in (demo_run.folder / "kernel.log").read_text(encoding="utf-8")


def test_the_summary_says_what_is_there_and_where(demo_run: DemoRun) -> None:
    assert re.search(r"bronze\.flights +336,756 +20 +12\n", demo_run.printed)
    assert re.search(r"bronze\.late_flights +27,785 +0 +0\n", demo_run.printed)
    reasons = demo_run.printed.partition("Rejected, and why:")[2].partition("\n\n")[0]
    assert sum(int(line.split()[0]) for line in reasons.strip().splitlines()) == 20
    for place in (demo_run.folder / "quickstart.html", demo_run.folder / ".alur", demo_run.bundle):
        assert str(place) in demo_run.printed
        assert place.exists()


def test_nothing_of_the_run_stays_in_staging(demo_run: DemoRun) -> None:
    assert [name for name in demo_run.files if name.startswith("staging/")] == []


def test_the_notebook_in_the_folder_has_no_outputs(demo_run: DemoRun) -> None:
    """What `make lab` opens is the quickstart as it is delivered."""
    laid = (demo_run.folder / demo.NOTEBOOK).read_bytes()
    assert laid == (ROOT / "notebooks" / demo.NOTEBOOK).read_bytes()
    assert all(not cell.get("outputs") for cell in json.loads(laid)["cells"])


def test_the_bundle_is_complete(demo_run: DemoRun) -> None:
    manifest = json.loads((demo_run.bundle / "manifest.json").read_text(encoding="utf-8"))
    there = set(tree(demo_run.bundle))
    assert there == {*manifest["files"], "manifest.json"}
    assert len([name for name in there if name.startswith("jobs/")]) == 9
    for script in sorted((demo_run.bundle / "jobs").iterdir()):
        compile(script.read_text(encoding="utf-8"), script.name, "exec")


def test_two_exports_are_byte_identical(demo_run: DemoRun, tmp_path: Path) -> None:
    """The first by the notebook's own cell; the second in a folder without data or lake, under another clock."""
    for name in ("alur.toml", demo.NOTEBOOK):
        shutil.copy(demo_run.folder / name, tmp_path)
    done = alur(tmp_path, "export", TZ="Asia/Kolkata", PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "bundle") == tree(demo_run.bundle)


def test_a_changed_script_is_noticed(demo_run: DemoRun, tmp_path: Path) -> None:
    bundle = shutil.copytree(demo_run.bundle, tmp_path / "bundle")
    same = alur(demo_run.folder, "export", "--check", "--out", str(bundle))
    assert same.returncode == 0, f"{same.stdout}\n{same.stderr}"
    with (bundle / "jobs" / "ingest_planes.py").open("a", encoding="utf-8") as script:
        script.write("# mended by hand\n")
    changed = tree(bundle)
    differing = alur(demo_run.folder, "export", "--check", "--json", "--out", str(bundle))
    assert differing.returncode == 1
    told = json.loads(differing.stdout)
    assert (told["ok"], told["differing"]) == (False, ["jobs/ingest_planes.py"])
    assert tree(bundle) == changed, "a check writes nothing"


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_demo_a_second_time_changes_nothing_in_the_lake(demo_run: DemoRun) -> None:
    bundle = tree(demo_run.bundle)
    again = run_demo(demo_run.folder)
    assert again.returncode == 0, f"{again.stdout}\n{again.stderr}"
    assert "already there" in again.stdout
    assert batch_rows(demo_run.folder) == demo_run.stored
    assert lake_files(demo_run.folder) == demo_run.files
    assert tree(demo_run.bundle) == bundle
    second = words((demo_run.folder / "quickstart.html").read_text(encoding="utf-8"))
    assert second.count("nothing new") >= 18, "two runs of nine pipelines"


def test_a_failing_cell_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """Somebody's edited notebook is kept, stops where it fails, and leaves a page that shows how far it came."""
    cells = [nbformat.v4.new_code_cell(text) for text in ("print('so far')", "1 / 0", "print('too far')")]
    (tmp_path / "demo").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "demo" / demo.NOTEBOOK)
    done = run_demo(tmp_path / "demo")
    assert done.returncode == 1
    assert "it was edited" in done.stdout
    assert "ZeroDivisionError" in done.stdout and "The notebook stopped there" in done.stdout
    assert "Traceback" not in done.stderr
    page = (tmp_path / "demo" / "quickstart.html").read_text(encoding="utf-8")
    assert "so far" in words(page) and "ZeroDivisionError" in page


# The demo as it is, but with one month: what is looked at is what it does without Iceberg.
ONE_MONTH = """
import sys
from dataclasses import replace
sys.path.insert(0, "notebooks")
import demo, landing_zone

def lay(folder):
    written = landing_zone.lay(folder / "data")
    for path in (folder / "data" / "flights").iterdir():
        if path.name != "2013-06.csv":
            path.unlink()
    return written

demo.STORIES["quickstart"] = replace(demo.QUICKSTART, lay=lay)
sys.exit(demo.main(sys.argv[1:]))
"""


def without_iceberg(cache: Path) -> dict[str, str]:
    """Return the variables of a machine that has no jar and reaches no repository; Spark's class archive is there."""
    (cache / "alur-nb").mkdir(parents=True)
    for archive in cache_folder().glob("spark-*"):
        (cache / "alur-nb" / archive.name).symlink_to(archive)
    return {"ALUR_MAVEN_URL": "file:///no-such-mirror", "XDG_CACHE_HOME": str(cache)}


def test_where_iceberg_cannot_be_fetched_the_demo_says_so_and_shows_the_rest(tmp_path: Path) -> None:
    done = run_demo(tmp_path / "demo", code=ONE_MONTH, **without_iceberg(tmp_path / "cache"))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said = [line for line in done.stdout.splitlines() if "could not be fetched" in line]
    assert len(said) == 1
    assert "alur setup, then this again. The silver and gold tables are left out." in said[0]
    assert "Traceback" not in done.stderr
    assert re.search(r"bronze\.late_flights +[\d,]+ +0 +0\n", done.stdout)
    assert "gold." not in done.stdout and "silver." not in done.stdout
    shown = words((tmp_path / "demo" / "quickstart.html").read_text(encoding="utf-8"))
    assert "`half past nine` is not a whole number" in shown
    assert "9 job scripts" in shown, "the notebook is exported as it is saved"
    assert not TEXT_OF_OURS.search(shown)


def test_a_story_of_iceberg_tables_says_what_it_needs(tmp_path: Path) -> None:
    done = run_demo(tmp_path / "demo", "three_layers", **without_iceberg(tmp_path / "cache"))
    assert done.returncode == 1
    assert "alur setup, then this again. The story needs it.\n" in done.stdout
    assert not (tmp_path / "demo" / "three_layers.html").exists()

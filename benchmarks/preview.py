"""How long a warm preview takes: against a bare Spark read, by the size of its file, and over a long listing.

    python benchmarks/preview.py [--rows 10000] [--sizes 10] [--gz 0] [--files 0] [--rounds 5]

One line of JSON on stdout for each measure: `preview` a preview of as many sample rows beside a typed Spark read and
collect of the same rows; `preview_sizes` one plain file of each size in MB, and one gzip file that unpacks to `--gz` MB;
`preview_listing` a folder of `--files` files, with what of it is their listing. Goals: the largest file takes at most 1.2
times as long as the smallest. (`--sizes 10,1024 --gz 5120` makes 2 GB of files.)
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakes import new_lake
from rounds import WORK, Action, alternate, made_once, parser, report

from alur_nb import (
    BronzeTable,
    DateField,
    DecimalField,
    IntegerField,
    StringField,
    files,
    get_spark_session,
    pipeline,
    preview,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from alur_nb.runtime.workspace import Workspace

GOAL_RATIO = 1.2
WARM_UP = 8
BLOCK_ROWS = 10_000
HEADER = "id,place,sold_on,amount,note\n"


class SalesBronze(BronzeTable):
    """What the files hold."""

    id = IntegerField(nullable=False)
    place = StringField()
    sold_on = DateField()
    amount = DecimalField(10, 2)
    note = StringField()


@pipeline(sources={"sales": files("*.csv*", source_system="shop")}, target=SalesBronze)
def ingest_sales(sales: DataFrame) -> DataFrame:
    """Load every sale as it is."""
    return sales


def lines(rows: int) -> Iterator[str]:
    """Yield as many rows."""
    for n in range(rows):
        yield f"{n},place {n % 31},2026-03-{n % 28 + 1:02},{n % 9_973}.{n % 100:02},note {n * 7 % 1_009}\n"


def write_rows(rows: int, folder: Path) -> None:
    """Write one file of so many rows."""
    (folder / "sales.csv").write_text(HEADER + "".join(lines(rows)))


def write_large(megabytes: int, name: str, pack: Callable[[bytes], bytes], folder: Path) -> None:
    """Write one file of so many MB, before it is packed: one block of rows again and again, packed by itself."""
    block = "".join(lines(BLOCK_ROWS)).encode()
    packed = pack(block)
    with (folder / name).open("wb") as stream:
        stream.write(pack(HEADER.encode()))
        for _ in range((megabytes << 20) // len(block)):
            stream.write(packed)


def write_many(count: int, folder: Path) -> None:
    """Write files of one row."""
    for number in range(count):
        (folder / f"sales-{number:06}.csv").write_text(f"{HEADER}{number},a,2026-03-01,1.50,b\n")


def look(workspace: Workspace, rows: int) -> None:
    """Preview, and show it as a terminal does; SystemExit where it does not find so many rows."""
    found = preview("ingest_sales", sample_rows=rows, workspace=workspace)
    if found.verdict != "would load" or not 0 < found.sample_rows <= rows:
        raise SystemExit(f"The benchmark's own preview is wrong, wanted {rows:,} rows:\n{found}")
    str(found)


def read_bare(spark: SparkSession, landing: Path) -> None:
    """Read the files with the table's types, and collect every row."""
    spark.read.schema(SalesBronze.ddl).option("header", True).csv(str(landing)).collect()


def landing(name: str, write: Callable[[Path], None]) -> Path:
    """Have the folder of that name written, once."""
    return made_once(WORK / f"sales-{name}", f"sales of {name}", write)


def measure_rows(rows: int, rounds: int) -> None:
    """Compare a preview with a bare read of as many rows."""
    folder = landing(f"{rows}-rows", partial(write_rows, rows))
    workspace = new_lake(folder)
    actions: dict[str, Action] = {
        "bare": partial(read_bare, get_spark_session(), folder),
        "preview": partial(look, workspace, rows),
    }
    for _ in range(WARM_UP):  # until Java has compiled what is used again and again
        look(workspace, rows)
    medians = alternate(actions, rounds)
    report(
        "preview",
        rows=rows,
        rounds=rounds,
        bare_seconds=medians["bare"],
        preview_seconds=medians["preview"],
        ratio=medians["preview"] / medians["bare"],
    )


def measure_sizes(sizes: Sequence[int], packed: int, rows: int, rounds: int) -> None:
    """Compare previews of files of several sizes."""
    folders = {
        f"{size} MB": landing(f"{size}-mb", partial(write_large, size, "sales.csv", bytes)) for size in sizes
    }
    if packed:
        folders[f"{packed} MB unpacked"] = landing(
            f"{packed}-mb-gz", partial(write_large, packed, "sales.csv.gz", gzip.compress)
        )
    # A lake each: the files of one must not be those of another.
    medians = alternate({name: partial(look_anew, folder, rows) for name, folder in folders.items()}, rounds)
    ordered = list(medians.values())
    report(
        "preview_sizes",
        rows=rows,
        rounds=rounds,
        seconds={name: round(seconds, 3) for name, seconds in medians.items()},
        ratio=max(ordered) / ordered[0],
        goal=GOAL_RATIO,
    )


def look_anew(folder: Path, rows: int) -> None:
    """Preview over a new lake."""
    look(new_lake(folder), rows)


def list_files(workspace: Workspace) -> None:
    """List the landing folder."""
    workspace.files.list("*.csv*")


def measure_listing(count: int, rows: int, rounds: int) -> None:
    """Preview over many files, and list them alone."""
    workspace = new_lake(landing(f"{count}-files", partial(write_many, count)))
    actions: dict[str, Action] = {
        "listing": partial(list_files, workspace),
        "preview": partial(look, workspace, rows),
    }
    medians = alternate(actions, rounds)
    report(
        "preview_listing",
        files=count,
        rounds=rounds,
        listing_seconds=medians["listing"],
        preview_seconds=medians["preview"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files where they are not there yet, measure, print the lines."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument(
        "--sizes", default="10", help="MB of plain files, with commas; the first is the smallest"
    )
    options.add_argument("--gz", type=int, default=0, help="MB in a gzip file")
    options.add_argument("--files", type=int, default=0, help="files in a listing")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args(arguments)
    measure_rows(given.rows, given.rounds)
    sizes = [int(size) for size in given.sizes.split(",")]
    if len(sizes) > 1 or given.gz:
        measure_sizes(sizes, given.gz, given.rows, given.rounds)
    if given.files:
        measure_listing(given.files, given.rows, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

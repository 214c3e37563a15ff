"""How long 10,000 small files take: the whole ingestion, measured against a bare Spark read of their folder.

    python benchmarks/small_files.py [--files 10000] [--rounds 5] [--warm-up 3]

The bare read is typed, has Spark's default settings, and writes nothing (Spark's `noop` sink); ours opens every file,
reads them, writes Parquet and the ledger, and publishes. Both run in one process on one Spark session, alternating,
after three rounds each that are not counted: until then Java compiles what is run for every file, and both get faster. The result is one line of JSON on stdout, whose `ratio` is that of the medians.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakes import load, new_lake
from rounds import WORK, Action, made_once, measured, parser, report

from alur_nb import (
    BronzeTable,
    DateField,
    DecimalField,
    IntegerField,
    StringField,
    files,
    get_spark_session,
    pipeline,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS_PER_FILE = 24
"""About 1 KB."""
GOAL = 0.7
# What our session sets otherwise (Spark's configuration reference).
DEFAULTS = {
    "spark.sql.files.openCostInBytes": "4194304",
    "spark.sql.csv.parser.columnPruning.enabled": "true",
    "spark.sql.codegen.hugeMethodLimit": "65535",
}


class ReadingsBronze(BronzeTable):
    """What one meter tells in a quarter of an hour."""

    meter = IntegerField(nullable=False)
    place = StringField()
    taken_on = DateField()
    kwh = DecimalField(10, 3)
    note = StringField()


@pipeline(sources={"readings": files("*.csv", source_system="meters")}, target=ReadingsBronze)
def ingest_readings(readings: DataFrame) -> DataFrame:
    """Load every reading as it is."""
    return readings


def read_bare(spark: SparkSession, landing: Path) -> None:
    """Read the folder with the table's types and Spark's defaults, every value of it, and keep nothing."""
    with settings(spark, DEFAULTS):
        frame = spark.read.schema(ReadingsBronze.ddl).option("header", True).csv(str(landing))
        frame.write.format("noop").mode("overwrite").save()


@contextmanager
def settings(spark: SparkSession, wanted: Mapping[str, str]) -> Iterator[None]:
    """Set the session otherwise for the block."""
    before = {key: str(spark.conf.get(key)) for key in wanted}
    for key, value in wanted.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


def make_files(count: int) -> Path:
    """Write the files, the same bytes every time; return their folder."""

    def write(folder: Path) -> None:
        for number in range(count):
            lines = [
                f"{number},cellar {row},2026-03-{row + 1:02},{row}.{number % 1000:03},quarter {row}"
                for row in range(ROWS_PER_FILE)
            ]
            text = "\n".join(["meter,place,taken_on,kwh,note", *lines, ""])
            (folder / f"readings-{number:06}.csv").write_text(text)

    return made_once(WORK / f"readings-{count}", f"{count:,} files", write)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files where they are not there yet, measure, print the line."""
    options = parser(__doc__)
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--warm-up", type=int, default=3)
    given = options.parse_args(arguments)
    landing = make_files(given.files)
    actions: dict[str, Action] = {
        "bare": partial(read_bare, get_spark_session(), landing),
        "alur": lambda: load("ingest_readings", new_lake(landing), given.files * ROWS_PER_FILE),
    }
    medians = measured(actions, given.rounds, warm_up=given.warm_up)
    report(
        "small_files",
        files=given.files,
        rounds=given.rounds,
        **medians.compared(),
        goal=GOAL,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

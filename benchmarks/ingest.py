"""How long our ingestion takes, measured against a bare typed Spark write of the same files.

    python benchmarks/ingest.py [--rows 1000000] [--files 24] [--rounds 5] [--s3]

Both run in one process on one Spark session, alternating, after a round each that is not counted. Progress goes
to stderr; the result is one line of JSON on stdout, whose `ratio` is that of the medians. With `--s3` files and lake
are on an S3 server of this machine, the ledger on DynamoDB Local, the catalog on moto (needs `make servers`).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakes import load, new_lake
from rounds import WORK, Medians, made_once, measured, parser, report

from alur_nb import (
    BooleanField,
    BronzeTable,
    DateField,
    DecimalField,
    DoubleField,
    FloatField,
    IntegerField,
    LongField,
    StringField,
    TimestampField,
    files,
    get_spark_session,
    pipeline,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

GOAL = 1.5
FIRST_DAY = date(2024, 1, 1)
FIRST_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


class OrdersBronze(BronzeTable):
    """Nineteen columns of the usual kinds, seven of them numbers with a point."""

    order_id = LongField(nullable=False)
    customer_id = IntegerField()
    store = StringField()
    city = StringField()
    product = StringField()
    category = StringField()
    channel = StringField()
    quantity = IntegerField()
    unit_price = DecimalField(10, 2)
    discount = DoubleField()
    tax = DecimalField(10, 2)
    total = DecimalField(12, 2)
    weight_kg = DoubleField()
    distance_km = DoubleField()
    rating = FloatField()
    is_gift = BooleanField()
    ordered_on = DateField()
    shipped_at = TimestampField()
    note = StringField()


@pipeline(sources={"orders": files("*.csv", source_system="shop")}, target=OrdersBronze)
def ingest_orders(orders: DataFrame) -> DataFrame:
    """Load every order as it is."""
    return orders


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files where they are not there yet, measure, print the line."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--files", type=int, default=24)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--s3", action="store_true")
    given = options.parse_args(arguments)
    landing = make_files(given.rows, given.files)
    medians = (on_s3 if given.s3 else on_disk)(landing, given.rows, given.rounds)
    report(
        "ingest_s3" if given.s3 else "ingest",
        rows=given.rows,
        files=given.files,
        rounds=given.rounds,
        **medians.compared(),
        goal=GOAL,
    )
    return 0


def on_disk(landing: Path, rows: int, rounds: int) -> Medians:
    """Measure with everything on this machine's disk; each round of ours has a new, empty lake."""
    bare = partial(write_bare, get_spark_session(), str(landing), str(WORK / "bare"))
    return measured({"bare": bare, "alur": lambda: load("ingest_orders", new_lake(landing), rows)}, rounds)


def on_s3(landing: Path, rows: int, rounds: int) -> Medians:
    """Measure with everything on servers; each round of ours is a new project with an empty lake."""
    from servers import LAKE, deployed

    with deployed() as place:
        place.land((path.name, path.read_bytes()) for path in sorted(landing.iterdir()))
        projects = [f"round{number}" for number in range(rounds + 1)]
        place.create(*projects)
        rest = iter(projects)

        def alur() -> None:
            load("ingest_orders", place.open(next(rest)), rows)

        bare = partial(write_bare, get_spark_session(), place.landing, f"s3://{LAKE}/bare")
        return measured({"bare": bare, "alur": alur}, rounds)


def write_bare(spark: SparkSession, landing: str, target: str) -> None:
    """Read with the table's types and write Parquet: no rejects, no metadata, no audit, no ledger."""
    reader = spark.read.schema(OrdersBronze.ddl).option("header", True)
    reader.csv(landing).write.mode("overwrite").parquet(target)


def make_files(rows: int, count: int) -> Path:
    """Write `rows` orders into `count` files, the same bytes every time; return their folder."""

    def write(folder: Path) -> None:
        for number in range(count):
            first, last = rows * number // count, rows * (number + 1) // count
            with (folder / f"orders-{number:02}.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(OrdersBronze.schema.names)
                writer.writerows(_orders(first, last))

    return made_once(WORK / f"orders-{rows}-{count}", f"{rows:,} rows in {count} files", write)


def _orders(first: int, last: int) -> Iterator[tuple[object, ...]]:
    for n in range(first, last):
        # Knuth's multiplicative hash: spread values that are the same on every machine and Python.
        h = (n * 2_654_435_761) & 0xFFFF_FFFF
        cents, quantity = h % 20_000 + 99, h % 7 + 1
        total = cents * quantity
        yield (
            10_000_000_000 + n,
            h % 250_000,
            f"store-{h % 140:03}",
            ("Bergen", "Graz", "Kraków", "Lyon", "Porto", "São Paulo", "Tartu", "Utrecht")[h % 8],
            f"product {h % 5_000}",
            ("books", "garden", "kitchen", "music", "tools")[h % 5],
            ("web", "app", "shop")[h % 3],
            quantity,
            f"{cents // 100}.{cents % 100:02}",
            (h >> 3) % 30 / 100,
            f"{total // 500}.{total // 5 % 100:02}",
            f"{total // 100}.{total % 100:02}",
            (h >> 5) % 40_000 / 1_000,
            "" if h % 11 == 0 else (h >> 7) % 900_000 / 1_000,
            (h >> 9) % 50 / 10,
            "true" if h % 13 == 0 else "false",
            FIRST_DAY + timedelta(days=h % 366),
            (FIRST_MOMENT + timedelta(seconds=(h >> 2) % 31_000_000)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"ring twice, floor {h % 9}" if h % 17 == 0 else "",
        )


if __name__ == "__main__":
    sys.exit(main())

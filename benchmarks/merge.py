"""How long a merge takes, measured against a bare Iceberg MERGE; and what a chain of three layers takes with nothing new.

    python benchmarks/merge.py [--rows 1000000] [--rounds 5] [--batches 1000]

`merge`: changes of one row in a hundred, one in ten of them new, come into a silver table of `--rows` rows: our whole run,
with staging, checks and ledger, against `MERGE INTO` of the same Parquet files into a table like ours. Both run in one
process on one Spark session, alternating, after a round each that is not counted.

`merge_nothing_new`: a run of landing -> bronze -> silver -> gold that finds nothing, with Spark up, after `--batches` more
batches of history; `merge_plan`: the slowest of the three plans then. Each prints one line of JSON on stdout; three
times the seconds of the last two fail. Iceberg's jar is fetched where it is not there, as `alur setup` does it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lakes import load, new_lake, note_as_loaded
from rounds import WORK, Medians, measured, parser, report, tell, timed

from alur_nb import (
    BronzeTable,
    DecimalField,
    GoldTable,
    IntegerField,
    LongField,
    SilverTable,
    StringField,
    TimestampField,
    files,
    get_spark_session,
    new,
    pipeline,
    run,
)
from alur_nb.authoring.planning import plan
from alur_nb.authoring.setup import setup
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.project import current_project
from alur_nb.runtime.tables import table_of
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.write_modes import publication_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

GOAL_RATIO = 1.25
GOAL_SECONDS = 1.0
CHANGED_PART = 100
NEW_PART = 10
BARE = "alur.bench.orders"
PIPELINES = ("ingest_orders", "merge_orders", "sum_orders")


class OrdersBronze(BronzeTable):
    """Every state of an order that the shop has told."""

    order_id = LongField(nullable=False)
    customer_id = IntegerField()
    store = StringField()
    product = StringField()
    channel = StringField()
    quantity = IntegerField()
    total = DecimalField(12, 2)
    status = StringField()
    note = StringField()
    updated_at = TimestampField(nullable=False)


class OrdersSilver(SilverTable):
    """Each order as it is now."""

    order_id = LongField()
    customer_id = IntegerField()
    store = StringField()
    product = StringField()
    channel = StringField()
    quantity = IntegerField()
    total = DecimalField(12, 2)
    status = StringField()
    note = StringField()
    updated_at = TimestampField(nullable=False)

    class Meta:
        """An older state that comes late changes nothing."""

        primary_key = ("order_id",)
        sequence_by = "updated_at"


class StoresGold(GoldTable):
    """What each store has sold."""

    store = StringField()
    orders = LongField()


@pipeline(sources={"orders": files("*.parquet", source_system="shop", format="parquet")}, target=OrdersBronze)
def ingest_orders(orders: DataFrame) -> DataFrame:
    """Load every state as it is."""
    return orders


@pipeline(sources={"orders": new(OrdersBronze)}, target=OrdersSilver)
def merge_orders(orders: DataFrame) -> DataFrame:
    """Hand on what is new."""
    return orders


@pipeline(sources={"orders": OrdersSilver}, target=StoresGold)
def sum_orders(orders: DataFrame) -> DataFrame:
    """Count by store."""
    return orders.groupBy("store").count().withColumnRenamed("count", "orders")


@dataclass
class Shop:
    """A lake, the landing folder that deliveries come into, and the table that is merged without us."""

    spark: SparkSession
    landing: Path
    workspace: Workspace
    rows: int
    delivered: int = 0
    changes: int = field(init=False)

    def __post_init__(self) -> None:
        """Fix how many rows a delivery changes."""
        self.changes = self.rows // CHANGED_PART

    def deliver(self) -> None:
        """Load the next delivery into bronze: first all orders, then changes of some."""
        self.delivered += 1
        written = self.landing.parent / f"delivery-{self.delivered:03}"
        orders_of(self.spark, self.rows, self.changes, self.delivered).write.parquet(f"file://{written}")
        for path in written.glob("*.parquet"):
            path.rename(self.landing / f"{self.delivered:03}-{path.name}")
        load("ingest_orders", self.workspace, self._size())

    def merge(self) -> None:
        """Merge the delivery by our pipeline."""
        load("merge_orders", self.workspace, self._size())

    def merge_bare(self) -> None:
        """Merge the same rows by one statement: no staging, no checks, no ledger, and nothing said of twins."""
        staged = self.workspace.ledger.batches("bronze.orders")[-1]
        (uri,) = self.workspace.lake.batch_uris("bronze.orders", [staged])
        self.spark.read.parquet(uri).select(*OrdersBronze.schema.names).createOrReplaceTempView("delivery")
        self.spark.sql(
            f"MERGE INTO {BARE} t USING delivery s ON t.order_id = s.order_id "
            "WHEN MATCHED AND s.updated_at >= t.updated_at THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )

    def refuse_difference(self) -> None:
        """Compare what both ways have come to; SystemExit where they differ, or a row is missing."""
        columns = ", ".join(OrdersSilver.schema.names)
        ours, bare = (
            self.spark.sql(f"SELECT {columns} FROM {name}") for name in ("alur.silver.orders", BARE)
        )
        wanted = self.rows + (self.delivered - 1) * (self.changes // NEW_PART)
        if not ours.count() == bare.count() == wanted or ours.exceptAll(bare).head(1):
            raise SystemExit("The benchmark's two tables differ.")

    def _size(self) -> int:
        return self.rows if self.delivered == 1 else self.changes


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill both tables, merge in rounds, then note the history and look what nothing new costs."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--batches", type=int, default=1_000)
    given = options.parse_args(arguments)
    setup(tell=tell)
    shop = open_shop(given.rows)
    medians = merge_rounds(shop, given.rounds)
    report(
        "merge",
        rows=given.rows,
        changes=shop.changes,
        rounds=given.rounds,
        **medians.compared(),
        goal=GOAL_RATIO,
    )
    tell(f"noting {given.batches:,} batches of history")
    note_history(shop.workspace, given.batches)
    # After the rounds Spark is up, and this process has run before.
    nothing_new = median(timed(lambda: find_nothing(shop.workspace)) for _ in range(given.rounds))
    plans = median(plan_slowest(shop.workspace) for _ in range(given.rounds))
    return max(
        report_seconds("nothing_new", given.batches, nothing_new),
        report_seconds("plan", given.batches, plans),
    )


def open_shop(rows: int) -> Shop:
    """Make an empty lake, and fill both tables with the first delivery."""
    place = WORK / "merge"
    shutil.rmtree(place, ignore_errors=True)
    (place / "landing").mkdir(parents=True)
    shop = Shop(get_spark_session(), place / "landing", new_lake(place / "landing"), rows)
    tell(f"filling two tables with {rows:,} rows")
    shop.deliver()
    shop.merge()
    shop.spark.sql(
        f"CREATE TABLE {BARE} ({OrdersBronze.ddl}) USING iceberg TBLPROPERTIES ('format-version' = '2')"
    )
    shop.merge_bare()
    return shop


def merge_rounds(shop: Shop, rounds: int) -> Medians:
    """Merge a delivery a round in both ways, and see that they come to the same."""
    actions = {"bare": shop.merge_bare, "alur": shop.merge}
    medians = measured(actions, rounds, before=shop.deliver)
    shop.refuse_difference()
    return medians


def orders_of(spark: SparkSession, rows: int, changes: int, delivery: int) -> DataFrame:
    """Return a delivery: of the first all orders, of a later one new states of some, and new orders."""
    from pyspark.sql import functions as F

    if delivery == 1:
        given = spark.range(rows).select(F.col("id").alias("n"))
    else:
        n, first_new = F.col("id"), rows + (delivery - 2) * (changes // NEW_PART)
        is_new = n < changes // NEW_PART
        # 97 shares no factor with a round number of rows: each order is met once, all over the table.
        known = (n * 97 + delivery * 31) % rows
        given = spark.range(changes, numPartitions=1).select(
            F.when(is_new, first_new + n).otherwise(known).alias("n")
        )
    # Knuth's multiplicative hash: spread values that are the same on every machine.
    return given.withColumn("h", F.expr("(n * 2654435761) % 4294967296")).selectExpr(
        "n AS order_id",
        "CAST(h % 250000 AS int) AS customer_id",
        "concat('store-', h % 140) AS store",
        "concat('product ', h % 5000) AS product",
        "element_at(array('web', 'app', 'shop'), CAST(h % 3 + 1 AS int)) AS channel",
        "CAST(h % 7 + 1 AS int) AS quantity",
        "CAST(h % 140000 / 100 AS decimal(12, 2)) AS total",
        f"'state {delivery}' AS status",
        "concat('ring twice, floor ', h % 9) AS note",
        f"timestampadd(DAY, {delivery}, TIMESTAMP '2026-01-01') AS updated_at",
    )


def note_history(workspace: Workspace, count: int) -> None:
    """Note batches that bronze has loaded and silver has merged, then let gold take them in."""
    ledger, silver = workspace.ledger, publication_of(table_of(OrdersSilver))
    for number in range(count):
        file = Input(
            "file", f"orders-old-{number:05}.parquet", "1", 1, outcome="loaded", parsed=1, accepted=1
        )
        batch = note_as_loaded(ledger, "bronze.orders", [file])
        note_as_loaded(
            ledger, "silver.orders", [Input("batch", "bronze.orders", batch, outcome="loaded")], silver
        )
    told = run("sum_orders", workspace=workspace)
    if not told.ok:
        raise SystemExit(f"The benchmark's own run is wrong:\n{told}")


def find_nothing(workspace: Workspace) -> None:
    """Run all three pipelines; each must find that there is nothing to do."""
    told = run(all, workspace=workspace)
    if {one.state for one in told.runs} != {"nothing new"}:
        raise SystemExit(f"The benchmark's own run is wrong, wanted nothing new:\n{told}")


def plan_slowest(workspace: Workspace) -> float:
    """Plan each pipeline; return the seconds of the slowest."""
    seconds = {}
    for name in PIPELINES:
        started = time.perf_counter()
        told = plan(current_project(), name, workspace=workspace)
        seconds[name] = time.perf_counter() - started
        if told.verdict != "nothing new":
            raise SystemExit(f"The benchmark's own plan is wrong, wanted nothing new:\n{told}")
    tell(", ".join(f"{name} {taken:.2f} s" for name, taken in seconds.items()))
    return max(seconds.values())


def report_seconds(name: str, batches: int, seconds: float) -> int:
    """Print the line of one measure; 1 where it is beyond three times the goal."""
    report(f"merge_{name}", batches=batches, seconds=seconds, goal_seconds=GOAL_SECONDS)
    return int(seconds > 3 * GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

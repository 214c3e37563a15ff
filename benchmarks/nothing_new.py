"""How long a run takes that finds nothing new, over a landing zone on S3 whose files are all loaded already.

    python benchmarks/nothing_new.py [--files 100000] [--rounds 3]

The whole run through the public API, on an S3 server and DynamoDB Local of this machine: its listing, its ledger, its
lease. Goals: at most 5 seconds, and at least 50 times fewer requests than one a file would be; three times the seconds
fail, and so does the number of requests. The result is one line of JSON on stdout. Needs `make servers`.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lakes import note_as_loaded
from rounds import cpu_seconds, parser, report, tell, timed
from servers import counted_requests, deployed

from alur_nb import BronzeTable, IntegerField, StringField, files, pipeline, run
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.s3 import requests_of
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

GOAL_SECONDS = 5.0
GOAL_FEWER = 50
PATTERN = "orders/**/*.csv"
TABLE = "bronze.orders"
PER_BATCH = 10_000


class OrdersBronze(BronzeTable):
    """What the files hold."""

    id = IntegerField()
    note = StringField()


@pipeline(sources={"orders": files(PATTERN, source_system="shop")}, target=OrdersBronze)
def ingest_orders(orders: DataFrame) -> DataFrame:
    """Load every order as it is."""
    return orders


def contents(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield small files, each of another content, in folders by day."""
    for n in range(count):
        yield f"orders/2026/{n // 2_000 % 12 + 1:02}/part-{n:07}.csv", f"id,note\n{n},a\n".encode()


def note_all(workspace: Workspace) -> None:
    """Note every listed file as loaded."""
    for listed in requests_of(workspace.files.scan(PATTERN), PER_BATCH):
        inputs = [
            Input("file", file.path, file.version, file.size, outcome="loaded", parsed=1, accepted=1)
            for file in listed
        ]
        note_as_loaded(workspace.ledger, TABLE, inputs)
        tell(f"noted {len(inputs):,} files as loaded")


def find_nothing(workspace: Workspace) -> None:
    """Run the pipeline; it must find that there is nothing to do."""
    told = run("ingest_orders", workspace=workspace)
    if not told.ok or told.runs[0].state != "nothing new":
        raise SystemExit(f"The benchmark's own run is wrong, wanted nothing new:\n{told}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Land the files, note them, and run."""
    options = parser(__doc__)
    options.add_argument("--files", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args(arguments)
    with deployed() as place:
        place.land(contents(given.files))
        place.create("shop")
        workspace = place.open("shop")
        note_all(workspace)
        tell(f"first run, not counted: {timed(lambda: find_nothing(workspace)):.2f} s")
        with counted_requests() as requests:
            before = cpu_seconds()
            seconds = [timed(lambda: find_nothing(workspace)) for _ in range(given.rounds)]
            cpu = (cpu_seconds() - before) / given.rounds
    each = len(requests) / given.rounds
    report(
        "nothing_new",
        files=given.files,
        rounds=given.rounds,
        seconds=statistics.median(seconds),
        cpu_seconds=cpu,
        goal_seconds=GOAL_SECONDS,
        requests=round(each),
        fewer=given.files / each,
        goal_fewer=GOAL_FEWER,
    )
    return int(statistics.median(seconds) > 3 * GOAL_SECONDS or given.files / each < GOAL_FEWER)


if __name__ == "__main__":
    sys.exit(main())

"""How long planning takes, and how much memory, over a listing of a million files on S3.

    python benchmarks/plan.py [--files 1000000]

Two plans, each in a process of its own so that its peak is its own: `known`, where all files but the new ones are in
the ledger, and `first`, where none is and the first batch takes as many as its cap allows. S3's answers are made up
as they are asked for, a page of 1,000 keys at a time; the planner, its listing and its SQLite ledger are the real ones.
The result is one line of JSON a plan on stdout. Goal: a peak of at most 500 MB; three times that fails.
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakes import note_as_loaded
from rounds import parser, report, tell

from alur_nb import BronzeTable, IntegerField, StringField, files
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.plan import plan_source
from alur_nb.runtime.settings import Environment, Settings
from alur_nb.runtime.tables import table_of
from alur_nb.runtime.workspace import Workspace

GOAL_MB = 500
NEW_FILES = 100
BODY = b"id,note\n1,a\n"
AT = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "bronze.orders"
PER_PAGE = 1_000


class OrdersBronze(BronzeTable):
    """What the files hold."""

    id = IntegerField()
    note = StringField()


class MadeUpS3:
    """The two requests of a plan, answered for `count` files as S3 would."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.listings = self.opened = 0

    def list_objects_v2(self, *, ContinuationToken: str = "0", **_: str) -> dict[str, Any]:
        """List the next 1,000 keys."""
        self.listings += 1
        first = int(ContinuationToken)
        last = min(first + PER_PAGE, self.count)
        contents = [
            {"Key": f"landing/{path(n)}", "Size": len(BODY), "ETag": f'"{etag(n)}"', "LastModified": AT}
            for n in range(first, last)
        ]
        more = {"NextContinuationToken": str(last)} if last < self.count else {}
        return {"Contents": contents, "KeyCount": len(contents), "IsTruncated": bool(more), **more}

    def get_object(self, **_: str) -> dict[str, Any]:
        """Open any file."""
        self.opened += 1
        return {"Body": io.BytesIO(BODY), "LastModified": AT}


def path(n: int) -> str:
    """Return a file's path as exports are often laid out."""
    return f"orders/2026/{n // 50_000 % 12 + 1:02}/{n // 2_000 % 28 + 1:02}/part-{n:09}-of-orders.csv"


def etag(n: int) -> str:
    """Return an MD5 that is as little alike from file to file as real ones are."""
    return f"{n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"


def fill(ledger: SqliteLedger, count: int) -> None:
    """Note that `count` files were loaded, in one batch through the ledger's own steps."""
    inputs = [
        Input("file", path(n), f"{etag(n)}-{len(BODY)}", len(BODY), outcome="loaded") for n in range(count)
    ]
    note_as_loaded(ledger, TABLE, inputs)


def plan(folder: Path, count: int) -> dict[str, float]:
    """Plan over the listing, and return what it took."""
    s3 = MadeUpS3(count)
    workspace = Workspace(
        Settings(folder, "benchmark"),
        Environment("dev"),
        S3Files("s3://bucket/landing", s3),
        LocalLake(folder),
        SqliteLedger(folder / "state.db"),
    )
    source = files("orders/**/*.csv", source_system="shop")
    before, started = peak_mb(), time.perf_counter()
    found = plan_source(workspace, table_of(OrdersBronze), "orders", source)
    return {
        "new": len(found.new),
        "seconds": time.perf_counter() - started,
        "peak_mb": peak_mb(),
        "imports_mb": before,
        "requests": s3.listings + s3.opened,
    }


def peak_mb() -> int:
    """Return the most memory that this process has held so far."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(kilobytes / 1024 if sys.platform != "darwin" else kilobytes / 1024 / 1024)


def _measure(case: str, folder: Path, count: int) -> None:
    facts = plan(folder, count)
    report(f"plan_{case}", files=count, goal_mb=GOAL_MB, **facts)
    if facts["peak_mb"] > 3 * GOAL_MB:
        raise SystemExit(f"The plan took {facts['peak_mb']} MB.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the ledger, then measure both plans."""
    options = parser(__doc__)
    options.add_argument("--files", type=int, default=1_000_000)
    count: int = options.parse_args(arguments).files
    failed = 0
    for case, known in (("known", count - NEW_FILES), ("first", 0)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if known:
                tell(f"noting {known:,} files as loaded")
                failed |= _apart(fill, SqliteLedger(folder / "state.db"), known)
            failed |= _apart(_measure, case, folder, count)
    return failed


def _apart(action: Callable[..., None], *arguments: object) -> int:
    """Run the action in a process of its own and return its exit code."""
    process = multiprocessing.get_context("spawn").Process(target=action, args=arguments)
    process.start()
    process.join()
    return process.exitcode or 0


if __name__ == "__main__":
    sys.exit(main())

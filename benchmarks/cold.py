"""The cold start: a fresh kernel's `%load_ext alur_nb`, and at once the preview of one CSV file, to its rows.

Beside it a fresh kernel in which bare Spark does the same, as an engineer writes it: a session, the file's rows by a
schema, the rows that do not fit it with a reason, counts, a check for nulls, a profile of each column, and 20 rows.
And, as the floor under both, a bare session that reads 20 rows and does nothing else. All are timed from their first
cell on, in an IPython shell that is up. Spark's class archive is made beforehand where it is missing, as the first
session does. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from rounds import ROOT, WORK, alternate, made_once, parser, report, tell

RATIO_GOAL = 0.6
ROWS = 5_000

SHELL = """
from time import perf_counter
from traitlets.config import Config
from IPython.core.interactiveshell import InteractiveShell
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
began = perf_counter()
for cell in CELLS:
    shell.run_cell(cell).raise_error()
seconds = perf_counter() - began
assert len(shell.user_ns["rows"]) == 20
print(seconds)
"""

SESSION = """
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[*]").getOrCreate()
schema = "order_id int, customer string, amount double, ordered date"
"""

FLOOR = (
    SESSION,
    'rows = spark.read.csv("data/orders/1.csv", header=True, schema=schema).limit(20).collect()',
)

BARE = (
    SESSION,
    """
with open("data/orders/1.csv") as file:
    header = file.readline().strip().split(",")
wanted = dict(column.split() for column in schema.split(", "))
differing = set(header) ^ set(wanted)
strings = ", ".join(f"{name} string" for name in wanted)
texts = spark.read.csv("data/orders/1.csv", header=True, schema=strings, quote='"', escape='"').limit(10_000)
typed = texts.select(*(F.expr(f"try_cast({name} AS {kind})").alias(name) for name, kind in wanted.items()), *(
    F.col(name).alias(f"{name}_text") for name in wanted))
wrong = [F.when(F.col(f"{name}_text").isNotNull() & F.col(name).isNull(),
    F.concat(F.lit(f"{name}: `"), F.col(f"{name}_text"), F.lit(f"` is no {kind}"))) for name, kind in wanted.items()]
wrong.append(F.when(F.col("order_id_text").isNull(), F.lit("order_id: null in a column that is not nullable")))
judged = typed.withColumn("reason", F.concat_ws("; ", *wrong)).cache()
""",
    """
reasons = judged.where("reason <> ''").groupBy("reason").count().collect()
rejected = judged.where("reason <> ''").limit(100).collect()
good = judged.where("reason = ''").select(*wanted)
(profile,) = good.agg(F.count("*").alias("rows"), *(one for name in wanted for one in (
    F.sum(F.col(name).isNull().cast("int")).alias(f"{name}_nulls"), F.count_distinct(name).alias(f"{name}_distinct"),
    F.min(name).alias(f"{name}_least"), F.max(name).alias(f"{name}_greatest")))).collect()
rows = good.limit(20).collect()
""",
)

OURS = (
    "%load_ext alur_nb",
    """%%alur_table orders --layer bronze
order_id int not null
customer string
amount double
ordered date""",
    "%alur_pipeline ingest_orders --from 'orders/*.csv' --source-system shop --target OrdersBronze",
    "p = %alur_preview ingest_orders",
    "rows = p.rows",
)

ARCHIVE = """
import json
from pathlib import Path
from pyspark.find_spark_home import _find_spark_home
from alur_nb.authoring import archive_making, class_archive
from alur_nb.runtime.context import java_home
archive = class_archive.archive_for(java_home(), Path(_find_spark_home()))
print(json.dumps(archive.is_good or archive_making.make(archive)))
"""


def main() -> None:
    """Measure both, alternating, and print the result."""
    parsed = parser(__doc__)
    parsed.add_argument("--rounds", type=int, default=5)
    options = parsed.parse_args()
    project = made_once(WORK / "cold", f"{ROWS} rows of CSV", write)
    tell("looking for the archive of Spark's classes")
    has_archive = json.loads(run(ARCHIVE, project).splitlines()[-1])
    programs = {"floor": FLOOR, "bare": BARE, "ours": OURS}
    taken: dict[str, list[float]] = {name: [] for name in programs}

    def cells(name: str) -> None:
        printed = run(f"CELLS = {programs[name]!r}\n{SHELL}", project)
        taken[name].append(float(printed.splitlines()[-1]))

    alternate({name: partial(cells, name) for name in programs}, options.rounds)
    # The first round warms the machine's caches.
    seconds = {name: statistics.median(found[1:]) for name, found in taken.items()}
    ratio = seconds["ours"] / seconds["bare"]
    report(
        "cold",
        has_archive=has_archive,
        ours_seconds=seconds["ours"],
        bare_seconds=seconds["bare"],
        floor_seconds=seconds["floor"],
        ratio=ratio,
        goal=RATIO_GOAL,
        goal_met=ratio <= RATIO_GOAL,
    )


def write(folder: Path) -> None:
    """Write a project with one landing file."""
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "alur.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    lines = (f"{n},customer {n % 97},{n * 1.5},2024-01-{n % 28 + 1:02}\n" for n in range(ROWS))
    text = "order_id,customer,amount,ordered\n" + "".join(lines)
    (folder / "data" / "orders" / "1.csv").write_text(text, encoding="utf-8")


def run(program: str, project: Path) -> str:
    """Run a program in a fresh interpreter in the project, and return what it prints."""
    # Ended hard, as a kernel is: how long Spark takes to stop is not part of it.
    program += "\nimport os, sys; sys.stdout.flush(); os._exit(0)\n"
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        # A cache of its own: an archive that an older state of the code made would measure that state.
        env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(WORK / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tell(done.stderr)
        raise SystemExit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()

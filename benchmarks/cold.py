"""The cold start: a fresh process loads IPython, then `%load_ext alur_nb`, and previews one CSV file at once.

Beside it a fresh process that makes a bare Spark session, reads the same file with its schema and collects 20 rows.
Both are timed whole, from the start of Python to the rows: ours has IPython's own import (0.3 s) in it.
Spark's class archive is made beforehand where it is missing, as the first session does. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rounds import ROOT, WORK, alternate, made_once, parser, report, tell

RATIO_GOAL = 0.6
ROWS = 5_000

BARE = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[*]").getOrCreate()
schema = "order_id int, customer string, amount double, ordered date"
rows = spark.read.csv("data/orders/1.csv", header=True, schema=schema).limit(20).collect()
assert len(rows) == 20
"""

OURS = '''
from traitlets.config import Config
from IPython.core.interactiveshell import InteractiveShell
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
cells = (
    "%load_ext alur_nb",
    """%%alur_table orders --layer bronze
order_id int not null
customer string
amount double
ordered date""",
    "%alur_pipeline ingest_orders --from 'orders/*.csv' --source-system shop --target OrdersBronze",
    "p = %alur_preview ingest_orders",
)
for cell in cells:
    shell.run_cell(cell).raise_error()
assert len(shell.user_ns["p"].rows) == 20
'''

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
    seconds = alternate(
        {"bare": lambda: run(BARE, project), "ours": lambda: run(OURS, project)}, options.rounds
    )
    ratio = seconds["ours"] / seconds["bare"]
    report(
        "cold",
        has_archive=has_archive,
        ours_seconds=seconds["ours"],
        bare_seconds=seconds["bare"],
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

"""How long `alur check` takes in a small project once Spark is up, as `%alur_check` and a CI have it.

    python benchmarks/check.py [--rounds 5]

The project is the one that `alur init` lays out, with a pipeline in SQL beside it. In a process in which Spark is up the
notebook's declarations are executed, checked, and the report is made text: `first_seconds` is the first time, with all
that it imports, `seconds` the median of the times after it. `command_seconds` is the whole program in a process of its
own. Goal: the first at most 1 second; three times that fails. The result is one line of JSON on stdout.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import many_pipelines
from rounds import parser, report, tell, timed

GOAL_SECONDS = 1.0
CELL = """%%alur_pipeline daily --target DaysBronze --schedule '0 6 * * ? *'
SELECT customer, amount FROM new(orders) WHERE amount > 10"""
TABLE = "%%alur_table days --layer bronze\ncustomer string\namount decimal(10,2)"


def check() -> None:
    """Do what the command does, up to the text that it prints."""
    from alur_nb.authoring import operate
    from alur_nb.authoring.loading import load_project
    from alur_nb.runtime.settings import load_settings

    found = operate.check(project=load_project(load_settings()))
    if "2 tables, 2 pipelines: ok" not in str(found):
        raise SystemExit(f"The benchmark's own project is wrong:\n{found}")


def command() -> None:
    """Run the program."""
    subprocess.run([sys.executable, "-m", "alur_nb", "check"], stdout=subprocess.DEVNULL, check=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start Spark, check, and compare with the goal."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args(arguments)
    from alur_nb.runtime.context import get_spark_session

    with tempfile.TemporaryDirectory() as folder:
        many_pipelines.small(Path(folder), TABLE, CELL)
        before = Path.cwd()
        os.chdir(folder)
        try:
            tell(f"Spark is up after {timed(get_spark_session):.1f} s")
            first = timed(check)
            seconds = statistics.median(timed(check) for _ in range(given.rounds))
            whole = statistics.median(timed(command) for _ in range(given.rounds))
        finally:
            os.chdir(before)
    report(
        "check",
        first_seconds=first,
        seconds=seconds,
        command_seconds=whole,
        goal_seconds=GOAL_SECONDS,
        goal_met=first <= GOAL_SECONDS,
    )
    return int(first > 3 * GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

"""How fast a notebook begins: `import alur_nb` over bare Python, and `%load_ext alur_nb` in an IPython shell.

Prints one line of JSON. Exits with 1 where one of the two takes three times its goal.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from rounds import ROOT, alternate, parser, report, tell

IMPORT_GOAL, LOAD_GOAL, BEYOND = 0.150, 0.3, 3

# Without a history file, and ended hard: Spark starts in the background by then, and is another benchmark's business.
LOAD = """
import json, os, sys, time
from traitlets.config import Config
from IPython.core.interactiveshell import InteractiveShell
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
begin = time.perf_counter()
shell.run_cell("%load_ext alur_nb").raise_error()
print(json.dumps(time.perf_counter() - begin), flush=True)
os._exit(0)
"""


def main() -> int:
    """Measure both, print the result, and return the exit code."""
    parsed = parser(__doc__)
    parsed.add_argument("--rounds", type=int, default=7)
    options = parsed.parse_args()
    imported = alternate(
        {"python": lambda: run("pass"), "import": lambda: run("import alur_nb")}, options.rounds
    )
    importing = imported["import"] - imported["python"]
    loading = statistics.median(loaded() for _ in range(options.rounds))
    tell(f"import {importing:.3f} s, load {loading:.3f} s")
    report(
        "start",
        import_seconds=importing,
        import_goal=IMPORT_GOAL,
        load_seconds=loading,
        load_goal=LOAD_GOAL,
        goal_met=importing <= IMPORT_GOAL and loading <= LOAD_GOAL,
    )
    return int(importing > BEYOND * IMPORT_GOAL or loading > BEYOND * LOAD_GOAL)


def run(program: str) -> str:
    """Run a program in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def loaded() -> float:
    """Return how many seconds `%load_ext` takes in a fresh shell."""
    return float(json.loads(run(LOAD)))


if __name__ == "__main__":
    sys.exit(main())

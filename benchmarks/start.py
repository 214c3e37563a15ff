"""How fast one begins: `import alur_nb` over bare Python, `%load_ext alur_nb` in an IPython shell, and `alur --help`.

Prints one line of JSON. Exits with 1 where one of the three takes three times its goal.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from rounds import ROOT, alternate, parser, report, tell

IMPORT_GOAL, LOAD_GOAL, HELP_GOAL, BEYOND = 0.150, 0.3, 0.3, 3

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
    """Measure them, print the result, and return the exit code."""
    parsed = parser(__doc__)
    parsed.add_argument("--rounds", type=int, default=7)
    options = parsed.parse_args()
    medians = alternate(
        {
            "python": lambda: run("pass"),
            "import": lambda: run("import alur_nb"),
            "help": lambda: run("import sys; from alur_nb.cli import main; main(['--help'])"),
        },
        options.rounds,
    )
    taken = {
        "import": medians["import"] - medians["python"],
        "load": statistics.median(loaded() for _ in range(options.rounds)),
        "help": medians["help"],
    }
    goals = {"import": IMPORT_GOAL, "load": LOAD_GOAL, "help": HELP_GOAL}
    tell(", ".join(f"{name} {seconds:.3f} s" for name, seconds in taken.items()))
    report(
        "start",
        **{f"{name}_seconds": seconds for name, seconds in taken.items()},
        **{f"{name}_goal": seconds for name, seconds in goals.items()},
        goal_met=all(taken[name] <= goals[name] for name in goals),
    )
    return int(any(taken[name] > BEYOND * goals[name] for name in goals))


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

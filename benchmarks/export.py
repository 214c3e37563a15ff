"""How long an export takes, step by step, of notebooks with one pipeline and with many.

    python benchmarks/export.py [--pipelines 1,500]

The notebook is exported as `alur export` does, once; each step is timed from where the export says that it begins.
`static_seconds` is what is ours to do without running anything: cutting out what each pipeline needs, writing and
linting the scripts, the library, the manifest and the Terraform, and replacing the bundle. Told beside it: `kernel_seconds`,
the notebook's declaration cells in a clean kernel, and `trace_seconds`, each job called once with empty frames, Spark's
start included. Goals for the static part: 2 seconds for one pipeline, 10 for 500, in between 2 and 0.016 for each; three
times that fails. Prints one line of JSON for each number of pipelines.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import many_pipelines
from rounds import parser, report, tell

from alur_nb.authoring.bundle import export
from alur_nb.authoring.following import Following

ONE_GOAL, MANY_GOAL, MANY = 2.0, 10.0, 500
KERNEL, TRACE = "starts a clean kernel", "calls each job once with empty frames"


def goal(pipelines: int) -> float:
    """Return what the static part may take."""
    return ONE_GOAL + (MANY_GOAL - ONE_GOAL) * min(pipelines - 1, MANY - 1) / (MANY - 1)


def steps(pipelines: int) -> dict[str, float]:
    """Export a notebook of so many pipelines, and return how many seconds each step took."""
    began = [("reads the notebook", time.perf_counter())]

    def stage(text: str) -> None:
        began.append((text, time.perf_counter()))
        tell(f"{pipelines:,} pipelines, {text}")

    with tempfile.TemporaryDirectory() as folder:
        made = export(many_pipelines.many(Path(folder), pipelines), following=Following(on_stage=stage))
    began.append(("end", time.perf_counter()))
    if len(made.scripts) != pipelines or made.warnings:
        raise SystemExit(f"The benchmark's own bundle is wrong:\n{made}")
    return {text: after - before for (text, before), (_, after) in pairwise(began)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Export each notebook and compare with the goals."""
    options = parser(__doc__)
    options.add_argument("--pipelines", default=f"1,{MANY}", help="numbers of pipelines, with commas between")
    given = options.parse_args(arguments)
    beyond = False
    for pipelines in map(int, given.pipelines.split(",")):
        taken = steps(pipelines)
        kernel, trace = taken.pop(KERNEL), taken.pop(TRACE)
        static = sum(taken.values())
        report(
            "export",
            pipelines=pipelines,
            static_seconds=static,
            goal_seconds=goal(pipelines),
            goal_met=static <= goal(pipelines),
            steps={text: round(seconds, 3) for text, seconds in taken.items()},
            kernel_seconds=kernel,
            trace_seconds=trace,
        )
        beyond = beyond or static > 3 * goal(pipelines)
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())

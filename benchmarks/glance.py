"""How long `%alur` takes over a project of many pipelines, their last batches in the ledger and their picture included.

    python benchmarks/glance.py [--pipelines 500] [--rounds 5]

Half of the pipelines load files, the others each read two of their tables; every table has a batch, and every pipeline
was run in the session. The time is that of the magic and of both readings of what it returns. Goal: at most 1 second;
three times that fails. The result is one line of JSON on stdout.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakes import note_as_loaded
from rounds import parser, report, tell, timed

from alur_nb import BronzeTable, IntegerField, StringField, files, new, pipeline
from alur_nb.authoring.fingerprint import fingerprint
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.sources import Source
from alur_nb.runtime.tables import Table, TableType
from alur_nb.runtime.workspace import open_workspace
from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.glance import glance
from alur_nb.ui.memory import Memory

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

GOAL_SECONDS = 1.0


def declare(count: int) -> list[Table]:
    """Declare the pipelines and their tables, and return the tables."""
    tables: list[Table] = []
    for number in range(count):
        columns = {"id": IntegerField(nullable=False), "note": StringField(), "__doc__": f"Table {number}."}
        made = TableType(f"Table{number:04}Bronze", (BronzeTable,), columns).__table__
        is_loading = number < count // 2
        if is_loading:
            pipeline({"rows": files(f"landing_{number:04}/*.csv")}, made, f"load_{number:04}")(_loading())
        else:
            first, second = tables[number - count // 2], tables[(number * 7) % (count // 2)]
            sources: dict[str, Table | Source] = {"rows": new(first)}
            if second is not first:
                sources["others"] = second
            function = _joining() if len(sources) == 2 else _loading()
            pipeline(sources, made, f"join_{number:04}")(function)
        tables.append(made)
    return tables


def _loading() -> Callable[..., Any]:
    def load(rows: DataFrame) -> DataFrame:
        return rows

    return load


def _joining() -> Callable[..., Any]:
    def join(rows: DataFrame, others: DataFrame) -> DataFrame:
        return rows.join(others, "id")

    return join


def remember(project: Project) -> Memory:
    """Return a memory in which every pipeline has run."""
    memory, known = Memory(), project.pipelines
    runs = tuple(PipelineRun(one.name, one.target.qualified_name, "loaded") for one in known.values())
    memory.note(RunReport("run", runs, {one.name: fingerprint(one) for one in known.values()}))
    return memory


def look(project: Project, memory: Memory) -> None:
    """Do what the magic and the front end's two readings do."""
    found = glance(project, memory=memory)
    if len(found.pipelines or ()) != len(project.pipelines) or any(
        line.stale for line in found.pipelines or ()
    ):
        raise SystemExit(f"The benchmark's own glance is wrong:\n{found}")
    if "<svg" not in str(to_html(found)) or "last batch" not in to_text(found):
        raise SystemExit("The glance has no picture, or no last batches.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Declare, note a batch for each table, and look."""
    options = parser(__doc__)
    options.add_argument("--pipelines", type=int, default=500)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, use_project(Project()) as project:
        Path(folder, "alur.toml").write_text('[project]\nname = "many"\n', encoding="utf-8")
        before = Path.cwd()
        os.chdir(folder)
        try:
            ledger = open_workspace().ledger
            tell(f"declaring {given.pipelines:,} pipelines, and noting a batch of each")
            for made in declare(given.pipelines):
                item = Input("file", "a.csv", "1", 1, outcome="loaded", parsed=1, accepted=1)
                note_as_loaded(ledger, made.qualified_name, [item])
            memory = remember(project)
            tell(f"first look, not counted: {timed(lambda: look(project, memory)):.2f} s")
            seconds = statistics.median(timed(lambda: look(project, memory)) for _ in range(given.rounds))
        finally:
            os.chdir(before)
    report(
        "glance",
        pipelines=given.pipelines,
        rounds=given.rounds,
        seconds=seconds,
        goal_seconds=GOAL_SECONDS,
    )
    return int(seconds > 3 * GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

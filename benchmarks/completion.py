"""How long a completion takes in a project of a thousand tables.

    python benchmarks/completion.py [--tables 1000] [--rounds 20]

Every completion goes through IPython's own completer, as a kernel asks for it: names, options, values, columns and
tables in a query, a path, `alur.toml`. The slowest place counts, by the median of its rounds, after one round that is
not counted. The result is one line of JSON on stdout. Goal: 50 milliseconds; three times that fails.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import types
from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path
from typing import Any

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from rounds import parser, report, tell, timed
from traitlets.config import Config

from alur_nb import BronzeTable, IntegerField, StringField, TimestampField, files, pipeline
from alur_nb.ui import magics

GOAL_MS = 50
COLUMNS = 20
PLACES = (
    ("%alur_pre", "%alur_preview"),
    ("%alur_preview ", "load_0"),
    ("%alur_run load_1 load_", "load_2"),
    ("%alur_run --env=", "dev"),
    ("%alur_pipeline p --target ", "T0Bronze"),
    ("%alur_pipeline p --from 'orders/", "0.csv"),
    ("%alur_pipeline p --timezone Europe/", "Europe/Berlin"),
    ("%alur_pipeline p --target T7Bronze --expect 'column_1", "column_10"),
    ("%%alur_table x\nid ", "string"),
    ("%%alur_sql\nselect * from ", "t_0"),
    ("%%alur_sql\nselect a.column_1 from t_1 a, t_2 b, new(t_3) c where b.", "column_10"),
    (
        "%%alur_pipeline p --target t_4\nselect a.id\nfrom t_1 a join t_2 b on a.id = b.id\nwhere column_",
        "column_10",
    ),
)


def declare(count: int) -> None:
    """Declare tables of 20 columns, and a pipeline into each."""
    for n in range(count):
        columns: dict[str, Any] = {f"column_{i}": StringField() for i in range(COLUMNS - 2)}
        body = {"id": IntegerField(), "at": TimestampField(), **columns}
        named = {"Meta": type("Meta", (), {"name": f"t_{n}"}), "__module__": __name__, **body}
        table = types.new_class(f"T{n}Bronze", (BronzeTable,), exec_body=methodcaller("update", named))
        pipeline(sources={"rows": files(f"t_{n}/*.csv")}, target=table, name=f"load_{n}")(_loaded)


def _loaded(rows: Any) -> Any:
    return rows


def complete(shell: InteractiveShell, cell: str) -> list[str]:
    """Complete at the end of the cell."""
    with provisionalcompleter():
        return [one.text for one in shell.Completer.completions(cell, len(cell))]


def project_folder(folder: Path, count: int) -> None:
    """Write an `alur.toml` and as many landing files in one folder."""
    (folder / "alur.toml").write_text('[env.dev]\nlanding = "s3://acme-landing/dev"\n')
    (folder / "data" / "orders").mkdir(parents=True)
    for n in range(count):
        (folder / "data" / "orders" / f"{n}.csv").touch()


def main(arguments: Sequence[str] | None = None) -> int:
    """Declare the tables, then complete at every place."""
    options = parser(__doc__)
    options.add_argument("--tables", type=int, default=1_000)
    options.add_argument("--rounds", type=int, default=20)
    given = options.parse_args(arguments)
    # No place needs Spark, and its start beside them would be measured.
    magics._warm_up = lambda: None
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    with tempfile.TemporaryDirectory() as name:
        project_folder(Path(name), given.tables)
        os.chdir(name)
        shell.run_line_magic("load_ext", "alur_nb")
        declare(given.tables)
        slowest = {cell: _median_ms(shell, cell, wanted, given.rounds) for cell, wanted in PLACES}
        os.chdir("/")
    cell, taken = max(slowest.items(), key=lambda item: item[1])
    report(
        "completion", tables=given.tables, rounds=given.rounds, slowest_ms=taken, place=cell, goal_ms=GOAL_MS
    )
    return int(taken > 3 * GOAL_MS)


def _median_ms(shell: InteractiveShell, cell: str, wanted: str, rounds: int) -> float:
    """Complete at the end of the cell again and again; return the median in milliseconds."""
    found = complete(shell, cell)
    if wanted not in found:
        raise SystemExit(f"The benchmark's own completion is wrong: no {wanted} in {found[:10]} for {cell!r}")

    def again() -> None:
        complete(shell, cell)

    taken = statistics.median(timed(again) for _ in range(rounds)) * 1_000
    tell(f"{taken:6.1f} ms, {len(found)} offered: {cell!r}")
    return taken


if __name__ == "__main__":
    sys.exit(main())

"""Lakes for the benchmarks: made new for a round, or with a ledger in which files are noted as loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rounds import WORK

from alur_nb import run
from alur_nb.runtime.ledger import Batch, Input, Ledger, State
from alur_nb.runtime.workspace import Workspace, open_workspace
from alur_nb.runtime.write_modes import Publication


def new_lake(landing: Path) -> Workspace:
    """Open a project with a new, empty lake over the landing folder."""
    root = WORK / "alur"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "alur.toml").write_text(f"[env.local]\nlanding = {json.dumps(str(landing))}\n")
    return open_workspace(root)


def load(pipeline: str, workspace: Workspace, rows: int) -> None:
    """Run the pipeline through the public API; SystemExit where it does not load as many rows."""
    told = run(pipeline, workspace=workspace)
    if not told.ok or told.runs[0].rows != rows:
        raise SystemExit(f"The benchmark's own run is wrong, wanted {rows:,} rows:\n{told}")


def note_as_loaded(
    ledger: Ledger, table: str, inputs: Sequence[Input], publication: Publication | None = None
) -> str:
    """Note the inputs in a batch of their own, through the ledger's own steps; return its id."""
    lease = ledger.acquire(table, "benchmark")
    batch = Batch(table, f"{lease.epoch:08d}-0001", State.PLANNED, lease.epoch, "ingest", "run")
    batch = replace(batch, publication=publication or batch.publication)
    ledger.put_inputs(lease, batch.id, inputs, first=0)
    ledger.plan(lease, batch)
    ledger.seal(batch, inputs)
    ledger.commit(replace(batch, state=State.SEALED))
    ledger.release(lease)
    return batch.id

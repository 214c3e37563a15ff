"""`alur rollback` and `alur reset`: committed batches taken back, whose inputs are pending afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.batch_names import batch_named, table_named
from alur_nb.runtime.errors import SettingsError, plural
from alur_nb.runtime.ledger import live
from alur_nb.runtime.project import Project
from alur_nb.runtime.rollback import RolledBack, roll_back
from alur_nb.runtime.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """What was taken back, and what the next runs find pending."""

    table: str
    done: RolledBack

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "rolled_back": [
                {"table": batch.table, "batch": batch.id, "counts": dict(batch.counts)}
                for batch in self.done.batches
            ],
            "notes": list(self.done.notes),
        }

    def __str__(self) -> str:
        if not self.done.batches:
            return f"{self.table} has no live batch: there is nothing to take back."
        lines = [f"note: {note}" for note in self.done.notes]
        for batch in self.done.batches:
            rows, files = batch.counts.get("rows", 0), batch.counts.get("files", 0)
            came = f" from {plural(files, 'file')}" if files else ""
            lines.append(f"rolled back {batch.table} {batch.id}: {plural(rows, 'row')}{came}")
        lines.append("What these batches had taken in is pending: the next run of their pipelines loads it.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def rollback(
    project: Project,
    name: str,
    batch: str,
    *,
    cascade: bool = False,
    env: str = "local",
    workspace: Workspace | None = None,
) -> RollbackReport:
    """Take one committed batch back; raises LedgerError where it is not live, or others hold rows of it."""
    place, table = workspace or open_workspace(env=env), table_named(project, name)
    found = batch_named(place.ledger, table, batch)
    return RollbackReport(table.qualified_name, roll_back(place, project, table, [found.id], cascade=cascade))


def reset(
    project: Project,
    name: str,
    *,
    env: str = "local",
    cascade: bool = False,
    workspace: Workspace | None = None,
) -> RollbackReport:
    """Take every live batch of an embedded table back, so that everything is loaded again from the beginning.

    The history stays, and batch ids go on: an id never comes twice. Raises SettingsError for another environment
    than `local`, LedgerError where downstream batches hold rows (without `cascade`).
    """
    if env != "local":
        raise SettingsError(
            f"alur reset works on the embedded lake only, not on `{env}`.",
            fix="Take single batches back there: alur rollback; or load them anew: alur replay.",
        )
    place, table = workspace or open_workspace(), table_named(project, name)
    alive = [batch.id for batch in live(place.ledger.batches(table.qualified_name))]
    done = roll_back(place, project, table, alive, cascade=cascade) if alive else RolledBack(())
    return RollbackReport(table.qualified_name, done)

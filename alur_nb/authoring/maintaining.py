"""`alur maintain`: compaction, expiry and orphans of the embedded lake's Iceberg tables.

Each under its lease, and under the lock that commits hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.batch_names import table_named
from alur_nb.runtime import iceberg_maintain, publish
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import LeaseBusyError, SettingsError
from alur_nb.runtime.iceberg_catalog import is_available, open_catalog
from alur_nb.runtime.iceberg_jar import SETUP
from alur_nb.runtime.iceberg_maintain import Maintained
from alur_nb.runtime.iceberg_tables import load_local
from alur_nb.runtime.lake_local import commits_held
from alur_nb.runtime.project import Project
from alur_nb.runtime.rollback import held
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What was done to which table, and which were passed over."""

    done: tuple[Maintained, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"tables": [one.to_dict() for one in self.done], "notes": list(self.notes)}

    def __str__(self) -> str:
        lines = [*map(str, self.done), *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines) or "No Iceberg table holds anything yet: there is nothing to maintain."

    def __repr__(self) -> str:
        return str(self)


def maintain(
    project: Project, name: str | None = None, *, env: str = "local", workspace: Workspace | None = None
) -> MaintenanceReport:
    """Look after one table, or all Iceberg tables; a table that a run writes just now is passed over and told.

    Raises SettingsError for a deployed environment, and for a named table that is not Iceberg's; DeclarationError.
    """
    if env != "local":
        raise SettingsError(
            f"alur maintain works on the embedded lake only, not on `{env}`.",
            fix="There Glue's own optimizers look after the tables: nothing has to be started.",
        )
    place = workspace or open_workspace()
    tables = [table_named(project, name)] if name else [*project.tables.values()]
    if name and tables[0].format != "iceberg":
        raise SettingsError(
            f"{tables[0].qualified_name} is plain Parquet, batch beside batch, which nothing is put together of.",
            fix='A table that is to be compacted is Iceberg\'s: class Meta: format = "iceberg".',
        )
    there = [table for table in tables if table.format == "iceberg" and _exists(place, table)]
    done, notes = [], []
    for table in there:
        try:
            done.append(_maintain(place, table))
        except LeaseBusyError as error:
            notes.append(f"{error.message} It is left for the next time.")
    return MaintenanceReport(tuple(done), tuple(notes))


def _exists(place: Workspace, table: Table) -> bool:
    return load_local(place.settings.warehouse / table.layer / table.name) is not None


def _maintain(place: Workspace, table: Table) -> Maintained:
    spark = get_spark_session()
    if not is_available(spark):
        raise SettingsError(
            "Spark runs without Iceberg here.", fix=f"Fetch it once, in a terminal: {SETUP}. Then start anew."
        )
    open_catalog(spark, place.settings.warehouse)
    with held(place, [table]):
        publish.recover(place, table.qualified_name)
        # An owner that has lost its lease may still commit.
        with commits_held(place.settings.warehouse, table.qualified_name):
            return iceberg_maintain.maintain(spark, table.layer, table.name, label=table.qualified_name)

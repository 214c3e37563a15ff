"""The same world where the tables are Iceberg's: rows are published from staging into a table in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from alur_nb import BronzeTable, IntegerField, SilverTable, StringField, files, new, pipeline
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.tables import Table
from tests.crash.iceberg import MemoryTable
from tests.crash.rows import FolderStore, RowEngine, Rows
from tests.crash.world import Stepped, World


class MemoryIcebergLake(LocalLake):
    """A local lake whose Iceberg tables are in memory; staging and rejects are folders as ever."""

    def __init__(self, root: Path, store: Any) -> None:
        super().__init__(root)
        self.tables: dict[str, MemoryTable] = {}
        self._store = store

    def prepare(self, table: Table, added: Collection[str] = ()) -> tuple[str, ...]:
        self.table(table.qualified_name)
        return ()

    def table(self, name: str) -> MemoryTable:
        return self.tables.setdefault(name, MemoryTable(self._read_sealed))

    def iceberg(self, batch: Batch) -> MemoryTable | None:
        return self.table(batch.table) if batch.publication.format == "iceberg" else None

    def _read_sealed(self, batch: Batch) -> list[Any]:
        """Return what was sealed, also where it is deleted by now: an owner may have read it before it went on.

        So nothing here depends on the order in which a batch is cleaned, but on the pin alone.
        """
        return self._store.written(self.stage_uri(batch.data_prefix or ""))


class LastingStore(FolderStore):
    """Remembers all that was ever written."""

    def __init__(self) -> None:
        self._written: dict[str, list[Any]] = {}

    def write(self, uri: str, rows: Sequence[Any]) -> None:
        super().write(uri, rows)
        self._written[uri] = list(rows)

    def written(self, prefix: str) -> list[Any]:
        return [row for uri, rows in self._written.items() if uri.startswith(f"{prefix}/") for row in rows]


class IcebergEngine(RowEngine):
    """Reads the tables' current snapshots."""

    lake: MemoryIcebergLake

    def read_batches(self, lake: Any, table: Table, batches: Sequence[Batch], *, whole: bool = False) -> Any:
        rows = self.lake.table(table.qualified_name).now.rows
        if not (whole and table.write_mode != "append"):
            ids = {batch.id for batch in batches}
            rows = [row for row in rows if row["batch_id"] in ids]
        columns = tuple(table.columns)
        return Rows([{name: row[name] for name in columns} for row in rows], columns)


def declare(*, merging: bool) -> Project:
    """Return the simulations' project with Iceberg tables; `merging` into the second by its key."""
    project = Project()
    with use_project(project):

        class OrdersBronze(BronzeTable):
            id = IntegerField()
            note = StringField()

            class Meta:
                format = "iceberg"

        class CopiesBronze(BronzeTable):
            id = IntegerField()

            class Meta:
                format = "iceberg"

        class CopiesSilver(SilverTable):
            id = IntegerField()

            class Meta:
                primary_key = ["id"]

        landed = files("orders/*", strict=False, reject_limit=1, on_changed="ignore")
        target = CopiesSilver if merging else CopiesBronze

        @pipeline(sources={"orders": landed}, target=OrdersBronze)
        def ingest_orders(orders: Rows) -> Rows:
            return orders

        @pipeline(sources={"orders": new(OrdersBronze)}, target=target)
        def copy_orders(orders: Rows) -> Rows:
            return orders.select("id")

    return project


class IcebergWorld(World):
    """Both tables append."""

    lake: MemoryIcebergLake
    project = declare(merging=False)

    def _open(self) -> None:
        super()._open()
        self.store = LastingStore()
        self.lake = MemoryIcebergLake(self.lake.warehouse.parent, self.store)
        self._workspace(Stepped(self.lake, "lake"), self.workspace.ledger)

    def _workspace(self, lake: Any, ledger: Any) -> None:
        super()._workspace(lake, ledger)
        self.engine = IcebergEngine(self.files, self.store)
        if isinstance(self.lake, MemoryIcebergLake):
            self.engine.lake = self.lake

    def _rows(self, table: str, column: str) -> list[Any]:
        if table.endswith("__rejects"):
            return super()._rows(table, column)
        ids = {batch.id for batch in self._live(table)}
        return [row[column] for row in self.lake.table(table).now.rows if row["batch_id"] in ids]

    def _visible(self, table: str) -> set[str]:
        if table.endswith("__rejects"):
            return super()._visible(table)
        return {row["batch_id"] for row in self.lake.table(table).now.rows}

    def compact(self) -> None:
        """Another service brings the rows of many files together, at any moment."""
        for table in self.lake.tables.values():
            table.compact()


class MergingWorld(IcebergWorld):
    """The second table merges by its key: what it holds of a batch that is taken back goes with its next run."""

    project = declare(merging=True)
    copies = "silver.copies"

    def _check_upstream(self) -> None: ...

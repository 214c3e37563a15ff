"""A lake on S3 with the Glue catalog: a batch is staged where it stays, and published by naming it in the catalog."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from alur_nb.runtime.aws import aws_errors
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.globs import is_inside_hidden
from alur_nb.runtime.glue_catalog import GlueCatalog, Values
from alur_nb.runtime.iceberg import IcebergTable
from alur_nb.runtime.iceberg_catalog import identifier
from alur_nb.runtime.iceberg_metadata import StoredTable
from alur_nb.runtime.iceberg_tables import ensure, read_metadata
from alur_nb.runtime.lake import Survey, aborted_prefix
from alur_nb.runtime.ledger import BATCH_ID_WIDTH, Batch
from alur_nb.runtime.s3 import delete_objects, list_folders, list_objects, split_uri
from alur_nb.runtime.tables import REJECTS_SUFFIX, Table, rejects_of

_BATCH = "batch_id="


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where one layer lies: its Glue database, and its bucket as `s3://bucket/`."""

    database: str
    location: str


class GlueLake:
    """`s3://<layer's bucket>/<table>/batch_id=<id>/`: fresh and unknown to the catalog until the batch is sealed.

    Nothing is ever copied or renamed after it was staged, and no engine repairs the table by looking for folders
    (no MSCK, no crawler): what is not in the catalog is not shown.
    """

    def __init__(self, places: Mapping[str, LayerPlace], s3: Any, catalog: GlueCatalog) -> None:
        self._places = places
        self._s3 = s3
        self._catalog = catalog

    def prepare(self, table: Table, added: Collection[str] = ()) -> tuple[str, ...]:
        """Create or evolve the table and its rejects' table in the catalog, before anything is staged."""
        done: tuple[str, ...] = ()
        parquet = [table, rejects_of(table)]
        if table.format == "iceberg":
            name, uri = self.iceberg_name(table.qualified_name), self.table_uri(table.qualified_name)
            done = ensure(get_spark_session(), table, name, location=uri.rstrip("/"), added=added)
            parquet.remove(table)
        for one in parquet:
            place = self._place(one.qualified_name)
            self._catalog.ensure_table(place.database, one, self.table_uri(one.qualified_name))
        return done

    def add_columns(self, table: Table, added: Mapping[str, str]) -> None:
        """Add them to the catalog's table; new partitions describe their files by it, old ones lack the columns."""
        if table.format == "iceberg":
            from alur_nb.runtime.iceberg_spark import add_columns  # pyspark takes its time to import

            add_columns(get_spark_session(), self.iceberg_name(table.qualified_name), added)
            return
        place = self._place(table.qualified_name)
        self._catalog.add_columns(place.database, table, added)

    def refuse_leftovers(self, table: str, batch_id: str) -> None:
        """The one cheap guard against a ledger that was restored or deleted: then epochs come again."""
        for kind in (table, table + REJECTS_SUFFIX):
            for uri in self._objects(kind, batch_id):
                raise StorageError(
                    f"{uri} exists already, although batch {batch_id} of {table} is new.",
                    fix="The ledger was restored or deleted behind the lake: put the ledger that belongs to this "
                    "lake back, or start both anew.",
                )

    def stage_uri(self, prefix: str) -> str:
        """Return the prefix's final place: it is invisible until the batch is sealed."""
        table, _, rest = prefix.partition("/")
        return f"{self.table_uri(table)}{rest}"

    def staged_files(self, prefix: str) -> tuple[str, ...]:
        """List the Parquet objects; S3 has them once it has said so."""
        bucket, folder = split_uri(f"{self.stage_uri(prefix)}/")
        listed = list_objects(self._s3, bucket, folder, kind=StorageError)
        names = (item.key.removeprefix(folder) for item in listed)
        return tuple(sorted(name for name in names if _is_data(name)))

    def staged_batches(self, table: str) -> frozenset[str]:
        """Return every batch that has a prefix, published ones too: they are staged where they stay."""
        names = [name for kind in (table, table + REJECTS_SUFFIX) for name in self._folders(kind)]
        return frozenset(name.removeprefix(_BATCH)[:BATCH_ID_WIDTH] for name in names)

    def iceberg(self, batch: Batch) -> IcebergTable | None:
        """Return the table in the Glue catalog, which itself refuses the slower of two commits."""
        if batch.publication.format != "iceberg":
            return None
        from alur_nb.runtime.iceberg_spark import SparkIcebergTable  # pyspark takes its time to import

        return SparkIcebergTable(
            get_spark_session(),
            batch.table,
            self.iceberg_name(batch.table),
            lambda sealed: self.stage_uri(sealed.data_prefix or ""),
            nullcontext,
        )

    def iceberg_name(self, table: str) -> str:
        """Name it in the catalog `alur`, by the layer's database."""
        return identifier(self._place(table).database, _name(table))

    def stored(self, table: Table) -> StoredTable | None:
        """Read the metadata file that the catalog names."""
        uri = self._catalog.metadata_uri(self._place(table.qualified_name).database, table.name)
        if uri is None:
            return None
        bucket, key = split_uri(uri)
        with aws_errors(StorageError, f"Reading {uri}"):
            text = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return read_metadata(text, uri)

    def publish(self, batch: Batch) -> None:
        """Name the sealed prefixes in the catalog, rows and rejects in either order."""
        for table, locations in self._partitions(batch).items():
            place = self._place(table)
            self._catalog.create_partitions(place.database, _name(table), locations)

    def discard(self, batch: Batch) -> None:
        """Delete everything under the batch's id that it has not sealed."""
        prefixes = [batch.rejects_prefix]
        if batch.publication.format == "parquet":  # an Iceberg table has files of its own
            prefixes.append(batch.data_prefix)
        sealed = tuple(f"{self.stage_uri(prefix)}/" for prefix in prefixes if prefix)
        self._delete(batch, keep=sealed)

    def forget_aborted(self, table: str) -> None:
        """Delete the objects under the prefix."""
        bucket, prefix = split_uri(f"{self.stage_uri(aborted_prefix(table))}/")
        listed = list_objects(self._s3, bucket, prefix, kind=StorageError)
        delete_objects(self._s3, bucket, (item.key for item in listed))

    def clean(self, batch: Batch) -> None:
        """Empty the sealed prefixes first, then drop the partitions: whoever publishes late shows nothing."""
        self._delete(batch, keep=())
        for table, locations in self._partitions(batch).items():
            self._catalog.drop_partitions(self._place(table).database, _name(table), locations)

    def forget_rejects(self, batch: Batch) -> None:
        """Empty the batch's prefix of the rejects, then drop its partition."""
        table = batch.table + REJECTS_SUFFIX
        keys = [split_uri(uri)[1] for uri in self._objects(table, batch.id)]
        delete_objects(self._s3, split_uri(self.table_uri(table))[0], keys)
        values = self._partitions(batch).get(table, {})
        self._catalog.drop_partitions(self._place(table).database, _name(table), values)

    def batch_uris(self, table: str, batches: Sequence[Batch]) -> list[str]:
        """Return each batch's sealed prefix; one request for 1,000 batches tells that none is gone."""
        rejects = table.endswith(REJECTS_SUFFIX)
        prefixes = {batch.id: batch.rejects_prefix if rejects else batch.data_prefix for batch in batches}
        wanted = {batch_id: prefix for batch_id, prefix in prefixes.items() if prefix is not None}
        there = frozenset(self._folders(table)) if wanted else frozenset()
        for batch_id, prefix in wanted.items():
            if prefix.split("/")[1] not in there:
                raise StorageError(
                    f"Batch {batch_id} of {table} is committed, but {self.stage_uri(prefix)} is gone.",
                    fix="Restore its objects (the bucket keeps their versions for 90 days); rows were deleted "
                    "outside of alur-nb.",
                )
        return [self.stage_uri(prefix) for prefix in wanted.values()]

    def table_uri(self, table: str) -> str:
        """Return the table's own prefix, with a slash at its end: an S3 prefix without one matches its neighbours."""
        return f"{self._place(table).location.rstrip('/')}/{_name(table)}/"

    def survey(self, table: str, batches: Sequence[Batch]) -> Survey:
        """List the table's prefix and its partitions, once each."""
        bucket, prefix = split_uri(self.table_uri(table))
        listed = list_objects(self._s3, bucket, prefix, kind=StorageError)
        names = [item.key.removeprefix(prefix) for item in listed]
        sealed = {batch.id: _sealed(batch, table) for batch in batches}
        files = {
            batch_id: frozenset(
                name.removeprefix(f"{folder}/")
                for name in names
                if name.startswith(f"{folder}/") and _is_data(name)
            )
            for batch_id, folder in sealed.items()
        }
        own = {folder.split("/")[0]: f"{folder}/" for folder in sealed.values()}
        strays = {
            top
            for name in names
            if name.startswith(_BATCH) and not name.startswith(own.get(top := name.split("/")[0], "-"))
        }
        wanted = {batch.id: self._partitions(batch).get(table, {}) for batch in batches}
        shown = self._catalog.partitions(self._place(table).database, _name(table))
        hidden = [
            batch_id for batch_id, places in wanted.items() if any(values not in shown for values in places)
        ]
        ghosts = {values[-1] for values in shown} - set(wanted)
        return Survey(files, tuple(sorted(strays)), tuple(sorted(hidden)), tuple(sorted(ghosts)))

    def _place(self, table: str) -> LayerPlace:
        layer = table.partition(".")[0]
        if layer not in self._places:
            raise StorageError(
                f"This environment has no place for the layer `{layer}` of {table}.",
                fix="Export and deploy again, so that the job knows all layers.",
            )
        return self._places[layer]

    def _partitions(self, batch: Batch) -> dict[str, dict[Values, str]]:
        """Return by table which partitions a sealed batch is, and where each lies."""
        found: dict[str, dict[Values, str]] = {}
        if batch.data_prefix is not None and batch.publication.format == "parquet":
            base = self.stage_uri(batch.data_prefix)
            folders = sorted({name.rpartition("/")[0] for name in batch.files} or {""})
            found[batch.table] = {
                (*_values(folder, batch), batch.id): f"{base}/{folder}".rstrip("/") for folder in folders
            }
        if batch.rejects_prefix is not None:
            found[batch.table + REJECTS_SUFFIX] = {(batch.id,): self.stage_uri(batch.rejects_prefix)}
        return found

    def _folders(self, table: str) -> list[str]:
        bucket, prefix = split_uri(self.table_uri(table))
        folders = list_folders(self._s3, bucket, prefix, kind=StorageError)
        return [name for name in folders if name.startswith(_BATCH)]

    def _objects(self, table: str, batch_id: str) -> Iterator[str]:
        """Yield the URIs of all that lies under a batch's id: as read, as rewritten (`-w`), and further sources."""
        bucket, prefix = split_uri(f"{self.table_uri(table)}{_BATCH}{batch_id}")
        for listed in list_objects(self._s3, bucket, prefix, kind=StorageError):
            if listed.key[len(prefix) : len(prefix) + 1] in ("/", "-"):
                yield f"s3://{bucket}/{listed.key}"

    def _delete(self, batch: Batch, keep: tuple[str, ...]) -> None:
        for table in (batch.table, batch.table + REJECTS_SUFFIX):
            uris = self._objects(table, batch.id)
            keys = (split_uri(uri)[1] for uri in uris if not uri.startswith(keep))
            delete_objects(self._s3, split_uri(self.table_uri(table))[0], keys)


def _name(table: str) -> str:
    return table.partition(".")[2]


def _sealed(batch: Batch, table: str) -> str:
    """Return the name of the folder that a batch has sealed in this table, its rows' or its rejects'."""
    prefix = batch.rejects_prefix if table.endswith(REJECTS_SUFFIX) else batch.data_prefix
    return (prefix or "").partition("/")[2]


def _is_data(name: str) -> bool:
    return name.endswith(".parquet") and not is_inside_hidden(name)


def _values(folder: str, batch: Batch) -> Values:
    """Read the user's partition values out of a folder as Spark names it: `country=DE`, odd characters as %XX."""
    parts = [part.partition("=") for part in folder.split("/")] if folder else []
    if tuple(name for name, _, _ in parts) != batch.partitions:
        raise StorageError(
            f"Batch {batch.id} of {batch.table} has files under `{folder}`, not by {', '.join(batch.partitions)}.",
            fix="Nothing was published of it. Please report this: the batch was staged in another shape.",
        )
    return tuple(unquote(value) for _, _, value in parts)

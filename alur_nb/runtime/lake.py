"""Where a table's rows lie: staged out of sight, published by one rename, read by batch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Protocol

from alur_nb.runtime.errors import AlurError, ContractError, SourceError, StorageError
from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.iceberg import IcebergTable
from alur_nb.runtime.iceberg_metadata import StoredTable
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.tables import METADATA, REJECTS_SUFFIX, Table
from alur_nb.runtime.write_modes import history_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_FOOTERS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found in one table's place, and in the catalog."""

    files: Mapping[str, frozenset[str]]
    """Live batch -> the Parquet files in its place, relative to it."""
    strays: tuple[str, ...] = ()
    """Batch folders of none of the live batches, by name; not those in staging."""
    hidden: tuple[str, ...] = ()
    """Live batches that other engines do not see, or not whole."""
    ghosts: tuple[str, ...] = ()
    """Ids of other batches that the catalog shows; of an emptied one nothing is seen."""


class Lake(Protocol):
    """What staging, publishing and reading need of the place where tables lie."""

    def prepare(self, table: Table, added: Collection[str] = ()) -> tuple[str, ...]:
        """Make the table known to whoever reads it, and evolve it; ContractError where its rows cannot follow.

        `added` are columns that batches have brought beyond it. Returns what was changed, in words.
        """

    def add_columns(self, table: Table, added: Mapping[str, str]) -> None:
        """Make columns known that a batch brings beyond the table's contract, before the batch is sealed."""

    def refuse_leftovers(self, table: str, batch_id: str) -> None:
        """Raise StorageError where anything lies under a batch's prefixes before it has been planned."""

    def stage_uri(self, prefix: str) -> str:
        """Return where Spark writes a staged prefix."""

    def staged_files(self, prefix: str) -> tuple[str, ...]:
        """Return the Parquet files of a staged prefix, relative to it; waits until they are on the disk."""

    def staged_batches(self, table: str) -> frozenset[str]:
        """Return the ids of the table's batches that have anything in staging."""

    def iceberg(self, batch: Batch) -> IcebergTable | None:
        """Return the Iceberg table that takes the batch's rows; None where they are Parquet."""

    def iceberg_name(self, table: str) -> str:
        """Return how Spark SQL names an Iceberg table of this lake."""

    def stored(self, table: Table) -> StoredTable | None:
        """Return an Iceberg table as its metadata has it now, without Spark; None where there is none.

        Raises StorageError where it cannot be read.
        """

    def publish(self, batch: Batch) -> None:
        """Show a SEALED batch's Parquet; safe again and again, by any number of owners at the same moment."""

    def discard(self, batch: Batch) -> None:
        """Delete what the batch staged and has not sealed: all of an aborted one, the rest of a committed one."""

    def forget_aborted(self, table: str) -> None:
        """Delete what aborted batches have left to be read under `aborted_prefix`; again is nothing."""

    def clean(self, batch: Batch) -> None:
        """Take a rolled back or superseded batch out for good: first its rows and rejects, then what shows them.

        Again is nothing. Only for a batch whose state in the ledger is decided: it deletes what was sealed.
        """

    def forget_rejects(self, batch: Batch) -> None:
        """Delete a committed batch's rejected rows, then what shows them; again is nothing. Its data stays."""

    def batch_uris(self, table: str, batches: Sequence[Batch]) -> list[str]:
        """Return where the rows of published batches lie; StorageError where one is gone."""

    def table_uri(self, table: str) -> str:
        """Return the table's own directory."""

    def survey(self, table: str, batches: Sequence[Batch]) -> Survey:
        """Look what lies in a table (or its rejects), and what other engines see, against these live batches."""


def data_prefix(table: str, batch_id: str, *, rewritten: bool = False) -> str:
    """Return where a batch stages its rows: as they were read, or as the pipeline rewrote them."""
    return f"{table}/batch_id={batch_id}{'-w' if rewritten else ''}"


def rejects_prefix(table: str, batch_id: str) -> str:
    """Return where a batch stages its rejected rows."""
    return f"{table}{REJECTS_SUFFIX}/batch_id={batch_id}"


def aborted_prefix(table: str) -> str:
    """Return where the first rejected rows of the table's last aborted batch are kept: until a commit, or they expire.

    Beside the rejects, where a job may write; engines pass over names that begin with `_`.
    """
    return f"{table}{REJECTS_SUFFIX}/_aborted/rows"


def read_rows(
    spark: SparkSession,
    lake: Lake,
    table: Table,
    batches: Sequence[Batch],
    *,
    metadata: bool = False,
    added: Mapping[str, str] | None = None,
    whole: bool = False,
) -> DataFrame:
    """Return the rows of the given batches: the contract's columns, the `added` ones, the metadata where asked for.

    `whole` where they are all live ones: a table whose batches replace rows is then read as it is.
    Raises ContractError where a batch has added a column that is declared now, in another type, or where the table is
    declared in another format than it was loaded in.
    """
    if not table.name.endswith(REJECTS_SUFFIX):
        refuse_other_format(table, batches)
        added_by(table, batches)
    from pyspark.sql.types import StringType, StructType, TimestampType

    schema = StructType(list(table.schema().fields))
    for name, ddl in {**history_columns(table), **(added or {})}.items():
        schema.add(name, spark.createDataFrame([], f"c {ddl}").schema[0].dataType)
    for name in METADATA:
        if metadata and name not in table.columns:
            schema.add(name, TimestampType() if name == "_ingested_at" else StringType())
    if table.format == "iceberg":
        ids = None if whole and table.write_mode != "append" else [batch.id for batch in batches]
        return (
            _read_iceberg(spark, lake, table.qualified_name, ids, schema)
            if batches
            else _empty(spark, schema)
        )
    return read_parquet(spark, lake, table.qualified_name, batches, schema)


def _read_iceberg(
    spark: SparkSession, lake: Lake, table: str, ids: Sequence[str] | None, schema: StructType
) -> DataFrame:
    """Return the schema's columns of the current snapshot, or of these batches' rows in it; absent ones are null."""
    from pyspark.sql import functions as F

    name = lake.iceberg_name(table)
    with storage_errors(name):
        frame = spark.table(name)
    if ids is not None:
        frame = frame.where(F.col("batch_id").isin(list(ids)))
    known = frame.columns
    columns = [F.col(quoted(field.name)) if field.name in known else F.lit(None) for field in schema]
    fitted = zip(columns, schema, strict=True)
    return frame.select(*(column.cast(field.dataType).alias(field.name) for column, field in fitted))


def _empty(spark: SparkSession, schema: StructType) -> DataFrame:
    return spark.createDataFrame([], schema)


def refuse_other_format(table: Table, batches: Sequence[Batch]) -> None:
    """Raise ContractError where live batches were loaded in another format than the table declares now."""
    for batch in batches:
        loaded = batch.publication.format
        if loaded != table.format:
            raise ContractError(
                f"{table.qualified_name} is declared as {table.format}, and batch {batch.id} was loaded as {loaded}.",
                fix=f'Declare format = "{loaded}" again; or load the files into a table of another name.',
            )


def added_by(table: Table, batches: Sequence[Batch]) -> dict[str, str]:
    """Return the columns that batches have beyond the table, with their types.

    Raises ContractError where two batches, or a batch and the table as it is declared now, have one column in two
    types: Parquet cannot be read as another type than it was written in.
    """
    found: dict[str, str] = {}
    for batch in batches:
        for name, ddl in batch.added.items():
            wanted = table.columns[name].ddl if name in table.columns else found.get(name, ddl)
            if ddl != wanted:
                raise ContractError(
                    f"{table.qualified_name}: `{name}` is {ddl} in batch {batch.id}, and {wanted} elsewhere.",
                    fix=f"Declare it as {ddl}, or roll the batch back and load its files again.",
                )
            if name not in table.columns:
                found[name] = ddl
    return found


def read_parquet(
    spark: SparkSession, lake: Lake, table: str, batches: Sequence[Batch], schema: StructType
) -> DataFrame:
    """Return exactly the schema's columns of the given batches, matched by name; absent ones are null."""
    from pyspark.sql import DataFrame

    root = lake.table_uri(table)
    # Sealed where they were staged, some batches lie one folder deeper; Spark refuses two depths in one read.
    depths: dict[int, list[str]] = {}
    for uri in lake.batch_uris(table, batches):
        depths.setdefault(uri.removeprefix(root).count("="), []).append(literal_uri(uri))
    if not depths:
        return _empty(spark, schema)
    reader = spark.read.schema(schema).option("basePath", root)
    frames = [reader.parquet(*uris).select(*map(quoted, schema.names)) for uris in depths.values()]
    return reduce(DataFrame.union, frames)


def read_staged(spark: SparkSession, uri: str, schema: StructType) -> DataFrame:
    """Return what Spark wrote to a staged prefix, with the columns in the schema's order."""
    return spark.read.schema(schema).parquet(literal_uri(uri)).select(*map(quoted, schema.names))


def footer_rows(spark: SparkSession, uri: str, files: Sequence[str]) -> int:
    """Add up the row counts in the Parquet footers: what was written, by the writer's own word."""
    jvm = spark.sparkContext._jvm
    java_context = spark.sparkContext._jsc
    assert jvm is not None  # a session that just wrote these files has its JVM
    conf = java_context.hadoopConfiguration()

    def rows(name: str) -> int:
        path = jvm.org.apache.hadoop.fs.Path(f"{uri}/{name}")
        source = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, conf)
        reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
        try:
            return int(reader.getRecordCount())
        finally:
            reader.close()

    # On S3 a footer is three requests.
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return sum(pool.map(rows, files))


def quoted(column: str) -> str:
    """Return the column's name as Spark SQL writes it, whatever characters it has."""
    return "`" + column.replace("`", "``") + "`"


@contextmanager
def storage_errors(where: object) -> Iterator[None]:
    """Turn what the file system, or Spark over it, says into a StorageError or SourceError with a next step."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except AlurError:
        raise
    except (OSError, Py4JJavaError, PySparkException) as error:
        translated = _translated(str(error), where)
        if translated is None:
            raise
        raise translated from error


# What S3A says that it did, in "AccessDeniedException: KEY: PUT 0-byte object on KEY: ..", and the permission for it
# (the names of operations in the classes of hadoop-aws 3.3.4).
_S3A_PERMISSIONS = {
    r": (PUT|[Ww]riting|[Uu]pload|initiate|[Cc]omplet)": "s3:PutObject",
    r": (getFileStatus|open|[Rr]ead|reopen)": "s3:GetObject",
    r": ([Ll]ist)": "s3:ListBucket",
    r": ([Dd]elete)": "s3:DeleteObject",
}


def _denied(text: str, where: str) -> StorageError:
    """Name the permission and the bucket, by AWS's own sentence where Hadoop passes it on."""
    sentence = re.search(r"perform: ([\w-]+:\w+)", text)
    first = text[text.find("AccessDenied") :].split("\n")[0]
    done = [permission for pattern, permission in _S3A_PERMISSIONS.items() if re.search(pattern, first)]
    permission = sentence[1] if sentence else (done or ["to read, write, list and delete"])[0]
    bucket = re.match(r"s3://[^/]+/", where)
    return StorageError(
        f"Access is denied to {where}: {permission}.",
        fix=f"Nothing was published. Give this role the permission {permission} on {bucket[0] if bucket else where}, "
        "then run again.",
    )


def _translated(text: str, where: object) -> AlurError | None:
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return StorageError(
            f"There is no space left to write {where}.",
            fix="Nothing was published. Free some disk space, then run again: it starts where it stopped.",
        )
    if "No FileSystem for scheme" in text or "S3AFileSystem not found" in text:
        return StorageError(
            "This Spark cannot open s3:// addresses.",
            fix="Run on Glue; or put hadoop-aws and the AWS SDK of Spark's Hadoop version on its class path.",
        )
    if "ExpiredToken" in text:
        return StorageError(
            f"The credentials expired while {where} was in use.",
            fix="Nothing was published. Log in again, then run again: it starts where it stopped.",
        )
    if "RequestTimeTooSkewed" in text:
        return StorageError(
            f"S3 refuses {where}, since this machine's clock is wrong.",
            fix="Nothing was published. Set the clock (NTP), then run again: it starts where it stopped.",
        )
    if "AccessDenied" in text:
        return _denied(text, str(where))
    if "Permission denied" in text or "Read-only file system" in text or "Mkdirs failed" in text:
        return StorageError(
            f"This user may not write {where}.",
            fix="Nothing was published. Give this user write permission to the .alur folder, then run again.",
        )
    if "FAILED_READ_FILE" in text or "Encountered error while reading file" in text:
        found = re.search(r"while reading file (\S+?)\.?(?:\s|$)", text)
        return SourceError(
            f"Spark could not read {found.group(1) if found else 'a landing file'} to its end: it is damaged.",
            fix="Nothing was published. Deliver the file again, or take it out of the folder; then run again.",
        )
    if "TABLE_OR_VIEW_NOT_FOUND" in text or "NoSuchTableException" in text:
        return StorageError(
            f"The table {where} is not in the catalog any more, and the ledger has batches of it.",
            fix="Restore it, with its folder; it was dropped outside of alur-nb.",
        )
    if "FileNotFoundException" in text or "PATH_NOT_FOUND" in text or "does not exist" in text:
        return SourceError(
            "A file disappeared while it was read.",
            fix="Nothing was published. Run again: the next plan lists the folder anew.",
        )
    return None

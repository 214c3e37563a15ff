"""The Glue Data Catalog: tables made and evolved from their contracts, partitions created and dropped by the item.

Limits and error codes are those of the Glue API reference (BatchCreatePartition, BatchGetPartition,
BatchDeletePartition, PartitionError).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alur_nb.runtime.aws import ClientError, aws_errors, error_code
from alur_nb.runtime.errors import ContractError, StorageError
from alur_nb.runtime.s3 import requests_of
from alur_nb.runtime.tables import METADATA_TYPES, REJECTS_SUFFIX, Partition, Table

Values = tuple[str, ...]

_CREATE_AT_ONCE = 100
_READ_AT_ONCE = 100  # the API takes 1,000; then a page of answers with long locations may be cut
_DELETE_AT_ONCE = 25
_ROUNDS = 6
_TRANSIENT = (
    "ConcurrentModificationException",
    "InternalFailure",
    "InternalServiceException",
    "OperationTimeoutException",
    "ThrottlingException",
)
_ADDED = "alur.added"  # a column's mark: files brought it, no contract declares it
_OWNER = "alur-nb.table"
_DESCRIPTION_LENGTH = 2048
_COMMENT_LENGTH = 255
# Athena finds a Parquet column by its name unless `parquet.column.index.access` is true, so it must not stand among the
# parameters here: only by name may a batch lack a column, or have its columns in another order than the table has now
# (Athena user guide, "Handle schema updates" and "Understand index access for Apache ORC and Apache Parquet").
_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
# Of a table as GetTable answers it, what UpdateTable takes back.
_TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "TableType",
    "Parameters",
)


class GlueCatalog:
    """The tables of one environment's databases; every call may be repeated, by any number of owners at once."""

    def __init__(self, client: Any, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._glue = client
        self._wait = wait

    def ensure_table(self, database: str, table: Table, location: str) -> None:
        """Create the table, or add what its contract has gained; a comment is brought up to date.

        Raises ContractError for a column that was dropped, retyped, or added without being nullable, and for other
        partitions; StorageError for a table of this name that is not ours.
        """
        wanted = table_input(table, location)
        known = self._table(database, table.name)
        if known is None:
            try:
                with aws_errors(StorageError, f"Creating {database}.{table.name} in the catalog"):
                    self._glue.create_table(DatabaseName=database, TableInput=wanted)
                return
            except StorageError as error:
                if not _is(error, "AlreadyExistsException"):
                    raise
            known = self._table(database, table.name) or {}
        evolved = _evolved(table, known, wanted)
        if evolved is not None:
            with aws_errors(StorageError, f"Changing {database}.{table.name} in the catalog"):
                self._glue.update_table(DatabaseName=database, TableInput=evolved)

    def add_columns(self, database: str, table: Table, added: Mapping[str, str]) -> None:
        """Add columns that files have brought beyond the contract, name -> type; one that is there is done.

        They are marked in the catalog, so that no later run takes them for dropped ones. Raises ContractError where
        the catalog has one in another type, StorageError.
        """
        known = self._table(database, table.name) or {}
        columns = list(known.get("StorageDescriptor", {}).get("Columns", ()))
        types = {column["Name"]: column["Type"] for column in columns}
        for name, kind in added.items():
            if types.setdefault(name.lower(), kind) != kind:
                raise ContractError(
                    f"{table.qualified_name}: `{name}` is {kind} in the new files, and {types[name.lower()]} in the catalog.",
                    fix=f"Declare it with the type that is right, or deliver it as {types[name.lower()]}.",
                )
        new = [name for name in types if name not in {column["Name"] for column in columns}]
        if not new:
            return
        columns += [{"Name": name, "Type": types[name], "Parameters": {_ADDED: "true"}} for name in new]
        changed = {name: known[name] for name in _TABLE_INPUT if name in known}
        changed["StorageDescriptor"] = {**known["StorageDescriptor"], "Columns": columns}
        with aws_errors(StorageError, f"Changing {database}.{table.name} in the catalog"):
            self._glue.update_table(DatabaseName=database, TableInput=changed)

    def create_partitions(self, database: str, table: str, locations: Mapping[Values, str]) -> None:
        """Create the partitions; one that is there at the same location is done.

        Raises StorageError for one that is there at another location, or that the catalog refuses.
        """
        known = self._table(database, table)
        if known is None:
            raise StorageError(
                f"{database}.{table} is not in the catalog, although a batch of it was sealed.",
                fix="It was dropped outside of alur-nb. Run the table's pipeline: it creates the table, then publishes.",
            )
        described = known["StorageDescriptor"]
        missing = dict(locations)
        for attempt in range(_ROUNDS):
            missing = self._create_missing(database, table, described, missing)
            if not missing:
                return
            # Full jitter, as the AWS Architecture Blog advises ("Exponential Backoff And Jitter").
            self._wait(random.uniform(0, min(20.0, 0.5 * 2**attempt)))
        raise StorageError(
            f"{len(missing):,} partitions of {database}.{table} could not be created in {_ROUNDS} attempts.",
            fix="Run again: the batch is sealed, and publishing goes on where it stopped.",
        )

    def drop_partitions(self, database: str, table: str, values: Iterable[Values]) -> None:
        """Drop the partitions; one that is not there is done. StorageError where one cannot be dropped."""
        for some in requests_of(values, _DELETE_AT_ONCE):
            with aws_errors(StorageError, f"Dropping partitions of {database}.{table}"):
                answer = self._glue.batch_delete_partition(
                    DatabaseName=database,
                    TableName=table,
                    PartitionsToDelete=[{"Values": list(one)} for one in some],
                )
            for refused in answer.get("Errors", ()):
                if refused["ErrorDetail"]["ErrorCode"] != "EntityNotFoundException":
                    raise _refused(database, table, refused)

    def partitions(self, database: str, table: str) -> dict[Values, str]:
        """Return every partition of the table and its location; none of a table that is not there."""
        found: dict[Values, str] = {}
        request = {"DatabaseName": database, "TableName": table, "ExcludeColumnSchema": True}
        while True:
            try:
                with aws_errors(StorageError, f"Reading partitions of {database}.{table}"):
                    answer = self._glue.get_partitions(**request)
            except StorageError as error:
                if not _is(error, "EntityNotFoundException"):
                    raise
                return {}
            for partition in answer["Partitions"]:
                found[tuple(partition["Values"])] = partition["StorageDescriptor"]["Location"]
            if "NextToken" not in answer:
                return found
            request["NextToken"] = answer["NextToken"]

    def _create_missing(
        self, database: str, table: str, described: Mapping[str, Any], wanted: Mapping[Values, str]
    ) -> dict[Values, str]:
        """Ask for every partition once, and return those that are still missing."""
        present, again = [], {}
        for some in requests_of(wanted, _CREATE_AT_ONCE):
            with aws_errors(StorageError, f"Creating partitions of {database}.{table}"):
                answer = self._glue.batch_create_partition(
                    DatabaseName=database,
                    TableName=table,
                    PartitionInputList=[
                        {
                            "Values": list(values),
                            "StorageDescriptor": {**described, "Location": wanted[values]},
                        }
                        for values in some
                    ],
                )
            for refused in answer.get("Errors", ()):
                code, values = refused["ErrorDetail"]["ErrorCode"], tuple(refused["PartitionValues"])
                if code == "AlreadyExistsException":
                    present.append(values)
                elif code in _TRANSIENT:
                    again[values] = wanted[values]
                else:
                    raise _refused(database, table, refused)
        found = self._locations(database, table, present)
        for values in present:
            if values not in found:  # dropped in between: a cleaning has emptied what it would show
                again[values] = wanted[values]
            elif not _same_place(found[values], wanted[values]):
                raise StorageError(
                    f"Partition {'/'.join(values)} of {database}.{table} shows {found[values]}, not {wanted[values]}.",
                    fix="Somebody made it outside of alur-nb, or a ledger was restored. Nothing more is changed until "
                    "both places are looked at; drop the wrong partition, then run again.",
                )
        return again

    def _locations(self, database: str, table: str, values: Sequence[Values]) -> dict[Values, str]:
        found: dict[Values, str] = {}
        for some in requests_of(values, _READ_AT_ONCE):
            keys = [{"Values": list(one)} for one in some]
            while keys:
                with aws_errors(StorageError, f"Reading partitions of {database}.{table}"):
                    answer = self._glue.batch_get_partition(
                        DatabaseName=database, TableName=table, PartitionsToGet=keys
                    )
                for partition in answer.get("Partitions", ()):
                    found[tuple(partition["Values"])] = partition["StorageDescriptor"]["Location"]
                rest = answer.get("UnprocessedKeys", [])
                if len(rest) == len(keys):
                    raise StorageError(
                        f"The catalog reads none of {len(keys)} partitions of {database}.{table}.",
                        fix="Run again: the batch is sealed, and publishing goes on where it stopped.",
                    )
                keys = rest
        return found

    def metadata_uri(self, database: str, name: str) -> str | None:
        """Return where an Iceberg table's current metadata lies; None where there is no table.

        Raises StorageError for a table that is not Iceberg's.
        """
        known = self._table(database, name)
        if known is None:
            return None
        # Iceberg's `GlueTableOperations` keeps it so (BaseMetastoreTableOperations.METADATA_LOCATION_PROP).
        uri = known.get("Parameters", {}).get("metadata_location")
        if uri is None:
            raise StorageError(
                f"{database}.{name} is in the catalog, and is no Iceberg table.",
                fix="Give the table another name (class Meta: name), or drop that one in the catalog.",
            )
        return str(uri)

    def _table(self, database: str, name: str) -> dict[str, Any] | None:
        try:
            with aws_errors(StorageError, f"Reading {database}.{name} in the catalog"):
                found: dict[str, Any] = self._glue.get_table(DatabaseName=database, Name=name)["Table"]
                return found
        except StorageError as error:
            if not _is(error, "EntityNotFoundException"):
                raise
            return None


def table_input(table: Table, location: str) -> dict[str, Any]:
    """Return the contract as the catalog holds it: columns in files, then the partition keys, `batch_id` the last."""
    types = {name: field.ddl for name, field in table.columns.items()}
    comments = {name: field.description or "" for name, field in table.columns.items()}
    if not table.name.endswith(REJECTS_SUFFIX):
        types = {**types, **{name: kind for name, kind in METADATA_TYPES.items() if name not in types}}
    keys = {partition.name: _partition_type(table, partition) for partition in table.partition_by}
    columns = {name: kind for name, kind in types.items() if name not in keys}
    return {
        "Name": table.name,
        "Description": table.description[:_DESCRIPTION_LENGTH],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", _OWNER: table.qualified_name},
        "PartitionKeys": [_column(name, kind, comments.get(name, "")) for name, kind in keys.items()]
        + [_column("batch_id", "string", "The batch that brought the rows")],
        "StorageDescriptor": {
            "Columns": [_column(name, kind, comments.get(name, "")) for name, kind in columns.items()],
            "Location": location,
            **_FORMAT,
        },
    }


def _column(name: str, kind: str, comment: str) -> dict[str, str]:
    # Hive folds names to lower case; a contract has no two that differ in case only.
    column = {"Name": name.lower(), "Type": kind}
    return {**column, "Comment": " ".join(comment.split())[:_COMMENT_LENGTH]} if comment.strip() else column


def _partition_type(table: Table, partition: Partition) -> str:
    if partition.transform == "identity":
        return table.columns[partition.column].ddl
    return "int" if partition.transform == "bucket" else "string"


def _evolved(table: Table, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the table with what the contract has gained; None where nothing has changed."""
    _refuse_foreign(table, known, wanted)
    before = {column["Name"]: column for column in known["StorageDescriptor"]["Columns"]}
    after = {column["Name"]: column for column in wanted["StorageDescriptor"]["Columns"]}
    added = [column for name, column in after.items() if name not in before]
    found_in_files = {name for name, column in before.items() if _ADDED in column.get("Parameters", {})}
    problems = [f"`{name}` is gone" for name in before if name not in after and name not in found_in_files]
    problems += [
        f"`{name}` is {after[name]['Type']}, and was {column['Type']}"
        for name, column in before.items()
        if name in after and after[name]["Type"] != column["Type"]
    ]
    required = {name.lower() for name, field in table.columns.items() if not field.nullable}
    problems += [
        f"`{column['Name']}` is new and not nullable" for column in added if column["Name"] in required
    ]
    keys = [[(key["Name"], key["Type"]) for key in of["PartitionKeys"]] for of in (known, wanted)]
    if keys[0] != keys[1]:
        names = [", ".join(name for name, _ in one[:-1]) or "nothing" for one in keys]
        problems.append(f"it was partitioned by {names[0]}, and is now by {names[1]}")
    if problems:
        raise ContractError(
            f"{table.qualified_name} holds rows of another shape: {'; '.join(problems)}.",
            fix="A Parquet table only gains nullable columns. Take the change back, or roll its batches back "
            "(`alur rollback`) and load the files again into a table of a new name.",
        )
    # New columns go to the end: the partitions that are there describe their files by the same order.
    columns = [after.get(name, column) for name, column in before.items()] + added
    same = columns == known["StorageDescriptor"]["Columns"]
    if same and known.get("Description", "") == wanted["Description"]:
        return None
    evolved = {name: known[name] for name in _TABLE_INPUT if name in known}
    evolved["Description"] = wanted["Description"]
    evolved["StorageDescriptor"] = {**known["StorageDescriptor"], "Columns": columns}
    return evolved


def _refuse_foreign(table: Table, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    ours = known.get("Parameters", {}).get(_OWNER) == table.qualified_name
    here, there = (
        wanted["StorageDescriptor"]["Location"],
        known.get("StorageDescriptor", {}).get("Location", ""),
    )
    if not ours or not _same_place(here, there):
        raise StorageError(
            f"The catalog's table {table.name} at {there or 'no location'} is not this lake's {table.qualified_name}.",
            fix="It was made by a crawler or another tool. Drop it from the catalog (its files stay), or rename "
            f"yours: class Meta: name = ... (this lake's lies at {here}).",
        )


def _same_place(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def _is(error: StorageError, code: str) -> bool:
    return isinstance(error.__cause__, ClientError) and error_code(error.__cause__) == code


def _refused(database: str, table: str, refused: Mapping[str, Any]) -> StorageError:
    detail = refused["ErrorDetail"]
    where = "/".join(refused.get("PartitionValues", ()))
    fix = "Give this role the permission, then run again: the batch is sealed, and publishing goes on."
    if detail["ErrorCode"] == "ResourceNumberLimitExceededException":
        fix = "The catalog's limit of partitions is reached: raise the quota, then run again."
    return StorageError(
        f"The catalog refused partition {where} of {database}.{table} "
        f"({detail['ErrorCode']}): {detail.get('ErrorMessage', '')}",
        fix=fix,
    )

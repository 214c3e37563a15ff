"""A Glue catalog that refuses what AWS refuses: moto says yes to 101 partitions, to any columns and to anybody.

Limits are those of the API reference; requests are held against botocore's own model of the API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

PAGE = 50  # GetPartitions may return fewer than it could at any time
LIMITS = {"BatchCreatePartition": 100, "BatchGetPartition": 1000, "BatchDeletePartition": 25}

_MODEL = boto3.session.Session().client("glue", region_name="us-east-1").meta.service_model


@dataclass
class StrictGlue:
    """The calls that the runtime makes, in memory; `calls` remembers each with its number of items."""

    tables: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    partitions: dict[tuple[str, str], dict[tuple[str, ...], dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, int]] = field(default_factory=list)
    failing: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    """Partition values -> the error codes that the next attempts at it meet."""
    unprocessed: int = 0
    """How many keys of each BatchGetPartition are left for the next one."""
    denied: bool = False

    def create_table(self, **request: Any) -> dict[str, Any]:
        self._check("CreateTable", request)
        key = (request["DatabaseName"], request["TableInput"]["Name"])
        if key in self.tables:
            raise refuse("AlreadyExistsException", "CreateTable")
        self._check_columns(request["TableInput"], "CreateTable")
        self.tables[key] = request["TableInput"]
        self.partitions[key] = {}
        return {}

    def update_table(self, **request: Any) -> dict[str, Any]:
        self._check("UpdateTable", request)
        self._check_columns(request["TableInput"], "UpdateTable")
        key = (request["DatabaseName"], request["TableInput"]["Name"])
        self._table(key, "UpdateTable")
        self.tables[key] = request["TableInput"]
        return {}

    def get_table(self, **request: Any) -> dict[str, Any]:
        self._check("GetTable", request)
        key = (request["DatabaseName"], request["Name"])
        # What AWS adds of its own accord, and does not take back.
        added = {
            "DatabaseName": key[0],
            "CreatedBy": "arn",
            "IsRegisteredWithLakeFormation": False,
            "VersionId": "0",
        }
        return {"Table": {**self._table(key, "GetTable"), **added}}

    def batch_create_partition(self, **request: Any) -> dict[str, Any]:
        self._check("BatchCreatePartition", request, request["PartitionInputList"])
        key = (request["DatabaseName"], request["TableName"])
        width = len(self._table(key, "BatchCreatePartition")["PartitionKeys"])
        errors = []
        for item in request["PartitionInputList"]:
            values = tuple(item["Values"])
            code = self.failing[values].pop(0) if self.failing.get(values) else None
            if code is None and len(values) != width:
                code = "InvalidInputException"
            if code is None and values in self.partitions[key]:
                code = "AlreadyExistsException"
            if code is None:
                self.partitions[key][values] = item
            else:
                errors.append(_item(values, code))
        return {"Errors": errors} if errors else {}

    def batch_get_partition(self, **request: Any) -> dict[str, Any]:
        keys = request["PartitionsToGet"]
        self._check("BatchGetPartition", request, keys)
        there = self.partitions[request["DatabaseName"], request["TableName"]]
        cut = max(1, len(keys) - self.unprocessed)
        found = [there[tuple(key["Values"])] for key in keys[:cut] if tuple(key["Values"]) in there]
        return {"Partitions": found, "UnprocessedKeys": keys[cut:]}

    def get_partitions(self, **request: Any) -> dict[str, Any]:
        self._check("GetPartitions", request)
        key = (request["DatabaseName"], request["TableName"])
        self._table(key, "GetPartitions")
        found, start = list(self.partitions[key].values()), int(request.get("NextToken", 0))
        more = {"NextToken": str(start + PAGE)} if len(found) > start + PAGE else {}
        return {"Partitions": found[start : start + PAGE], **more}

    def batch_delete_partition(self, **request: Any) -> dict[str, Any]:
        self._check("BatchDeletePartition", request, request["PartitionsToDelete"])
        there = self.partitions[request["DatabaseName"], request["TableName"]]
        errors = []
        for item in request["PartitionsToDelete"]:
            values = tuple(item["Values"])
            if self.failing.get(values):
                errors.append(_item(values, self.failing[values].pop(0)))
            elif there.pop(values, None) is None:
                errors.append(_item(values, "EntityNotFoundException"))
        return {"Errors": errors} if errors else {}

    def _check(self, operation: str, request: dict[str, Any], items: list[Any] | None = None) -> None:
        self.calls.append((operation, len(items or [])))
        validate_parameters(request, _MODEL.operation_model(operation).input_shape)
        if self.denied:
            raise refuse("AccessDeniedException", operation)
        if len(items or []) > LIMITS.get(operation, 0):
            raise refuse("ValidationException", operation)

    def _check_columns(self, table: dict[str, Any], operation: str) -> None:
        columns = [*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"]]
        names = [column["Name"] for column in columns]
        odd = [column for column in columns if len(column.get("Comment", "")) > 255 or not column["Type"]]
        if len(set(names)) < len(names) or odd or len(table.get("Description", "")) > 2048:
            raise refuse("ValidationException", operation)

    def _table(self, key: tuple[str, str], operation: str) -> dict[str, Any]:
        if key not in self.tables:
            raise refuse("EntityNotFoundException", operation)
        return self.tables[key]


def refuse(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code} of the stand-in"}}, operation)


def _item(values: tuple[str, ...], code: str) -> dict[str, Any]:
    return {"PartitionValues": list(values), "ErrorDetail": {"ErrorCode": code, "ErrorMessage": "so it is"}}

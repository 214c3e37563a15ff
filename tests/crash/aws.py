"""S3, DynamoDB and the Glue catalog in memory: the calls that the runtime makes, every one a step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.crash.rows import Row
from tests.crash.worker import Kind, step

Item = dict[str, Any]
_READS = ("get_item", "query", "list_objects_v2", "get_table", "batch_get_partition", "get_partitions")


def refusal(code: str, operation: str, **more: Any) -> ClientError:
    """Return the error that boto3 raises for an error's code."""
    return ClientError({"Error": {"Code": code, "Message": code}, **more}, operation)


class Service:
    """A boto3 client whose calls are steps; a subclass has them with an underscore before their names."""

    name = ""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation.startswith("_"):
            raise AttributeError(operation)
        call, kind = getattr(self, f"_{operation}"), Kind.READ if operation in _READS else Kind.REMOTE
        denied = partial(refusal, "AccessDeniedException")
        return lambda **request: step(f"{self.name} {operation}", kind, lambda: call(**request), denied)


class MemoryS3(Service):
    """One store for all buckets; strongly consistent, as S3 is."""

    name = "s3"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def _put_object(self, Bucket: str, Key: str, Body: bytes) -> Item:  # boto3's names
        self.objects[Bucket, Key] = Body
        return {}

    def _list_objects_v2(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Item:
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        if Delimiter:
            names = {key.removeprefix(Prefix).partition(Delimiter)[0] for key in keys}
            folders = [{"Prefix": f"{Prefix}{name}{Delimiter}"} for name in sorted(names)]
            return {"CommonPrefixes": folders, "KeyCount": len(folders), "IsTruncated": False}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        found = [
            {"Key": key, "Size": len(self.objects[Bucket, key]), "ETag": '"e"', "LastModified": moment}
            for key in keys
        ]
        return {"Contents": found, "KeyCount": len(found), "IsTruncated": False}

    def _delete_objects(self, Bucket: str, Delete: Item) -> Item:
        for entry in Delete["Objects"]:
            self.objects.pop((Bucket, entry["Key"]), None)
        return {}


class S3Store:
    """Rows as lines of JSON in objects that are named as Spark's."""

    def __init__(self, s3: MemoryS3) -> None:
        self.s3 = s3

    def write(self, uri: str, rows: Sequence[Row]) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.s3.put_object(
            Bucket=bucket, Key=key, Body="".join(json.dumps(row) + "\n" for row in rows).encode()
        )

    def read(self, uri: str) -> list[Row]:
        bucket, _, prefix = f"{uri.rstrip('/')}/".removeprefix("s3://").partition("/")
        found = sorted(key for place, key in self.s3.objects if place == bucket and key.startswith(prefix))
        return [json.loads(line) for key in found for line in self.s3.objects[bucket, key].splitlines()]


class MemoryDynamo(Service):
    """One table with `pk` and `sk`, and just the expressions that `DynamoTable` writes.

    A transaction's token is not looked at: the ten minutes for which DynamoDB keeps it may be over.
    """

    name = "dynamo"

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def _get_item(self, TableName: str, Key: Item, ConsistentRead: bool) -> Item:
        assert ConsistentRead
        found = self.items.get(_place(Key))
        return {"Item": found} if found else {}

    def _query(self, **request: Any) -> Item:
        assert request["ConsistentRead"]
        values = request["ExpressionAttributeValues"]
        pk, prefix = values[":pk"]["S"], values[":sk"]["S"]
        found = sorted(place for place in self.items if place[0] == pk and place[1].startswith(prefix))
        return {"Items": [self.items[place] for place in found]}

    def _put_item(self, **request: Any) -> Item:
        return self._write("Put", request, "ConditionalCheckFailedException")

    def _update_item(self, **request: Any) -> Item:
        return self._write("Update", request, "ConditionalCheckFailedException")

    def _delete_item(self, **request: Any) -> Item:
        return self._write("Delete", request, "ConditionalCheckFailedException")

    def _transact_write_items(self, TransactItems: list[Item], ClientRequestToken: str) -> Item:
        writes = [next(iter(one.items())) for one in TransactItems]
        held = [self._holds(request) for _, request in writes]
        if not all(held):
            reasons = [{"Code": "None" if fine else "ConditionalCheckFailed"} for fine in held]
            raise refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        for verb, request in writes:
            self._apply(verb, request)
        return {}

    def _write(self, verb: str, request: Item, code: str) -> Item:
        if not self._holds(request):
            raise refusal(code, verb)
        self._apply(verb, request)
        return {}

    def _holds(self, request: Item) -> bool:
        item = self.items.get(_place(request.get("Key") or request["Item"]), {})
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        for part in filter(None, request.get("ConditionExpression", "").split(" AND ")):
            absent = re.fullmatch(r"attribute_not_exists\((\S+)\)", part)
            equal = re.fullmatch(r"(\S+) = (\S+)", part)
            assert absent or equal, f"an expression that is not known here: {part}"
            if absent and names[absent[1]] in item:
                return False
            if equal and item.get(names[equal[1]]) != values[equal[2]]:
                return False
        return True

    def _apply(self, verb: str, request: Item) -> None:
        if verb == "Put":
            self.items[_place(request["Item"])] = dict(request["Item"])
        elif verb == "Delete":
            self.items.pop(_place(request["Key"]), None)
        elif verb == "Update":
            names, values = request["ExpressionAttributeNames"], request.get("ExpressionAttributeValues", {})
            item = {**request["Key"], **self.items.get(_place(request["Key"]), {})}
            setting, _, removing = request["UpdateExpression"].removeprefix("SET ").partition("REMOVE ")
            for name, value in re.findall(r"(#\w+) = (:\w+)", setting):
                item[names[name]] = values[value]
            for name in re.findall(r"#\w+", removing):
                item.pop(names[name], None)
            self.items[_place(request["Key"])] = item


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class MemoryGlue(Service):
    """Tables and partitions; each answers by the item, as the service does."""

    name = "glue"

    def __init__(self) -> None:
        self.tables: dict[str, Item] = {}
        self.partitions: dict[tuple[str, tuple[str, ...]], Item] = {}

    def _get_table(self, DatabaseName: str, Name: str) -> Item:
        if Name not in self.tables:
            raise refusal("EntityNotFoundException", "GetTable")
        return {"Table": self.tables[Name]}

    def _create_table(self, DatabaseName: str, TableInput: Item) -> Item:
        if TableInput["Name"] in self.tables:
            raise refusal("AlreadyExistsException", "CreateTable")
        self.tables[TableInput["Name"]] = TableInput
        return {}

    def _batch_create_partition(
        self,
        DatabaseName: str,
        TableName: str,
        PartitionInputList: list[Item],
    ) -> Item:
        errors = []
        for partition in PartitionInputList:
            values = tuple(partition["Values"])
            if (TableName, values) in self.partitions:
                detail = {"ErrorCode": "AlreadyExistsException"}
                errors.append({"PartitionValues": list(values), "ErrorDetail": detail})
            else:
                self.partitions[TableName, values] = partition
        return {"Errors": errors}

    def _batch_get_partition(self, DatabaseName: str, TableName: str, PartitionsToGet: list[Item]) -> Item:
        wanted = [(TableName, tuple(one["Values"])) for one in PartitionsToGet]
        return {"Partitions": [self.partitions[one] for one in wanted if one in self.partitions]}

    def _batch_delete_partition(
        self,
        DatabaseName: str,
        TableName: str,
        PartitionsToDelete: list[Item],
    ) -> Item:
        for one in PartitionsToDelete:
            self.partitions.pop((TableName, tuple(one["Values"])), None)
        return {}

    def _get_partitions(self, DatabaseName: str, TableName: str, ExcludeColumnSchema: bool) -> Item:
        if TableName not in self.tables:
            raise refusal("EntityNotFoundException", "GetPartitions")
        return {"Partitions": [one for (table, _), one in self.partitions.items() if table == TableName]}

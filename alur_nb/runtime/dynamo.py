"""One DynamoDB table, by the few requests that a ledger needs: consistent reads, conditional writes, transactions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from alur_nb.runtime.aws import ClientError, Patience, aws_errors, cancellation_codes, client, error_code
from alur_nb.runtime.errors import LedgerError

PARTITION_KEY = "pk"
SORT_KEY = "sk"
ABSENT: Final = None
"""In a condition: the attribute is not there. `{PARTITION_KEY: ABSENT}` is: the item is not there."""

Value = str | int | bool | bytes
Item = Mapping[str, Any]
Condition = Mapping[str, Any]
"""Attribute -> the value that it must have, or ABSENT; all of them must hold."""


class Refused(Exception):
    """A condition did not hold, so nothing was written; `failed` are the positions of the writes it held for not."""

    def __init__(self, failed: tuple[int, ...]) -> None:
        super().__init__(failed)
        self.failed = failed


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, replacing what is there."""

    item: Item
    only_if: Condition = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return the request's parameters."""
        return {"Item": _encoded(self.item), **_Expressions().condition(self.only_if)}


@dataclass(frozen=True, slots=True)
class Update:
    """Set some attributes of an item, and remove others."""

    pk: str
    sk: str
    set: Item = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    only_if: Condition = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return the request's parameters."""
        names = _Expressions()
        parts = []
        if self.set:
            parts.append(
                "SET " + ", ".join(f"{names.name(k)} = {names.value(v)}" for k, v in self.set.items())
            )
        if self.remove:
            parts.append("REMOVE " + ", ".join(map(names.name, self.remove)))
        return {
            "Key": _key(self.pk, self.sk),
            "UpdateExpression": " ".join(parts),
            **names.condition(self.only_if),
        }


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an item; one that is not there is no error."""

    pk: str
    sk: str

    def request(self) -> dict[str, Any]:
        """Return the request's parameters."""
        return {"Key": _key(self.pk, self.sk)}


@dataclass(frozen=True, slots=True)
class Check:
    """Hold a transaction to an item that it does not write."""

    pk: str
    sk: str
    only_if: Condition

    def request(self) -> dict[str, Any]:
        """Return the request's parameters."""
        return {"Key": _key(self.pk, self.sk), **_Expressions().condition(self.only_if)}


Write = Put | Update | Delete | Check
_TRANSACTION_NAMES = {Put: "Put", Update: "Update", Delete: "Delete", Check: "ConditionCheck"}
TRANSACTION_LIMIT = 100  # items of one transaction (developer guide, "Quotas")


class DynamoTable:
    """A table with a text partition key `pk` and a text sort key `sk`.

    Every request may be sent again after a time-out, so its first copy may have landed: who writes conditionally
    must be able to tell from the item whether the refusal is his own earlier success.
    """

    def __init__(
        self, name: str, region: str | None = None, *, client: Any = None, patience: Patience | None = None
    ) -> None:
        self.name = name
        self._region = region
        self._client = client
        self._patience = patience or Patience()
        self._ahead: float | None = None

    def get(self, pk: str, sk: str) -> Item | None:
        """Return an item as it is now."""
        answer = self._send("get_item", Key=_key(pk, sk), ConsistentRead=True)
        return _decoded(answer["Item"]) if "Item" in answer else None

    def query(self, pk: str, prefix: str, *, only_keys: bool = False) -> Iterator[Item]:
        """Return all items of a partition whose sort key begins so, in its order, page by page to the last."""
        request: dict[str, Any] = {
            "KeyConditionExpression": f"{PARTITION_KEY} = :pk AND begins_with({SORT_KEY}, :sk)",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":sk": {"S": prefix}},
            "ConsistentRead": True,
        }
        if only_keys:
            request["ProjectionExpression"] = f"{PARTITION_KEY}, {SORT_KEY}"
        while True:
            page = self._send("query", **request)
            yield from map(_decoded, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, *writes: Write) -> None:
        """Do one write, or several in one transaction; raises Refused where a condition does not hold."""
        if len(writes) == 1 and not isinstance(writes[0], Check):
            operation = f"{_TRANSACTION_NAMES[type(writes[0])].lower()}_item"
            self._send(operation, **writes[0].request())
            return
        self._send(
            "transact_write_items",
            TransactItems=[
                {_TRANSACTION_NAMES[type(write)]: {"TableName": self.name, **write.request()}}
                for write in writes
            ],
            # One token for all our attempts: within ten minutes DynamoDB answers a copy as it answered the first.
            ClientRequestToken=uuid.uuid4().hex,
        )

    def now(self) -> datetime:
        """Return the time by DynamoDB's clock, as its last answer told it; the machine's where none has yet.

        Two machines compare times only by this clock, so theirs may be wrong. It is exact to a second.
        """
        seconds = time.time() if self._ahead is None else time.monotonic() + self._ahead
        return datetime.fromtimestamp(seconds, UTC)

    def _send(self, operation: str, **request: Any) -> Any:
        if operation != "transact_write_items":
            request["TableName"] = self.name
        with aws_errors(LedgerError, f"The ledger (DynamoDB table {self.name}) cannot be used"):
            if self._client is None:
                self._client = client("dynamodb", self._region, attempts=1)
            call: Callable[..., Any] = getattr(self._client, operation)
            try:
                answer = self._patience.call(lambda: call(**request))
            except ClientError as error:
                failed = _failed_conditions(error)
                if failed:
                    raise Refused(failed) from error
                raise
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if told:
            self._ahead = parsedate_to_datetime(told).timestamp() - time.monotonic()
        return answer


def age_of(moment: str, now: datetime) -> timedelta:
    """Return how long ago an ISO time was."""
    return now - datetime.fromisoformat(moment)


def _failed_conditions(error: ClientError) -> tuple[int, ...]:
    if error_code(error) == "ConditionalCheckFailedException":
        return (0,)
    codes = cancellation_codes(error)
    return tuple(n for n, code in enumerate(codes) if code == "ConditionalCheckFailed")


class _Expressions:
    """Placeholders for names and values: DynamoDB reserves words such as `state` and `owner`."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self.names.setdefault(attribute, f"#{attribute}")

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = _encode(value)
        return placeholder

    def condition(self, wanted: Condition) -> dict[str, Any]:
        """Return the expression that all of these hold, and every placeholder so far."""
        parts = [
            f"attribute_not_exists({self.name(k)})" if v is ABSENT else f"{self.name(k)} = {self.value(v)}"
            for k, v in wanted.items()
        ]
        expressions = {
            "ConditionExpression": " AND ".join(parts),
            "ExpressionAttributeNames": {short: name for name, short in self.names.items()},
            "ExpressionAttributeValues": self.values,
        }
        return {key: value for key, value in expressions.items() if value}  # DynamoDB refuses empty ones


def _key(pk: str, sk: str) -> dict[str, Any]:
    return _encoded({PARTITION_KEY: pk, SORT_KEY: sk})


def _encoded(item: Item) -> dict[str, Any]:
    return {name: _encode(value) for name, value in item.items()}


def _encode(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):  # before int: True is one
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"B": value} if isinstance(value, bytes) else {"S": value}


def _decoded(item: Mapping[str, Mapping[str, Any]]) -> Item:
    decoded = {}
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        decoded[name] = int(value) if kind == "N" else value
    return decoded

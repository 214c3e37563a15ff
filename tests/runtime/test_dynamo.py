"""Our requests and what we make of the answers, with a client that answers as it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alur_nb.runtime.aws import Patience
from alur_nb.runtime.dynamo import ABSENT, Check, Delete, DynamoTable, Put, Refused, Update
from alur_nb.runtime.errors import LedgerError


class Told:
    """A client that records every request, and gives the answers in their order; the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.requests.append((operation, dict(request)))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def table_of(*answers: Any) -> tuple[DynamoTable, Told]:
    told = Told(*answers)
    patience = Patience(sleep=lambda seconds: None)
    return DynamoTable("ledger", client=told, patience=patience), told


def refusal(code: str, *reasons: str) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": code},
        "CancellationReasons": [{"Code": r} for r in reasons],
    }
    return ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]


def test_a_condition_is_all_of_its_attributes_under_placeholders() -> None:
    table, told = table_of({})
    table.write(
        Put({"pk": "p", "sk": "s", "n": 3, "b": b"x", "t": True}, {"state": "PLANNED", "owner": ABSENT})
    )
    ((operation, request),) = told.requests
    assert operation == "put_item"
    assert request == {
        "TableName": "ledger",
        "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "3"}, "b": {"B": b"x"}, "t": {"BOOL": True}},
        "ConditionExpression": "#state = :v0 AND attribute_not_exists(#owner)",
        "ExpressionAttributeNames": {"#state": "state", "#owner": "owner"},
        "ExpressionAttributeValues": {":v0": {"S": "PLANNED"}},
    }


def test_a_write_without_condition_sends_no_empty_expression() -> None:
    table, told = table_of({})
    table.write(Put({"pk": "p", "sk": "s"}))
    table.write(Delete("p", "s"))
    assert told.requests[0][1] == {"TableName": "ledger", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}}
    assert told.requests[1] == (
        "delete_item",
        {"TableName": "ledger", "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}},
    )


def test_an_update_sets_and_removes() -> None:
    table, told = table_of({})
    table.write(Update("p", "s", set={"state": "SEALED"}, remove=("owner",), only_if={"state": "PLANNED"}))
    ((_, request),) = told.requests
    assert request["UpdateExpression"] == "SET #state = :v0 REMOVE #owner"
    assert request["ConditionExpression"] == "#state = :v1"
    assert request["ExpressionAttributeValues"] == {":v0": {"S": "SEALED"}, ":v1": {"S": "PLANNED"}}


def test_several_writes_are_one_transaction_under_one_token_for_all_attempts() -> None:
    table, told = table_of(refusal("TransactionCanceledException", "None", "TransactionConflict"), {})
    table.write(Put({"pk": "p", "sk": "s"}, {"pk": ABSENT}), Check("p", "LEASE", {"epoch": 3}))
    assert [operation for operation, _ in told.requests] == ["transact_write_items"] * 2
    (first, second) = (request for _, request in told.requests)
    assert [list(item) for item in first["TransactItems"]] == [["Put"], ["ConditionCheck"]]
    assert first == second
    table.write(Put({"pk": "p", "sk": "s"}), Check("p", "LEASE", {"epoch": 3}))
    assert told.requests[2][1]["ClientRequestToken"] != first["ClientRequestToken"]


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (refusal("ConditionalCheckFailedException"), (0,)),
        (refusal("TransactionCanceledException", "None", "ConditionalCheckFailed"), (1,)),
        (refusal("TransactionCanceledException", "ConditionalCheckFailed", "TransactionConflict"), (0,)),
    ],
)
def test_a_condition_that_does_not_hold_is_told_with_its_position(
    error: ClientError, failed: tuple[int, ...]
) -> None:
    table, told = table_of(error)
    with pytest.raises(Refused) as caught:
        table.write(Put({"pk": "p", "sk": "s"}), Put({"pk": "p", "sk": "t"}))
    assert caught.value.failed == failed
    assert len(told.requests) == 1


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "ExpiredTokenException"]
)
def test_a_ledger_that_cannot_be_read_is_an_error_and_never_an_absent_item(code: str) -> None:
    table, told = table_of(refusal(code))
    with pytest.raises(LedgerError, match=r"DynamoDB table ledger\) cannot be used"):
        table.get("p", "s")
    with pytest.raises(LedgerError):
        list(table.query("p", "BATCH#"))
    assert len(told.requests) == 2


def test_throttling_is_waited_for() -> None:
    throttled = refusal("ProvisionedThroughputExceededException")
    table, told = table_of(throttled, throttled, throttled, {"Item": {"n": {"N": "7"}}})
    assert table.get("p", "s") == {"n": 7}
    assert len(told.requests) == 4
    assert told.requests[0][1]["ConsistentRead"] is True


def test_a_listing_goes_on_to_its_last_page_also_over_an_empty_one() -> None:
    key = {"pk": {"S": "p"}, "sk": {"S": "a"}}
    table, told = table_of(
        {"Items": [{"sk": {"S": "a"}}], "LastEvaluatedKey": key},
        {"Items": [], "LastEvaluatedKey": key},
        {"Items": [{"sk": {"S": "b"}}]},
    )
    assert [item["sk"] for item in table.query("p", "BATCH#")] == ["a", "b"]
    assert [request.get("ExclusiveStartKey") for _, request in told.requests] == [None, key, key]
    assert all(request["ConsistentRead"] for _, request in told.requests)


def test_half_a_listing_is_an_error_and_never_a_shorter_list() -> None:
    page = {"Items": [], "LastEvaluatedKey": {"pk": {"S": "p"}, "sk": {"S": "a"}}}
    table, _ = table_of(page, refusal("ExpiredTokenException"))
    with pytest.raises(LedgerError, match="the credentials have expired"):
        list(table.query("p", "INPUTS#"))


def test_the_time_is_the_services_own() -> None:
    date = "Thu, 26 Nov 2026 08:19:15 GMT"
    table, _ = table_of({"ResponseMetadata": {"HTTPHeaders": {"date": date}}})
    assert abs(table.now() - datetime.now(UTC)) < timedelta(seconds=5)
    table.get("p", "s")
    assert timedelta(0) <= table.now() - datetime(2026, 11, 26, 8, 19, 15, tzinfo=UTC) < timedelta(seconds=5)

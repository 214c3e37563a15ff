"""Fixtures of real servers on 127.0.0.1: one of each for all tests, started by the first that asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import dynamodb_local

if TYPE_CHECKING:
    from alur_nb.runtime.ledger_dynamo import DynamoLedger

REGION = "eu-central-1"
# The servers ask for keys and accept any; DynamoDB Local wants letters and digits only.
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="session")
def dynamodb_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DynamoDB Local's URL; skipped where it was not fetched."""
    with dynamodb_local.running(tmp_path_factory.mktemp("dynamodb") / "server.log") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb(dynamodb_endpoint: str) -> Any:
    """A boto3 client of DynamoDB Local that never tries again, as the ledger's own."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(
        "dynamodb", region_name=REGION, endpoint_url=dynamodb_endpoint, config=config, **CREDENTIALS
    )


@pytest.fixture(scope="session")
def ledger_table(dynamodb: Any) -> str:
    """The name of a table with the ledger's keys; tests keep apart by their project's name."""
    from alur_nb.runtime.dynamo import PARTITION_KEY, SORT_KEY

    keys = ((PARTITION_KEY, "HASH"), (SORT_KEY, "RANGE"))
    dynamodb.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
    return "ledger"


@pytest.fixture
def dynamo_ledger(dynamodb: Any, ledger_table: str) -> DynamoLedger:
    """A ledger on DynamoDB Local, empty: its project is new."""
    from alur_nb.runtime.dynamo import DynamoTable
    from alur_nb.runtime.ledger_dynamo import DynamoLedger

    table = DynamoTable(ledger_table, client=dynamodb)
    return DynamoLedger(table, project=uuid.uuid4().hex, environment="dev")

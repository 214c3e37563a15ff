"""Bad days on AWS: a ledger, a bucket, a clock or credentials that fail a run; one test each.

The runs are real, over services in memory: each fails with what is wrong, where and what next, and the run after it
finds every row once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alur_nb.runtime.aws import Patience
from alur_nb.runtime.dynamo import DynamoTable
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.glue_catalog import GlueCatalog
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.report import PipelineRun
from tests.crash.aws import refusal
from tests.crash.world import ORDERS
from tests.crash.world_aws import BUCKET, AwsWorld
from tests.runtime.test_aws import EXPIRED, SENTENCE, Time
from tests.told import assert_told

TABLE = "The ledger (DynamoDB table shop-dev-ledger) cannot be used"


class Failing:
    """A service of which some requests are refused; what is refused has no effect."""

    def __init__(self, inner: Any, refuse: Callable[[int], ClientError | None]) -> None:
        self.inner, self.refuse = inner, refuse
        self.sent = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def send(**request: Any) -> Any:
            error = self.refuse(self.sent)
            self.sent += 1
            if error is not None:
                raise error
            return getattr(self.inner, operation)(**request)

        return send


def always(error: ClientError) -> Callable[[int], ClientError]:
    return lambda sent: error


def said(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Query")


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld() as one:
        one.land("orders/1", rows=2, bad=1)
        one.land("orders/2", rows=1)
        yield one


def bring(
    world: AwsWorld,
    *,
    dynamo: Any = None,
    s3: Any = None,
    glue: Any = None,
    patience: Patience | None = None,
) -> PipelineRun:
    """Load the orders with these services in place of the good ones, and return how that ended."""
    good = world.workspace
    places = {"bronze": LayerPlace("shop_bronze", f"s3://{BUCKET}/")}
    catalog = GlueCatalog(glue or world.glue, wait=lambda seconds: None)
    table = DynamoTable(
        "shop-dev-ledger", client=dynamo or world.dynamo, patience=patience or Time().patience()
    )
    world.workspace = replace(
        good,
        lake=GlueLake(places, s3 or world.s3, catalog),
        ledger=DynamoLedger(table, project="shop", environment="dev"),
    )
    try:
        (orders,) = world.run(names=["ingest_orders"]).result.runs
    finally:
        world.workspace = good
    assert isinstance(orders, PipelineRun)
    return orders


@pytest.mark.parametrize(
    ("error", "fragments"),
    [
        (
            said("AccessDeniedException", SENTENCE),
            ("access is denied: dynamodb:Query on arn:aws:dynamodb", "Give this role or user the permission"),
        ),
        (
            said("ResourceNotFoundException", "Requested resource not found"),
            ("it does not exist", "`alur deploy` makes"),
        ),
        (
            said("InvalidSignatureException", EXPIRED),
            ("this machine's clock is wrong", "Set the clock (NTP)"),
        ),
        (said("ExpiredTokenException", "expired"), ("the credentials have expired", "Log in again")),
    ],
    ids=["denied", "table missing", "clock off by an hour", "credentials expired"],
)
def test_a_ledger_that_cannot_be_read_lets_nothing_begin(
    world: AwsWorld, error: ClientError, fragments: tuple[str, ...]
) -> None:
    ledger = Failing(world.dynamo, always(error))
    assert_told(bring(world, dynamo=ledger), TABLE, *fragments)
    # One request: another try cannot help, and a ledger that is not read is never an empty one.
    assert ledger.sent == 1
    assert world.s3.objects == {}
    world.settle()


def test_a_minute_of_throttling_is_survived_with_pauses_of_full_jitter(world: AwsWorld) -> None:
    time = Time()
    throttled = said("ProvisionedThroughputExceededException", "slow down")
    ledger = Failing(world.dynamo, lambda sent: throttled if time.now < 60 else None)
    run = bring(world, dynamo=ledger, patience=time.patience())
    assert run.state == "loaded", run.error_text
    assert time.now >= 60
    assert len({round(pause, 6) for pause in time.pauses}) == len(time.pauses) > 10
    assert max(time.pauses) <= 5
    world.settle()


@pytest.mark.parametrize("begun", [0, 8, 11])
def test_throttling_that_does_not_end_is_told(world: AwsWorld, begun: int) -> None:
    time = Time()
    throttled = said("ThrottlingException", "slow down")
    ledger = Failing(world.dynamo, lambda sent: throttled if sent >= begun else None)
    run = bring(world, dynamo=ledger, patience=time.patience())
    assert_told(run, TABLE, "AWS asks to slow down", "Run again in a minute: it starts where it stopped.")
    assert time.now > 60
    world.settle()


class HalfListed:
    """S3 whose listing has a second page that never comes whole."""

    def __init__(self, second: dict[str, Any] | ClientError) -> None:
        self.second = second

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        if "ContinuationToken" not in request:
            entry = {
                "Key": "in/orders/1",
                "Size": 1,
                "ETag": '"e"',
                "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
            }
            return {"Contents": [entry], "KeyCount": 1, "IsTruncated": True, "NextContinuationToken": "2"}
        if isinstance(self.second, ClientError):
            raise self.second
        return self.second


@pytest.mark.parametrize(
    ("second", "fragments"),
    [
        ({"KeyCount": 1, "IsTruncated": False}, ("a part of the listing only", "lists anew")),
        ({"KeyCount": 0, "IsTruncated": True}, ("a part of the listing only", "lists anew")),
        (refusal("ExpiredToken", "ListObjectsV2"), ("the credentials have expired", "Log in again")),
        (refusal("AccessDenied", "ListObjectsV2"), ("access is denied: s3:ListBucket", "the permission")),
        (
            refusal("RequestTimeTooSkewed", "ListObjectsV2"),
            ("this machine's clock is wrong", "Set the clock"),
        ),
    ],
    ids=["too few", "without an end", "credentials expired", "denied", "clock off by an hour"],
)
def test_half_a_listing_is_no_plan_and_no_file_counts_as_missing(
    world: AwsWorld, second: dict[str, Any] | ClientError, fragments: tuple[str, ...]
) -> None:
    world.run()
    before = world.ledger.batches(ORDERS)
    world.land("orders/3", rows=2)
    good = world.workspace
    world.workspace = replace(good, files=S3Files("s3://land/in/", HalfListed(second)))
    assert_told(world.run().result.runs[0], "Listing s3://land/in/orders/", *fragments)
    assert world.ledger.batches(ORDERS) == before
    world.workspace = good
    assert world.run().result.runs[0].files == 1, "the new one alone"
    world.settle()


@pytest.mark.parametrize("service", ["dynamo", "s3", "glue"])
def test_credentials_that_expire_in_the_middle_cost_no_row_and_double_none(service: str) -> None:
    expired = refusal("ExpiredToken", "Request")
    states = set()
    for good_for in range(200):
        with AwsWorld() as world:
            world.land("orders/1", rows=2, bad=1)
            failing = Failing(
                getattr(world, service), lambda sent, limit=good_for: expired if sent >= limit else None
            )
            run = bring(world, **{service: failing})
            states.add(run.state)
            if run.state == "failed":
                assert_told(run, "the credentials have expired", "Log in again")
            # Of the ledger's requests the lease's release is left then, which a later run takes over anyway.
            elif failing.sent > good_for and service != "dynamo":
                assert "the credentials have expired" in str(run.warnings)
            world.settle()
        if failing.sent <= good_for:
            break
    assert states == {"failed", "loaded"}
    assert failing.sent > 4

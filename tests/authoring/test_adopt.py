"""The original's ledger taken over: what it had loaded is not loaded again, and what it cannot prove is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from alur_nb.authoring.adopt import adopt
from alur_nb.runtime.errors import LedgerError, SourceError
from alur_nb.runtime.ledger import live
from tests.crash.world import ORDERS, PROJECT, World
from tests.runtime.test_aws import Time
from tests.strict_glue import refuse

OLD = "alur-ingestion-state"


class Original:
    """A page by page reader of the original's items, as DynamoDB answers."""

    def __init__(self, *items: dict[str, Any], page: int = 2) -> None:
        self.items, self.page = list(items), page

    def query(self, **request: Any) -> dict[str, Any]:
        assert request["ConsistentRead"] is True
        key = request["ExpressionAttributeValues"][":key"]["S"]
        mine = [item for item in self.items if item["ingestion_key"]["S"] == key]
        start = int(request.get("ExclusiveStartKey", {"n": "0"})["n"])
        more = {"LastEvaluatedKey": {"n": str(start + self.page)}} if len(mine) > start + self.page else {}
        return {"Items": mine[start : start + self.page], **more}


def item(path: str, etag: str, size: int, key: str = "orders") -> dict[str, Any]:
    return {
        "ingestion_key": {"S": key},
        "file_path": {"S": path},
        "file_etag": {"S": etag},
        "file_size": {"N": str(size)},
        "rows_ingested": {"N": "33"},
    }


@pytest.fixture
def world() -> Iterator[World]:
    with World() as one:
        for number in range(1, 6):
            one.land(f"orders/{number}", rows=number)
            path = f"orders/{number}"
            # As S3 lists: the version is ETag and size.
            one.files.now[path] = replace(one.files.now[path], version=f"e{number}-10")
            one.files.content[path, f"e{number}-10"] = f"id,note\n{number},n\n".encode()
        yield one


def take(world: World, original: Original, **options: Any) -> Any:
    return adopt(PROJECT, "orders", OLD, workspace=world.workspace, dynamodb=original, **options)


def test_what_was_loaded_there_is_not_loaded_here(world: World) -> None:
    original = Original(*(item(f"memory:orders/{n}", f"e{n}", 10) for n in (1, 2, 3)))
    shown = take(world, original, dry_run=True)
    assert "3 files would be taken as loaded" in str(shown)
    assert world.ledger.batches(ORDERS) == []
    report = take(world, original)
    assert report.adopted == ("orders/1", "orders/2", "orders/3")
    assert json.loads(json.dumps(report.to_dict()))["batch"] == "00000001-0001"
    orders, copies = world.run().result.runs
    assert (orders.files, copies.rows) == (2, 2), "only what is new"
    (adopted, _) = live(world.ledger.batches(ORDERS))
    assert (adopted.counts["rows"], adopted.data_prefix) == (0, None)
    world.check()


def test_again_adds_nothing(world: World) -> None:
    original = Original(item("memory:orders/1", "e1", 10))
    take(world, original)
    again = take(world, original)
    assert (again.adopted, again.known, again.batch) == ((), 1, None)
    assert len(world.ledger.batches(ORDERS)) == 1


def test_a_file_that_changed_since_is_refused_or_trusted(world: World) -> None:
    original = Original(item("memory:orders/1", "e1", 10), item("memory:orders/2", "another", 10))
    with pytest.raises(SourceError, match="orders/2") as refused:
        take(world, original)
    assert "--trust-path" in str(refused.value)
    assert world.ledger.batches(ORDERS) == []
    assert world.ledger.lease(ORDERS) is None
    report = take(world, original, trust_path=True)
    assert (report.adopted, report.differing) == (("orders/1", "orders/2"), ("orders/2",))
    assert "changed since the original loaded it" in str(report)


def test_globs_and_files_that_are_gone_are_told(world: World) -> None:
    original = Original(
        item("memory:orders/1", "e1", 10),
        item("memory:orders/9", "e9", 10),
        item("memory:orders/*.csv", "", 0),
        item("memory:sales/1", "s", 1, key="sales"),
    )
    report = take(world, original)
    assert report.gone == ("memory:orders/9",)
    assert report.patterns == ("memory:orders/*.csv",)
    assert "a pattern, not a file" in str(report)


def test_a_key_without_files_is_an_error(world: World) -> None:
    with pytest.raises(LedgerError, match="no file under the key `orders`") as error:
        take(world, Original())
    assert "--key NAME" in str(error.value)
    other = Original(item("memory:orders/1", "e1", 10, key="bronze_orders"))
    assert take(world, other, key="bronze_orders").adopted == ("orders/1",)


def test_a_ledger_that_cannot_be_read_is_an_error(world: World) -> None:
    class Denied:
        def query(self, **request: Any) -> dict[str, Any]:
            raise refuse("AccessDeniedException", "Query")

    with pytest.raises(LedgerError, match=f"Reading the original's ledger {OLD}: access is denied"):
        take(world, Denied())  # type: ignore[arg-type]


def without(name: str, path: str, etag: str, size: int) -> dict[str, Any]:
    """An item that lacks an attribute."""
    whole = item(path, etag, size)
    del whole[name]
    return whole


UNPROVED = [
    without("file_etag", "memory:orders/1", "e1", 10),
    without("file_size", "memory:orders/1", "e1", 10),
    {**item("memory:orders/1", "e1", 10), "file_etag": {"NULL": True}},
    item("memory:orders/1", "", 10),
]


@pytest.mark.parametrize("odd", UNPROVED, ids=["no etag", "no size", "null etag", "empty etag"])
def test_a_file_without_etag_or_size_is_refused_or_trusted(world: World, odd: dict[str, Any]) -> None:
    original = Original(odd, item("memory:orders/2", "e2", 10))
    shown = take(world, original, dry_run=True)
    assert (shown.adopted, shown.unproved, shown.differing) == (("orders/2",), ("orders/1",), ())
    assert "orders/1: the original noted no ETag or no size, so it cannot be compared" in str(shown)
    with pytest.raises(
        SourceError, match=r"no ETag or no size of 1 file of bronze\.orders, so .*: orders/1"
    ) as no:
        take(world, original)
    assert "--trust-path" in str(no.value)
    assert world.ledger.batches(ORDERS) == []
    report = take(world, original, trust_path=True)
    assert report.adopted == ("orders/1", "orders/2")
    assert json.loads(json.dumps(report.to_dict()))["unproved"] == ["orders/1"]
    assert world.run().result.runs[0].files == 3, "only what the original did not have"


def test_pages_are_read_to_the_last_also_over_empty_ones(world: World) -> None:
    items = [item(f"memory:orders/{n}", f"e{n}", 10) for n in range(1, 6)]

    class Gappy(Original):
        def query(self, **request: Any) -> dict[str, Any]:
            # DynamoDB may answer nothing and say that there is more.
            start = int(request.get("ExclusiveStartKey", {"n": "-1"})["n"])
            if start % 2 == 1 or start == -1:
                return {"Items": [], "LastEvaluatedKey": {"n": str(start + 1)}}
            more = {"LastEvaluatedKey": {"n": str(start + 1)}} if start < 8 else {}
            return {"Items": [self.items[start // 2]], **more}

    assert take(world, Gappy(*items)).adopted == tuple(f"orders/{n}" for n in range(1, 6))
    assert [run.state for run in world.run().result.runs] == ["nothing new", "nothing new"]


class Throttled(Original):
    """Asks to slow down from its second page on, until a time."""

    def __init__(self, time: Time, until: float, *items: dict[str, Any]) -> None:
        super().__init__(*items)
        self.time, self.until = time, until

    def query(self, **request: Any) -> dict[str, Any]:
        if "ExclusiveStartKey" in request and self.time.now < self.until:
            raise refuse("ProvisionedThroughputExceededException", "Query")
        return super().query(**request)


def test_a_minute_of_throttling_in_the_middle_is_waited_for(world: World) -> None:
    time = Time()
    items = [item(f"memory:orders/{n}", f"e{n}", 10) for n in range(1, 6)]
    report = take(world, Throttled(time, 60, *items), patience=time.patience())
    assert len(report.adopted) == 5, "each once, in the order of the pages"
    assert time.now >= 60


def test_throttling_that_does_not_end_adopts_no_half(world: World) -> None:
    time = Time()
    items = [item(f"memory:orders/{n}", f"e{n}", 10) for n in range(1, 6)]
    with pytest.raises(LedgerError, match=f"ledger {OLD}: AWS asks to slow down") as caught:
        take(world, Throttled(time, float("inf"), *items), patience=time.patience())
    assert "Run again in a minute" in str(caught.value)
    assert world.ledger.batches(ORDERS) == []
    assert world.ledger.lease(ORDERS) is None


@pytest.mark.slow
def test_from_a_real_table(world: World, dynamodb: Any) -> None:
    name = f"old-{uuid4().hex}"
    keys = (("ingestion_key", "HASH"), ("file_path", "RANGE"))
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
    for number in (1, 2):
        dynamodb.put_item(TableName=name, Item=item(f"memory:orders/{number}", f"e{number}", 10))
    # A page of a query ends at 1 MB (developer guide, "Paginating table query results"): these are four.
    for number in range(9):
        large = {**item(f"memory:gone/{number}", "e", 10), "note": {"S": "x" * 390_000}}
        dynamodb.put_item(TableName=name, Item=large)
    report = adopt(PROJECT, "orders", name, workspace=world.workspace, dynamodb=dynamodb)
    assert report.adopted == ("orders/1", "orders/2")
    assert len(report.gone) == 9
    with pytest.raises(LedgerError, match="nowhere"):
        adopt(PROJECT, "orders", "nowhere", workspace=world.workspace, dynamodb=dynamodb)

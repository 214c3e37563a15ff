"""A lake on S3 and the Glue catalog: published by naming, never by moving; emptied before it is forgotten."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from alur_nb import BronzeTable, LongField, StringField
from alur_nb.runtime.errors import AlurError, StorageError
from alur_nb.runtime.glue_catalog import GlueCatalog
from alur_nb.runtime.lake import Lake, data_prefix, rejects_prefix
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.tables import table_of
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import s3_client
from tests.strict_glue import StrictGlue

TABLE = "bronze.orders"
ID = "00000001-0001"
DATABASE = "shop_dev_bronze"


class OrdersBronze(BronzeTable):
    id = LongField()


class SalesBronze(BronzeTable):
    id = LongField()
    country = StringField()

    class Meta:
        name = "sales"
        partition_by = ["country"]


class Place:
    """One lake in a prefix of its own, with its S3 client and its catalog."""

    def __init__(self) -> None:
        self.prefix = f"{uuid4().hex}/"
        self.s3: Any = s3_client(os.environ["AWS_ENDPOINT_URL_S3"])
        self.catalog = StrictGlue()
        self.root = f"s3://{BUCKET}/{self.prefix}"
        places = {"bronze": LayerPlace(DATABASE, self.root)}
        self.lake = GlueLake(places, self.s3, GlueCatalog(self.catalog, wait=lambda seconds: None))
        for table in (OrdersBronze, SalesBronze):
            self.lake.prepare(table_of(table))

    def put(self, prefix: str, *names: str) -> None:
        bucket, _, key = self.lake.stage_uri(prefix).removeprefix("s3://").partition("/")
        for name in names or ("part-0.parquet",):
            self.s3.put_object(Bucket=bucket, Key=f"{key}/{name}", Body=b"rows")

    def keys(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix).get("Contents", [])
        return [entry["Key"].removeprefix(self.prefix) for entry in listed]

    def partitions(self, table: str = "orders") -> dict[tuple[str, ...], str]:
        shown = self.catalog.partitions[DATABASE, table]
        return {
            values: item["StorageDescriptor"]["Location"].removeprefix(self.root)
            for values, item in shown.items()
        }


@pytest.fixture
def place(s3: None) -> Place:
    return Place()


def sealed(prefix: str | None = None, *, rejects: bool = False, **fields: Any) -> Batch:
    batch = Batch(TABLE, ID, State.SEALED, 1, "p", "r", data_prefix=prefix or data_prefix(TABLE, ID))
    if rejects:
        batch = replace(batch, rejects_prefix=rejects_prefix(TABLE, ID))
    return replace(batch, **fields)


AS_READ = f"{data_prefix(TABLE, ID)}/alur_outcome=accepted"
REWRITTEN = data_prefix(TABLE, ID, rewritten=True)


def test_it_is_a_lake(place: Place) -> None:
    lake: Lake = place.lake
    assert lake.table_uri(TABLE) == f"{place.root}orders/"


def test_staging_is_where_the_batch_stays(place: Place) -> None:
    place.put(
        AS_READ, "part-1.parquet", "part-0.parquet", "_temporary/0/part-9.parquet", "_SUCCESS", ".part.crc"
    )
    assert place.lake.stage_uri(AS_READ) == f"{place.root}orders/batch_id={ID}/alur_outcome=accepted"
    assert place.lake.staged_files(AS_READ) == ("part-0.parquet", "part-1.parquet")
    assert place.lake.staged_files(REWRITTEN) == ()
    assert place.lake.staged_batches(TABLE) == {ID}


@pytest.mark.parametrize("prefix", [AS_READ, REWRITTEN, data_prefix(TABLE, ID)])
def test_publishing_names_the_sealed_prefix_and_moves_nothing(place: Place, prefix: str) -> None:
    place.put(prefix)
    place.put(rejects_prefix(TABLE, ID))
    before = place.keys()
    for _ in range(3):
        place.lake.publish(sealed(prefix, rejects=True, files=("part-0.parquet",)))
    assert place.partitions() == {(ID,): prefix.replace(TABLE, "orders")}
    assert place.partitions("orders__rejects") == {(ID,): f"orders__rejects/batch_id={ID}"}
    assert place.keys() == before


def test_a_batch_without_rows_publishes_nothing(place: Place) -> None:
    place.lake.publish(Batch(TABLE, ID, State.SEALED, 1, "p", "r"))
    assert place.partitions() == place.partitions("orders__rejects") == {}


def test_each_user_partition_is_one_of_the_catalogs(place: Place) -> None:
    prefix = "bronze.sales/batch_id=00000001-0001/alur_outcome=accepted"
    folders = ("country=DE", "country=a%2Fb%3A 100%25 ü", "country=__HIVE_DEFAULT_PARTITION__")
    files = tuple(f"{folder}/part-{part}.parquet" for folder in folders for part in range(2))
    batch = sealed(prefix, table="bronze.sales", partitions=("country",), files=files)
    for _ in range(2):
        place.lake.publish(batch)
    where = f"sales/batch_id={ID}/alur_outcome=accepted"
    assert place.partitions("sales") == {
        ("DE", ID): f"{where}/country=DE",
        ("a/b: 100% ü", ID): f"{where}/country=a%2Fb%3A 100%25 ü",
        ("__HIVE_DEFAULT_PARTITION__", ID): f"{where}/country=__HIVE_DEFAULT_PARTITION__",
    }
    for _ in range(2):
        place.lake.clean(batch)
    assert place.partitions("sales") == {}


def test_files_outside_of_the_partitions_block_loudly(place: Place) -> None:
    batch = sealed(table="bronze.sales", partitions=("country",), files=("part-0.parquet",))
    with pytest.raises(StorageError, match="not by country"):
        place.lake.publish(batch)


def test_racing_publishers_all_succeed(place: Place) -> None:
    place.put(AS_READ)
    errors: list[AlurError] = []
    gate = threading.Barrier(6)

    def publish() -> None:
        gate.wait()
        try:
            place.lake.publish(sealed(AS_READ))
        except AlurError as error:
            errors.append(error)

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(place.partitions()) == 1


def test_a_partition_that_shows_another_prefix_blocks_loudly(place: Place) -> None:
    place.lake.publish(sealed(AS_READ))
    with pytest.raises(StorageError, match="alur_outcome=accepted, not s3://"):
        place.lake.publish(sealed(REWRITTEN))


def test_discarding_keeps_what_was_sealed_and_other_batches(place: Place) -> None:
    place.put(
        f"{data_prefix(TABLE, ID)}", "alur_outcome=accepted/0.parquet", "alur_outcome=rejected/0.parquet"
    )
    place.put(f"{data_prefix(TABLE, ID)}-r1", "alur_outcome=accepted/0.parquet")
    place.put(REWRITTEN)
    place.put(rejects_prefix(TABLE, ID))
    place.put(data_prefix(TABLE, "00000001-00011"))
    place.put(data_prefix(TABLE, "00000002-0001"))
    for _ in range(2):
        place.lake.discard(sealed(AS_READ, rejects=True))
    assert place.keys() == [
        f"orders/batch_id={ID}/alur_outcome=accepted/0.parquet",
        "orders/batch_id=00000001-00011/part-0.parquet",
        "orders/batch_id=00000002-0001/part-0.parquet",
        f"orders__rejects/batch_id={ID}/part-0.parquet",
    ]


def test_discarding_an_aborted_batch_leaves_nothing_of_it(place: Place) -> None:
    place.put(AS_READ)
    place.put(rejects_prefix(TABLE, ID))
    place.lake.discard(Batch(TABLE, ID, State.ABORTED, 1, "p", "r"))
    assert place.keys() == []


def test_cleaning_empties_the_prefixes_before_it_drops_the_partitions(place: Place) -> None:
    place.put(AS_READ)
    place.put(rejects_prefix(TABLE, ID))
    other = sealed(id="00000002-0001", data_prefix=data_prefix(TABLE, "00000002-0001"))
    place.put(other.data_prefix or "")
    batch = sealed(AS_READ, rejects=True)
    for one in (batch, other):
        place.lake.publish(one)
    left: list[list[str]] = []
    drop = place.catalog.batch_delete_partition

    def watched(**request: Any) -> dict[str, Any]:
        left.append(place.keys())
        return drop(**request)

    place.catalog.batch_delete_partition = watched  # type: ignore[method-assign]
    kept = ["orders/batch_id=00000002-0001/part-0.parquet"]
    for _ in range(2):
        place.lake.clean(batch)
    assert left == [kept] * 4
    assert place.keys() == kept
    assert place.partitions() == {("00000002-0001",): "orders/batch_id=00000002-0001"}
    assert place.partitions("orders__rejects") == {}


def test_a_publisher_that_wakes_after_a_cleaning_shows_nothing(place: Place) -> None:
    place.put(AS_READ)
    place.lake.clean(sealed(AS_READ))
    place.lake.publish(sealed(AS_READ))
    assert place.partitions() == {(ID,): f"orders/batch_id={ID}/alur_outcome=accepted"}
    assert place.keys() == []


@pytest.mark.parametrize("prefix", [AS_READ, REWRITTEN, rejects_prefix(TABLE, ID)])
def test_leftovers_under_a_new_batch_are_refused(place: Place, prefix: str) -> None:
    place.put(data_prefix(TABLE, "00000001-00012"))
    place.lake.refuse_leftovers(TABLE, ID)
    place.put(prefix)
    with pytest.raises(StorageError, match="exists already") as caught:
        place.lake.refuse_leftovers(TABLE, ID)
    assert "restored or deleted" in str(caught.value)


def test_rows_are_read_from_the_sealed_prefixes_only(place: Place) -> None:
    place.put(AS_READ)
    place.put(data_prefix(TABLE, ID), "alur_outcome=rejected/0.parquet")
    second = sealed(id="00000002-0001", data_prefix=data_prefix(TABLE, "00000002-0001", rewritten=True))
    place.put(second.data_prefix or "")
    empty = Batch(TABLE, "00000003-0001", State.COMMITTED, 3, "p", "r")
    assert place.lake.batch_uris(TABLE, [sealed(AS_READ), second, empty]) == [
        f"{place.root}orders/batch_id={ID}/alur_outcome=accepted",
        f"{place.root}orders/batch_id=00000002-0001-w",
    ]
    assert place.lake.batch_uris(TABLE + "__rejects", [sealed(AS_READ)]) == []


def test_a_committed_batch_that_is_gone_is_named(place: Place) -> None:
    with pytest.raises(StorageError, match=f"Batch {ID} of {TABLE} is committed, but .* is gone"):
        place.lake.batch_uris(TABLE, [sealed(AS_READ)])


def test_a_layer_that_the_job_does_not_know_is_told(place: Place) -> None:
    with pytest.raises(StorageError, match="no place for the layer `gold`"):
        place.lake.table_uri("gold.revenue")


def test_a_bucket_that_denies_stops_before_anything_is_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    from alur_nb.runtime.aws import client

    denied = GlueLake({"bronze": LayerPlace(DATABASE, place.root)}, client("s3"), GlueCatalog(place.catalog))
    with pytest.raises(StorageError, match="does not know these credentials"):
        denied.refuse_leftovers(TABLE, ID)

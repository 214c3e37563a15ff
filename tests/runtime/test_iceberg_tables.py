"""Tables of Iceberg itself: made, evolved, and read as they are, by Spark and from their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alur_nb.runtime.errors import ContractError, StorageError
from alur_nb.runtime.iceberg_catalog import identifier, open_catalog
from alur_nb.runtime.iceberg_tables import ensure, load, load_local
from alur_nb.runtime.tables import Partition, Table, bucket, day, month
from alur_nb.runtime.types import (
    ArrayField,
    BinaryField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    FloatField,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = identifier("silver", "orders")
COLUMNS = {
    "order_id": StringField(nullable=False, description='the shop\'s \\ "number"\nof an order'),
    "lines": IntegerField(nullable=False),
    "amount": DecimalField(10, 2),
    "weight": FloatField(),
    "share": DoubleField(),
    "is_paid": BooleanField(),
    "ordered_on": DateField(),
    "created_at": TimestampField(),
    "photo": BinaryField(),
    "tags": ArrayField(StringField()),
    "address": StructField({"street": StringField(), "zip": IntegerField()}),
    "counts": MapField(StringField(), IntegerField()),
    "weird `name`": StringField(),
}
ORDERS = Table(
    "silver",
    "orders",
    "OrdersSilver",
    COLUMNS,
    description="Orders, it's said",
    format="iceberg",
    primary_key=("order_id",),
    partition_by=(day("created_at"), bucket(4, "order_id"), Partition("ordered_on")),
)

pytestmark = pytest.mark.slow


@pytest.fixture
def warehouse(iceberg: SparkSession, tmp_path: Path) -> Path:
    open_catalog(iceberg, tmp_path)
    return tmp_path


def test_a_table_is_made_once_and_follows_its_contract(iceberg: SparkSession, warehouse: Path) -> None:
    assert load(iceberg, NAME) is None and load_local(warehouse / "silver" / "orders") is None
    assert ensure(iceberg, ORDERS, NAME) == ("creates silver.orders as an Iceberg table",)
    assert ensure(iceberg, ORDERS, NAME) == ()
    # Staged rows come from Parquet, where Spark takes every column as one that may be null.
    rows = iceberg.createDataFrame([("1", 1, None)], "order_id string, lines int, batch_id string")
    complete = {name: field.ddl for name, field in COLUMNS.items() if name not in rows.columns}
    columns = [f"cast(null as {ddl}) as `{name.replace('`', '``')}`" for name, ddl in complete.items()]
    staged = rows.selectExpr("order_id", "lines", "'00000001-0001' as batch_id", "cast(null as timestamp) as _ingested_at",
        "cast(null as string) as _source_system", "cast(null as string) as _source_file", *columns)  # fmt: skip
    staged.write.parquet(str(warehouse / "staged"))
    iceberg.read.parquet(str(warehouse / "staged")).writeTo(NAME).append()

    after = replace(
        ORDERS,
        columns={
            **COLUMNS,
            "lines": LongField(),
            "amount": DecimalField(12, 2),
            "weight": DoubleField(),
            "address": StructField({"street": StringField(), "zip": LongField(), "city": StringField()}),
            "counts": MapField(StringField(), LongField()),
            "note": StringField(description="by hand"),
        },
        description="Orders",
        partition_by=(month("created_at"), bucket(4, "order_id")),
    )
    done = ensure(iceberg, after, NAME)
    assert len(done) == 12, done
    assert ensure(iceberg, after, NAME) == ()
    stored = load(iceberg, NAME)
    assert stored == load_local(warehouse / "silver" / "orders")
    assert stored is not None and stored.partitions == (bucket(4, "order_id"), month("created_at"))
    assert stored.column("lines") is not None and not stored.column("lines").is_required  # type: ignore[union-attr]
    assert stored.properties["comment"] == "Orders"
    row = iceberg.table(NAME).select("order_id", "lines", "note", "batch_id").collect()[0]
    assert tuple(row) == ("1", 1, None, "00000001-0001")
    assert stored.snapshots[-1].id == stored.current and stored.snapshots[-1].operation == "append"
    assert stored.snapshot_at(stored.snapshots[-1].at) == stored.current


def test_what_cannot_follow_changes_nothing(iceberg: SparkSession, warehouse: Path) -> None:
    table = replace(ORDERS, partition_by=())
    ensure(iceberg, table, NAME)
    before = load(iceberg, NAME)
    columns = {**COLUMNS, "note": StringField(), "amount": DecimalField(8, 2)}
    with pytest.raises(ContractError, match="which is narrower"):
        ensure(iceberg, replace(table, columns=columns), NAME)
    assert load(iceberg, NAME) == before


def test_the_statements_that_a_refusal_shows_do_what_they_say(iceberg: SparkSession, warehouse: Path) -> None:
    table = Table(
        "silver", "orders", "OrdersSilver", {"a": StringField(), "b": LongField()}, format="iceberg"
    )
    ensure(iceberg, table, NAME)
    after = replace(table, columns={"remark": StringField(), "b": IntegerField()})
    with pytest.raises(ContractError) as caught:
        ensure(iceberg, after, NAME)
    statements = [
        "ALTER TABLE `alur`.`silver`.`orders` DROP COLUMN `b`",
        "ALTER TABLE `alur`.`silver`.`orders` RENAME COLUMN `a` TO `remark`",
    ]
    for statement in statements:
        assert statement in str(caught.value.fix)
        iceberg.sql(statement)
    assert ensure(iceberg, after, NAME) == ("adds `b` int",)


def test_metadata_that_cannot_be_read_is_told(warehouse: Path) -> None:
    folder = warehouse / "silver" / "broken" / "metadata"
    folder.mkdir(parents=True)
    (folder / "v1.metadata.json").write_text("{}")
    with pytest.raises(StorageError, match=r"v1.metadata.json cannot be read as Iceberg's metadata"):
        load_local(folder.parent)

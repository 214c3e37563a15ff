"""Tables and partitions in the Glue catalog: against moto's server, and against a stand-in that refuses."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb import (
    ArrayField,
    BronzeTable,
    DateField,
    DecimalField,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
    day,
)
from alur_nb.runtime import glue_catalog
from alur_nb.runtime.errors import AlurError, ContractError, StorageError
from alur_nb.runtime.glue_catalog import GlueCatalog, table_input
from alur_nb.runtime.tables import Table, bucket, rejects_of, table_of
from tests.strict_glue import StrictGlue

DATABASE = "shop_dev_bronze"
PLACE = "s3://lake-bronze/orders/"


@pytest.fixture(params=["moto", "strict"])
def client(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("glue") if request.param == "moto" else StrictGlue()


@pytest.fixture
def strict() -> StrictGlue:
    return StrictGlue()


def quick(client: Any) -> GlueCatalog:
    return GlueCatalog(client, wait=lambda seconds: None)


def orders(**columns: Any) -> Table:
    body = {"id": LongField(nullable=False), **columns, "Meta": type("Meta", (), {"name": "orders"})}
    return table_of(type("OrdersBronze", (BronzeTable,), body))


def columns_of(client: Any, name: str = "orders") -> dict[str, str]:
    table = client.get_table(DatabaseName=DATABASE, Name=name)["Table"]
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


def locations(client: Any, values: list[tuple[str, ...]]) -> list[str]:
    found = []
    for some in values:
        answer = client.batch_get_partition(
            DatabaseName=DATABASE, TableName="orders", PartitionsToGet=[{"Values": list(some)}]
        )
        found += [one["StorageDescriptor"]["Location"] for one in answer["Partitions"]]
    return found


def test_every_type_is_spelled_as_the_catalog_spells_it(client: Any) -> None:
    class Orders(BronzeTable):
        """What was ordered."""

        id = LongField(nullable=False)
        Total = DecimalField(18, 4, description="with\ntax")
        tags = ArrayField(StringField())
        address = StructField({"street": StringField(), "zip": IntegerField()})
        notes = MapField(StringField(), DecimalField(5, 1))
        created_at = TimestampField()
        country = StringField(description="two letters")
        day_ = DateField()

        class Meta:
            partition_by = ["country", day("created_at"), bucket(4, "id"), "day_"]

    quick(client).ensure_table(DATABASE, table_of(Orders), PLACE)
    table = client.get_table(DatabaseName=DATABASE, Name="orders")["Table"]
    assert columns_of(client) == {
        "id": "bigint",
        "total": "decimal(18,4)",
        "tags": "array<string>",
        "address": "struct<street:string,zip:int>",
        "notes": "map<string,decimal(5,1)>",
        "created_at": "timestamp",
        "_ingested_at": "timestamp",
        "_source_system": "string",
        "_source_file": "string",
    }
    keys = [(key["Name"], key["Type"]) for key in table["PartitionKeys"]]
    assert keys == [
        ("country", "string"),
        ("created_at_day", "string"),
        ("id_bucket", "int"),
        ("day_", "date"),
        ("batch_id", "string"),
    ]
    assert table["Description"] == "What was ordered."
    assert table["StorageDescriptor"]["Columns"][1]["Comment"] == "with tax"
    assert table["StorageDescriptor"]["Location"] == PLACE
    assert table["TableType"] == "EXTERNAL_TABLE"


def test_rejects_have_their_own_columns_and_one_key() -> None:
    made = table_input(rejects_of(orders()), PLACE)
    assert [column["Name"] for column in made["StorageDescriptor"]["Columns"]] == [
        "raw",
        "source_file",
        "line_number",
        "column",
        "reason",
    ]
    assert [key["Name"] for key in made["PartitionKeys"]] == ["batch_id"]


def test_long_descriptions_are_cut_to_what_the_catalog_takes(strict: StrictGlue) -> None:
    table = orders(note=StringField(description="x" * 300))
    quick(strict).ensure_table(DATABASE, table, PLACE)
    assert len(strict.tables[DATABASE, "orders"]["StorageDescriptor"]["Columns"][1]["Comment"]) == 255


def test_a_nullable_column_is_added_at_the_end_and_a_second_time_is_nothing(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(note=StringField()), PLACE)
    for _ in range(2):
        catalog.ensure_table(DATABASE, orders(amount=DecimalField(10, 2), note=StringField()), PLACE)
        assert list(columns_of(client).items()) == [
            ("id", "bigint"),
            ("note", "string"),
            ("_ingested_at", "timestamp"),
            ("_source_system", "string"),
            ("_source_file", "string"),
            ("amount", "decimal(10,2)"),
        ]


def test_what_has_not_changed_is_not_written(strict: StrictGlue) -> None:
    for _ in range(2):
        quick(strict).ensure_table(DATABASE, orders(), PLACE)
    assert [name for name, _ in strict.calls] == ["GetTable", "CreateTable", "GetTable"]


def test_a_comment_is_brought_up_to_date(client: Any) -> None:
    quick(client).ensure_table(DATABASE, orders(note=StringField()), PLACE)
    quick(client).ensure_table(DATABASE, orders(note=StringField(description="free text")), PLACE)
    table = client.get_table(DatabaseName=DATABASE, Name="orders")["Table"]
    assert table["StorageDescriptor"]["Columns"][1]["Comment"] == "free text"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (orders(), "`note` is gone"),
        (orders(note=IntegerField()), "`note` is int, and was string"),
        (orders(note=StringField(), more=StringField(nullable=False)), "`more` is new and not nullable"),
    ],
    ids=["dropped", "retyped", "required"],
)
def test_a_change_that_old_rows_cannot_follow_is_an_error(client: Any, changed: Table, said: str) -> None:
    quick(client).ensure_table(DATABASE, orders(note=StringField()), PLACE)
    before = columns_of(client)
    with pytest.raises(ContractError, match=said) as caught:
        quick(client).ensure_table(DATABASE, changed, PLACE)
    assert "alur rollback" in str(caught.value)
    assert "load the files again" in str(caught.value)
    assert columns_of(client) == before


def test_other_partitions_are_an_error(strict: StrictGlue) -> None:
    quick(strict).ensure_table(DATABASE, orders(note=StringField()), PLACE)
    other = type("Meta", (), {"name": "orders", "partition_by": ["note"]})
    table = table_of(
        type("O", (BronzeTable,), {"id": LongField(nullable=False), "note": StringField(), "Meta": other})
    )
    with pytest.raises(ContractError, match="was partitioned by nothing, and is now by note"):
        quick(strict).ensure_table(DATABASE, table, PLACE)


@pytest.mark.parametrize("whose", ["a crawler's", "another lake's"])
def test_a_table_of_somebody_else_is_not_touched(strict: StrictGlue, whose: str) -> None:
    made = table_input(orders(), PLACE if whose == "a crawler's" else "s3://other/orders/")
    if whose == "a crawler's":
        made["Parameters"] = {"classification": "parquet"}
    strict.create_table(DatabaseName=DATABASE, TableInput=made)
    with pytest.raises(StorageError, match="is not this lake's") as caught:
        quick(strict).ensure_table(DATABASE, orders(), PLACE)
    assert "Drop it from the catalog" in str(caught.value)


def test_another_owner_may_create_the_table_at_the_same_moment(strict: StrictGlue) -> None:
    class Racing(StrictGlue):
        def create_table(self, **request: Any) -> dict[str, Any]:
            super().create_table(**request)
            return super().create_table(**request)

    quick(Racing()).ensure_table(DATABASE, orders(), PLACE)


def test_partitions_are_created_once_and_again_is_nothing(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    wanted = {(f"{number:08d}-0001",): f"{PLACE}batch_id={number:08d}-0001" for number in range(3)}
    for _ in range(2):
        catalog.create_partitions(DATABASE, "orders", wanted)
        assert locations(client, list(wanted)) == list(wanted.values())
    for _ in range(2):
        catalog.drop_partitions(DATABASE, "orders", wanted)
        assert locations(client, list(wanted)) == []


def test_a_partition_describes_its_files_as_its_table_does(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(note=StringField()), PLACE)
    catalog.create_partitions(DATABASE, "orders", {("1",): f"{PLACE}batch_id=1"})
    answer = client.batch_get_partition(
        DatabaseName=DATABASE, TableName="orders", PartitionsToGet=[{"Values": ["1"]}]
    )
    (partition,) = answer["Partitions"]
    described = partition["StorageDescriptor"]
    assert [column["Name"] for column in described["Columns"]][:2] == ["id", "note"]
    assert described["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")


def test_a_partition_at_another_place_blocks_loudly(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    catalog.create_partitions(DATABASE, "orders", {("1",): "s3://somewhere/else"})
    with pytest.raises(StorageError, match=r"shows s3://somewhere/else, not s3://lake") as caught:
        catalog.create_partitions(DATABASE, "orders", {("1",): f"{PLACE}batch_id=1"})
    assert "Nothing more is changed" in str(caught.value)


def test_a_slash_at_the_end_is_the_same_place(strict: StrictGlue) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    for place in ("s3://b/x", "s3://b/x/"):
        catalog.create_partitions(DATABASE, "orders", {("1",): place})


def test_no_request_holds_more_than_aws_takes(strict: StrictGlue) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    wanted = {(str(number),): f"{PLACE}{number}" for number in range(230)}
    for _ in range(2):
        catalog.create_partitions(DATABASE, "orders", wanted)
    catalog.drop_partitions(DATABASE, "orders", wanted)
    sizes: dict[str, list[int]] = {}
    for name, items in strict.calls:
        sizes.setdefault(name, []).append(items)
    assert sizes["BatchCreatePartition"] == [100, 100, 30] * 2
    assert sizes["BatchGetPartition"] == [100, 100, 30]
    assert sizes["BatchDeletePartition"] == [25] * 9 + [5]
    assert strict.partitions[DATABASE, "orders"] == {}


def test_items_that_fail_for_a_moment_are_asked_for_again_alone(strict: StrictGlue) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    strict.failing = {("7",): ["ThrottlingException", "InternalServiceException"]}
    catalog.create_partitions(DATABASE, "orders", {(str(n),): f"{PLACE}{n}" for n in range(10)})
    assert [items for name, items in strict.calls if name == "BatchCreatePartition"] == [10, 1, 1]
    assert len(strict.partitions[DATABASE, "orders"]) == 10


def test_items_that_go_on_failing_are_told(strict: StrictGlue) -> None:
    waits: list[float] = []
    catalog = GlueCatalog(strict, wait=waits.append)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    strict.failing = {("7",): ["ThrottlingException"] * 99}
    with pytest.raises(StorageError, match=r"1 partitions .* could not be created") as caught:
        catalog.create_partitions(DATABASE, "orders", {("7",): PLACE, ("8",): PLACE})
    assert "goes on where it stopped" in str(caught.value)
    assert len(waits) == glue_catalog._ROUNDS
    assert max(waits) <= 20


@pytest.mark.parametrize(
    ("code", "fix"),
    [("AccessDeniedException", "permission"), ("ResourceNumberLimitExceededException", "raise the quota")],
)
def test_an_item_that_is_refused_stops_the_publish(strict: StrictGlue, code: str, fix: str) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    strict.failing = {("7",): [code]}
    with pytest.raises(StorageError, match=code) as caught:
        catalog.create_partitions(DATABASE, "orders", {("7",): PLACE})
    assert fix in str(caught.value.fix)


def test_keys_that_the_catalog_did_not_get_to_are_read_again(strict: StrictGlue) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    wanted = {(str(n),): f"{PLACE}{n}" for n in range(10)}
    catalog.create_partitions(DATABASE, "orders", wanted)
    strict.unprocessed = 3
    catalog.create_partitions(DATABASE, "orders", wanted)
    assert [items for name, items in strict.calls if name == "BatchGetPartition"] == [10, 3, 2, 1]


def test_a_partition_that_is_dropped_in_between_is_created_again() -> None:
    class Cleaning(StrictGlue):
        def batch_get_partition(self, **request: Any) -> dict[str, Any]:
            self.partitions[DATABASE, "orders"].clear()
            return super().batch_get_partition(**request)

    client = Cleaning()
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    for _ in range(2):
        catalog.create_partitions(DATABASE, "orders", {("1",): PLACE})
    assert client.partitions[DATABASE, "orders"][("1",)]["StorageDescriptor"]["Location"] == PLACE


def test_a_refused_drop_is_told(strict: StrictGlue) -> None:
    catalog = quick(strict)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    strict.failing = {("1",): ["AccessDeniedException"]}
    with pytest.raises(StorageError, match="AccessDenied"):
        catalog.drop_partitions(DATABASE, "orders", [("1",)])


def test_a_catalog_that_denies_names_the_permission(strict: StrictGlue) -> None:
    strict.denied = True
    with pytest.raises(StorageError, match=r"access is denied: .*GetTable") as caught:
        quick(strict).ensure_table(DATABASE, orders(), PLACE)
    assert "the permission" in str(caught.value)


def test_a_table_that_was_dropped_names_the_way_back(client: Any) -> None:
    with pytest.raises(AlurError, match="is not in the catalog") as caught:
        quick(client).create_partitions(DATABASE, "orders", {("1",): PLACE})
    assert "Run the table's pipeline" in str(caught.value)


def test_all_partitions_are_read_page_by_page(client: Any) -> None:
    catalog, table = quick(client), orders()
    assert catalog.partitions(DATABASE, "orders") == {}, "of a table that is not there"
    catalog.ensure_table(DATABASE, table, PLACE)
    wanted = {(f"{number:08d}-0001",): f"{PLACE}batch_id={number:08d}-0001" for number in range(120)}
    catalog.create_partitions(DATABASE, "orders", wanted)
    assert catalog.partitions(DATABASE, "orders") == wanted


def test_columns_of_the_files_are_added_and_stay(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    catalog.add_columns(DATABASE, orders(), {"color": "string"})
    catalog.add_columns(DATABASE, orders(), {"color": "string", "weight": "double"})
    assert list(columns_of(client))[-2:] == ["color", "weight"]
    catalog.ensure_table(
        DATABASE, orders(), PLACE
    )  # the next run's contract does not have them: they are not gone
    catalog.ensure_table(DATABASE, orders(note=StringField(), color=StringField()), PLACE)
    found = columns_of(client)
    assert (found["color"], found["weight"], found["note"]) == ("string", "double", "string")
    with pytest.raises(ContractError, match="`note` is gone"):
        catalog.ensure_table(DATABASE, orders(), PLACE)


def test_a_column_of_the_files_keeps_its_type(client: Any) -> None:
    catalog = quick(client)
    catalog.ensure_table(DATABASE, orders(), PLACE)
    catalog.add_columns(DATABASE, orders(), {"color": "string"})
    with pytest.raises(ContractError, match="`color` is int in the new files, and string in the catalog"):
        catalog.add_columns(DATABASE, orders(), {"color": "int"})
    with pytest.raises(ContractError, match="`color`"):
        catalog.ensure_table(DATABASE, orders(color=IntegerField()), PLACE)

"""What a contract makes of an Iceberg table, and how far a table can follow it: all of it in plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alur_nb.runtime.errors import ContractError
from alur_nb.runtime.iceberg_metadata import StoredColumn, StoredTable
from alur_nb.runtime.iceberg_schema import (
    Evolution,
    create_statement,
    evolution,
    stored_fields,
    text,
    wanted_properties,
    widens,
)
from alur_nb.runtime.tables import Partition, Table, bucket, day, year
from alur_nb.runtime.types import (
    ArrayField,
    DecimalField,
    Field,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)

NAME = "`alur`.`silver`.`orders`"
COLUMNS = {
    "order_id": StringField(nullable=False, description="the shop's \\ number"),
    "amount": DecimalField(10, 2),
    "created_at": TimestampField(),
}
ORDERS = Table("silver", "orders", "OrdersSilver", COLUMNS, format="iceberg", primary_key=("order_id",))


def stored(table: Table, **changes: Any) -> StoredTable:
    """The table as it is after it was made from this contract."""
    spelled = {"bigint": "long", "timestamp": "timestamptz"}
    columns = tuple(
        StoredColumn(
            name,
            spelled.get(field.ddl, field.ddl),
            not field.nullable or name in table.primary_key,
            field.description or "",
        )
        for name, field in stored_fields(table).items()
    )
    made = StoredTable(columns, table.partition_by, wanted_properties(table))
    return replace(made, **changes)


def declared(base: Table = ORDERS, **columns: Field | None) -> Table:
    """The table with these columns more, or other ones, or (None) without them."""
    merged = {**base.columns, **columns}
    return replace(base, columns={name: field for name, field in merged.items() if field is not None})


def found(before: Table, after: Table) -> Evolution:
    return evolution(stored(before), after, NAME)


def test_a_table_is_made_from_its_contract() -> None:
    table = replace(
        ORDERS, description="Orders,\nonce each", partition_by=(day("created_at"), bucket(4, "order_id"))
    )
    assert create_statement(table, NAME, "s3://acme/orders") == (
        "CREATE TABLE IF NOT EXISTS `alur`.`silver`.`orders` (\n"
        "  `order_id` string NOT NULL COMMENT 'the shop\\'s \\\\ number',\n"
        "  `amount` decimal(10,2),\n"
        "  `created_at` timestamp,\n"
        "  `_ingested_at` timestamp,\n"
        "  `_source_system` string,\n"
        "  `_source_file` string,\n"
        "  `batch_id` string NOT NULL COMMENT 'the batch of alur that wrote the row'\n"
        ") USING iceberg\n"
        "PARTITIONED BY (days(`created_at`), bucket(4, `order_id`))\n"
        "COMMENT 'Orders,\\nonce each'\n"
        "LOCATION 's3://acme/orders'\n"
        "TBLPROPERTIES ('alur.key' = 'order_id', 'alur.mode' = 'merge', 'format-version' = '2', 'write.delete.isolation-level' = 'serializable', "
        "'write.distribution-mode' = 'hash', 'write.merge.isolation-level' = 'serializable', "
        "'write.metadata.delete-after-commit.enabled' = 'true', "
        "'write.metadata.metrics.column.batch_id' = 'full', 'write.metadata.previous-versions-max' = '100', "
        "'write.update.isolation-level' = 'serializable')"
    )


def test_history_has_its_columns_beside_those_of_the_contract() -> None:
    table = replace(ORDERS, scd_type=2, sequence_by="created_at")
    assert list(stored_fields(table))[-4:] == ["valid_from", "valid_to", "is_current", "batch_id"]


def test_metadata_columns_that_are_declared_stand_where_they_are_declared() -> None:
    table = declared(_source_file=StringField(description="from where"))
    assert list(stored_fields(table)).count("_source_file") == 1
    assert stored_fields(table)["_source_file"].description == "from where"


def test_a_table_that_follows_its_contract_is_left_alone() -> None:
    table = replace(ORDERS, partition_by=(day("created_at"),), description="")
    assert found(table, table) == Evolution("silver.orders")


def test_key_columns_that_merge_are_never_null() -> None:
    keyed = declared(order_id=StringField())
    assert "`order_id` string NOT NULL" in create_statement(keyed, NAME)
    assert "NOT NULL" not in create_statement(replace(keyed, layer="bronze"), NAME).split("`batch_id`")[0]


@pytest.mark.parametrize(
    ("after", "text", "statement"),
    [
        (
            declared(note=StringField(description="it's")),
            "adds `note` string",
            "ADD COLUMN `note` string COMMENT 'it\\'s' AFTER `created_at`",
        ),
        (
            declared(amount=DecimalField(18, 2)),
            "widens `amount` from decimal(10,2) to decimal(18,2)",
            "ALTER COLUMN `amount` TYPE decimal(18,2)",
        ),
        (
            declared(created_at=TimestampField(description="of the order")),
            "describes `created_at` anew",
            "ALTER COLUMN `created_at` COMMENT 'of the order'",
        ),
        (
            replace(ORDERS, description="Orders"),
            "describes the table anew",
            "SET TBLPROPERTIES ('comment' = 'Orders')",
        ),
    ],
)
def test_what_loses_nothing_is_applied(after: Table, text: str, statement: str) -> None:
    result = found(ORDERS, after)
    assert [(change.text, change.statement) for change in result.changes] == [
        (text, f"ALTER TABLE {NAME} {statement}")
    ]
    assert not result.refused
    result.check()


def test_a_column_may_become_nullable() -> None:
    before = declared(note=StringField(nullable=False))
    (change,) = found(before, declared(note=StringField())).changes
    assert change.statement == f"ALTER TABLE {NAME} ALTER COLUMN `note` DROP NOT NULL"


def test_a_new_first_column_comes_first() -> None:
    after = replace(ORDERS, columns={"line": IntegerField(), **COLUMNS})
    assert found(ORDERS, after).changes[0].statement.endswith("ADD COLUMN `line` int FIRST")


def test_other_partitions_are_for_new_rows() -> None:
    before = replace(ORDERS, partition_by=(day("created_at"),))
    after = replace(ORDERS, partition_by=(year("created_at"), Partition("order_id")))
    assert [change.statement.partition(NAME)[2].strip() for change in found(before, after).changes] == [
        "DROP PARTITION FIELD days(`created_at`)",
        "ADD PARTITION FIELD years(`created_at`)",
        "ADD PARTITION FIELD `order_id`",
    ]
    assert not found(replace(ORDERS, partition_by=after.partition_by[::-1]), after).changes


def test_partitions_that_no_table_declares_are_dropped() -> None:
    one = stored(ORDERS, partitions=(Partition("order_id", "truncate[4]"),))
    changes = evolution(one, ORDERS, NAME).changes
    assert changes[0].statement == f"ALTER TABLE {NAME} DROP PARTITION FIELD truncate(4, `order_id`)"


def test_a_property_that_the_protocol_stands_on_is_set_again() -> None:
    properties = {**wanted_properties(ORDERS), "write.merge.isolation-level": "snapshot", "owner": "ada"}
    (change,) = evolution(stored(ORDERS, properties=properties), ORDERS, NAME).changes
    assert change.text == "sets write.merge.isolation-level"
    assert change.statement == (
        f"ALTER TABLE {NAME} SET TBLPROPERTIES ('write.merge.isolation-level' = 'serializable')"
    )


@pytest.mark.parametrize(
    ("before", "after", "text", "fix"),
    [
        (
            ORDERS,
            declared(amount=None),
            "`amount` decimal(10,2) is in the table and declared no more",
            "DROP COLUMN `amount`",
        ),
        (
            ORDERS,
            declared(amount=DecimalField(8, 2)),
            "`amount` is decimal(10,2) in the table and decimal(8,2) in the contract, which is narrower",
            "declare `amount` as decimal(10,2); or run: ALTER TABLE `alur`.`silver`.`orders` DROP COLUMN `amount`",
        ),
        (declared(n=LongField()), declared(n=IntegerField()), "which is narrower", "declare `n` as bigint"),
        (
            declared(n=IntegerField()),
            declared(n=StringField()),
            "which is another type",
            "declare `n` as int",
        ),
        (
            declared(note=StringField()),
            declared(note=StringField(nullable=False)),
            "`note` may be null in the table, and may not in the contract",
            "declare `note` nullable",
        ),
        (
            ORDERS,
            declared(note=StringField(nullable=False)),
            "`note` is new and may not be null",
            "declare `note` nullable",
        ),
        (
            declared(note=StringField()),
            declared(note=None, remark=StringField()),
            "`note` string is in the table and declared no more",
            "RENAME COLUMN `note` TO `remark`",
        ),
    ],
)
def test_what_would_lose_something_is_refused_with_the_statement(
    before: Table, after: Table, text: str, fix: str
) -> None:
    result = found(before, after)
    with pytest.raises(ContractError) as caught:
        result.check()
    assert caught.value.message.startswith("silver.orders cannot follow its contract: ")
    assert text in caught.value.message
    assert fix in str(caught.value.fix)


HISTORY = replace(ORDERS, scd_type=2)
APPENDING = replace(ORDERS, primary_key=())


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (
            ORDERS,
            HISTORY,
            "its rows are one for each order_id, and the contract wants every version of each order_id",
        ),
        (
            HISTORY,
            ORDERS,
            "its rows are every version of each order_id, and the contract wants one for each order_id",
        ),
        (APPENDING, ORDERS, "its rows are as they came, and the contract wants one for each order_id"),
        (
            declared(order_id=StringField(nullable=False), line=StringField(nullable=False)),
            replace(
                declared(order_id=StringField(nullable=False), line=StringField(nullable=False)),
                primary_key=("order_id", "line"),
            ),
            "its rows are one for each order_id, and the contract wants one for each order_id, line",
        ),
    ],
)
def test_rows_that_are_there_are_never_taken_for_what_they_are_not(
    before: Table, after: Table, text: str
) -> None:
    with_rows = stored(before, current=1)
    refused = evolution(with_rows, after, NAME).refused
    assert [change.text for change in refused] == [text]
    assert "DROP TABLE" in refused[0].statement
    assert not evolution(stored(before), after, NAME).refused  # while it is empty it may be anything


def test_a_table_that_merged_may_append_from_now_on() -> None:
    result = evolution(stored(ORDERS, current=1), APPENDING, NAME)
    assert not result.refused
    assert [change.text for change in result.changes] == ["sets alur.key, alur.mode"]


def test_every_refusal_is_told_at_once() -> None:
    result = found(declared(note=StringField()), declared(note=None, amount=None))
    with pytest.raises(ContractError) as caught:
        result.check()
    assert str(caught.value.fix).count("DROP COLUMN") == 2


def test_columns_that_batches_brought_are_no_columns_that_were_dropped() -> None:
    grown = stored(declared(note=StringField(), _rescued=StringField()))
    assert evolution(grown, ORDERS, NAME, added=["note"]) == Evolution("silver.orders")


NESTED = StructField({"street": StringField(), "zip": IntegerField()})
STORED_NESTED = {
    "type": "struct",
    "fields": [
        {"id": 11, "name": "street", "required": False, "type": "string"},
        {"id": 12, "name": "zip", "required": False, "type": "int"},
    ],
}


@pytest.mark.parametrize(
    ("kind", "field", "statements"),
    [
        (STORED_NESTED, NESTED, []),
        (
            STORED_NESTED,
            StructField({"street": StringField(), "zip": LongField(), "city": StringField()}),
            ["ALTER COLUMN `x`.`zip` TYPE bigint", "ADD COLUMN `x`.`city` string"],
        ),
        (
            {"type": "list", "element-id": 20, "element": STORED_NESTED, "element-required": False},
            ArrayField(StructField({**NESTED.fields, "city": StringField()})),
            ["ADD COLUMN `x`.element.`city` string"],
        ),
        (
            {
                "type": "map",
                "key-id": 20,
                "key": "string",
                "value-id": 21,
                "value": "int",
                "value-required": False,
            },
            MapField(StringField(), LongField()),
            ["ALTER COLUMN `x`.value TYPE bigint"],
        ),
    ],
)
def test_what_is_inside_of_a_column_follows_too(kind: Any, field: Field, statements: list[str]) -> None:
    table = declared(x=field)
    before = stored(table)
    columns = tuple(replace(one, type=kind) if one.name == "x" else one for one in before.columns)
    result = evolution(replace(before, columns=columns), table, NAME)
    assert [change.statement for change in result.changes] == [
        f"ALTER TABLE {NAME} {one}" for one in statements
    ]
    assert not result.refused


def test_a_member_that_is_declared_no_more_is_refused() -> None:
    table = declared(x=StructField({"street": StringField()}))
    before = stored(table)
    columns = tuple(replace(one, type=STORED_NESTED) if one.name == "x" else one for one in before.columns)
    (refused,) = evolution(replace(before, columns=columns), table, NAME).refused
    assert "`x` is struct<street:string,zip:int> in the table" in refused.text


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("int", "bigint", True),
        ("bigint", "int", False),
        ("float", "double", True),
        ("decimal(10,2)", "decimal(12,2)", True),
        ("decimal(10,2)", "decimal(12,3)", False),
        ("decimal(10,2)", "decimal(10,2)", False),
        ("int", "string", False),
        ("date", "timestamp", False),
    ],
)
def test_widening_is_icebergs(before: str, after: str, expected: bool) -> None:
    assert widens(before, after) is expected


def test_any_text_is_a_text_in_sql() -> None:
    assert text("it's a \\ and\na line") == "'it\\'s a \\\\ and\\na line'"

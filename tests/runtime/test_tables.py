"""Table classes: names, inheritance, Meta, the Spark schema, and the mistakes that are caught."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime import tables, types
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.project import Project
from alur_nb.runtime.tables import (
    BaseTable,
    BronzeTable,
    GoldTable,
    Partition,
    SilverTable,
    Table,
    bucket,
    day,
    hour,
    month,
    normalized,
    table_name,
    table_of,
)
from alur_nb.runtime.types import (
    DateField,
    DecimalField,
    IntegerField,
    LongField,
    StringField,
    TimestampField,
)

pytestmark = pytest.mark.usefixtures("project")


def declare(source: str) -> dict[str, Any]:
    """Run declarations as a notebook's cell would."""
    namespace: dict[str, Any] = {**vars(types), **vars(tables), "__name__": "__main__"}
    exec(source, namespace)
    return namespace


def test_a_class_is_a_table(project: Project) -> None:
    class CustomerOrdersBronze(BronzeTable):
        """Orders,
        as the shop sends them."""

        order_id = StringField(nullable=False, source="Order No.", description="the shop's number")
        amount = DecimalField(10, 2)
        created_at = TimestampField()

        class Meta:
            partition_by = day("created_at")
            primary_key = "order_id"

    table = table_of(CustomerOrdersBronze)
    assert table.qualified_name == "bronze.customer_orders"
    assert table.class_name == "CustomerOrdersBronze"
    assert list(table.columns) == ["order_id", "amount", "created_at"]
    assert table.partition_by == (Partition("created_at", "day"),)
    assert table.primary_key == ("order_id",)
    assert table.description == "Orders,\nas the shop sends them."
    assert table.format == "parquet"
    assert CustomerOrdersBronze.ddl == "order_id string, amount decimal(10,2), created_at timestamp"
    assert project.tables == {"bronze.customer_orders": table}
    assert repr(CustomerOrdersBronze) == "<CustomerOrdersBronze: bronze.customer_orders>"


def test_the_schema_has_nullability_and_comments_and_survives_spark_ddl() -> None:
    class Orders(BronzeTable):
        order_id = StringField(nullable=False, description="the shop's number")
        größe = LongField()

    schema = Orders.schema
    assert schema["order_id"].nullable is False
    assert schema["order_id"].metadata == {"comment": "the shop's number"}
    assert schema["größe"].nullable is True
    assert Orders.ddl == "order_id string, `größe` bigint"


def test_columns_may_bear_the_names_of_the_tables_own_attributes() -> None:
    class Orders(BronzeTable):
        schema = StringField()
        ddl = IntegerField()
        name = StringField()
        description = StringField()

    assert list(table_of(Orders).columns) == ["schema", "ddl", "name", "description"]
    assert Orders.ddl == "schema string, ddl int, name string, description string"
    assert Orders.schema.fieldNames() == ["schema", "ddl", "name", "description"]


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("OrdersBronze", "orders"),
        ("CustomerOrdersBronze", "customer_orders"),
        ("RevenueGold", "revenue"),
        ("HTTPLogsTable", "http_logs"),
        ("Orders2024Silver", "orders2024"),
        ("OrdersBronzeTable", "orders_bronze"),
        ("Orders", "orders"),
        ("BronzeAge", "bronze_age"),
        ("Bronze", "bronze"),
    ],
)
def test_the_name_is_the_class_name_less_one_layer_word(class_name: str, name: str) -> None:
    assert table_name(class_name) == name


def test_layers_decide_format_and_how_rows_join() -> None:
    made = declare(
        "class A(BronzeTable): x = StringField()\n"
        "class B(SilverTable): x = StringField()\n"
        "class C(SilverTable):\n    x = StringField()\n    class Meta: primary_key = ['x']\n"
        "class D(GoldTable): x = StringField()\n"
        "class E(BronzeTable):\n    x = StringField()\n    class Meta: format = 'iceberg'\n"
    )
    found = {name: table_of(made[name]) for name in "ABCDE"}
    assert [(found[n].layer, found[n].format, found[n].write_mode) for n in "ABCDE"] == [
        ("bronze", "parquet", "append"),
        ("silver", "iceberg", "append"),
        ("silver", "iceberg", "merge"),
        ("gold", "iceberg", "overwrite"),
        ("bronze", "iceberg", "append"),
    ]


def test_columns_are_inherited_parents_first_and_replaced_in_place(project: Project) -> None:
    class Audited(BaseTable):
        created_at = TimestampField()
        country = StringField()

    class Orders(Audited, BronzeTable):
        order_id = StringField()
        country = StringField(nullable=False)

    class Returns(Orders):
        reason = StringField()

    assert list(table_of(Orders).columns) == ["created_at", "country", "order_id"]
    assert table_of(Orders).columns["country"].nullable is False
    assert list(table_of(Returns).columns) == ["created_at", "country", "order_id", "reason"]
    assert list(project.tables) == ["bronze.orders", "bronze.returns"]


def test_two_parents_give_their_columns_from_left_to_right_once() -> None:
    class Root(BaseTable):
        a = StringField()

    class Left(Root):
        b = StringField()

    class Right(Root):
        c = StringField()
        a = IntegerField()

    class Both(Left, Right, BronzeTable):
        d = StringField()

    assert list(table_of(Both).columns) == ["a", "b", "c", "d"]
    assert table_of(Both).columns["a"] == IntegerField(), "Python's own order of lookup decides the value"


def test_how_to_store_is_inherited_and_what_it_is_called_is_not(project: Project) -> None:
    class Orders(BronzeTable):
        """All orders."""

        country = StringField()
        day_of = DateField()

        class Meta:
            name = "shop_orders"
            partition_by = ["country"]
            format = "iceberg"

    class Returns(Orders):
        class Meta:
            partition_by = [month("day_of"), "country"]

    returns = table_of(Returns)
    assert (returns.name, returns.description, returns.format) == ("returns", "", "iceberg")
    assert [partition.name for partition in returns.partition_by] == ["day_of_month", "country"]
    assert list(project.tables) == ["bronze.returns", "bronze.shop_orders"]


def test_an_abstract_class_and_a_mixin_declare_no_table(project: Project) -> None:
    class Audited(BaseTable):
        created_at = TimestampField()

    class Shop(BronzeTable):
        shop = StringField()

        class Meta:
            abstract = True
            partition_by = "shop"

    class Orders(Audited, Shop):
        order_id = StringField()

    assert list(project.tables) == ["bronze.orders"]
    assert table_of(Orders).partition_by == (Partition("shop"),)
    for cls in (Audited, Shop, BronzeTable, BaseTable):
        with pytest.raises(DeclarationError, match=f"{cls.__name__} declares no table"):
            table_of(cls)


def test_methods_constants_and_private_names_are_no_mistakes() -> None:
    class Orders(BronzeTable):
        UNITS = ("kg", "g")
        _cache: dict[str, str] = {}
        order_id = StringField()

        @classmethod
        def clean(cls) -> str:
            return "x"

        @staticmethod
        def pieces() -> int:
            return 3

    assert list(table_of(Orders).columns) == ["order_id"]


def test_metadata_columns_may_be_declared_and_are_not_looked_for_in_files() -> None:
    class Orders(BronzeTable):
        order_id = StringField()
        _ingested_at = TimestampField()
        _source_file = StringField()

    table = table_of(Orders)
    assert list(table.columns) == ["order_id", "_ingested_at", "_source_file"]
    assert list(table.file_columns) == ["order_id"]


def test_a_column_is_found_or_the_nearest_is_named() -> None:
    table = Table("bronze", "orders", "Orders", {"order_id": StringField()})
    assert table.column("order_id") == StringField()
    with pytest.raises(DeclarationError, match=r"no column `order_ids` \(did you mean `order_id`\?\)"):
        table.column("order_ids")


def test_partitions_name_their_directories() -> None:
    made = [Partition("country"), day("at"), month("at"), hour("at"), bucket(16, "id")]
    assert [one.name for one in made] == ["country", "at_day", "at_month", "at_hour", "id_bucket"]
    assert [str(one) for one in made] == [
        "country",
        'day("at")',
        'month("at")',
        'hour("at")',
        'bucket(16, "id")',
    ]


def test_tables_are_values() -> None:
    first = table_of(declare("class Orders(BronzeTable): x = StringField()")["Orders"])
    again = table_of(declare("class Orders(BronzeTable): x = StringField()")["Orders"])
    assert first == again
    assert hash(first) == hash(again)
    assert first != table_of(declare("class Orders(BronzeTable): x = IntegerField()")["Orders"])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("  Order No. ", "order_no_"),
        ("GRÖSSE", "größe".replace("ß", "ss")),
        ("Cafe\u0301", "café"),
        ("a-b c", "a_b_c"),
        ("_ingested_at", "_ingested_at"),
    ],
)
def test_the_header_rule(header: str, name: str) -> None:
    assert normalized(header) == name


@given(st.text())
def test_the_header_rule_gives_one_stable_plain_name(header: str) -> None:
    name = normalized(header)
    assert re.fullmatch(r"\w*", name)
    assert normalized(unicodedata.normalize("NFD", header)) == name


BODIES = [
    ("x = StringField", "`x` is <class", "x = StringField()"),
    ("x = StringField(),", "`x` is (StringField(),)", "take the comma away: x = StringField()"),
    ("x = DecimalField(9, 2),", "not a field", "take the comma away: x = DecimalField(9, 2)"),
    ("x = str", "`x` is <class 'str'>", "x = StringField()"),
    ("x = int", "not a field", "x = LongField()"),
    ("x = 'bigint'", "`x` is 'bigint'", "x = LongField()"),
    ("x = 'timestamp'", "`x` is 'timestamp'", "x = TimestampField()"),
    ("x = 'decimal(10,2)'", "not a field", "x = DecimalField()"),
    ("x: str", "`x: str` gives no field", "x = StringField()"),
    ("x: DecimalField", "an annotation is no column", "x = DecimalField()"),
    ("x = None", "`x` is None, not a field", "x = StringField()"),
    ("_y = StringField", "not a field", "_y = StringField()"),
    ("pass", "T declares no columns", "abstract = True"),
    ("batch_id = StringField()", "`batch_id` is reserved", 'shop_batch_id = StringField(source="batch_id")'),
    ("Batch_ID = LongField()", "`Batch_ID` is reserved", 'source="Batch_ID"'),
    ("_rejected = LongField()", "`_rejected` is reserved", 'source="_rejected"'),
    ("_ingested_at = StringField()", "alur writes it as a timestamp", "_ingested_at = TimestampField()"),
    (
        "Total = StringField()\n    total = StringField()",
        "`Total` and `total` are one column",
        "another name",
    ),
    (
        "a = StringField(source='B-c')\n    b_c = StringField()",
        "in a file's header (`b_c`)",
        "another source=",
    ),
    (
        "a = StringField(source='X')\n    b = StringField(source='x ')",
        "`a` and `b` are one column",
        "source=",
    ),
    ("x = StringField()\n    meta = 3", "`meta` is 3", "class Meta: ..."),
    ("x = StringField()\n    class meta: name = 'y'", "`meta` is", "class Meta: ..."),
    ("x = StringField()\n    Meta = {'name': 'y'}", "Meta is {'name': 'y'}, not a class", "class Meta:"),
]

METAS = [
    (
        "partition = 'x'",
        "Meta has no `partition` (did you mean `partition_by`?)",
        "partition_by, primary_key",
    ),
    ("partition_by = 'xx'", "there is no column `xx`", "the columns are x, at, price, on, tags"),
    ("partition_by = 'at'", "`at` is a timestamp", 'partition_by = [day("at")]'),
    ("partition_by = ['price']", "`price` is double", "day(...) of a timestamp"),
    ("partition_by = ['tags']", "`tags` is array<string>", "day(...) of a timestamp"),
    ("partition_by = [day('x')]", "day() wants a date or timestamp; `x` is string", 'partition_by = ["x"]'),
    ("partition_by = [hour('on')]", "hour() wants a timestamp; `on` is date", 'day("on")'),
    ("partition_by = ['x', 'x']", "partition_by has `x` twice", "leave one of the two out"),
    ("partition_by = [day('at')]\n    at_day = DateField()", "makes the column `at_day`", '["at_day"]'),
    ("partition_by = 3", "Meta.partition_by has 3, which is no column's name", 'day("created_at")'),
    ("partition_by = [bucket(0, 'x')]", "0 is not a number of buckets", "bucket(16"),
    ("primary_key = 'xs'", "primary_key: there is no column `xs` (did you mean `x`?)", "the columns are"),
    ("primary_key = ['tags']", "`tags` is array<string>", "plain columns"),
    ("primary_key = ['x', 'x']", "names a column twice", "once"),
    ("primary_key = [StringField()]", "which is no column's name", 'primary_key = ["country"]'),
    ("format = 'parqet'", "the format 'parqet' is unknown (did you mean `parquet`?)", '"iceberg"'),
    ("format = 3", "Meta.format is 3, not a text", 'format = "..."'),
    ("name = 'My Orders'", "'My Orders' is not a table's name", 'name = "my_orders"'),
    ("name = 'bronze.orders'", "is not a table's name", 'name = "bronze_orders"'),
    ("name = 'orders__rejects'", "names that end in __rejects", 'name = "orders_rejected"'),
    ("name = ''", "Meta.name is '', not a text", 'name = "..."'),
]

COLUMNS = (
    "x = StringField()\n    at = TimestampField()\n    price = DoubleField()\n"
    "    on = DateField()\n    tags = ArrayField(StringField())"
)


@pytest.mark.parametrize(("body", "message", "fix"), BODIES, ids=[body for body, _, _ in BODIES])
def test_a_mistake_in_the_body(body: str, message: str, fix: str, project: Project) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        declare(f"class T(BronzeTable):\n    {body}")
    assert fix in (caught.value.fix or "")
    assert not project.tables


@pytest.mark.parametrize(("meta", "message", "fix"), METAS, ids=[meta for meta, _, _ in METAS])
def test_a_mistake_in_meta(meta: str, message: str, fix: str) -> None:
    line, _, more = meta.partition("\n")
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        declare(f"class T(BronzeTable):\n    {COLUMNS}\n{more}\n    class Meta:\n        {line}")
    assert fix in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class T(BronzeTable, GoldTable): x = StringField()", "is in two layers, bronze and gold"),
        ("class T(SilverTable):\n x = StringField()\n class Meta: format = 'parquet'", "stored as Iceberg"),
        ("class T(BronzeTable): x = StringField()\nT()", "T() makes nothing"),
        ("class A(BronzeTable): x = StringField()\nclass B(A): x = 3", "B: `x` is 3, not a field"),
        ("table_of('orders')", "a table is wanted here, and 'orders' was given"),
        ("table_of(StringField())", "a table is wanted here"),
    ],
)
def test_other_mistakes(source: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        declare(source)
    assert caught.value.fix


def test_tables_of_all_layers_can_share_a_name(project: Project) -> None:
    for layer in (BronzeTable, SilverTable, GoldTable):
        type("Orders", (layer,), {"x": StringField(), "__module__": "__main__"})
    assert list(project.tables) == ["bronze.orders", "gold.orders", "silver.orders"]

"""Columns that the table does not have: kept beside it or added to it, from the file to what is read back."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame

from alur_nb import (
    ArrayField,
    BronzeTable,
    IntegerField,
    StringField,
    StructField,
    files,
    load_to_bronze,
    new,
    pipeline,
    read,
)
from alur_nb.runtime.errors import ContractError, DeclarationError
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]


class Shop:
    def __init__(self, pattern: str = "orders/*", **source: object) -> None:
        class OrdersBronze(BronzeTable):
            id = IntegerField(nullable=False)
            note = StringField()

        @pipeline(sources={"orders": files(pattern, **source)}, target=OrdersBronze)
        def ingest_orders(orders: DataFrame) -> DataFrame:
            return orders

        self.orders = OrdersBronze


def go(workspace: Workspace, project: Project, state: str = "loaded") -> PipelineRun:
    run = run_pipelines(workspace, project, ["ingest_orders"]).runs[0]
    assert run.state == state, run.error_text
    return run


def rows(table: object, *columns: str, metadata: bool = False) -> list[tuple[object, ...]]:
    frame = read(table, metadata=metadata)
    return sorted((tuple(row) for row in frame.select(*columns).collect()), key=str)


def test_rescue_keeps_unknown_columns_beside_the_row(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop(schema_mode="rescue")
    land("orders/1.csv", 'id,Colour,note,size\n1,"say ""hi""",a,\n2,,b,\n')
    land("orders/2.csv", "id,note\n3,c\n")
    run = go(workspace, project)
    assert any("kept in _rescued: Colour, size" in warning for warning in run.warnings)
    assert read(shop.orders).columns == ["id", "note"]
    assert rows(shop.orders, "id", "_rescued", metadata=True) == [
        (1, '{"Colour":"say \\"hi\\""}'),
        (2, None),
        (3, None),
    ]
    (batch,) = workspace.ledger.batches("bronze.orders")
    assert batch.added == {"_rescued": "string"}


def test_evolve_adds_the_column_and_shows_the_line_to_declare_it(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop(schema_mode="evolve")
    land("orders/1.csv", "id,note\n1,a\n")
    assert go(workspace, project).warnings == ()
    land("orders/2.csv", "id,Colour,note\n2,red,b\n")
    land("orders/3.csv", "size,id,note\n5,3,c\n")
    run = go(workspace, project)
    assert any("colour = StringField()" in warning for warning in run.warnings)
    assert read(shop.orders).columns == ["id", "note", "colour", "size"]
    assert rows(shop.orders, "id", "colour", "size") == [(1, None, None), (2, "red", None), (3, None, "5")]


def test_a_column_that_was_added_is_declared_later(
    workspace: Workspace, project: Project, land: Land
) -> None:
    Shop(schema_mode="evolve")
    land("orders/1.csv", "id,note,size\n1,a,5\n")
    go(workspace, project)

    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        size = StringField()
        note = StringField()

    assert read(OrdersBronze).columns == ["id", "size", "note"]
    assert rows(OrdersBronze, "id", "size") == [(1, "5")]

    class Wrong(BronzeTable):
        id = IntegerField()
        size = IntegerField()

        class Meta:
            name = "orders"

    with pytest.raises(ContractError, match="`size` is string in batch") as caught:
        read(Wrong)
    assert "Declare it as string" in str(caught.value.fix)


def test_a_function_may_leave_added_columns_out(workspace: Workspace, project: Project, land: Land) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*", schema_mode="evolve")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.select("id", "size")

    land("orders/1.csv", "id,size,colour\n1,5,red\n")
    go(workspace, project)
    assert read(OrdersBronze).columns == ["id", "size"]


def test_tables_downstream_see_the_declared_columns_only(
    workspace: Workspace, project: Project, land: Land
) -> None:
    shop = Shop(schema_mode="evolve")

    class CopyBronze(BronzeTable):
        id = IntegerField()
        note = StringField()

    @pipeline(sources={"orders": new(shop.orders)}, target=CopyBronze)
    def copy(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id,note,size\n1,a,5\n")
    assert run_pipelines(workspace, project).ok
    assert rows(CopyBronze, "id", "note") == [(1, "a")]


def test_json_lines_evolve_and_rescue(workspace: Workspace, project: Project, land: Land) -> None:
    shop = Shop(schema_mode="evolve", format="json")
    land(
        "orders/1.jsonl",
        '{"id": 1, "Size": 1.50}\n{"id": 2, "tags": ["x"], "note": "n"}\n{"id": 3, "Size": "L"}\n',
    )
    go(workspace, project)
    assert rows(shop.orders, "id", "size", "tags") == [(1, "1.50", None), (2, None, '["x"]'), (3, "L", None)]


def test_nested_columns_that_may_not_be_null_are_published(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField(nullable=False)
        tags = ArrayField(StringField(nullable=False), nullable=False)
        address = StructField({"zip": IntegerField(nullable=False)})

    @pipeline(sources={"orders": files("orders/*", format="jsonl", strict=False)}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.where("id < 5")

    good = [f'{{"id": {number}, "tags": ["x"], "address": {{"zip": 1}}}}' for number in range(30)]
    land("orders/1.jsonl", "\n".join([*good, '{"id": 99, "tags": [null]}']))
    run = go(workspace, project)
    assert (run.rows, run.rejected) == (5, 1)
    assert run.reject_reasons == {"tags: [0]: null in a column that is not nullable": 1}
    assert [row.asDict(recursive=True) for row in read(OrdersBronze).where("id = 4").collect()] == [
        {"id": 4, "tags": ["x"], "address": {"zip": 1}}
    ]


def test_parquet_evolves_by_its_own_types(workspace: Workspace, project: Project, land: Land) -> None:
    shop = Shop(schema_mode="evolve", format="parquet")
    folder = workspace.settings.root / "data/orders"
    folder.mkdir()

    def write(name: str, **columns: object) -> None:
        pq.write_table(pa.table(columns), folder / name)

    write("1.parquet", id=pa.array([1], pa.int32()), size=[5])
    run = go(workspace, project)
    assert any("size = LongField()" in warning for warning in run.warnings)
    assert rows(shop.orders, "id", "size") == [(1, 5)]
    write("2.parquet", id=pa.array([2], pa.int32()), size=["L"])
    failed = go(workspace, project, "failed")
    assert "`size` is bigint in batch" in str(failed.error_text)


def test_added_columns_move_no_row_to_another_partition(
    workspace: Workspace, project: Project, land: Land
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        country = StringField()

        class Meta:
            partition_by = ["country"]

    @pipeline(sources={"orders": files("orders/*", schema_mode="evolve")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    land("orders/1.csv", "id,country,size\n1,de,5\n2,fr,6\n")
    go(workspace, project)
    published = workspace.settings.root / ".alur/warehouse/bronze/orders"
    assert sorted({path.parent.name for path in published.rglob("*.parquet")}) == ["country=de", "country=fr"]
    assert rows(OrdersBronze, "id", "country", "size") == [(1, "de", "5"), (2, "fr", "6")]


@pytest.mark.parametrize("name", ["batch_id", "_ingested_at", "_", " "])
def test_a_name_that_is_taken_cannot_be_added(
    workspace: Workspace, project: Project, land: Land, name: str
) -> None:
    Shop(schema_mode="evolve")
    land("orders/1.csv", f"id,note,{name}\n1,a,5\n")
    assert "cannot be added" in str(go(workspace, project, "failed").error_text)


def test_load_to_bronze_takes_the_mode(
    workspace: Workspace, project: Project, land: Land, spark: object
) -> None:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(target=OrdersBronze)
    def ingest_orders() -> DataFrame:
        return load_to_bronze(spark, "orders/*", target=OrdersBronze, schema_mode="rescue")  # type: ignore[arg-type]

    land("orders/1.csv", "id,size\n1,5\n")
    go(workspace, project)
    assert [json.loads(str(text)) for (text,) in rows(OrdersBronze, "_rescued", metadata=True)] == [
        {"size": "5"}
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"schema_mode": "evolve", "extra_columns": "ignore"},
        {"schema_mode": "rescue", "options": {"header": "false"}},
        {"schema_mode": "adapt"},
        {"format": "jsonl", "options": {"sep": ";"}},
        {"format": "xml"},
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(DeclarationError) as caught:
        files("orders/*", **arguments)  # type: ignore[arg-type]
    assert caught.value.fix


def test_the_preview_shows_what_a_run_would_do(
    workspace: Workspace, project: Project, land: Land, tmp_path: Path
) -> None:
    from alur_nb.authoring.preview import preview

    Shop(schema_mode="evolve")
    land("orders/1.csv", "id,note,size\n1,a,5\n")
    text = str(preview(workspace, project, "ingest_orders"))
    assert "size = StringField()" in text
    assert "surplus" not in text

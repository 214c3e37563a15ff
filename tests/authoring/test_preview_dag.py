"""The whole DAG previews from the landing files alone, and from what the lake holds once it does."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from alur_nb import BronzeTable, IntegerField, StringField, files, load_to_bronze, new, pipeline
from alur_nb.authoring import preview_sources
from alur_nb.authoring.preview import Preview, preview
from alur_nb.runtime.errors import ContractError, DeclarationError
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import load, look, own_temporary_folder
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]


class Orders(BronzeTable):
    id = IntegerField(nullable=False)
    customer_id = IntegerField()

    class Meta:
        name = "orders"


class Customers(BronzeTable):
    id = IntegerField(nullable=False)
    name = StringField()

    class Meta:
        name = "customers"


class Named(BronzeTable):
    id = IntegerField()
    name = StringField()

    class Meta:
        name = "named"


class Short(BronzeTable):
    name = StringField()

    class Meta:
        name = "short"


@pytest.fixture
def shop(project: Project) -> Project:
    """Orders and customers from files, joined, and a second step behind."""

    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"customers": files("customers/*")}, target=Customers)
    def ingest_customers(customers: DataFrame) -> DataFrame:
        return customers

    @pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)
    def name_orders(orders: DataFrame, customers: DataFrame) -> DataFrame:
        return orders.join(customers.withColumnRenamed("id", "customer_id"), "customer_id").select(
            "id", "name"
        )

    @pipeline(sources={"named": new(Named)}, target=Short)
    def shorten(named: DataFrame) -> DataFrame:
        return named.selectExpr("substring(name, 1, 1) as name")

    return project


def deliver(land: Land, number: int, *, orders: int = 5) -> None:
    """Land a file of orders, each of another customer."""
    lines = "".join(f"{number * 100 + index},{index}\n" for index in range(orders))
    land(f"orders/{number}.csv", "id,customer_id\n" + lines)


def customers(land: Land, count: int = 5) -> None:
    land("customers/all.csv", "id,name\n" + "".join(f"{index},name {index}\n" for index in range(count)))


def ids(found: Preview) -> list[int]:
    return sorted(row[0] for row in found.rows)


def test_the_last_pipeline_previews_from_landing_files_with_no_lake(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    deliver(land, 1)
    customers(land)
    found = look(workspace, shop, "shorten")
    assert (found.verdict, found.rows, found.exact) == ("would load", (("n",),) * 5, True)
    assert [(step.pipeline, step.previewed) for step in found.lineage] == [
        ("ingest_customers", True),
        ("ingest_orders", True),
        ("name_orders", True),
        ("shorten", True),
    ]
    assert found.lineage[2].reads == ("new(bronze.orders)", "bronze.customers")
    assert found.sources[0].pending == ("name_orders",)
    assert found.notes[0].startswith("Rows that ingest_orders, ingest_customers, name_orders would write are")
    assert not workspace.lake_root.exists()


def test_a_lookup_is_read_whole_though_the_driving_files_are_sampled(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    land("orders/1.csv", "id,customer_id\n" + "".join(f"{index},{999 - index}\n" for index in range(1_000)))
    customers(land, 1_000)
    found = look(workspace, shop, "name_orders", sample_rows=10)
    assert (found.sample_rows, found.exact) == (10, False)
    assert ids(found) == list(range(10))


def test_a_lookup_that_is_too_large_is_sampled_and_said_to_be(
    workspace: Workspace, shop: Project, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_sources, "WHOLE_BYTES", 100)
    deliver(land, 1)
    customers(land, 1_000)
    found = look(workspace, shop, "name_orders", sample_rows=3)
    assert any("`customers` was sampled" in note for note in found.notes)


def test_batches_that_were_not_taken_and_files_to_come_are_previewed_together(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    deliver(land, 1)
    customers(land)
    load(workspace, shop)
    deliver(land, 2)
    load(workspace, shop, "ingest_orders")
    deliver(land, 3)
    found = look(workspace, shop, "name_orders")
    assert ids(found) == [*range(200, 205), *range(300, 305)]
    orders, lookup = found.sources
    assert (orders.batches, orders.batch_rows, orders.pending) == (1, 5, ("ingest_orders",))
    assert (lookup.batches, lookup.pending) == (1, ())
    assert [step.previewed for step in found.lineage] == [False, True, True]


def test_where_all_is_consumed_the_last_batch_is_shown_and_marked(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    customers(land)
    for number in (1, 2):
        deliver(land, number)
        load(workspace, shop)
    found = look(workspace, shop, "name_orders")
    assert (found.verdict, ids(found)) == ("nothing new", list(range(200, 205)))
    assert [source.state for source in found.sources] == ["nothing new", "new"]
    assert found.problems == ()


def test_an_empty_project_has_nothing_new_and_calls_no_function(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    (workspace.settings.root / "data/orders").mkdir()
    (workspace.settings.root / "data/customers").mkdir()
    found = look(workspace, shop, "shorten")
    assert (found.verdict, found.columns) == ("nothing new", ())


def test_what_would_stop_an_upstream_run_is_a_warning(
    workspace: Workspace, shop: Project, land: Land
) -> None:
    deliver(land, 1)
    customers(land)
    land("orders/bad.csv", "id,customer_id\nx,1\n")
    found = look(workspace, shop, "name_orders")
    assert found.verdict == "would load"
    assert any(text.startswith("ingest_orders, upstream: 1 of 6 rows do not fit") for text in found.warnings)


def test_an_error_in_an_upstream_function_says_where_it_is(
    workspace: Workspace, project: Project, land: Land
) -> None:
    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        raise ZeroDivisionError("mine")

    @pipeline(sources={"orders": new(Orders)}, target=Named)
    def name_orders(orders: DataFrame) -> DataFrame:
        return orders

    deliver(land, 1)
    with own_temporary_folder() as temporary:
        with pytest.raises(ZeroDivisionError, match="mine") as raised:
            preview(workspace, project, "name_orders")
        assert list(temporary.iterdir()) == []
    assert "in ingest_orders" in raised.value.__notes__[0]


def test_an_extract_upstream_is_called_only_until_it_has_rows(
    workspace: Workspace, project: Project, spark: SparkSession
) -> None:
    calls = []

    @pipeline(target=Customers)
    def extract_customers() -> DataFrame:
        calls.append(1)
        return spark.createDataFrame([(1, "ann")], "id int, name string")

    @pipeline(sources={"customers": new(Customers)}, target=Named)
    def name_orders(customers: DataFrame) -> DataFrame:
        return customers

    assert look(workspace, project, "name_orders").rows == ((1, "ann"),)
    load(workspace, project, "extract_customers")
    called = len(calls)
    found = look(workspace, project, "name_orders")
    assert (found.rows, len(calls)) == (((1, "ann"),), called)
    assert any("extract_customers is an extract and was not called" in note for note in found.notes)


def test_upstream_loads_are_rehearsed_too(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    @pipeline(target=Orders)
    def ingest_orders() -> DataFrame:
        return load_to_bronze(spark, "orders/*.csv", target=Orders)

    @pipeline(sources={"orders": new(Orders)}, target=Named)
    def name_orders(orders: DataFrame) -> DataFrame:
        return orders.selectExpr("id", "'x' as name")

    deliver(land, 1)
    assert ids(look(workspace, project, "name_orders")) == list(range(100, 105))
    load(workspace, project)
    assert look(workspace, project, "name_orders").verdict == "nothing new"


def test_what_a_run_refuses_a_preview_refuses(
    workspace: Workspace, project: Project, land: Land, spark: SparkSession
) -> None:
    @pipeline(target=Orders)
    def other_target() -> DataFrame:
        return load_to_bronze(spark, "orders/*.csv", target=Named)

    @pipeline(target=Customers)
    def no_frame() -> DataFrame:
        return 7  # type: ignore[return-value]

    deliver(land, 1)
    with pytest.raises(DeclarationError, match="which writes"):
        look(workspace, project, "other_target")
    with pytest.raises(ContractError, match="returned int"):
        look(workspace, project, "no_frame")


def test_a_cycle_is_refused_before_anything_is_read(workspace: Workspace, project: Project) -> None:
    @pipeline(sources={"orders": new(Orders)}, target=Named)
    def one(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"named": new(Named)}, target=Orders)
    def two(named: DataFrame) -> DataFrame:
        return named

    with pytest.raises(DeclarationError, match="one"):
        look(workspace, project, "one")

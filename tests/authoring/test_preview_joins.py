"""Large lookups: the preview searches them for the partners of the sampled rows, or says that it did not."""

from __future__ import annotations

import logging

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from alur_nb import BronzeTable, IntegerField, LongField, StringField, files, new, pipeline
from alur_nb.authoring import preview_joins, preview_sources
from alur_nb.authoring.preview_facts import Partners
from alur_nb.authoring.preview_joins import next_search
from alur_nb.authoring.preview_plan import JoinKey
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from tests.authoring.test_preview import load, look
from tests.conftest import Land

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]

COUNT = 1_000


class Orders(BronzeTable):
    id = IntegerField(nullable=False)
    customer_id = IntegerField()

    class Meta:
        name = "orders"


class Customers(BronzeTable):
    key = LongField(nullable=False)
    name = StringField()
    region_id = IntegerField()

    class Meta:
        name = "customers"


class Regions(BronzeTable):
    id = IntegerField()
    region = StringField()

    class Meta:
        name = "regions"


class Named(BronzeTable):
    id = IntegerField()
    name = StringField()

    class Meta:
        name = "named"


@pytest.fixture
def shop(workspace: Workspace, project: Project, land: Land, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Customers and regions in the lake, too large to be read whole; orders of the last customers in a file."""

    @pipeline(sources={"orders": files("orders/*")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    @pipeline(sources={"customers": files("customers/*")}, target=Customers)
    def ingest_customers(customers: DataFrame) -> DataFrame:
        return customers

    @pipeline(sources={"regions": files("regions/*")}, target=Regions)
    def ingest_regions(regions: DataFrame) -> DataFrame:
        return regions

    lines = "".join(f"{index},name {index},{COUNT - index}\n" for index in range(COUNT))
    land("customers/all.csv", "key,name,region_id\n" + lines)
    land("regions/all.csv", "id,region\n" + "".join(f"{n + 1},region {n + 1}\n" for n in range(COUNT)))
    load(workspace, project, "ingest_customers", "ingest_regions")
    land("orders/1.csv", "id,customer_id\n" + "".join(f"{n},{COUNT - 1 - n}\n" for n in range(5)) + "9,-1\n")
    monkeypatch.setattr(preview_sources, "WHOLE_BYTES", 100)
    return project


def named(orders: DataFrame, customers: DataFrame) -> DataFrame:
    few = customers.where("key >= 0").withColumnRenamed("key", "number").select("number", "name")
    return orders.join(few, F.col("customer_id") == F.col("number")).select("id", "name")


def test_the_partners_of_the_sample_are_searched_in_all_of_a_large_table(
    workspace: Workspace, shop: Project
) -> None:
    name_orders = pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)(named)
    found = look(workspace, shop, name_orders.name, sample_rows=10)
    assert sorted(found.rows) == [(n, f"name {COUNT - 1 - n}") for n in range(5)]
    lookup = found.sources[1]
    assert lookup.partners == Partners(("key",), "orders", 6, 5, searched=True)
    assert (lookup.whole, found.exact) == (False, False)
    said = "5 of 6 rows of `orders` matched by key: `customers` was searched for their partners only"
    assert any(said in note for note in found.notes)
    assert "1 batch, 1,000 rows, searched for partners" in str(found)


def test_a_table_too_large_to_search_is_sampled_and_no_match_is_told(
    workspace: Workspace, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_sources, "SEARCHED_BYTES", 100)
    name_orders = pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)(named)
    found = look(workspace, shop, name_orders.name, sample_rows=10)
    assert (found.rows, found.sources[1].partners) == ((), Partners(("key",), "orders", 6, 0, searched=False))
    assert any(
        "0 of 6 rows of `orders` matched by key: `customers` was sampled" in one for one in found.notes
    )


def test_a_table_that_is_joined_twice_is_searched_by_both_keys(workspace: Workspace, shop: Project) -> None:
    @pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)
    def name_pairs(orders: DataFrame, customers: DataFrame) -> DataFrame:
        by_key = customers.selectExpr("key", "name AS one")
        by_region = customers.selectExpr("region_id", "name AS other")
        joined = orders.join(by_key, orders.customer_id == by_key.key, "left")
        joined = joined.join(by_region, joined.customer_id == by_region.region_id, "left")
        return joined.selectExpr("id", "concat_ws(' & ', one, other) AS name")

    found = look(workspace, shop, "name_pairs", sample_rows=10)
    pairs = [(n, f"name {COUNT - 1 - n} & name {n + 1}") for n in range(5)]
    assert sorted(found.rows) == [*pairs, (9, "")]
    assert found.sources[1].partners == Partners(("region_id",), "orders", 6, 5, searched=True)


def test_where_there_are_too_many_partners_it_is_said(
    workspace: Workspace, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_joins, "PARTNERS_PER_ROW", 0.2)
    name_orders = pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)(named)
    found = look(workspace, shop, name_orders.name, sample_rows=10)
    assert found.sources[1].partners == Partners(("key",), "orders", 6, 2, searched=True, taken=2)
    assert any("The first 2 partners were taken" in note for note in found.notes)


def test_a_large_table_behind_a_large_table_is_searched_after_it(workspace: Workspace, shop: Project) -> None:
    @pipeline(sources={"regions": Regions, "customers": Customers, "orders": new(Orders)}, target=Named)
    def place_orders(regions: DataFrame, customers: DataFrame, orders: DataFrame) -> DataFrame:
        joined = orders.join(customers, orders.customer_id == customers.key, "left")
        return joined.join(regions, regions.id == customers.region_id, "left").select(
            orders.id, F.col("region").alias("name")
        )

    found = look(workspace, shop, "place_orders", sample_rows=10)
    assert sorted(row for row in found.rows if row[1]) == [(n, f"region {n + 1}") for n in range(5)]
    assert [one.partners.driving for one in found.sources if one.partners] == ["customers", "orders"]


def test_sql_and_files_as_the_driving_source(
    workspace: Workspace, shop: Project, spark: SparkSession
) -> None:
    @pipeline(sources={"orders": files("orders/*", contract=Orders), "customers": Customers}, target=Named)
    def name_files(orders: DataFrame, customers: DataFrame) -> DataFrame:
        query = (
            "SELECT o.id, c.name FROM {orders} o JOIN {customers} c ON o.customer_id = c.key AND c.key > 0"
        )
        return spark.sql(query, orders=orders, customers=customers)

    found = look(workspace, shop, "name_files", sample_rows=10)
    assert (len(found.rows), found.sources[1].partners) == (5, Partners(("key",), "orders", 6, 5, True))


def test_a_join_by_something_made_up_is_sampled_and_an_empty_result_is_explained(
    workspace: Workspace, shop: Project
) -> None:
    @pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)
    def name_orders(orders: DataFrame, customers: DataFrame) -> DataFrame:
        return orders.join(customers, F.expr("customer_id + 0 = key")).select("id", "name")

    found = look(workspace, shop, "name_orders", sample_rows=10)
    assert (found.rows, found.sources[1].partners) == ((), None)
    assert any("0 rows: `customers` was sampled" in note for note in found.notes)
    assert any("`customers` was sampled from 1,000 committed rows" in note for note in found.notes)


def test_a_plan_that_cannot_be_read_is_logged_and_the_table_sampled(
    workspace: Workspace, shop: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(plan: str, sources: object) -> None:
        raise KeyError("num-children")

    monkeypatch.setattr(preview_joins, "join_keys", broken)
    name_orders = pipeline(sources={"orders": new(Orders), "customers": Customers}, target=Named)(named)
    with caplog.at_level(logging.INFO, logger=preview_joins.__name__):
        found = look(workspace, shop, name_orders.name, sample_rows=10)
    assert "num-children" in caplog.text
    assert found.sources[1].partners is None
    assert any("`customers` was sampled" in note for note in found.notes)


def test_the_driving_rows_are_searched_for_before_those_of_a_lookup() -> None:
    few = JoinKey("customers", "countries", (("country", "id"),))
    driving = JoinKey("customers", "orders", (("key", "customer_id"),))
    kinds = {"customers": "table", "countries": "table", "orders": "new"}
    found = next_search([few, driving], {"customers"}, (), kinds)
    assert found == JoinKey("orders", "customers", (("customer_id", "key"),))
    assert next_search([few, driving], set(), (), kinds) is None
    assert next_search([few], {"customers", "countries"}, (), kinds) is None
    assert next_search([few], {"customers"}, (), kinds) == JoinKey(
        "countries", "customers", (("id", "country"),)
    )
    after = next_search([few, driving], {"countries"}, {"customers"}, kinds)
    assert after == few

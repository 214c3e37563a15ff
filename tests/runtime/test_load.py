from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from alur_nb import (
    BronzeTable,
    DoubleField,
    GoldTable,
    IntegerField,
    SilverTable,
    StringField,
    add_bronze_metadata,
    files,
    load_to_bronze,
    pipeline,
    read,
    validate_schema,
)
from alur_nb.runtime.errors import ContractError, DeclarationError
from alur_nb.runtime.ledger import live
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from tests.conftest import Land


@pytest.fixture
def orders(project: Project) -> type[BronzeTable]:
    class OrdersBronze(BronzeTable):
        id = IntegerField()
        amount = DoubleField()

    return OrdersBronze


def test_add_bronze_metadata_takes_the_names_that_the_readme_of_the_original_uses(
    spark: SparkSession,
) -> None:
    frame = add_bronze_metadata(
        spark.range(1), source_system="shop", exclude_metadata=["_ingested_at"], custom_metadata={"run": 7}
    )
    assert frame.columns == ["id", "_source_system", "run"]


def test_excluded_metadata_is_neither_in_the_frame_nor_in_the_table(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    @pipeline(target=orders)
    def ingest_orders():  # type: ignore[no-untyped-def]
        frame = load_to_bronze(spark, "orders/*.csv", "shop", orders, exclude_metadata=["_source_file"])
        assert "_source_file" not in frame.columns
        return frame

    land("orders/1.csv", "id,amount\n1,2\n")
    (run,) = run_pipelines(workspace, project).runs
    assert (run.state, run.rows) == ("loaded", 1), run.error_text
    row = read(orders, metadata=True).first()
    assert row is not None and (row["_source_file"], row["_source_system"]) == (None, "shop")


def test_custom_metadata_fills_a_declared_column(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project
) -> None:
    class SalesBronze(BronzeTable):
        id = IntegerField()
        country = StringField()

    @pipeline(target=SalesBronze)
    def ingest_sales():  # type: ignore[no-untyped-def]
        return load_to_bronze(spark, "sales/*.csv", "shop", SalesBronze, custom_metadata={"country": "de"})

    land("sales/1.csv", "id\n1\n")
    (run,) = run_pipelines(workspace, project).runs
    assert run.state == "loaded", run.error_text
    assert [tuple(row) for row in read(SalesBronze).collect()] == [(1, "de")]


def test_without_idempotency_files_are_loaded_again_with_a_warning(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    @pipeline(target=orders)
    def ingest_orders():  # type: ignore[no-untyped-def]
        return load_to_bronze(spark, "orders/*.csv", "shop", orders, enable_idempotency=False)

    land("orders/1.csv", "id,amount\n1,2\n")
    for _ in range(2):
        (run,) = run_pipelines(workspace, project).runs
        assert run.state == "loaded"
        assert any("enable_idempotency=False" in warning for warning in run.warnings)
    assert read(orders).count() == 2


@pytest.mark.slow
def test_reprocessing_never_appends_twice(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    @pipeline(target=orders)
    def ingest_orders():  # type: ignore[no-untyped-def]
        return load_to_bronze(spark, "orders/*.csv", "shop", orders, force_reprocess=True)

    land("orders/1.csv", "id,amount\n1,2\n")
    (first,) = run_pipelines(workspace, project).runs
    assert (first.state, first.supersedes) == ("loaded", ())
    land(
        "orders/1.csv", "id,amount\n1,2\n2,9\n"
    )  # a correction under the same name takes the old one's place
    land("orders/2.csv", "id,amount\n3,4\n")
    (second,) = run_pipelines(workspace, project).runs
    assert second.supersedes == (first.batch_id,), second.error_text
    assert sorted(row["id"] for row in read(orders).collect()) == [1, 2, 3]
    # Outside of a run: the rows that the next run would load, nothing recorded.
    frame = load_to_bronze(spark, "orders/*.csv", "shop", orders, force_reprocess=True)
    assert frame.count() == 3
    assert len(live(workspace.ledger.batches("bronze.orders"))) == 1


@pytest.mark.slow
def test_reprocessing_one_of_two_sources_takes_the_other_along(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    force = [False]

    @pipeline(target=orders)
    def ingest_orders():  # type: ignore[no-untyped-def]
        shop = load_to_bronze(spark, "shop/*.csv", "shop", orders, force_reprocess=force[0])
        web = load_to_bronze(spark, "web/*.csv", "web", orders)
        return shop.unionByName(web)

    land("shop/1.csv", "id,amount\n1,2\n")
    land("web/1.csv", "id,amount\n2,2\n")
    (first,) = run_pipelines(workspace, project).runs
    force[0] = True
    (second,) = run_pipelines(workspace, project).runs
    assert second.supersedes == (first.batch_id,), second.error_text
    assert sorted(row["id"] for row in read(orders).collect()) == [1, 2]


def test_the_target_is_needed(spark: SparkSession) -> None:
    with pytest.raises(DeclarationError, match="needs the table"):
        load_to_bronze(spark, "orders/*.csv")


def test_an_unknown_metadata_column_is_named(spark: SparkSession) -> None:
    with pytest.raises(ContractError, match="_sourcefile"):
        add_bronze_metadata(spark.range(1), exclude_metadata=["_sourcefile"])


def test_files_and_load_to_bronze_do_not_mix(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    hidden = {"load": load_to_bronze}  # a plain call is refused at the declaration already

    @pipeline(sources={"landed": files("orders/*.csv")}, target=orders)
    def ingest_orders(landed):  # type: ignore[no-untyped-def]
        return hidden["load"](spark, "orders/*.csv", target=orders)

    land("orders/1.csv", "id,amount\n1,2\n")
    (run,) = run_pipelines(workspace, project).runs
    assert "both are the stage" in str(run.error_text)


def test_a_helper_cannot_load_into_a_table_that_is_overwritten(spark: SparkSession, project: Project) -> None:
    class TotalsGold(GoldTable):
        id = IntegerField()

    with pytest.raises(DeclarationError, match=r"each run overwrites gold\.totals") as caught:
        load_to_bronze(spark, "orders/*.csv", target=TotalsGold)
    assert "into a BronzeTable" in str(caught.value.fix)


def test_reprocessing_a_table_that_merges_takes_all_of_it_or_nothing(
    workspace: Workspace, iceberg: SparkSession, land: Land, project: Project
) -> None:
    class OrdersSilver(SilverTable):
        id = IntegerField()

        class Meta:
            primary_key = ["id"]

    force = [False]

    @pipeline(target=OrdersSilver)
    def merge_orders():  # type: ignore[no-untyped-def]
        return load_to_bronze(iceberg, "orders/*.csv", target=OrdersSilver, force_reprocess=force[0])

    gone = land("orders/1.csv", "id\n1\n")
    assert run_pipelines(workspace, project).runs[0].state == "loaded"
    gone.unlink()
    land("orders/2.csv", "id\n2\n")
    assert run_pipelines(workspace, project).runs[0].state == "loaded"
    force[0] = (
        True  # a merge that supersedes replaces all rows: also those of the file that is not listed any more
    )
    (run,) = run_pipelines(workspace, project).runs
    assert "no longer there, or no longer read: " in str(run.error_text) and "1.csv" in str(run.error_text)
    assert sorted(row["id"] for row in read(OrdersSilver).collect()) == [1, 2]


def test_loading_into_another_table_is_refused(
    workspace: Workspace, spark: SparkSession, land: Land, project: Project, orders: type[BronzeTable]
) -> None:
    class OtherBronze(BronzeTable):
        id = IntegerField()

    @pipeline(target=OtherBronze)
    def ingest_orders():  # type: ignore[no-untyped-def]
        return load_to_bronze(spark, "orders/*.csv", target=orders)

    land("orders/1.csv", "id,amount\n1,2\n")
    (run,) = run_pipelines(workspace, project).runs
    assert "which writes bronze.other" in str(run.error_text)


def test_validate_schema_compares_with_the_table(spark: SparkSession, orders: type[BronzeTable]) -> None:
    assert validate_schema(spark.sql("SELECT 1 AS id, 2D AS amount"), orders)
    with pytest.raises(ContractError, match="missing: amount"):
        validate_schema(spark.sql("SELECT 1 AS id"), orders)

"""Tables by the pipeline that writes them, batches by number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alur_nb import BronzeTable, IntegerField
from alur_nb.authoring.batch_names import batch_named, pipeline_named, table_named
from alur_nb.runtime.errors import DeclarationError, LedgerError
from alur_nb.runtime.project import use_project
from tests.crash.world import ORDERS, PROJECT, World, declare


@pytest.fixture
def world() -> Iterator[World]:
    with World() as one:
        one.land("orders/1")
        one.run()
        yield one


@pytest.mark.parametrize("name", ["orders", "bronze.orders", "ingest_orders"])
def test_a_table_by_its_name_or_by_what_writes_it(name: str) -> None:
    assert table_named(PROJECT, name).qualified_name == ORDERS
    assert pipeline_named(PROJECT, name).name == "ingest_orders"


def test_a_wrong_name_is_told_with_the_nearest() -> None:
    with pytest.raises(DeclarationError, match="ingest_orders"):
        pipeline_named(PROJECT, "ingest_order")
    with pytest.raises(DeclarationError, match="orders"):
        table_named(PROJECT, "ordres")


def test_a_table_that_nobody_writes_has_no_pipeline() -> None:
    project = declare()
    with use_project(project):

        class LonelyBronze(BronzeTable):
            id = IntegerField()

    with pytest.raises(DeclarationError, match=r"No pipeline writes bronze\.lonely"):
        pipeline_named(project, "lonely")


@pytest.mark.parametrize("text", ["00000001-0001", "1", "00000001"])
def test_a_batch_by_its_id_or_its_number(world: World, text: str) -> None:
    assert batch_named(world.ledger, PROJECT.table(ORDERS), text).id == "00000001-0001"


@pytest.mark.parametrize("text", ["2", "00000001-0002", "", "one"])
def test_another_batch_is_not_there(world: World, text: str) -> None:
    with pytest.raises(LedgerError, match=r"bronze\.orders has no batch") as error:
        batch_named(world.ledger, PROJECT.table(ORDERS), text)
    assert "alur history orders" in str(error.value)

"""`alur history`: each batch's fate, in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from alur_nb.authoring.history import History, history
from alur_nb.runtime.selection import Selection
from tests.crash.worker import Fault, What
from tests.crash.world import COPIES, ORDERS, PROJECT, World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as one:
        one.land("orders/1", rows=2, bad=1)
        one.run()
        yield one


def test_every_batch_is_there_the_newest_first(world: World) -> None:
    world.run([Fault(20, What.BEFORE)])
    world.land("orders/2", rows=1)
    world.run()
    world.run(names=("ingest_orders",), selection=Selection(full=True))
    told = history(PROJECT, "orders", workspace=world.workspace)
    states = [line.state for line in told.tables[ORDERS]]
    assert states == ["COMMITTED", "SUPERSEDED", "SUPERSEDED"]
    newest, *old = told.tables[ORDERS]
    assert newest.batch.supersedes == tuple(sorted(line.batch.id for line in old))
    assert {line.superseded_by for line in old} == {newest.batch.id}
    text = str(told)
    assert "bronze.orders: 3 batches, 1 live" in text
    assert f"batch {newest.batch.id} has taken its place" in text
    assert "2 files, 3 rows, 1 rejected" in text
    assert newest.duration_seconds is not None
    assert json.loads(json.dumps(told.to_dict()))[ORDERS][0]["state"] == "COMMITTED"


def test_an_aborted_batch_tells_its_reason(world: World) -> None:
    world.land("orders/2")
    world.run([Fault(12, What.BEFORE)], names=("ingest_orders",))
    world.run(names=("ingest_orders",))
    aborted = [line for line in history(PROJECT, workspace=world.workspace).tables[ORDERS] if not line.live]
    assert [line.state for line in aborted] == ["ABORTED"]
    assert "its run died before it had decided" in str(history(PROJECT, "orders", workspace=world.workspace))


def test_all_tables_and_no_more_than_is_asked_for(world: World) -> None:
    for _ in range(3):
        world.run(selection=Selection(full=True))
    told = history(PROJECT, last=2, workspace=world.workspace)
    assert list(told.tables) == [COPIES, ORDERS]
    assert str(told).count("2 older") == 2
    assert len(told.to_dict()[ORDERS]) == 4


def test_a_table_without_a_batch() -> None:
    with World() as world:
        assert "bronze.orders: no batch" in str(history(PROJECT, "orders", workspace=world.workspace))


def test_without_tables_it_says_that_cells_declare_them() -> None:
    assert str(History({})) == "Nothing is declared: run the cells that declare tables first."

"""`alur rollback` and `alur reset`, in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from alur_nb.authoring.rolling_back import reset, rollback
from alur_nb.runtime.errors import LedgerError, SettingsError
from alur_nb.runtime.ledger import live
from tests.crash.world import COPIES, ORDERS, PROJECT, World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as one:
        for number in (1, 2):
            one.land(f"orders/{number}", rows=2)
            one.run()
        yield one


def test_a_rollback_says_what_went_and_what_comes_next(world: World) -> None:
    report = rollback(PROJECT, "ingest_orders", "2", cascade=True, workspace=world.workspace)
    text = str(report)
    assert "rolled back bronze.copies" in text
    assert "rolled back bronze.orders 00000002-0001: 2 rows from 1 file" in text
    assert "is pending" in text
    assert [one["table"] for one in json.loads(json.dumps(report.to_dict()))["rolled_back"]] == [
        COPIES,
        ORDERS,
    ]


def test_a_reset_takes_everything_back(world: World) -> None:
    with pytest.raises(LedgerError, match="2 batches cannot be rolled back"):
        reset(PROJECT, "orders", workspace=world.workspace)
    report = reset(PROJECT, "orders", cascade=True, workspace=world.workspace)
    assert len(report.done.batches) == 4
    assert live(world.ledger.batches(ORDERS)) == []
    assert world.ledger.acquire(ORDERS, "me/1/1").epoch > 2, "an id never comes twice"
    assert "nothing to take back" in str(reset(PROJECT, "orders", workspace=world.workspace))
    world.settle()


def test_only_the_embedded_lake_is_reset(world: World) -> None:
    with pytest.raises(SettingsError, match="not on `prod`"):
        reset(PROJECT, "orders", env="prod", workspace=world.workspace)

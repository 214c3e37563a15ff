"""Rejected rows are deleted when they were kept for as long as the settings say; data and counts stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alur_nb.authoring.fsck import fsck
from alur_nb.runtime import publish
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.ledger import live
from tests.crash.world import ORDERS, PROJECT, World
from tests.crash.world_aws import AwsWorld

REJECTS = f"{ORDERS}__rejects"


@pytest.fixture(params=[World, AwsWorld], ids=["local", "aws"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with request.param() as one:
        environment = replace(one.workspace.environment, rejects_retention_days=30)
        one.workspace = replace(one.workspace, environment=environment)
        one.land("orders/1", rows=2, bad=1)
        one.run()
        yield one


def age(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let so many days pass."""
    real = publish.datetime

    class Later(real):  # type: ignore[misc,valid-type]
        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return real.now(zone) + publish.timedelta(days=days)

    monkeypatch.setattr(publish, "datetime", Later)


def test_they_are_kept_until_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    age(monkeypatch, 29)
    world.run()
    assert len(world._visible(REJECTS)) == 1
    assert not live(world.ledger.batches(ORDERS))[0].rejects_expired


def test_then_they_go_and_everything_else_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    age(monkeypatch, 31)
    (orders, _) = world.run().result.runs
    assert orders.state == "nothing new"
    assert "were deleted, after 30 days" in str(orders.warnings)
    (batch,) = live(world.ledger.batches(ORDERS))
    assert (batch.rejects_expired, batch.counts["rejected"]) == (True, 1)
    assert world._visible(REJECTS) == set()
    assert len(world._visible(ORDERS)) == 1
    assert world.run().result.runs[0].warnings == (), "once"
    proof = fsck(
        PROJECT, "orders", workspace=world.workspace, row_count=lambda uri, files: len(world.store.read(uri))
    )
    assert proof.ok, proof


def test_that_they_cannot_be_deleted_stops_no_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    age(monkeypatch, 31)

    def denied(batch: object) -> None:
        raise StorageError("Access is denied.")

    monkeypatch.setattr(type(world.lake), "forget_rejects", lambda self, batch: denied(batch))
    world.land("orders/2", rows=1)
    (orders, _) = world.run().result.runs
    assert orders.state == "loaded"
    assert "could not be deleted, the next run tries again: Access is denied." in str(orders.warnings)
    assert len(world._visible(REJECTS)) == 1


def test_without_the_setting_they_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.workspace = replace(
        world.workspace, environment=replace(world.workspace.environment, rejects_retention_days=0)
    )
    age(monkeypatch, 10_000)
    world.run()
    assert len(world._visible(REJECTS)) == 1

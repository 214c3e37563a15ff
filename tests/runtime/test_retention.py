"""Rejected rows are deleted when they were kept for as long as the settings say; data and counts stay."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.fsck import fsck
from alur_nb.runtime import publish
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.lake import aborted_prefix
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Batch, State, live, shows_rows
from tests.crash.world import ORDERS, PROJECT, World

REJECTS = f"{ORDERS}__rejects"


@pytest.fixture
def world(world: World) -> World:
    environment = replace(world.workspace.environment, rejects_retention_days=30)
    world.workspace = replace(world.workspace, environment=environment)
    return world


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


def abort_keeping(world: World, *, noted: bool = True) -> str:
    """Abort a batch whose first rejected rows were kept; one that died meanwhile has not `noted` it."""
    lease = world.ledger.acquire(ORDERS, "tests")
    batch = Batch(ORDERS, f"{lease.epoch:08d}-0001", State.PLANNED, lease.epoch, "ingest_orders", "run")
    world.ledger.plan(lease, batch)
    world.store.write(f"{kept_uri(world)}/part-0.parquet", [{"raw": "secret"}])
    counts = {"rejected": 1, publish.KEPT: 1} if noted else {}
    assert world.ledger.abort(replace(batch, counts=counts, reason="strict"))
    world.ledger.release(lease)
    return batch.id


def kept_uri(world: World) -> str:
    return world.lake.stage_uri(aborted_prefix(ORDERS))


def kept(world: World) -> list[Any]:
    return world.store.read(kept_uri(world))


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "its run died"])
def test_what_an_aborted_batch_has_kept_goes_too(
    world: World, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    batch_id = abort_keeping(world, noted=noted)
    age(monkeypatch, 29)
    world.run()
    assert len(kept(world)) == 1
    age(monkeypatch, 2)
    (orders, _) = world.run().result.runs
    assert kept(world) == []
    told = "The rejected rows of 2 batches" if noted else "The rejected rows of 1 batch"
    assert told in str(orders.warnings), "the live batch's are as old"
    batch = world.ledger.batch(ORDERS, batch_id)
    assert (batch.state, batch.rejects_expired) == (State.ABORTED, True)
    assert world.run().result.runs[0].warnings == (), "once"


def test_an_older_aborted_batch_takes_nothing_from_a_younger_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = abort_keeping(world)
    times = {"aborted": "2020-01-01T00:00:00+00:00"}
    young = abort_keeping(world)
    known = type(world.ledger).batches

    def aged(self: Any, table: str) -> list[Batch]:
        return [replace(b, times=times) if b.id == old else b for b in known(self, table)]

    monkeypatch.setattr(type(world.ledger), "batches", aged)
    assert world.run().result.runs[0].warnings == ()
    assert len(kept(world)) == 1
    assert not world.ledger.batch(ORDERS, young).rejects_expired


def test_that_they_cannot_be_deleted_is_told_and_not_taken_for_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = abort_keeping(world)
    age(monkeypatch, 31)
    with monkeypatch.context() as broken:
        denied = StorageError("Access is denied.")
        broken.setattr(type(world.lake), "forget_aborted", lambda self, table: (_ for _ in ()).throw(denied))
        (orders, _) = world.run().result.runs
    assert "could not be deleted, the next run tries again: Access is denied." in str(orders.warnings)
    assert not world.ledger.batch(ORDERS, batch_id).rejects_expired
    world.run()
    assert kept(world) == []


def test_a_folder_of_the_disk_that_cannot_be_deleted_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = LocalLake(tmp_path)
    folder = lake.staging / aborted_prefix(ORDERS)
    folder.mkdir(parents=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", refuse)
        with pytest.raises(StorageError, match="may not write"):
            lake.forget_aborted(ORDERS)
    lake.forget_aborted(ORDERS)
    lake.forget_aborted(ORDERS)
    assert not folder.exists()


def test_what_the_ledger_shows_of_rows_goes_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = world.ledger.acquire(ORDERS, "tests")
    for n, reason in enumerate(("2 rows do not fit:\n  a.csv, line 3: secret", "The disk is full.")):
        batch_id = f"{lease.epoch:08d}-{n + 1:04d}"
        batch = Batch(ORDERS, batch_id, State.PLANNED, lease.epoch, "ingest_orders", "run")
        world.ledger.plan(lease, batch)
        assert world.ledger.abort(replace(batch, reason=reason))
    world.ledger.release(lease)
    age(monkeypatch, 31)
    world.run()
    found = {batch.reason for batch in world.ledger.batches(ORDERS) if batch.state is State.ABORTED}
    assert found == {"2 rows do not fit:", "The disk is full."}
    assert not any(map(shows_rows, world.ledger.batches(ORDERS)))

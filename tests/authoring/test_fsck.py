"""`alur fsck`: every way in which ledger, files and catalog can disagree is found, and mended where that is safe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alur_nb.authoring.fsck import FsckReport, fsck
from alur_nb.runtime.ledger import Input, live
from alur_nb.runtime.selection import Selection
from tests.crash.world import ORDERS, PROJECT, World
from tests.crash.world_aws import AwsWorld

WORLDS = pytest.mark.parametrize("make", [World, AwsWorld], ids=["local", "aws"])


@pytest.fixture
def world(make: type[World]) -> Iterator[World]:
    with make() as one:
        one.land("orders/1", rows=2, bad=1)
        one.run()
        yield one


def look(world: World, *, repair: bool = False) -> FsckReport:
    def count(uri: str, files: Sequence[str]) -> int:
        return len(world.store.read(uri))

    return fsck(PROJECT, "orders", repair=repair, workspace=world.workspace, row_count=count)


def newest(world: World) -> str:
    return live(world.ledger.batches(ORDERS))[-1].id


@WORLDS
def test_a_sound_table_is_proved_to_be(world: World) -> None:
    report = look(world)
    assert report.ok, str(report)
    assert (report.batches, report.inputs, report.rows, report.rejected) == (1, 1, 2, 1)
    assert "nothing is missing, nothing is doubled" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


@WORLDS
def test_a_run_that_died_is_found_and_ended(world: World) -> None:
    world.land("orders/2")
    worker = world.start(("ingest_orders",))
    while len(world.ledger.batches(ORDERS)) < 2:
        worker.advance(1)
    worker.kill()
    assert [finding.repairable for finding in look(world).findings] == [True]
    report = look(world, repair=True)
    assert report.ok, str(report)
    assert any("was thrown away" in text for text in report.repaired)
    world.settle()


@WORLDS
def test_rows_that_are_gone_are_found_and_not_mended(world: World) -> None:
    batch = world.ledger.batch(ORDERS, newest(world))
    uri = world.lake.batch_uris(ORDERS, [batch])[0]
    if isinstance(world, AwsWorld):
        world.s3.objects = {
            key: one for key, one in world.s3.objects.items() if not f"s3://{key[0]}/{key[1]}".startswith(uri)
        }
    else:
        for path in Path(uri.removeprefix("file://")).rglob("*.parquet"):
            path.unlink()
    report = look(world, repair=True)
    assert not report.ok
    assert "has lost all files" in str(report)
    assert "alur replay" in str(report)


@WORLDS
def test_rows_that_somebody_added_are_found(world: World) -> None:
    batch = world.ledger.batch(ORDERS, newest(world))
    uri = world.lake.batch_uris(ORDERS, [batch])[0]
    world.store.write(f"{uri}/extra.parquet", world.store.read(uri))
    assert "files that are not its own: extra.parquet" in str(look(world))


@WORLDS
def test_fewer_rows_than_the_ledger_says_are_found(world: World) -> None:
    counted = fsck(PROJECT, "orders", workspace=world.workspace, row_count=lambda uri, files: 1)
    assert "holds 1 rows, the ledger says 2" in str(counted)


@WORLDS
def test_an_input_in_two_live_batches_is_found(world: World) -> None:
    item = world.ledger.inputs(ORDERS, newest(world))[0]
    lease = world.ledger.acquire(ORDERS, "somebody/1/1")
    first = world.ledger.batch(ORDERS, newest(world))
    again = replace(
        first, id="00000002-0001", epoch=lease.epoch, data_prefix=None, rejects_prefix=None, files=()
    )
    world.ledger.plan(lease, again)
    world.ledger.seal(again, [item])
    world.ledger.commit(again)
    assert "file orders/1 was taken in by 2 live batches: 00000001-0001, 00000002-0001" in str(look(world))


@WORLDS
def test_orphan_inputs_are_deleted(world: World) -> None:
    lease = world.ledger.acquire(ORDERS, "somebody/1/1")
    world.ledger.put_inputs(lease, f"{lease.epoch:08d}-0001", [Input("file", "x", "v")], first=0)
    assert "was never planned" in str(look(world))
    report = look(world, repair=True)
    assert report.ok, str(report)
    assert "inputs that no batch has were deleted" in str(report)


@WORLDS
def test_what_dead_batches_left_is_deleted(world: World) -> None:
    dead = newest(world)
    world.run(selection=Selection(full=True))
    uri = world.lake.table_uri(ORDERS)
    world.store.write(f"{uri.rstrip('/')}/batch_id={dead}/part.parquet", [{"id": 1, "note": "n"}])
    assert f"batch_id={dead} is left in bronze.orders: the batch is dead" in str(look(world))
    report = look(world, repair=True)
    assert report.ok, str(report)


@WORLDS
def test_what_the_ledger_does_not_know_is_left_alone(world: World) -> None:
    uri = world.lake.table_uri(ORDERS)
    world.store.write(f"{uri.rstrip('/')}/batch_id=00000777-0001/part.parquet", [{"id": 1, "note": "n"}])
    report = look(world, repair=True)
    assert "the ledger knows no such batch" in str(report)
    assert [finding.repairable for finding in report.findings] == [False]


@pytest.mark.parametrize("make", [AwsWorld], ids=["aws"])
def test_the_catalog_is_brought_back_to_the_ledger(world: World) -> None:
    assert isinstance(world, AwsWorld)
    shown = dict(world.glue.partitions)
    (key,) = [key for key in shown if key[0] == "orders"]
    del world.glue.partitions[key]
    world.glue.partitions["orders", ("00000555-0001",)] = {**shown[key], "Values": ["00000555-0001"]}
    text = str(look(world))
    assert "is not in the catalog" in text
    assert "names batch 00000555-0001 of bronze.orders, which the ledger does not know" in text
    report = look(world, repair=True)
    assert "was named in the catalog again" in str(report)
    assert key in world.glue.partitions
    assert len(report.findings) == 1, "what others made is theirs to drop"

"""What only DynamoDB can do wrong: its limits, its pages, requests that arrive late, clocks of several machines."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hcl2
import pytest

from alur_nb.runtime import ledger_dynamo
from alur_nb.runtime.aws import Patience
from alur_nb.runtime.dynamo import PARTITION_KEY, SORT_KEY, DynamoTable
from alur_nb.runtime.errors import LeaseBusyError, LeaseLostError, LedgerError
from alur_nb.runtime.ledger import Batch, Input, Lease, State, inputs_by_batch
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.owners import local_owner
from tests.runtime.test_ledger_pages import noise

pytestmark = pytest.mark.slow

TABLE = "bronze.orders"
TERRAFORM = Path(__file__).parents[2] / "deploy_templates" / "terraform"


class Recorder:
    """A client that passes requests on and keeps them, so that a copy of each can arrive late."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.lose_answer_of: str | None = None

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.requests.append((operation, copy.deepcopy(request)))
            answer = getattr(self.real, operation)(**request)
            if operation == self.lose_answer_of:
                self.lose_answer_of = None
                raise self.lost()
            return answer

        return call

    def lost(self) -> Exception:
        from botocore.exceptions import ReadTimeoutError

        return ReadTimeoutError(endpoint_url="http://127.0.0.1")

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.requests)

    def repeat_writes(self) -> None:
        """Send every write so far once more, as a copy that was long under way, under a new token."""
        for operation, request in list(self.requests):
            if operation in ("put_item", "update_item", "transact_write_items"):
                if operation == "transact_write_items":
                    request = {**request, "ClientRequestToken": uuid.uuid4().hex}
                try:
                    getattr(self.real, operation)(**request)
                except (
                    self.real.exceptions.ConditionalCheckFailedException,
                    self.real.exceptions.TransactionCanceledException,
                ):
                    continue


@pytest.fixture
def recorder(dynamodb: Any) -> Recorder:
    return Recorder(dynamodb)


@pytest.fixture
def ledger(recorder: Recorder, ledger_table: str) -> DynamoLedger:
    patience = Patience(sleep=lambda seconds: None)
    table = DynamoTable(ledger_table, client=recorder, patience=patience)
    return DynamoLedger(table, project=uuid.uuid4().hex, environment="dev")


def batch_of(lease: Lease, run_id: str = "r1") -> Batch:
    return Batch(TABLE, f"{lease.epoch:08d}-0001", State.PLANNED, lease.epoch, "ingest_orders", run_id)


def everything(ledger: DynamoLedger) -> object:
    return ledger.batches(TABLE), inputs_by_batch(ledger, TABLE), ledger.lease(TABLE)


def whole_run(ledger: DynamoLedger) -> Batch:
    lease = ledger.acquire(TABLE, local_owner())
    batch = batch_of(lease)
    ledger.put_inputs(lease, batch.id, [Input("file", "a.csv", "1")], first=0)
    ledger.plan(lease, batch)
    ledger.renew(lease)
    ledger.seal(batch, [Input("file", "a.csv", "1", parsed=3, accepted=3, outcome="loaded")])
    ledger.commit(batch)
    ledger.release(lease)
    return batch


def test_a_copy_of_every_request_that_arrives_late_changes_nothing(
    ledger: DynamoLedger, recorder: Recorder
) -> None:
    batch = whole_run(ledger)
    before = everything(ledger)
    recorder.repeat_writes()
    assert everything(ledger) == before
    lease = ledger.acquire(TABLE, local_owner())
    ledger.roll_back(batch, [lease])
    before = everything(ledger)
    recorder.repeat_writes()
    assert everything(ledger) == before


@pytest.mark.parametrize("operation", ["put_item", "update_item", "transact_write_items"])
@pytest.mark.parametrize("times", range(4))
def test_an_answer_that_is_lost_is_found_out(
    ledger: DynamoLedger, recorder: Recorder, operation: str, times: int
) -> None:
    """The n-th request of a kind lands, its answer does not: the second attempt must know its own success."""
    seen = 0

    class LosesOne(Recorder):
        def __getattr__(self, name: str) -> Any:
            nonlocal seen
            call = getattr(recorder, name)
            if name != operation:
                return call
            seen += 1
            if seen == times + 1:
                recorder.lose_answer_of = operation
            return call

    ledger._dynamo._client = LosesOne(recorder.real)
    batch = whole_run(ledger)
    known = ledger.batch(TABLE, batch.id)
    assert known is not None and known.state is State.COMMITTED
    assert [item.outcome for item in ledger.inputs(TABLE, batch.id)] == ["loaded"]
    assert ledger.lease(TABLE) is None


def test_losing_the_answer_of_an_abort_or_a_rollback_is_found_out(
    ledger: DynamoLedger, recorder: Recorder
) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    ledger.plan(lease, batch_of(lease))
    recorder.lose_answer_of = "update_item"
    assert ledger.abort(batch_of(lease))
    ledger.release(lease)
    batch = whole_run(ledger)
    lease = ledger.acquire(TABLE, local_owner())
    recorder.lose_answer_of = "transact_write_items"
    ledger.roll_back(batch, [lease])
    assert [known.state for known in ledger.batches(TABLE)] == [State.ABORTED, State.ROLLED_BACK]


def test_a_partition_of_several_megabytes_is_read_to_its_end(
    ledger: DynamoLedger, recorder: Recorder
) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    inputs = [Input("file", noise(1_024, n), "1") for n in range(6_000)]
    ledger.put_inputs(lease, batch_of(lease).id, inputs, first=0)
    before = recorder.count("query")
    assert ledger.inputs(TABLE, batch_of(lease).id) == inputs
    assert recorder.count("query") - before >= 3  # 3 MB, in pages of at most 1 MB


def test_the_longest_paths_make_no_item_that_dynamodb_refuses(ledger: DynamoLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    batch = batch_of(lease)
    inputs = [Input("file", noise(1_024, n), noise(100, -n), reason=noise(400, 2 * n)) for n in range(1_000)]
    ledger.put_inputs(lease, batch.id, inputs, first=0)
    ledger.plan(lease, batch)
    ledger.seal(batch, inputs)
    assert ledger.inputs(TABLE, batch.id) == inputs


def test_a_batch_of_many_files_is_kept_and_one_of_too_many_is_refused_by_name(ledger: DynamoLedger) -> None:
    lease = ledger.acquire(TABLE, local_owner())
    run = uuid.uuid4()
    files = tuple(
        f"created_at_day=2026-01-{n % 28:02d}/part-{n:05d}-{run}.c000.snappy.parquet" for n in range(20_000)
    )
    ledger.plan(lease, batch_of(lease))
    ledger.seal(replace(batch_of(lease), files=files), [])
    known = ledger.batch(TABLE, batch_of(lease).id)
    assert known is not None and known.files == files
    many = tuple(noise(100, n) for n in range(10_000))
    with pytest.raises(LedgerError, match=r"has 10,000 files, more than the ledger can hold"):
        ledger.plan(lease, replace(batch_of(lease), id="00000001-0002", files=many))


def test_a_missing_table_is_told_by_name(dynamodb: Any) -> None:
    ledger = DynamoLedger(DynamoTable("nowhere", client=dynamodb), project="shop", environment="dev")
    with pytest.raises(LedgerError, match=r"table nowhere\) cannot be used: it does not exist") as caught:
        ledger.batches(TABLE)
    assert "alur deploy" in str(caught.value)


def test_projects_and_environments_share_a_table_and_nothing_else(dynamodb: Any, ledger_table: str) -> None:
    project = uuid.uuid4().hex
    for environment in ("dev", "prod"):
        ledger = DynamoLedger(
            DynamoTable(ledger_table, client=dynamodb), project=project, environment=environment
        )
        assert ledger.batches(TABLE) == []
        assert ledger.acquire(TABLE, local_owner()).epoch == 1


def set_renewed(ledger: DynamoLedger, dynamodb: Any, age: timedelta) -> None:
    dynamodb.update_item(
        TableName="ledger",
        Key={"pk": {"S": f"{ledger._partition}#{TABLE}"}, "sk": {"S": "LEASE"}},
        UpdateExpression="SET renewed_at = :t",
        ExpressionAttributeValues={":t": {"S": (datetime.now(UTC) - age).isoformat()}},
    )


def test_a_lease_is_stale_after_a_minute_and_fresh_until_then(ledger: DynamoLedger, dynamodb: Any) -> None:
    ledger.acquire(TABLE, "elsewhere/1/1")
    set_renewed(ledger, dynamodb, timedelta(seconds=55))
    with pytest.raises(LeaseBusyError):
        ledger.acquire(TABLE, local_owner())
    set_renewed(ledger, dynamodb, timedelta(seconds=65))
    assert ledger.acquire(TABLE, local_owner()).epoch == 2


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_neither_steals_a_lease_nor_waits_for_it(
    ledger: DynamoLedger, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    import time

    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + hours * 3_600)

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=hours)

    monkeypatch.setattr(ledger_dynamo, "datetime", Wrong)
    ledger.acquire(TABLE, "elsewhere/1/1")  # what it writes, others understand
    fresh = DynamoLedger(
        DynamoTable("ledger", client=dynamodb), project=ledger._partition[:32], environment="dev"
    )
    with pytest.raises(LeaseBusyError):
        fresh.acquire(TABLE, local_owner())
    monkeypatch.undo()
    with pytest.raises(LeaseBusyError):
        fresh.acquire(TABLE, local_owner())
    set_renewed(ledger, dynamodb, timedelta(seconds=65))
    monkeypatch.setattr(time, "time", lambda: true() + hours * 3_600)
    assert fresh.acquire(TABLE, local_owner()).epoch == 2


def test_racing_machines_get_one_lease(ledger: DynamoLedger, dynamodb: Any) -> None:
    won, busy = [], []

    def race(n: int) -> None:
        table = DynamoTable("ledger", client=dynamodb)
        mine = DynamoLedger(table, project=ledger._partition[:32], environment="dev")
        try:
            won.append(mine.acquire(TABLE, f"machine{n}/1/1"))
        except LeaseBusyError as error:
            busy.append(error)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(busy)) == (1, 7)


def test_a_takeover_between_look_and_put_is_noticed(
    ledger: DynamoLedger, recorder: Recorder, dynamodb: Any
) -> None:
    ledger.acquire(TABLE, "elsewhere/1/1")
    set_renewed(ledger, dynamodb, timedelta(hours=1))

    class Wakes(Recorder):
        def __getattr__(self, name: str) -> Any:
            if name == "put_item":  # the owner renews just before we write
                set_renewed(ledger, dynamodb, timedelta(0))
            return getattr(recorder, name)

    ledger._dynamo._client = Wakes(dynamodb)
    with pytest.raises(LeaseBusyError, match="elsewhere"):
        ledger.acquire(TABLE, local_owner())


def test_a_rollback_over_more_tables_than_a_transaction_holds_is_refused(ledger: DynamoLedger) -> None:
    batch = whole_run(ledger)
    leases = [Lease(f"silver.t{n}", 1, "o") for n in range(100)]
    with pytest.raises(LedgerError, match="100 tables"):
        ledger.roll_back(batch, leases)


def test_the_largest_rollback_is_one_transaction(ledger: DynamoLedger, recorder: Recorder) -> None:
    batch = whole_run(ledger)
    leases = [ledger.acquire(f"silver.t{n}", "o") for n in range(99)]
    before = recorder.count("transact_write_items")
    with pytest.raises(LeaseLostError, match=r"silver\.t98 over"):
        ledger.roll_back(batch, [*leases[:-1], replace(leases[-1], epoch=7)])
    ledger.roll_back(batch, leases)
    assert recorder.count("transact_write_items") - before == 2


# -- The schema's version


def test_a_newer_ledger_is_refused_and_an_older_one_brought_forward(
    ledger: DynamoLedger, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.acquire(TABLE, local_owner())
    steps: list[str] = []

    def reopened(version: int) -> DynamoLedger:
        monkeypatch.setattr(ledger_dynamo, "SCHEMA_VERSION", version)
        return DynamoLedger(
            DynamoTable("ledger", client=dynamodb), project=ledger._partition[:32], environment="dev"
        )

    migrations: dict[int, Callable[[DynamoTable, str], None]] = {
        2: lambda table, partition: steps.append(partition)
    }
    monkeypatch.setattr(ledger_dynamo, "_MIGRATIONS", migrations)
    assert reopened(3).lease(TABLE) is not None
    assert reopened(3).lease(TABLE) is not None
    assert steps == [ledger._partition]
    with pytest.raises(LedgerError, match=r"newer alur-nb \(schema 3, here 2\)"):
        reopened(2).batches(TABLE)


# -- Terraform makes the table that this code expects


def test_terraform_makes_the_table_with_these_keys_and_nothing_that_expires() -> None:
    (block,) = hcl2.loads((TERRAFORM / "dynamodb.tf").read_text())["resource"]
    ((_, named),) = [item for item in block.items() if not item[0].startswith("__")]
    ((_, table),) = [item for item in named.items() if not item[0].startswith("__")]
    assert (table["hash_key"].strip('"'), table["range_key"].strip('"')) == (PARTITION_KEY, SORT_KEY)
    attributes = {item["name"].strip('"'): item["type"].strip('"') for item in table["attribute"]}
    assert attributes == {PARTITION_KEY: "S", SORT_KEY: "S"}
    assert "ttl" not in table

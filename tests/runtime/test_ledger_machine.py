"""Both ledgers against a model of forty lines, under whatever order of requests hypothesis finds.

Every lease that was ever given stays in use, so most requests come from runs that were taken over long ago.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from alur_nb.runtime.dynamo import DynamoTable
from alur_nb.runtime.errors import AlurError, LeaseLostError, LedgerError
from alur_nb.runtime.ledger import Batch, Input, Lease, Ledger, State, epoch_of, inputs_by_batch
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.owners import glue_owner

pytestmark = pytest.mark.slow

TABLES = ("bronze.a", "silver.b")
OWNER = glue_owner("jr_1")  # each acquire is the retry of the one before, which takes over at once


@dataclass
class Model:
    """What a ledger must do, said as shortly as possible."""

    epochs: dict[str, int] = field(default_factory=dict)
    holders: dict[str, Lease] = field(default_factory=dict)
    states: dict[tuple[str, str], Batch] = field(default_factory=dict)
    items: dict[tuple[str, str], dict[int, list[Input]]] = field(default_factory=dict)

    def acquire(self, table: str, owner: str) -> Lease:
        self.epochs[table] = self.epochs.get(table, 0) + 1
        self.holders[table] = Lease(table, self.epochs[table], owner)
        return self.holders[table]

    def renew(self, lease: Lease) -> None:
        self.refuse_unless(self.holders.get(lease.table) == lease)

    def release(self, lease: Lease) -> None:
        if self.holders.get(lease.table) == lease:
            del self.holders[lease.table]

    def lease(self, table: str) -> Lease | None:
        return self.holders.get(table)

    def put_inputs(self, lease: Lease, batch_id: str, inputs: Sequence[Input], *, first: int) -> None:
        known = self.states.get((lease.table, batch_id))
        if known and known.state not in (State.PLANNED, State.ABORTED):
            return  # what is sealed has its inputs
        self.items.setdefault((lease.table, batch_id), {}).setdefault(first, list(inputs))

    def plan(self, lease: Lease, batch: Batch) -> None:
        known = self.states.get((batch.table, batch.id))
        if known and known.state is State.PLANNED and known.run_id == batch.run_id:
            return
        self.refuse_unless(known is None and self.epochs.get(lease.table) == lease.epoch)
        self.states[batch.table, batch.id] = batch

    def seal(self, batch: Batch, inputs: Sequence[Input]) -> None:
        known = self.states.get((batch.table, batch.id))
        if known and known.run_id == batch.run_id and known.state in (State.SEALED, State.COMMITTED):
            return
        self.move(batch, State.SEALED, State.PLANNED)
        self.items[batch.table, batch.id] = {0: list(inputs)}

    def commit(self, batch: Batch) -> None:
        self.move(batch, State.COMMITTED, State.SEALED, State.COMMITTED)

    def abort(self, batch: Batch) -> bool:
        try:
            self.move(batch, State.ABORTED, State.PLANNED, State.ABORTED)
        except LeaseLostError:
            return False
        return True

    def roll_back(self, batch: Batch, leases: Sequence[Lease]) -> None:
        known = self.states.get((batch.table, batch.id))
        if known and known.state is State.ROLLED_BACK:
            return
        if known is None or known.state is not State.COMMITTED:
            raise LedgerError("not committed")
        self.refuse_unless(all(self.epochs[lease.table] == lease.epoch for lease in leases))
        self.move(batch, State.ROLLED_BACK, State.COMMITTED)

    def mark_cleaned(self, table: str, batch_id: str) -> None:
        if (table, batch_id) in self.states:
            self.states[table, batch_id] = replace(self.states[table, batch_id], cleaned=True)

    def forget_inputs(self, lease: Lease) -> int:
        orphans = [
            key
            for key in self.items
            if key[0] == lease.table and key not in self.states and epoch_of(key[1]) < lease.epoch
        ]
        return sum(len(self.items.pop(key)) for key in orphans)

    def move(self, batch: Batch, new: State, *old: State) -> None:
        known = self.states.get((batch.table, batch.id))
        if known is None or known.state not in old:
            raise LeaseLostError("refused")
        self.states[batch.table, batch.id] = replace(known, state=new)

    def refuse_unless(self, holds: bool) -> None:
        if not holds:
            raise LeaseLostError("refused")

    def view(self, table: str) -> object:
        batches = [
            (b.id, b.state, b.run_id, b.cleaned) for (t, _), b in sorted(self.states.items()) if t == table
        ]
        found = {
            batch_id: [item for n in sorted(pages) for item in pages[n]]
            for (t, batch_id), pages in self.items.items()
            if t == table
        }
        return batches, {key: items for key, items in found.items() if items}, self.holders.get(table)


def view_of(ledger: Ledger, table: str) -> object:
    batches = [(b.id, b.state, b.run_id, b.cleaned) for b in ledger.batches(table)]
    found = inputs_by_batch(ledger, table)
    assert found == {batch_id: ledger.inputs(table, batch_id) for batch_id in found}
    return batches, {key: items for key, items in found.items() if items}, ledger.lease(table)


def outcome(call: Callable[[], Any]) -> object:
    """What a call gives back, or the kind of its refusal."""
    try:
        return call()
    except AlurError as error:
        return type(error)


class Requests(RuleBasedStateMachine):
    """The test sets `make`: fresh ledgers for each example."""

    make: ClassVar[Callable[[], tuple[Ledger, ...]]]
    leases = Bundle("leases")
    batches = Bundle("batches")

    @initialize()
    def start(self) -> None:
        self.model = Model()
        self.ledgers = type(self).make()

    def ask(self, name: str, *args: Any, **options: Any) -> Any:
        wanted = outcome(lambda: getattr(self.model, name)(*args, **options))
        for ledger in self.ledgers:
            assert outcome(lambda one=ledger: getattr(one, name)(*args, **options)) == wanted, (
                name,
                ledger,
            )
        return wanted

    @rule(target=leases, table=st.sampled_from(TABLES))
    def acquire(self, table: str) -> Lease:
        return self.ask("acquire", table, OWNER)

    @rule(lease=leases, name=st.sampled_from(["renew", "release", "forget_inputs"]))
    def use_lease(self, lease: Lease, name: str) -> None:
        self.ask(name, lease)

    @rule(lease=leases, n=st.integers(1, 2), first=st.sampled_from([0, 2]), key=st.sampled_from("xyz"))
    def put_inputs(self, lease: Lease, n: int, first: int, key: str) -> None:
        self.ask("put_inputs", lease, f"{lease.epoch:08d}-{n:04d}", [Input("file", key, "1")], first=first)

    @rule(target=batches, lease=leases, n=st.integers(1, 2), run_id=st.sampled_from(["r1", "r2"]))
    def plan(self, lease: Lease, n: int, run_id: str) -> Batch:
        batch = Batch(lease.table, f"{lease.epoch:08d}-{n:04d}", State.PLANNED, lease.epoch, "p", run_id)
        self.ask("plan", lease, batch)
        return batch

    @rule(batch=batches, keys=st.sampled_from(["", "x", "xyz"]))
    def seal(self, batch: Batch, keys: str) -> None:
        self.ask("seal", batch, [Input("file", key, "1", outcome="loaded") for key in keys])

    @rule(batch=batches, name=st.sampled_from(["commit", "commit", "abort"]))
    def end(self, batch: Batch, name: str) -> None:
        self.ask(name, batch)

    @rule(batch=batches, one=leases, other=leases)
    def roll_back(self, batch: Batch, one: Lease, other: Lease) -> None:
        self.ask("roll_back", batch, [one] if one.table == other.table else [one, other])

    @rule(batch=batches)
    def mark_cleaned(self, batch: Batch) -> None:
        self.ask("mark_cleaned", batch.table, batch.id)

    @invariant()
    def all_show_the_same(self) -> None:
        for table in TABLES:
            for ledger in self.ledgers:
                assert view_of(ledger, table) == self.model.view(table)


def test_both_ledgers_do_what_the_model_does(dynamodb: Any, ledger_table: str, tmp_path: Path) -> None:
    def make() -> tuple[Ledger, ...]:
        project = uuid.uuid4().hex
        dynamo = DynamoLedger(DynamoTable(ledger_table, client=dynamodb), project=project, environment="dev")
        return SqliteLedger(tmp_path / f"{project}.db"), dynamo

    class Both(Requests):
        pass

    Both.make = staticmethod(make)
    run_state_machine_as_test(
        Both,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # a failing case is short as it is; to shorten it takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )

"""The protocol with one guard taken away, and the framework whose faults it is to mend: the simulator must object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from unittest import mock

from alur_nb.runtime import (
    iceberg,
    ingest,
    lake_glue,
    ledger_dynamo,
    ledger_sqlite,
    publish,
    rollback,
    supersede,
)
from alur_nb.runtime.errors import LedgerError
from tests.crash import world
from tests.crash.rollback import rollbacks
from tests.crash.schedules import MakeWorld, Playable, likely, singles
from tests.crash.superseding import anew
from tests.crash.world import World
from tests.crash.world_aws import AwsWorld
from tests.crash.world_iceberg import IcebergWorld


@dataclass(frozen=True)
class Mutant:
    """A guard of the protocol, and the code as it would be without it: `old` becomes `new` in a function."""

    guard: str
    module: ModuleType
    function: str
    old: str
    new: str
    world: MakeWorld = World
    schedules: Callable[[MakeWorld], Iterator[Playable]] = likely

    def __str__(self) -> str:
        return f"{self.guard} ({self.world.__name__})"  # type: ignore[attr-defined]  # a world is made by its class

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Take the guard away for the time of the block."""
        owner, _, name = self.function.rpartition(".")
        place: Any = getattr(self.module, owner) if owner else self.module
        text = _dedented(inspect.getsource(getattr(place, name)))
        assert text.count(self.old) == 1, f"{self.guard}: {self.function} no longer says {self.old!r}"
        namespace = vars(self.module)
        known: dict[str, Any] = {}
        # The mutant sees its module as it is at the moment, with what the simulation has put below it.
        exec(compile(text.replace(self.old, self.new), f"<{self.guard}>", "exec"), namespace, known)
        with mock.patch.object(place, name, known[name]):
            yield


def _dedented(text: str) -> str:
    indent = re.match(r" *", text)
    assert indent is not None
    return re.sub(rf"(?m)^{indent[0]}", "", "from __future__ import annotations\n" + text)


ON_SQLITE = (
    Mutant(
        "epoch at PLAN", ledger_sqlite, "SqliteLedger.plan", "or _epoch(db, lease.table) != lease.epoch", ""
    ),
    Mutant(
        "CAS at ABORT",
        ledger_sqlite,
        "SqliteLedger.abort",
        "known is not None and known.state is State.PLANNED",
        "known is not None",
    ),
    Mutant("CAS at SEAL", ledger_sqlite, "SqliteLedger.seal", "known.state is not State.PLANNED", "False"),
    Mutant(
        "CAS at COMMIT",
        ledger_sqlite,
        "SqliteLedger.commit",
        "known.state not in (State.SEALED, State.COMMITTED):\n"
        "            raise lost(batch.table)\n"
        "        if known.state is State.SEALED:",
        "False:\n            raise lost(batch.table)\n        if True:",
        schedules=rollbacks,
    ),
)
_EMPTY = "    self._delete(batch, keep=())\n"
_DROP = (
    "    for table, locations in self._partitions(batch).items():\n"
    "        self._catalog.drop_partitions(self._place(table).database, _name(table), locations)\n"
)
ON_AWS = (
    Mutant(
        "epoch at PLAN",
        ledger_dynamo,
        "DynamoLedger.plan",
        "(Put(item, _IF_NEW), holds)",
        "(Put(item, _IF_NEW))",
    ),
    Mutant(
        "PLAN only if the batch is new", ledger_dynamo, "DynamoLedger.plan", "Put(item, _IF_NEW)", "Put(item)"
    ),
    Mutant(
        "INPUTS only if they are new",
        ledger_dynamo,
        "DynamoLedger.put_inputs",
        'Put({**key, "page": packed}, _IF_NEW)',
        'Put({**key, "page": packed})',
    ),
    *(
        Mutant(
            f"CAS at {guard.upper()}",
            ledger_dynamo,
            f"DynamoLedger.{guard}",
            move,
            f"replace({move}, only_if={{}})",
            schedules=rollbacks if guard == "commit" else likely,
        )
        for guard, move in (
            ("abort", 'self._move(batch, State.PLANNED, State.ABORTED, {"body": _body(batch)})'),
            ("seal", "self._move(batch, State.PLANNED, State.SEALED, more, epoch=batch.epoch)"),
            ("commit", "self._move(batch, State.SEALED, State.COMMITTED)"),
        )
    ),
    Mutant(
        "cleaning empties the prefixes before it drops the partitions",
        lake_glue,
        "GlueLake.clean",
        f"{_EMPTY}{_DROP}",
        f"{_DROP}{_EMPTY}",
        schedules=rollbacks,
    ),
)
# Of the code that all stores share: tried on both.
SHARED: tuple[tuple[Any, ...], ...] = (
    (
        "recover before plan",
        publish,
        "recover",
        "workspace.ledger.batches(table):\n        if",
        "[]:\n        if",
    ),
    (
        "what cannot be aborted is finished before any plan",
        publish,
        "recover",
        "batch.state in (State.PLANNED, State.SEALED) and",
        "batch.state is State.SEALED and",
    ),
    ("source pin", ingest, "OpenBatch._check_pins", ".pin != file.pin", " is None"),
    (
        "publish reads BATCH: a SEAL that was refused or not answered is taken for done",
        publish,
        "seal",
        "workspace.ledger.seal(batch, inputs)",
        "try:\n        workspace.ledger.seal(batch, inputs)\n"
        "    except Exception:\n        workspace.lake.publish(batch)",
    ),
    (
        "the ledger before the files when a batch is thrown away",
        publish,
        "abort",
        "    if not workspace",
        "    workspace.lake.discard(batch)\n    if not workspace",
    ),
    (
        "a rollback looks at the lease of every table downstream",
        rollback,
        "roll_back",
        "[leases[name] for name in below]",
        "[leases[batch.table]]",
        rollbacks,
    ),
    (
        "what has read a superseded batch is superseded",
        supersede,
        "_stale",
        "batch.state in (State.COMMITTED, State.ROLLED_BACK)",
        "batch.state is State.ROLLED_BACK",
        anew,
    ),
    (
        "dead batches are cleaned by whoever runs next",
        publish,
        "_clean_dead",
        "(batch.id in staged or not batch.cleaned)",
        "False",
        rollbacks,
    ),
    (
        "the janitor's states",
        publish,
        "_clean_dead",
        "batch.state is State.ABORTED or batch.id == newest",
        "True",
    ),
)
ON_ICEBERG = (
    Mutant(
        "Iceberg's pin before BATCH is read",
        iceberg,
        "publish",
        "        pin = table.pin()\n",
        "        batch = read_batch()\n        pin = table.pin()\n        read_batch = lambda: batch\n",
        schedules=rollbacks,
    ),
    Mutant(
        "only what is SEALED is published into Iceberg",
        iceberg,
        "publish",
        "batch.state is not State.SEALED:\n            return False\n        try",
        "False:\n            return False\n        try",
        schedules=rollbacks,
    ),
    Mutant(
        "look into the pin",
        iceberg,
        "_commit",
        "elif not table.holds(pin, batch.id):",
        "elif True:",
        schedules=singles,
    ),
    Mutant(
        "rows of dead batches are deleted from Iceberg",
        publish,
        "take_out",
        "rows is not None and",
        "False and",
        schedules=rollbacks,
    ),
)
MUTANTS = (
    *ON_SQLITE,
    *(replace(mutant, world=IcebergWorld) for mutant in ON_ICEBERG),
    *(replace(mutant, world=AwsWorld) for mutant in ON_AWS),
    *(
        Mutant(*mutant[:5], world=make, schedules=mutant[5] if len(mutant) > 5 else likely)
        for mutant in SHARED
        for make in (World, AwsWorld)
    ),
)


class TrustsAnUnreadableLedger(world.Stepped):
    """A ledger whose errors count as "nothing is known", as the original's did."""

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        empty: dict[str, Any] = {"batches": [], "inputs": [], "input_pages": []}
        if name not in empty:
            return call

        def trusting(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except LedgerError:
                return empty[name]

        return trusting


@contextmanager
def trusting_an_unreadable_ledger() -> Iterator[None]:
    """Take away the guard that an unreadable ledger refuses the run."""
    with mock.patch.object(world, "Stepped", TrustsAnUnreadableLedger):
        yield

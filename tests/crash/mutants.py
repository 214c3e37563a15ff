"""The protocol with one guard taken away, and the framework whose faults it is to mend: the simulator must object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest import mock

from alur_nb.runtime import ingest, ledger_sqlite, publish
from alur_nb.runtime.errors import LedgerError
from tests.crash import world


@dataclass(frozen=True)
class Mutant:
    """A guard of the protocol, and the code as it would be without it: `old` becomes `new` in a function."""

    guard: str
    module: ModuleType
    function: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.guard

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


MUTANTS = (
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
    Mutant(
        "CAS at SEAL",
        ledger_sqlite,
        "SqliteLedger.seal",
        "known.state is not State.PLANNED",
        "False",
    ),
    Mutant(
        "recover before plan",
        publish,
        "recover",
        "workspace.ledger.batches(table):\n        if",
        "[]:\n        if",
    ),
    Mutant(
        "what cannot be aborted is finished before any plan",
        publish,
        "recover",
        "batch.state in (State.PLANNED, State.SEALED) and",
        "batch.state is State.SEALED and",
    ),
    Mutant("source pin", ingest, "OpenBatch._check_pins", ".pin != item.file.pin", " is None"),
    Mutant(
        "publish reads BATCH: an unanswered SEAL is taken for done",
        publish,
        "seal",
        "workspace.ledger.seal(batch, inputs)",
        "try:\n        workspace.ledger.seal(batch, inputs)\n    except Exception:\n        workspace.lake.publish(batch)",
    ),
    Mutant(
        "the order of throwing away: the ledger before the files",
        publish,
        "abort",
        "    if not workspace",
        "    workspace.lake.discard(batch)\n    if not workspace",
    ),
    Mutant(
        "the janitor's states",
        publish,
        "recover",
        "(batch.state is State.ABORTED or batch in newest)",
        "True",
    ),
)


class TrustsAnUnreadableLedger(world.Stepped):
    """A ledger whose errors count as "nothing is known", as the original's did."""

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        empty: dict[str, Any] = {"batches": [], "inputs": [], "inputs_by_batch": {}}
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

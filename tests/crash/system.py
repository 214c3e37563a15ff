"""The machine below the real code, for the time of one simulation: file system, SQLite, threads, clock."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from alur_nb.runtime import ledger_dynamo, ledger_sqlite, plan, runner
from alur_nb.runtime.lake_local import LocalLake
from tests.crash.worker import Kind, step


class _Kept(sqlite3.Connection):
    """A database in memory, which lives on when a step closes its connection."""

    def close(self) -> None: ...


class _OneThread:
    """Looks into files one after the other, so that every run of a schedule is the same."""

    def __init__(self, threads: int) -> None: ...

    def __enter__(self) -> _OneThread:
        return self

    def __exit__(self, *error: object) -> None: ...

    def map(self, look: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(look, items)


class _NoHeartbeat:
    """A heartbeat that never beats: renewing is courtesy, and every lease here may be taken over anyway."""

    def __init__(self, **options: object) -> None: ...

    def start(self) -> None: ...


def _rename(source: Path, target: Path) -> None:
    step("rename", Kind.LOCAL, lambda: os.rename(source, target))


def _rmtree(folder: Path, *, ignore_errors: bool = False) -> None:
    """Delete in several steps: a process may die in the middle."""
    for path in sorted(folder.rglob("*.parquet")):
        step("delete file", Kind.LOCAL, lambda path=path: path.unlink(missing_ok=True))
    step("delete folder", Kind.LOCAL, lambda: shutil.rmtree(folder, ignore_errors=ignore_errors))


@contextmanager
def stepped_system() -> Iterator[None]:
    """Make the local lake's renames and deletions steps, and let a lease be taken over at any moment.

    That is the worst that a clock can do: the protocol's safety must not depend on one.
    """
    lake = sys.modules[LocalLake.__module__]
    system = SimpleNamespace(**vars(os))
    system.rename, system.fsync = _rename, lambda descriptor: None
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=_Kept)
    database = SimpleNamespace(**vars(sqlite3))
    database.connect = lambda *args, **kwargs: memory
    patches = (
        (lake, "os", system),
        (lake, "shutil", SimpleNamespace(rmtree=_rmtree)),
        (ledger_sqlite, "sqlite3", database),
        (ledger_sqlite, "may_live", lambda holder, asking, age: False),
        (ledger_dynamo, "may_live", lambda holder, asking, age: False),
        (runner, "threading", SimpleNamespace(Event=threading.Event, Thread=_NoHeartbeat)),
        (plan, "ThreadPoolExecutor", _OneThread),
    )
    with ExitStack() as stack:
        for module, name, stand_in in patches:
            stack.enter_context(mock.patch.object(module, name, stand_in))
        yield
    super(_Kept, memory).close()

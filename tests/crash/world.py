"""A small world around the real protocol: landing files, a lake, a ledger, workers, and what must always hold."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from alur_nb import BronzeTable, IntegerField, StringField, files, new, pipeline
from alur_nb.runtime.errors import LedgerError, StorageError
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Batch, State, live
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.settings import Environment, Settings
from alur_nb.runtime.workspace import Workspace
from tests.crash.rows import FolderStore, MemoryFiles, RowEngine, Rows, parse
from tests.crash.system import stepped_system
from tests.crash.worker import Clock, Fault, Kind, SteppedWorker, What, Worker, step

ORDERS, COPIES = "bronze.orders", "bronze.copies"
_READS = (
    "lease",
    "batch",
    "batches",
    "inputs",
    "input_pages",
    "refuse_leftovers",
    "staged_files",
    "staged_batches",
    "batch_uris",
)
_PURE = ("stage_uri", "table_uri")
_MOVES: dict[State, tuple[State, ...]] = {
    State.PLANNED: (State.SEALED, State.COMMITTED, State.ABORTED, State.ROLLED_BACK),
    State.SEALED: (State.COMMITTED, State.ROLLED_BACK),
    State.COMMITTED: (State.ROLLED_BACK,),
    State.ABORTED: (),
    State.ROLLED_BACK: (),
}


class Violation(AssertionError):
    """What must always hold does not."""


def declare() -> Project:
    """Return the project of all simulations: files into a table, and that table's new batches into another."""
    project = Project()
    with use_project(project):

        class OrdersBronze(BronzeTable):
            id = IntegerField()
            note = StringField()

        class CopiesBronze(BronzeTable):
            id = IntegerField()

        landed = files("orders/*", strict=False, reject_limit=1, on_changed="ignore")

        @pipeline(sources={"orders": landed}, target=OrdersBronze)
        def ingest_orders(orders: Rows) -> Rows:
            return orders

        @pipeline(sources={"orders": new(OrdersBronze)}, target=CopiesBronze)
        def copy_orders(orders: Rows) -> Rows:
            return orders.select("id")

    return project


PROJECT = declare()


class Stepped:
    """Makes every call of a ledger, and every look of a lake, a step of the worker that calls."""

    def __init__(self, inner: object, kind: str) -> None:
        self._inner, self._kind = inner, kind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in _PURE or (self._kind == "lake" and name not in _READS):
            return found  # what a lake writes are steps of their own: see `stepped_system`
        kind = Kind.READ if name in _READS else Kind.REMOTE
        refusal = LedgerError if self._kind == "ledger" else OSError
        return lambda *args, **kwargs: step(
            f"{self._kind} {name}", kind, lambda: found(*args, **kwargs), refusal
        )


class World:
    """One simulation: make it in a `with` block, as it patches the system that it simulates."""

    engine: RowEngine
    workspace: Workspace
    project = PROJECT
    copies = COPIES

    def __init__(self) -> None:
        self.clock, self.files = Clock(), MemoryFiles()
        self._ids = 0
        self._started: list[SteppedWorker] = []
        self._violation: Violation | None = None
        self._gone: set[tuple[str, str]] = set()
        self._states: dict[str, dict[str, State]] = {}
        self._system = stepped_system()
        self._open()

    def _open(self) -> None:
        """Make the lake and the ledger of this kind of world, and the engine that stages into it."""
        memory = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        root = Path(self._folder.name)
        (root / "state.db").touch()  # kept in memory; the ledger looks whether it is there
        self.lake: Any = LocalLake(root)
        self.ledger: Any = SqliteLedger(root / "state.db")
        self.store: Any = FolderStore()
        self._workspace(Stepped(self.lake, "lake"), Stepped(self.ledger, "ledger"))

    def compact(self) -> None:
        """Nothing: Parquet is never compacted."""

    def _workspace(self, lake: Any, ledger: Any) -> None:
        self.engine = RowEngine(self.files, self.store)
        settings, environment = Settings(Path(), "crash"), Environment("local")
        self.workspace = Workspace(settings, environment, self.files, lake, ledger)

    def _close(self) -> None:
        self._folder.cleanup()

    def __enter__(self) -> World:
        self._system.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._started:
            worker.kill()
        self._system.__exit__(None, None, None)
        self._close()

    def land(self, path: str, rows: int = 2, bad: int = 0, permuted: bool = False) -> None:
        """Write a landing file whose rows were never there before."""
        ids = range(self._ids, self._ids + rows)
        self._ids += rows + bad
        lines = [f"n{i},{i}" if permuted else f"{i},n{i}" for i in ids]
        lines += [f"n{i},x{i}" if permuted else f"x{i},n{i}" for i in range(ids.stop, self._ids)]
        self.files.land(path, "\n".join(["note,id" if permuted else "id,note", *lines, ""]))

    def body(self, names: Iterable[str] | None = None, selection: Selection = ALL_NEW) -> Callable[[], Any]:
        """Return what a worker does: a whole run of these pipelines, the real code."""
        chosen = list(names) if names is not None else None
        return lambda: run_pipelines(
            self.workspace, self.project, chosen, engine=self.engine, selection=selection
        )

    def run(
        self,
        faults: Iterable[Fault] = (),
        *,
        names: Iterable[str] | None = None,
        meanwhile: Callable[[What], object] = lambda what: None,
        selection: Selection = ALL_NEW,
    ) -> Worker:
        """Let one worker do a run with these faults, and look at the world as it leaves it."""
        worker = Worker(self.clock, self.body(names, selection), faults, meanwhile).run()
        self.check()
        return worker

    def start(
        self, names: Iterable[str] | None = None, body: Callable[[], Any] | None = None
    ) -> SteppedWorker:
        """Start a worker that is moved step by step: a run of these pipelines, or whatever `body` does."""
        self._started.append(SteppedWorker(self.clock, body or self.body(names)))
        return self._started[-1]

    def settle(self) -> None:
        """Let one last worker run alone, all late requests land, and another run: then everything must add up."""
        under_way = bool(self.clock.under_way)
        report = self.run().result
        if under_way:
            self.clock.land()
            report = self.run().result
        if not report.ok:
            self._fail(f"the last clean run fails: {[str(run.error) for run in report.runs]}")
        again = [run.state for run in self.run().result.runs]
        if again != ["nothing new", "nothing new"]:
            self._fail(f"there is no end: a run with nothing to do says {again}")
        self.check_at_rest()

    def _fail(self, message: str) -> NoReturn:
        # A run reports whatever is raised in it, also by a check while it sleeps: kept, and raised after it.
        self._violation = self._violation or Violation(message)
        raise self._violation

    def check(self) -> None:
        """What holds at every moment: visible is a subset of sealed, no input is in two live batches, no batch goes back."""
        if self._violation:
            raise self._violation
        for table in (ORDERS, self.copies):
            states = {batch.id: batch.state for batch in self.ledger.batches(table)}
            self._check_moves(table, states)
            for kind in (table, f"{table}__rejects"):
                self._check_visible(kind, states)
            loaded = Counter((item.key, item.version) for item in self._loaded(table))
            # A path's version is one input; `on_changed="ignore"` lets a path be loaded once in all.
            twice = [key for key, count in loaded.items() if count > 1]
            paths = Counter(key for key, _ in loaded) if table == ORDERS else Counter()
            if twice or any(count > 1 for count in paths.values()):
                self._fail(f"{table} has taken in more than once: {twice or paths}")
        self._check_upstream()

    def _check_upstream(self) -> None:
        """A live batch may list one that was superseded, until the next plan; one that was taken back, never."""
        states = {batch.id: batch.state for batch in self.ledger.batches(ORDERS)}
        for item in self._loaded(self.copies):
            if states[item.version] is State.ROLLED_BACK:
                self._fail(f"{self.copies} holds rows of batch {item.version}, which was rolled back")

    def _check_moves(self, table: str, states: dict[str, State]) -> None:
        """A batch moves as the protocol says: what is SEALED is never thrown away, what is dead never comes back."""
        for batch_id, before in self._states.get(table, {}).items():
            now = states.get(batch_id)
            if now is not before and now not in _MOVES[before]:
                self._fail(f"batch {batch_id} of {table} went from {before} to {now}")
        self._states[table] = states

    def _check_visible(self, table: str, states: dict[str, State]) -> None:
        """What is rolled back is seen until it is cleaned, and once it is gone it never comes again."""
        visible = self._visible(table)
        for batch_id in visible:
            state = states.get(batch_id)
            allowed = (State.SEALED, State.COMMITTED, State.ROLLED_BACK)
            if state not in allowed or (table, batch_id) in self._gone:
                self._fail(f"{table} shows batch {batch_id}, which is {state}")
        back = {batch_id for batch_id, state in states.items() if state is State.ROLLED_BACK}
        self._gone |= {(table, batch_id) for batch_id in back - visible}

    def check_at_rest(self) -> None:
        """What holds once everybody has ended: tables are the sums of their inputs, nothing is left over."""
        self.check()
        truth = {key: parse(content) for key, content in self.files.content.items()}
        loaded = self._loaded(ORDERS)
        missing = set(self.files.now) - {item.key for item in loaded}
        if missing:
            self._fail(f"never loaded: {sorted(missing)}")
        for item in loaded:
            rows, bad = truth[item.key, item.version]
            if (item.parsed, item.accepted, item.rejected) != (len(rows) + len(bad), len(rows), len(bad)):
                self._fail(f"not conserved: {item}")
        rows = [row["id"] for item in loaded for row in truth[item.key, item.version][0]]
        bad = [line for item in loaded for line in truth[item.key, item.version][1]]
        self._compare("orders", self._rows(ORDERS, "id"), rows)
        self._compare("rejects", self._rows(f"{ORDERS}__rejects", "raw"), bad)
        self._compare("copies", self._rows(self.copies, "id"), rows)
        for table in (ORDERS, self.copies):
            states = {batch.state for batch in self.ledger.batches(table)}
            if not states <= {State.COMMITTED, State.ABORTED, State.ROLLED_BACK}:
                self._fail(f"{table} has unfinished batches: {states}")
            if self._leftovers(table):
                self._fail(f"{table} has leftovers: {self._leftovers(table)}")
            shown = {batch.id for batch in self._live(table) if batch.data_prefix}
            if self._visible(table) != shown:
                self._fail(f"other engines see {self._visible(table)} of {table}, the ledger says {shown}")

    def _compare(self, what: str, found: Iterable[Any], wanted: Iterable[Any]) -> None:
        there, due = Counter(found), Counter(wanted)
        if there != due:
            self._fail(f"{what}: too many {dict(there - due)}, too few {dict(due - there)}")

    def _rows(self, table: str, column: str) -> list[Any]:
        batches = self._live(table.removesuffix("__rejects"))
        try:
            uris = self.lake.batch_uris(table, batches)
        except StorageError as error:
            self._fail(f"a live batch cannot be read: {error.message}")
        return [row[column] for uri in uris for row in self.store.read(uri)]

    def _live(self, table: str) -> list[Batch]:
        return live(self.ledger.batches(table))

    def _loaded(self, table: str) -> list[Any]:
        found = [item for batch in self._live(table) for item in self.ledger.inputs(table, batch.id)]
        return [item for item in found if item.outcome == "loaded"]

    def _visible(self, table: str) -> set[str]:
        """Return the batches of which another engine sees something."""
        folder = self.lake.warehouse / table.replace(".", "/")
        return {path.name.removeprefix("batch_id=") for path in folder.glob("batch_id=*")}

    def _leftovers(self, table: str) -> set[str]:
        return set(self.lake.staged_batches(table))

"""The registry as an object: what is declared, where, in which order it runs, and what is wrong with it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alur_nb.runtime import dag
from alur_nb.runtime import pipelines as pipeline_declarations
from alur_nb.runtime import tables as table_declarations
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.problems import Declared, Problem, find_problems
from alur_nb.runtime.tables import Table
from alur_nb.runtime.types import FrozenMap

__all__ = ["MAIN", "Origin", "Problem", "Project", "current_project", "use_project"]

_Kind = Literal["table", "pipeline"]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where something is declared: a cell, known by its id where it has one, or a file."""

    label: str
    cell_id: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.label

    @property
    def _key(self) -> tuple[str, str]:
        # A cell's number changes when cells are moved; its id does not.
        return ("cell", self.cell_id) if self.cell_id is not None else ("label", self.label)


MAIN = Origin("__main__")


@dataclass(frozen=True, slots=True)
class _Declaration:
    kind: _Kind
    name: str
    value: Table | Pipeline
    origin: Origin

    @property
    def written(self) -> str:
        """The name in the source text: two of them under one table or pipeline name are two declarations."""
        return self.value.class_name if isinstance(self.value, Table) else self.value.__name__


_Key = tuple[_Kind, str, Origin, str]


class Project:
    """Tables and pipelines by name; declaring again from the same origin replaces."""

    def __init__(self) -> None:
        # In the order of declaring: of several under one name the latest counts, all of them are a conflict.
        self._declarations: dict[_Key, _Declaration] = {}
        self._active: list[tuple[Origin, frozenset[str]]] = []
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<Project: {len(self.tables)} tables, {len(self.pipelines)} pipelines>"

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables by qualified name, in alphabetical order."""
        return FrozenMap({d.name: d.value for d in self._latest("table") if isinstance(d.value, Table)})

    @property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """The pipelines by name, in alphabetical order, each with its tables as they are declared now."""
        tables = self.tables
        return FrozenMap(
            {
                d.name: d.value.with_tables(tables)
                for d in self._latest("pipeline")
                if isinstance(d.value, Pipeline)
            }
        )

    def declare_table(self, table: Table, origin: Origin | None = None) -> None:
        """Add or replace a table; without an origin it belongs to the cell or module that is running."""
        self._declare("table", table.qualified_name, table, table.module, origin)

    def declare_pipeline(self, pipeline: Pipeline, origin: Origin | None = None) -> None:
        """Add or replace a pipeline; without an origin it belongs to the cell or module that is running."""
        self._declare("pipeline", pipeline.name, pipeline, pipeline.function.__module__, origin)

    @contextlib.contextmanager
    def declaring(self, origin: Origin) -> Iterator[Project]:
        """Let everything that is declared inside belong to `origin`, in place of what it declared before.

        An exception brings back what was there before. What a module declares that is imported inside for the first
        time belongs to the module: the cell's next run will not import it again.
        """
        with self._lock:
            before = dict(self._declarations)
            self._active.append((origin, frozenset(sys.modules)))
        try:
            yield self
        except BaseException:
            with self._lock:
                others = {key: d for key, d in self._declarations.items() if d.origin != origin}
                self._declarations = before | others
            raise
        else:
            with self._lock:
                self._declarations = {
                    key: d
                    for key, d in self._declarations.items()
                    if d.origin != origin or before.get(key) is not d
                }
        finally:
            self._active.pop()

    def origins(self) -> Mapping[str, Origin]:
        """Return where everything is declared, by `table layer.name` and `pipeline name`; the latest where in several."""
        found = [*self._latest("table"), *self._latest("pipeline")]
        return {f"{declared.kind} {declared.name}": declared.origin for declared in found}

    def retract(self, origin: Origin) -> None:
        """Forget everything that the origin declared; what it had replaced counts again."""
        with self._lock:
            self._declarations = {key: d for key, d in self._declarations.items() if d.origin != origin}

    def origin_of(self, name: str) -> Origin:
        """Return where a table (`orders` or `bronze.orders`) or pipeline is declared, the latest where in several.

        Raises
        ------
        DeclarationError
            Nothing of this name is declared.
        """
        found = {d.name: d.origin for kind in ("table", "pipeline") for d in self._latest(kind)}
        return found[name] if name in found else found[self.table(name).qualified_name]

    def table(self, name: str) -> Table:
        """Return a table by `layer.name`, or by its bare name where that is unique.

        Raises
        ------
        DeclarationError
            There is no such table, or there are several; the message names the nearest or all of them.
        """
        tables = self.tables
        if name in tables:
            return tables[name]
        found = [table for table in tables.values() if table.name == name]
        if len(found) == 1:
            return found[0]
        names = [table.qualified_name for table in found]
        if names:
            raise DeclarationError(
                f"`{name}` is the name of {len(names)} tables: {', '.join(names)}.", fix=f"Write {names[0]}."
            )
        known = [*tables, *(table.name for table in tables.values())]
        raise DeclarationError(
            f"There is no table `{name}`{suggest(name, known)}.",
            fix=f"Declared: {', '.join(tables)}."
            if tables
            else "Run the cell that declares it first, or declare it with %%alur_table.",
        )

    def pipeline(self, name: str) -> Pipeline:
        """Return a pipeline by its name.

        Raises
        ------
        DeclarationError
            There is no such pipeline; the nearest name is suggested.
        """
        known = self.pipelines
        if name in known:
            return known[name]
        raise DeclarationError(
            f"There is no pipeline `{name}`{suggest(name, known)}.",
            fix=f"Declared: {', '.join(known)}."
            if known
            else "Run the cell that declares it first, or declare it with %%alur_pipeline.",
        )

    def edges(self) -> tuple[tuple[str, str], ...]:
        """Return which pipeline feeds which: (writes the table, reads the table), in alphabetical order."""
        known = self.pipelines
        readers: dict[str, list[str]] = {}
        for reader in known.values():
            for table in reader.upstream_tables:
                readers.setdefault(table, []).append(reader.name)
        return tuple(
            (writer.name, reader)
            for writer in known.values()
            for reader in readers.get(writer.target.qualified_name, ())
        )

    def upstream(self, name: str) -> tuple[str, ...]:
        """Return every pipeline whose result reaches this one, in the order in which they run."""
        return self._within_order(name, [(reader, writer) for writer, reader in self.edges()])

    def downstream(self, name: str) -> tuple[str, ...]:
        """Return every pipeline that this one's result reaches, in the order in which they run."""
        return self._within_order(name, list(self.edges()))

    def order(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the pipelines, sources first and alphabetical among equals; those without neighbours too.

        Raises
        ------
        DeclarationError
            They form a cycle, which the message names, or a name is not declared.
        """
        wanted = set(self.pipelines) if names is None else {self.pipeline(name).name for name in names}
        return dag.ordered(wanted, self.edges())

    def problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the declarations, errors first."""
        declared = Declared(
            tables=self.tables,
            pipelines=self.pipelines,
            edges=self.edges(),
            conflicts={name: tuple(map(str, origins)) for name, origins in self.conflicts().items()},
            places={d.name: str(d.origin) for d in self._latest("pipeline")},
        )
        return find_problems(declared)

    def conflicts(self) -> Mapping[str, tuple[Origin, ...]]:
        """Return the names that are declared more than once, each with its origins in order."""
        origins: dict[str, list[Origin]] = {}
        for declaration in self._declarations.values():
            origins.setdefault(f"{declaration.kind} {declaration.name}", []).append(declaration.origin)
        return {name: tuple(found) for name, found in sorted(origins.items()) if len(found) > 1}

    def _declare(
        self, kind: _Kind, name: str, value: Table | Pipeline, module: str, origin: Origin | None
    ) -> None:
        with self._lock:
            given = _Declaration(kind, name, value, origin or self._origin(kind, name, module))
            # Outside of a cell nothing is retracted, so there a later declaration simply takes the name over.
            written = given.written if self._active else ""
            key: _Key = (kind, name, given.origin, written)
            if not self._active:
                for other in [k for k in self._declarations if k[:3] == key[:3]]:
                    del self._declarations[other]
            self._declarations.pop(key, None)
            self._declarations[key] = given

    def _origin(self, kind: _Kind, name: str, module: str) -> Origin:
        own = _module_origin(module)
        if not self._active:
            return own or MAIN
        active, known_modules = self._active[-1]
        # A module that is imported now, or reloaded, keeps what it declares.
        is_its_own = own is not None and any(k[:3] == (kind, name, own) for k in self._declarations)
        return own if own is not None and (module not in known_modules or is_its_own) else active

    def _latest(self, kind: str) -> list[_Declaration]:
        with self._lock:
            latest = {d.name: d for d in self._declarations.values() if d.kind == kind}
        return [latest[name] for name in sorted(latest)]

    def _within_order(self, name: str, edges: list[tuple[str, str]]) -> tuple[str, ...]:
        found = dag.reached(self.pipeline(name).name, edges) - {name}
        return tuple(one for one in self.order({*found, name}) if one in found)


def _module_origin(module: str) -> Origin | None:
    """Return the file of an imported module; None for the notebook or script itself."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if module == "__main__" or not path:
        return None
    found = Path(path)
    return Origin(str(found.relative_to(Path.cwd())) if found.is_relative_to(Path.cwd()) else found.name)


_current = Project()
_current_lock = threading.Lock()


def current_project() -> Project:
    """Return the project that declarations go to: the process's own, or that of `use_project`."""
    return _current


@contextlib.contextmanager
def use_project(project: Project) -> Iterator[Project]:
    """Make `project` the current one, for every thread, until the block ends."""
    global _current
    with _current_lock:
        before, _current = _current, project
    try:
        yield project
    finally:
        with _current_lock:
            _current = before


table_declarations.subscribe(lambda table: current_project().declare_table(table))
pipeline_declarations.subscribe(lambda pipeline: current_project().declare_pipeline(pipeline))

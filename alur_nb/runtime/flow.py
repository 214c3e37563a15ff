"""The plain value that a pipeline is to every other module, and what it must satisfy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

from alur_nb.runtime.checks import Check, Expectation
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.schedules import Schedule
from alur_nb.runtime.sources import FileSource, NewSource, Source, TableSource
from alur_nb.runtime.tables import METADATA, Table
from alur_nb.runtime.types import FrozenMap

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PipelineFunction = Callable[..., "DataFrame"]

LOADER = "load_to_bronze"
# Code that is installed cannot call back into the notebook's loads, and is not searched for them.
_INSTALLED = ("site-packages", "dist-packages")


class _FunctionDoc:
    """Shows the function's docstring on a pipeline, and the class's own on the class."""

    def __init__(self, own: str | None) -> None:
        self.own = own

    def __get__(self, instance: Pipeline | None, owner: type[Pipeline]) -> str | None:
        return self.own if instance is None else instance.function.__doc__


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A declared pipeline; calling it calls its function."""

    name: str
    function: PipelineFunction
    sources: Mapping[str, Source]
    target: Table
    schedule: Schedule | None = None
    expectations: tuple[Expectation, ...] = ()
    resource_profile: str | None = None

    __doc__ = _FunctionDoc(__doc__)  # a descriptor, so that Shift-Tab shows the function

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", FrozenMap(self.sources))

    def __call__(self, *args: Any, **kwargs: Any) -> DataFrame:
        """Call the function as it was written: nothing is read, checked or published."""
        return self.function(*args, **kwargs)

    @property
    def __name__(self) -> str:
        return self.function.__name__

    @property
    def __wrapped__(self) -> PipelineFunction:
        return self.function

    @property
    def description(self) -> str:
        """The function's docstring, or an empty text."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def upstream_tables(self) -> frozenset[str]:
        """The qualified names of the tables that the pipeline reads, whole, by `new`, or to check references."""
        read = {s.table.qualified_name for s in self.sources.values() if not isinstance(s, FileSource)}
        return frozenset(read | {table.qualified_name for table in self.referenced_tables})

    @property
    def referenced_tables(self) -> tuple[Table, ...]:
        """The tables that its checks look into, each once."""
        found = [expected.referenced for expected in self.expectations]
        return tuple({table.qualified_name: table for table in found if table is not None}.values())

    @property
    def driving_tables(self) -> Mapping[str, TableSource | NewSource]:
        """The table sources whose batches a run takes in; the others are lookups, of which none is asked what is new.

        Read whole, a table drives what is overwritten whole, and what merges or overwrites and has no other source.
        """
        tables = {name: s for name, s in self.sources.items() if isinstance(s, TableSource | NewSource)}
        plain = {name for name, s in tables.items() if isinstance(s, TableSource)}
        mode = self.target.write_mode
        others = len(plain) < len(self.sources)
        if mode == "append" or (others and (mode != "overwrite" or self.target.partition_by)):
            return {name: source for name, source in tables.items() if name not in plain}
        return tables

    def with_tables(self, tables: Mapping[str, Table]) -> Pipeline:
        """Return the pipeline with its tables as they are declared now, by qualified name."""
        target = tables.get(self.target.qualified_name, self.target)
        sources = FrozenMap({name: source.with_tables(tables) for name, source in self.sources.items()})
        checks = tuple(expected.with_tables(tables) for expected in self.expectations)
        if (target, sources, checks) == (self.target, self.sources, self.expectations):
            return self
        return replace(self, target=target, sources=sources, expectations=checks)


def check_pipeline(made: Pipeline) -> None:
    """Raise a `DeclarationError` for the first rule that the pipeline breaks."""
    _check_parameters(made)
    _check_target(made)
    _check_loads(made)
    for expected in made.expectations:
        _check_columns(made, expected)


def _check_parameters(made: Pipeline) -> None:
    """Refuse a function whose parameters are not its sources; a parameter with a default may stand beside them."""
    parameters = inspect.signature(made.function).parameters.values()
    loose = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    wanted = [p.name for p in parameters if p not in loose and p.default is p.empty]
    known = {p.name for p in parameters if p not in loose}
    missing = [name for name in made.sources if name not in known]
    surplus = [name for name in wanted if name not in made.sources]
    if not (missing or surplus or loose):
        return
    hint = suggest(missing[0], surplus) if missing else suggest(surplus[0], made.sources) if surplus else ""
    raise DeclarationError(
        f"{made.name}: the function's parameters are not its sources{hint}:\n"
        f"    parameters: {', '.join(map(str, parameters)) or 'none'}\n"
        f"    sources:    {', '.join(made.sources) or 'none'}",
        fix=f"def {made.function.__name__}({', '.join(made.sources)}):",
    )


def _check_target(made: Pipeline) -> None:
    target = made.target
    if any(table.qualified_name == target.qualified_name for table in made.referenced_tables):
        raise DeclarationError(
            f"{made.name} checks references into {target.qualified_name}, which it writes: the new rows are not there "
            "yet when they are checked.",
            fix="Use a check of your own, which sees the new rows: check_fn=lambda df: (bool, text).",
        )
    if target.qualified_name in made.upstream_tables:
        raise DeclarationError(
            f"{made.name} reads {target.qualified_name} and writes it: each run would read its own result.",
            fix="Give the result a table of its own.",
        )
    for name, source in made.sources.items():
        if not isinstance(source, FileSource) or source.on_changed != "replace" or target.format == "iceberg":
            continue
        raise DeclarationError(
            f'{made.name}: `{name}` has on_changed="replace", and a Parquet table cannot take rows out again.',
            fix=f'In {target.class_name}: class Meta: format = "iceberg"',
        )


def _check_loads(made: Pipeline) -> None:
    """Refuse two ways of loading at once, and plain reads that each run would append again."""
    has_files = any(isinstance(source, FileSource) for source in made.sources.values())
    if has_files and LOADER in _names_in(made.function.__code__):
        raise DeclarationError(
            f"{made.name} has files(..) among its sources and calls {LOADER}: one of the two loads the files.",
            fix=f"Give the second files(..) as a source too, or make both {LOADER} calls.",
        )
    if LOADER in _names_in(made.function.__code__):
        refuse_overwritten(made.target)
    plain = {name: source for name, source in made.sources.items() if isinstance(source, TableSource)}
    if made.target.write_mode != "append" or not plain or len(plain) < len(made.sources):
        return
    if reaches_loader(made.function):
        return
    first, source = next(iter(plain.items()))
    raise DeclarationError(
        f"{made.name} reads only whole tables ({', '.join(plain)}) and appends: "
        f"each run would add every row to {made.target.qualified_name} again.",
        fix=f'One of three: "{first}": new({source.table.class_name}), which takes each batch once; '
        f"a SilverTable with a primary_key as target, where rows replace their earlier version; "
        f"or a GoldTable as target, which each run overwrites.",
    )


def refuse_overwritten(target: Table) -> None:
    """Refuse `load_to_bronze` into a table that each run overwrites: it returns the new files' rows, and no others."""
    if target.write_mode == "overwrite":
        raise DeclarationError(
            f"{LOADER} takes in new files only, and each run overwrites {target.qualified_name}: the rows of earlier "
            "files would be lost.",
            fix=f"Load the files into a BronzeTable, and make {target.class_name} of that table, read whole.",
        )


def _names_in(code: CodeType) -> set[str]:
    """Return every name that the code and the functions inside it mention."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return {*code.co_names, *code.co_freevars}.union(*map(_names_in, inner))


def reaches_loader(function: PipelineFunction, seen: set[int] | None = None) -> bool:
    """Whether the function mentions `load_to_bronze`, itself, by another name, or in a helper that it mentions."""
    seen = set() if seen is None else seen
    seen.add(id(function))
    names = _names_in(function.__code__)
    if LOADER in names:
        return True
    for value in _globals_of(function, names):
        if getattr(value, "__name__", "") == LOADER:
            return True
        if is_own(value) and id(value) not in seen and reaches_loader(value, seen):
            return True
    return False


def is_own(value: object) -> TypeGuard[FunctionType]:
    """Whether the value is a function of the project: not installed, and none of ours."""
    if not isinstance(value, FunctionType) or value.__module__.startswith("alur_nb."):
        return False
    return not any(folder in value.__code__.co_filename for folder in _INSTALLED)


def _globals_of(function: PipelineFunction, names: set[str]) -> Iterator[object]:
    yield from (function.__globals__[name] for name in names & function.__globals__.keys())
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the enclosing scope has not bound it yet
            continue


def _check_columns(made: Pipeline, expected: Expectation) -> None:
    if not isinstance(expected.check, Check):
        return
    known = (*made.target.columns, *METADATA)
    for column in expected.check.columns:
        if column not in known:
            raise DeclarationError(
                f"{made.name}: the check {expected.name!r} looks at `{column}`, which {made.target.qualified_name} "
                f"does not have{suggest(column, known)}.",
                fix=f"Its columns are {', '.join(made.target.columns)}.",
            )

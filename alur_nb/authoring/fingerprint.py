"""What a pipeline's result depends on, part by part, so that it can be said what has changed since it was looked at.

Of live objects, not of source text: a comment changes nothing, and a name that was bound again to an equal value neither.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from types import CodeType, FunctionType, ModuleType
from typing import Any

from alur_nb.runtime.flow import Pipeline, is_own
from alur_nb.runtime.tables import Table, TableType

Parts = Mapping[str, str]
"""`pipeline NAME`, `table layer.name`, and the notebook's names that it uses -> a hash that holds in this process."""

_PLAIN = (str, bytes, int, float, complex, bool, type(None), date, time, timedelta, Decimal)
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_LARGE = 1_000


def fingerprint(pipeline: Pipeline) -> dict[str, str]:
    """Return the parts of a pipeline: itself, its tables, the helpers and values that its functions reach."""
    functions = [one for one in (pipeline.function, *_own_checks(pipeline)) if isinstance(one, FunctionType)]
    parts = {
        f"pipeline {pipeline.name}": _hash(
            *map(_code_text, functions),
            *(f"{name}={_source_text(source)}" for name, source in pipeline.sources.items()),
            pipeline.target.qualified_name,
            *(
                f"{one.name} {one.check if one.check not in functions else ''} {one.severity}"
                for one in pipeline.expectations
            ),
        )
    }
    for table in _tables(pipeline):
        parts[f"table {table.qualified_name}"] = _hash(*_table_texts(table))
    for name, value in _reached(functions).items():
        parts[name] = _hash(_value_text(value))
    return parts


def changed(before: Parts, now: Parts) -> tuple[str, ...]:
    """Return the parts that differ, those that are gone or new among them, in their order now."""
    return tuple(part for part in {**now, **before} if before.get(part) != now.get(part))


def _own_checks(pipeline: Pipeline) -> list[FunctionType]:
    return [one.check for one in pipeline.expectations if isinstance(one.check, FunctionType)]


def _tables(pipeline: Pipeline) -> Iterator[Table]:
    yield pipeline.target
    for source in pipeline.sources.values():
        table = getattr(source, "table", None) or getattr(source, "contract", None)
        if isinstance(table, Table):
            yield table
    yield from pipeline.referenced_tables


def _table_texts(table: Table) -> Iterator[str]:
    yield f"{table.primary_key} {list(map(str, table.partition_by))} {table.format} {table.write_mode}"
    for name, field in table.columns.items():
        yield f"{name} {field.ddl} {field.nullable} {field.source} {getattr(field, 'format', None)}"


def _source_text(source: Any) -> str:
    """Return a source without what its table holds: that is a part of its own."""
    table = getattr(source, "table", None)
    if table is not None:
        return f"{type(source).__name__} {table.qualified_name}"
    contract = source.contract.qualified_name if source.contract else ""
    names = ("patterns", "source_system", "format", "strict", "extra_columns", "on_changed", "same_content")
    plain = [str(getattr(source, name)) for name in (*names, "reject_limit", "schema_mode")]
    return " ".join([contract, *plain, str(dict(source.options))])


def _reached(functions: Sequence[FunctionType]) -> dict[str, object]:
    """Return the notebook's names that the functions use, through its own helpers and classes."""
    found: dict[str, object] = {}
    waiting, seen = list(functions), set[int]()
    while waiting:
        function = waiting.pop(0)
        if id(function) in seen:
            continue
        seen.add(id(function))
        for name, value in _used(function):
            is_installed = isinstance(value, FunctionType) and not is_own(value)
            if is_installed or isinstance(value, TableType | Pipeline | ModuleType):
                continue
            found[name] = value
            waiting += [one for one in _functions_of(value) if is_own(one)]
    return found


def _used(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the names of the module, and those of a function around it, that a function uses."""
    for name in sorted(_globals_in(function.__code__) & function.__globals__.keys()):
        yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with contextlib.suppress(ValueError):  # the function around it has not bound it yet
            yield name, cell.cell_contents


def _globals_in(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    # Not co_names: that has every attribute too, and `frame.count` is not the notebook's `count`.
    own = {one.argval for one in dis.get_instructions(code) if one.opname in _LOADS}
    return own.union(*map(_globals_in, inner))


def _functions_of(value: object) -> list[FunctionType]:
    members = vars(value).values() if isinstance(value, type) and value.__module__ == "__main__" else (value,)
    return [one for one in members if isinstance(one, FunctionType)]


def _value_text(value: object, depth: int = 6) -> str:
    """Return a value as text; of what is no plain value, or a large one, only its type and size are told."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset | dict) and (len(value) > _LARGE or not depth):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, list | tuple | set | frozenset):
        inner = [_value_text(item, depth - 1) for item in value]
        return f"{type(value).__name__} {sorted(inner) if isinstance(value, set | frozenset) else inner}"
    if isinstance(value, dict):
        return f"dict {[(_value_text(key), _value_text(item, depth - 1)) for key, item in value.items()]}"
    functions = _functions_of(value)
    return "".join(map(_code_text, functions)) if functions else type(value).__qualname__


def _code_text(function: Any) -> str:
    return (
        _code(function.__code__) + _value_text(function.__defaults__) + _value_text(function.__kwdefaults__)
    )


def _code(code: CodeType) -> str:
    """Return what code does: neither its lines nor its file, which change when a cell runs again."""
    constants = [_code(one) if isinstance(one, CodeType) else _value_text(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]

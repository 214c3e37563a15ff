"""What a pipeline's result depends on, part by part, so that it can be said what has changed since it was looked at.

Of live objects, not of source text: a comment changes nothing, and a name that was bound again to an equal value neither.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import re
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeGuard

from alur_nb.runtime.checks import Check
from alur_nb.runtime.flow import Pipeline, is_own
from alur_nb.runtime.tables import Table, TableType

Parts = Mapping[str, str]
"""`pipeline NAME`, `table layer.name`, and the notebook's names that it uses -> a hash that holds in this process."""

_PLAIN = (str, bytes, int, float, complex, bool, type(None), date, time, timedelta, Decimal)
# Their `repr` says all of them, and nothing of where they lie in memory.
_TOLD = (re.Pattern, PurePath)
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_LARGE = 1_000
_PYTHON = sysconfig.get_path("stdlib")
# Changed tables and pipelines are told under their own names.
_PARTS_OF_THEIR_OWN = (TableType, Pipeline, ModuleType)


def fingerprint(pipeline: Pipeline) -> dict[str, str]:
    """Return the parts of a pipeline: itself, its tables, the helpers and values that its functions reach."""
    functions = [one for one in (pipeline.function, *_own_checks(pipeline)) if isinstance(one, FunctionType)]
    parts = {
        f"pipeline {pipeline.name}": _hash(
            *map(_code_text, functions),
            *(f"{name}={_source_text(source)}" for name, source in pipeline.sources.items()),
            pipeline.target.qualified_name,
            *(f"{one.name} {_check_text(one.check)} {one.severity}" for one in pipeline.expectations),
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
    found = [_held(one.check) for one in pipeline.expectations if not isinstance(one.check, Check)]
    return [one for held in found for one in held if isinstance(one, FunctionType)]


def _check_text(check: object) -> str:
    return str(check) if isinstance(check, Check) else _value_text(check)


def _tables(pipeline: Pipeline) -> Iterator[Table]:
    yield pipeline.target
    for source in pipeline.sources.values():
        table = getattr(source, "table", None) or getattr(source, "contract", None)
        if isinstance(table, Table):
            yield table
    yield from pipeline.referenced_tables


def _table_texts(table: Table) -> Iterator[str]:
    yield f"{table.primary_key} {list(map(str, table.partition_by))} {table.format} {table.write_mode}"
    yield f"{table.sequence_by} {table.delete_when}"
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
            held = list(_held(value))
            is_installed = isinstance(value, FunctionType) and not held
            if is_installed or isinstance(value, _PARTS_OF_THEIR_OWN):
                continue
            found[name] = value
            found |= {
                one.__name__: one for one in held if isinstance(one, type) and one.__name__ not in found
            }
            waiting += [one for one in held if isinstance(one, FunctionType)]
        defaults = _held((function.__defaults__, function.__kwdefaults__))
        waiting += [one for one in defaults if isinstance(one, FunctionType)]
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


def _held(value: object) -> Iterator[FunctionType | type]:
    """Yield the project's functions and the notebook's classes that a value holds, however it wraps them."""
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen or isinstance(one, (*_PLAIN, *_PARTS_OF_THEIR_OWN)):
            continue
        seen.add(id(one))
        if _is_own_function(one) or _is_own_class(one):
            yield one
        waiting += _inside(one)


def _is_own_function(value: object) -> TypeGuard[FunctionType]:
    return is_own(value) and not value.__code__.co_filename.startswith(_PYTHON)


def _is_own_class(value: object) -> TypeGuard[type]:
    return isinstance(value, type) and value.__module__ == "__main__"


def _inside(value: object) -> tuple[object, ...]:
    """Return what a value is made of; of what is no plain container, and not of the notebook, only what it wraps."""
    if isinstance(value, list | tuple | set | frozenset | dict) and len(value) > _LARGE:
        return ()
    if isinstance(value, dict):
        return (*value, *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(value)
    if isinstance(value, partial):
        return (value.func, value.args, value.keywords)
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return (value.fget, value.fset)
    if isinstance(value, type):
        return _members(value) if _is_own_class(value) else ()
    if _is_own_class(type(value)):
        return (type(value), *_fields(value).values())
    # `functools.wraps`, `lru_cache` and Spark's `udf` keep the function itself so, the last with its type.
    return tuple(one for name, one in _fields(value).items() if name in ("__wrapped__", "returnType"))


def _members(value: type) -> tuple[object, ...]:
    """Return a class's own members, less what Python adds to each of them."""
    if issubclass(value, Enum):
        own = (
            one
            for one in vars(value).values()
            if isinstance(one, FunctionType) and one.__module__ == "__main__"
        )
        return (*((one.name, one.value) for one in value), *own)
    added = ("__module__", "__doc__", "__dict__", "__weakref__", "__annotations__")
    return tuple((name, one) for name, one in vars(value).items() if name not in added)


def _fields(value: object) -> dict[str, object]:
    if isinstance(value, Enum):
        return {"name": value.name, "value": value.value}
    slots = getattr(type(value), "__slots__", ()) if _is_own_class(type(value)) else ()
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    held = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return held | dict(getattr(value, "__dict__", {}))


def _value_text(value: object, depth: int = 6) -> str:
    """Return a value as text; of what is not of the notebook, or large, only its type and size are told."""
    if isinstance(value, (*_PLAIN, *_TOLD)) or type(value).__module__ == "pyspark.sql.types":
        return repr(value)
    kind = type(value).__qualname__
    if isinstance(value, list | tuple | set | frozenset | dict) and (len(value) > _LARGE or not depth):
        return f"{kind} of {len(value)}"
    if isinstance(value, list | tuple | set | frozenset):
        inner = [_value_text(item, depth - 1) for item in value]
        return f"{kind} {sorted(inner) if isinstance(value, set | frozenset) else inner}"
    if isinstance(value, dict):
        return f"{kind} {[(_value_text(key), _value_text(item, depth - 1)) for key, item in value.items()]}"
    if not depth or isinstance(value, _PARTS_OF_THEIR_OWN):
        return kind
    code = _code_text(value, depth - 1) if _is_own_function(value) else ""
    if _is_own_class(type(value)):  # its class is a part of its own
        return f"{kind} {_value_text(_fields(value), depth - 1)}"
    return f"{kind} {code} {[_value_text(one, depth - 1) for one in _inside(value)]}"


def _code_text(function: Any, depth: int = 6) -> str:
    defaults = _value_text(function.__defaults__, depth), _value_text(function.__kwdefaults__, depth)
    return "".join((_code(function.__code__), *defaults))


def _code(code: CodeType) -> str:
    """Return what code does: neither its lines nor its file, which change when a cell runs again."""
    constants = [_code(one) if isinstance(one, CodeType) else _value_text(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]

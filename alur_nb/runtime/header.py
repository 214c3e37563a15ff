"""Which column of a file is which column of the contract: by name, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.tables import Table, normalized
from alur_nb.runtime.types import ArrayField, MapField, StructField

_SHOWN_NAMES = 8
_OTHER_SEPARATORS = {";": ";", "\t": "\\t", "|": "|", ",": ","}


@dataclass(frozen=True, slots=True)
class Binding:
    """How a header fits a contract, or why it does not."""

    columns: tuple[str | None, ...] = ()
    """Per column of the file: the contract's column; None for an extra one."""
    missing: tuple[str, ...] = ()
    """Nullable columns that the file lacks: read as null."""
    extra: tuple[str, ...] = ()
    """Columns of the file, as written there, that the contract does not have."""
    problem: str | None = None
    fix: str | None = None


def bind(header: Sequence[str], contract: Table, extra_columns: str, *, nested: bool = False) -> Binding:
    """Match a file's header to the contract's columns, by `source=` or name under the header rule.

    `extra_columns` is "error" or "ignore". What does not fit is a `problem` with its `fix`.
    Raises DeclarationError where the contract has a type that no CSV file can hold, unless `nested` ones can be.
    """
    if not nested:
        _refuse_nested(contract)
    wanted = {normalized(field.source or name): name for name, field in contract.file_columns.items()}
    keys = [normalized(name) for name in header]
    columns = tuple(wanted.get(key) for key in keys)
    absent = [name for name in contract.file_columns if name not in columns]
    binding = Binding(
        columns,
        tuple(name for name in absent if contract.file_columns[name].nullable),
        tuple(name for name, column in zip(header, columns, strict=True) if column is None),
    )
    problem, fix = _problem(header, keys, contract, binding, extra_columns)
    return Binding(binding.columns, binding.missing, binding.extra, problem, fix)


def bind_by_position(contract: Table) -> Binding:
    """Take the contract's columns as those of a file without a header; rows of another width are rejected.

    Raises DeclarationError where the contract has a type that no CSV file can hold.
    """
    _refuse_nested(contract)
    return Binding(tuple(contract.file_columns))


def listed(names: Sequence[str], mark: str = "`") -> str:
    """Return the names for a message, the first few of many."""
    shown = ", ".join(f"{mark}{name}{mark}" for name in names[:_SHOWN_NAMES])
    return f"{shown}, {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else shown


def _refuse_nested(contract: Table) -> None:
    for name, field in contract.file_columns.items():
        if isinstance(field, (ArrayField, StructField, MapField)):
            raise DeclarationError(
                f"{contract.qualified_name}.{name} is {field.ddl}, which a CSV file cannot hold.",
                fix=f"Declare `{name}` as StringField() and take it apart downstream, or deliver JSON or Parquet.",
            )


def _problem(
    header: Sequence[str], keys: Sequence[str], contract: Table, binding: Binding, extra_columns: str
) -> tuple[str | None, str | None]:
    twins = _twins(header, keys)
    if twins:
        return (
            f"the header has two columns that are one by name: {twins}",
            "Rename one of them in the files: letters' case, blanks and signs do not tell columns apart.",
        )
    if len(header) == 1 and binding.extra:
        for mark, shown in _OTHER_SEPARATORS.items():
            if mark in header[0]:
                return (
                    f"the header is one column, `{header[0]}`",
                    f'Name the separator: options={{"sep": "{shown}"}}.',
                )
    required = [
        name
        for name, field in contract.file_columns.items()
        if not field.nullable and name not in binding.columns
    ]
    if required:
        return _missing_problem(header, keys, contract, binding, required)
    if binding.extra and extra_columns != "ignore":
        return _extra_problem(contract, binding)
    return None, None


def _twins(header: Sequence[str], keys: Sequence[str]) -> str:
    """Return the first two columns that fall together, as written; else an empty text."""
    seen: dict[str, str] = {}
    for name, key in zip(header, keys, strict=True):
        if key in seen:
            return f"`{seen[key]}` and `{name}`"
        seen[key] = name
    return ""


def _missing_problem(
    header: Sequence[str], keys: Sequence[str], contract: Table, binding: Binding, required: Sequence[str]
) -> tuple[str, str]:
    first = required[0]
    unbound = {
        key: name for key, name, column in zip(keys, header, binding.columns, strict=True) if column is None
    }
    expected = contract.file_columns[first].source or first
    more = f" (and {listed(required[1:])})" if len(required) > 1 else ""
    hint, near = _nearest(expected, unbound)
    fix = f"Add the column to the file, or declare `{first}` nullable."
    if near:
        declared = f'{first} = {type(contract.file_columns[first]).__name__}(source="{near}")'
        fix = f"If `{near}` is that column, say so: {declared}."
    return f"the column `{expected}`{more} is missing, and it may not be null{hint}", fix


def _nearest(name: str, written: Mapping[str, str]) -> tuple[str, str]:
    """Return the "did you mean" and the nearest name as it is written, looked for under the header rule."""
    hint = suggest(normalized(name), written)
    for key, text in written.items():
        if f"`{key}`" in hint:
            return hint.replace(f"`{key}`", f"`{text}`"), text
    return "", ""


def _extra_problem(contract: Table, binding: Binding) -> tuple[str, str]:
    first = binding.extra[0]
    more = f" (and {listed(binding.extra[1:])})" if len(binding.extra) > 1 else ""
    expected = [contract.file_columns[name].source or name for name in binding.missing]
    hint, _ = _nearest(first, {normalized(name): name for name in expected})
    if not first.strip():
        return (
            f"a column without a name{more} is not in {contract.qualified_name}",
            'Name it in the file, or load without it: files(.., extra_columns="ignore") or --extra-columns ignore.',
        )
    return (
        f"the column `{first}`{more} is not in {contract.qualified_name}{hint}",
        f'Declare `{normalized(first)}` in the table, or load without it: files(.., extra_columns="ignore") or --extra-columns ignore; '
        'schema_mode="rescue" keeps it in `_rescued`, "evolve" adds it.',
    )

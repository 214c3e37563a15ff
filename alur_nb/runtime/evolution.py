"""schema_mode="evolve": columns that the files have and the table does not become columns of this batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from alur_nb.runtime import parquet
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import METADATA, RESERVED, Table, normalized
from alur_nb.runtime.types import Field, StringField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def grown(contract: Table, files: Iterable[ReadableFile], source: FileSource) -> tuple[Table, dict[str, str]]:
    """Return the contract with every new column of the files, and `path -> problem` of files that cannot be added to.

    A column of CSV or JSON lines is added as a string, since nothing is guessed; Parquet says its types itself.
    """
    added: dict[str, Field] = {}
    problems: dict[str, str] = {}
    for file in files:
        found = _columns(file, source)
        problem = _problem(found, added, contract)
        if problem:
            problems[file.file.path] = problem
        else:
            added |= {name: field for name, field in found.items() if field is not None}
    if not added:
        return contract, problems
    names = frozenset(added)
    return replace(contract, columns={**contract.columns, **added}, added=names), problems


def _columns(file: ReadableFile, source: FileSource) -> dict[str, Field | None]:
    if source.format == "parquet":
        return parquet.added_columns(file.inspection, file.binding.extra)
    return {normalized(name): StringField() for name in file.binding.extra}


def _problem(found: Mapping[str, Field | None], added: Mapping[str, Field], contract: Table) -> str | None:
    derived = {partition.name for partition in contract.partition_by}
    for name, field in found.items():
        if not name.strip("_") or name in (*RESERVED, *METADATA) or name in derived:
            return f"the column `{name}` cannot be added to {contract.qualified_name}: the name is taken or empty"
        if field is None:
            return f"the column `{name}` has a type that no table can hold"
        if name in added and added[name].ddl != field.ddl:
            return f"the column `{name}` is {field.ddl}, and {added[name].ddl} in another file"
    return None


def notes(contract: Table) -> list[str]:
    """Return a line for each added column: the one to copy into the table's class."""
    return [
        f"{contract.qualified_name} has a new column: {name} = {contract.columns[name]!r}   "
        "(schema_mode=evolve; copy this line into the table)"
        for name in sorted(contract.added)
    ]


def goes_beyond(contract: Table, source: FileSource) -> bool:
    """Whether rows of the source may have columns that no table declares."""
    return bool(contract.added) or source.schema_mode == "rescue"


def columns_beyond(target: Table, frame: DataFrame) -> dict[str, str]:
    """Return the frame's columns that the target does not declare, with their types: what the ledger keeps of them."""
    return {
        field.name: field.dataType.simpleString()
        for field in frame.schema.fields
        if field.name not in target.columns and field.name not in METADATA
    }


def with_added(target: Table, contracts: Sequence[Table], result: DataFrame) -> Table:
    """Return the target with those added columns that the pipeline's result still has."""
    found = {
        name: contract.columns[name]
        for contract in contracts
        for name in sorted(contract.added)
        if name in result.columns and name not in target.columns
    }
    return replace(target, columns={**target.columns, **found}) if found else target

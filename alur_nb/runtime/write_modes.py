"""How a batch joins its table: appended, merged by key, as history, or in place of what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from alur_nb.runtime.contract import (
    HISTORY,
    Partition,
    Table,
    WriteMode,
    normalized,
)
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.types import FrozenMap

Format = Literal["parquet", "iceberg"]

_PARTITION = re.compile(
    r'(?P<transform>year|month|day|hour|bucket)\((?:(?P<buckets>\d+), )?"(?P<column>.+)"\)'
)


@dataclass(frozen=True, slots=True)
class Publication:
    """How a sealed batch is published; kept with the batch, so that whoever finishes it does what was sealed."""

    format: Format = "parquet"
    mode: WriteMode = "append"
    key: tuple[str, ...] = ()
    sequence_by: str | None = None
    delete_when: str | None = None
    partitions: tuple[str, ...] = ()
    """As a table declares them, in the form of `str(Partition)`: `country`, `day("created_at")`."""

    @property
    def partition_by(self) -> tuple[Partition, ...]:
        """The partitions as a table has them."""
        return tuple(map(_partition, self.partitions))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; `from_dict` takes it back."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave; a key that is not there has its default."""
        read: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**read)

    def to_json(self) -> str:
        """Return one line of JSON, the same for the same publication."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls.from_dict(json.loads(text))


def publication_of(table: Table) -> Publication:
    """Return how a batch of the table is published, by what the table declares now."""
    joins = table.write_mode in ("merge", "history")
    return Publication(
        format="iceberg" if table.format == "iceberg" else "parquet",
        mode=table.write_mode,
        key=table.primary_key if joins else (),
        sequence_by=table.sequence_by,
        delete_when=table.delete_when,
        partitions=tuple(map(str, table.partition_by)),
    )


def history_columns(table: Table) -> Mapping[str, str]:
    """Return the columns that alur keeps beside those of a table with scd_type 2, with their types; else none.

    `valid_from` and `valid_to` are of the type of `sequence_by`, by whose values versions follow each other.
    """
    if table.write_mode != "history":
        return FrozenMap({})
    time = table.columns[table.sequence_by].ddl if table.sequence_by else "timestamp"
    return FrozenMap({"valid_from": time, "valid_to": time, "is_current": "boolean"})


def read_columns(table: Table) -> dict[str, str]:
    """Return the columns that a frame of the table has, with their types: its own, then those of its history."""
    return {name: column.ddl for name, column in table.columns.items()} | dict(history_columns(table))


def _partition(text: str) -> Partition:
    found = _PARTITION.fullmatch(text)
    if found is None:
        return Partition(text)
    return Partition(found["column"], found["transform"], int(found["buckets"]) if found["buckets"] else None)


def check_write_mode(table: Table) -> None:
    """Raise a `DeclarationError` where what a table says of its merge does not fit together."""
    _check_scd_type(table)
    for name in ("sequence_by", "delete_when"):
        if getattr(table, name) is not None:
            _check_applies(table, name)
    if table.sequence_by is not None:
        _check_sequence(table, table.sequence_by)
    if table.write_mode == "history":
        _check_history_names(table)


def _check_scd_type(table: Table) -> None:
    if table.scd_type not in (1, 2) or isinstance(table.scd_type, bool):
        raise DeclarationError(
            f"{table.class_name}: scd_type is {table.scd_type!r}, and there are two.",
            fix="scd_type = 1 keeps the last version of a row, scd_type = 2 every version",
        )
    if table.scd_type == 2:
        _check_applies(table, "scd_type")


def _check_applies(table: Table, name: str) -> None:
    """Only a silver table with a key merges; elsewhere the word would be silently without effect."""
    if table.layer != "silver":
        does = "appends" if table.layer == "bronze" else "is overwritten by each run"
        raise DeclarationError(
            f"{table.class_name}: {name} is for tables that merge, and a {table.layer} table {does}.",
            fix=f"leave {name} out, or make the table a SilverTable with a primary_key",
        )
    if not table.primary_key:
        raise DeclarationError(
            f"{table.class_name}: {name} is for tables that merge, and without a primary_key a silver table appends.",
            fix=f'primary_key = ["{next(iter(table.columns))}"], or leave {name} out',
        )


def _check_sequence(table: Table, name: str) -> None:
    if name not in table.columns:
        raise DeclarationError(
            f"{table.class_name}: sequence_by: there is no column `{name}`{suggest(name, table.columns)}.",
            fix=f"the columns are {', '.join(table.columns)}",
        )
    ddl = table.columns[name].ddl
    if name in table.primary_key:
        raise DeclarationError(
            f"{table.class_name}: sequence_by: `{name}` is of the key, so it is equal in all versions of a row.",
            fix="name the column that grows from version to version, such as updated_at",
        )
    if ddl.startswith(("array", "struct", "map")) or ddl in ("binary", "boolean"):
        raise DeclarationError(
            f"{table.class_name}: sequence_by: `{name}` is {ddl}, by which versions cannot be told apart in time.",
            fix="name a timestamp, a date or a number that grows from version to version",
        )
    if table.scd_type == 2 and ddl not in ("timestamp", "date"):
        raise DeclarationError(
            f"{table.class_name}: sequence_by: `{name}` is {ddl}, and it becomes valid_from and valid_to.",
            fix="with scd_type = 2 name a timestamp or a date; without one, the time of loading is taken",
        )


def _check_history_names(table: Table) -> None:
    for name, column in table.columns.items():
        if normalized(name) in HISTORY:
            raise DeclarationError(
                f"{table.class_name}: the column name `{name}` is reserved where scd_type is 2.",
                fix=f'source_{name} = {type(column).__name__}(source="{name}"): alur writes `{normalized(name)}` itself',
            )

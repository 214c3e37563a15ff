"""How an Iceberg table comes from its contract, and how it follows when the contract changes.

What loses nothing is applied; what would lose something, or could not hold for rows that are there, is refused with
the statement that a person may run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from alur_nb.runtime.errors import ContractError
from alur_nb.runtime.iceberg_metadata import StoredColumn, StoredTable, ddl_of
from alur_nb.runtime.tables import METADATA, METADATA_TYPES, RESCUED, Partition, Table
from alur_nb.runtime.types import (
    ArrayField,
    BooleanField,
    DateField,
    Field,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from alur_nb.runtime.write_modes import history_columns

BATCH_ID = "batch_id"
COMMENT = "comment"

_FIXED = {
    # Athena's SQL writes and reads version 2; going to 3 cannot be undone.
    "format-version": "2",
    # `new(T)` and every look whether a batch is there skip files by its bounds; the default cuts texts to 16
    # characters, by which ids of one epoch are all alike.
    f"write.metadata.metrics.column.{BATCH_ID}": "full",
    "write.delete.isolation-level": "serializable",
    "write.update.isolation-level": "serializable",
    "write.merge.isolation-level": "serializable",
}
_AT_FIRST = {
    # Every commit writes a metadata file; without this they stay for ever.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}
_TRANSFORMS = {"year": "years", "month": "months", "day": "days", "hour": "hours"}
_OWN_TYPES: Mapping[str, type[BooleanField | DateField | StringField | TimestampField]] = {
    "boolean": BooleanField,
    "date": DateField,
    "string": StringField,
    "timestamp": TimestampField,
}
# Iceberg's own (its specification, "Schema Evolution"); decimals beside.
_WIDER = {("int", "bigint"), ("float", "double")}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a contract and its table: in words, and the SQL statement that takes it away."""

    text: str
    statement: str = ""
    fix: str = ""
    """Of what is refused: what to do instead of running the statement."""


@dataclass(frozen=True, slots=True)
class Evolution:
    """What a table needs to follow its contract."""

    table: str
    changes: tuple[Change, ...] = ()
    refused: tuple[Change, ...] = ()

    def check(self) -> None:
        """Raise ContractError for what is refused, with the statement for each."""
        if self.refusal is not None:
            raise self.refusal

    @property
    def refusal(self) -> ContractError | None:
        """The error that `check` raises."""
        if not self.refused:
            return None
        what = "; ".join(change.text for change in self.refused)
        steps = [f"{change.fix}{_or(change)}" for change in self.refused]
        return ContractError(f"{self.table} cannot follow its contract: {what}.", fix="\n".join(steps))


def _or(change: Change) -> str:
    return f"; or run: {change.statement}" if change.statement else ""


def stored_fields(table: Table) -> dict[str, Field]:
    """Return all columns of the table in Iceberg: the contract's, then those that alur writes."""
    fields = dict(table.columns)
    own = {name: METADATA_TYPES[name] for name in METADATA} | dict(history_columns(table))
    for name, ddl in own.items():
        fields.setdefault(name, _OWN_TYPES[ddl]())
    fields[BATCH_ID] = StringField(nullable=False, description="the batch of alur that wrote the row")
    return fields


def create_statement(table: Table, name: str, location: str | None = None) -> str:
    """Return the statement that creates the table where it is not there yet; `name` is quoted, as by `identifier`."""
    fields = stored_fields(table)
    columns = ",\n".join(
        f"  {_column(one, field, _is_required(table, one, field))}" for one, field in fields.items()
    )
    parts = ", ".join(map(transform, table.partition_by))
    properties = wanted_properties(table) | _AT_FIRST
    lines = [f"CREATE TABLE IF NOT EXISTS {name} (", columns, ") USING iceberg"]
    lines += [f"PARTITIONED BY ({parts})"] if parts else []
    lines += [f"COMMENT {text(table.description)}"] if table.description else []
    lines += [f"LOCATION {text(location)}"] if location else []
    return "\n".join([*lines, f"TBLPROPERTIES ({_pairs(properties)})"])


def wanted_properties(table: Table) -> dict[str, str]:
    """Return the properties that the protocol stands on, which a table has at all times."""
    # Without it every task would write a file into each partition that it has rows of.
    return _FIXED | {"write.distribution-mode": "hash" if table.partition_by else "none"}


def evolution(stored: StoredTable, table: Table, name: str, added: Collection[str] = ()) -> Evolution:
    """Compare the table as it is with its contract; `added` are columns that batches have brought beyond it."""
    fields = stored_fields(table)
    found = [
        *_new_columns(stored, table, fields, name),
        *_changed_columns(stored, table, fields, name),
        *_gone_columns(stored, fields, name, added),
        *_partition_changes(stored, table, name),
        *_property_changes(stored, table, name),
    ]
    return Evolution(
        table.qualified_name,
        tuple(change for change, is_refused in found if not is_refused),
        tuple(change for change, is_refused in found if is_refused),
    )


_Found: TypeAlias = Iterator[tuple[Change, bool]]
"""Changes, and whether each is refused."""


def _new_columns(stored: StoredTable, table: Table, fields: Mapping[str, Field], name: str) -> _Found:
    before = ""
    for one, field in fields.items():
        if stored.column(one) is None:
            place = f" AFTER {quoted(before)}" if before else " FIRST"
            if _is_required(table, one, field):
                yield (
                    Change(
                        f"`{one}` is new and may not be null, and the rows that are there have no value for it",
                        fix=f"declare `{one}` nullable, and load it anew where it matters: alur run NAME --full",
                    ),
                    True,
                )
            else:
                statement = f"ALTER TABLE {name} ADD COLUMN {_column(one, field, False)}{place}"
                yield Change(f"adds `{one}` {field.ddl}", statement), False
        before = one


def _changed_columns(stored: StoredTable, table: Table, fields: Mapping[str, Field], name: str) -> _Found:
    for one, field in fields.items():
        column = stored.column(one)
        if column is None:
            continue
        yield from _type_changes(quoted(one), column.type, field, name)
        yield from _nullability(column, is_required=_is_required(table, one, field), name=name)
        if column.comment != (field.description or ""):
            statement = (
                f"ALTER TABLE {name} ALTER COLUMN {quoted(one)} COMMENT {text(field.description or '')}"
            )
            yield Change(f"describes `{one}` anew", statement), False


def _type_changes(path: str, stored: str | Mapping[str, Any], field: Field, name: str) -> _Found:
    """Compare two types; `path` is the column's quoted name, and that of what is inside of it."""
    before, after = ddl_of(stored), field.ddl
    if before == after:
        return
    if isinstance(stored, Mapping):
        inner = _inside(path, stored, field)
        if inner is not None:
            for one, kind, part in inner:
                if kind is None:
                    yield (
                        Change(f"adds {one} {part.ddl}", f"ALTER TABLE {name} ADD COLUMN {one} {part.ddl}"),
                        False,
                    )
                else:
                    yield from _type_changes(one, kind, part, name)
            return
    if widens(before, after):
        statement = f"ALTER TABLE {name} ALTER COLUMN {path} TYPE {after}"
        yield Change(f"widens {path} from {before} to {after}", statement), False
        return
    word = "narrower" if widens(after, before) else "another type"
    yield (
        Change(
            f"{path} is {before} in the table and {after} in the contract, which is {word}",
            f"ALTER TABLE {name} DROP COLUMN {path}   (its values are lost: then alur run NAME --full)",
            f"declare {path} as {before}",
        ),
        True,
    )


def _inside(
    path: str, stored: Mapping[str, Any], field: Field
) -> list[tuple[str, str | Mapping[str, Any] | None, Field]] | None:
    """Pair what is inside of two nested types, None for what is new; None where they cannot be paired.

    A member of a struct that is declared no more cannot be: its values would be lost.
    """
    kind = stored["type"]
    if kind == "list" and isinstance(field, ArrayField):
        return [(f"{path}.element", stored["element"], field.element)]
    if kind == "map" and isinstance(field, MapField) and ddl_of(stored["key"]) == field.key.ddl:
        return [(f"{path}.value", stored["value"], field.value)]
    if kind == "struct" and isinstance(field, StructField):
        members = {member["name"]: member["type"] for member in stored["fields"]}
        if members.keys() <= field.fields.keys():
            return [(f"{path}.{quoted(one)}", members.get(one), part) for one, part in field.fields.items()]
    return None


def _nullability(column: StoredColumn, *, is_required: bool, name: str) -> _Found:
    one = quoted(column.name)
    if column.is_required and not is_required:
        statement = f"ALTER TABLE {name} ALTER COLUMN {one} DROP NOT NULL"
        yield Change(f"lets `{column.name}` be null", statement), False
    elif is_required and not column.is_required:
        yield (
            Change(
                f"`{column.name}` may be null in the table, and may not in the contract",
                f"DROP TABLE {name}   (then alur run NAME --full makes it anew)",
                f"declare `{column.name}` nullable",
            ),
            True,
        )


def _gone_columns(
    stored: StoredTable, fields: Mapping[str, Field], name: str, added: Collection[str]
) -> _Found:
    known = {*fields, *added, RESCUED}
    gone = [column for column in stored.columns if column.name not in known]
    new = [one for one in fields if stored.column(one) is None]
    for column in gone:
        statement = f"ALTER TABLE {name} DROP COLUMN {quoted(column.name)}   (its values are lost)"
        heirs = [one for one in new if fields[one].ddl == column.ddl]
        if len(gone) == len(heirs) == 1:
            renamed = f"ALTER TABLE {name} RENAME COLUMN {quoted(column.name)} TO {quoted(heirs[0])}"
            statement = f"{renamed}   (where it has only another name), {statement}"
        yield (
            Change(
                f"`{column.name}` {column.ddl} is in the table and declared no more",
                statement,
                f"declare `{column.name}` again",
            ),
            True,
        )


def _partition_changes(stored: StoredTable, table: Table, name: str) -> _Found:
    before, after = stored.partitions, table.partition_by
    for one in (part for part in before if part not in after):
        statement = f"ALTER TABLE {name} DROP PARTITION FIELD {transform(one)}"
        yield Change(f"partitions new rows by {one} no more", statement), False
    for one in (part for part in after if part not in before):
        statement = f"ALTER TABLE {name} ADD PARTITION FIELD {transform(one)}"
        yield Change(f"partitions new rows by {one}", statement), False


def _property_changes(stored: StoredTable, table: Table, name: str) -> _Found:
    # The version is no property of a table that is there.
    wanted = {key: value for key, value in wanted_properties(table).items() if key != "format-version"}
    if table.description or COMMENT in stored.properties:
        wanted[COMMENT] = table.description
    differing = {key: value for key, value in wanted.items() if stored.properties.get(key) != value}
    if differing:
        what = (
            "describes the table anew"
            if set(differing) == {COMMENT}
            else f"sets {', '.join(sorted(differing))}"
        )
        yield Change(what, f"ALTER TABLE {name} SET TBLPROPERTIES ({_pairs(differing)})"), False


def widens(before: str, after: str) -> bool:
    """Whether Iceberg reads every value of the one type as the other."""
    if (before, after) in _WIDER:
        return True
    old, new = _decimal(before), _decimal(after)
    return old is not None and new is not None and old[1] == new[1] and old[0] < new[0]


def _decimal(ddl: str) -> tuple[int, int] | None:
    if not ddl.startswith("decimal("):
        return None
    precision, _, scale = ddl.removeprefix("decimal(").removesuffix(")").partition(",")
    return int(precision), int(scale)


def _is_required(table: Table, name: str, field: Field) -> bool:
    """A key that merges is never null, whatever the contract leaves open: a null matches nothing, itself included."""
    joins = table.write_mode in ("merge", "history")
    return not field.nullable or (joins and name in table.primary_key)


def transform(partition: Partition) -> str:
    """Return a partition as Spark's SQL writes it: `days(`created_at`)`, `bucket(16, `id`)`."""
    column = quoted(partition.column)
    if partition.transform == "identity":
        return column
    if partition.transform == "bucket":
        return f"bucket({partition.buckets}, {column})"
    if partition.transform.startswith("truncate["):
        return f"truncate({partition.transform.removeprefix('truncate[').removesuffix(']')}, {column})"
    return f"{_TRANSFORMS[partition.transform]}({column})"


def _column(name: str, field: Field, is_required: bool) -> str:
    parts = [quoted(name), field.ddl, "NOT NULL" if is_required else ""]
    parts += [f"COMMENT {text(field.description)}"] if field.description else []
    return " ".join(filter(None, parts))


def quoted(name: str) -> str:
    """Return a name as Spark's SQL writes it, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """Return a text as Spark's SQL writes it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _pairs(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{text(key)} = {text(value)}" for key, value in sorted(properties.items()))

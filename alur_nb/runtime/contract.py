"""The plain value that a table is to every other module, and what it must satisfy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from alur_nb.runtime.errors import DeclarationError, cut, suggest
from alur_nb.runtime.freshness import allowed_age
from alur_nb.runtime.types import Field, FrozenMap, LongField, StringField

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

Layer = Literal["bronze", "silver", "gold"]
WriteMode = Literal["append", "merge", "overwrite", "history"]

METADATA = ("_ingested_at", "_source_system", "_source_file")
METADATA_TYPES: Mapping[str, str] = FrozenMap(
    {"_ingested_at": "timestamp", "_source_system": "string", "_source_file": "string"}
)
RESCUED = "_rescued"
"""What the files have beyond the contract, as JSON text; only in tables that are loaded with schema_mode="rescue"."""
RESERVED = ("batch_id", "_rejected", RESCUED)
HISTORY = ("valid_from", "valid_to", "is_current")
"""What a table with scd_type 2 has beside its columns."""
REJECTS_SUFFIX = "__rejects"
FORMATS = ("parquet", "iceberg")
MAX_NAME = 120
# Of a name that an error shows.
_SHOWN = 60

_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLAIN_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NESTED = re.compile(r"(array|struct|map)<.*")
# What each transform can be taken of, by the column's DDL.
_TRANSFORMS = {
    "year": ("date", "timestamp"),
    "month": ("date", "timestamp"),
    "day": ("date", "timestamp"),
    "hour": ("timestamp",),
}


def normalized(header: str) -> str:
    """Return a column's name as the header rule sees it: trimmed, NFC, lower case, non-word to `_`."""
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", header.strip()).lower())
    return re.sub(r"\W", "_", lowered)


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition column: a column as it is, or a transform of it."""

    column: str
    transform: str = "identity"
    buckets: int | None = None

    @property
    def name(self) -> str:
        """The directory's column: `created_at`, or derived, `created_at_day`."""
        return self.column if self.transform == "identity" else f"{self.column}_{self.transform}"

    def __str__(self) -> str:
        if self.transform == "identity":
            return self.column
        count = f"{self.buckets}, " if self.buckets is not None else ""
        return f'{self.transform}({count}"{self.column}")'


def year(column: str) -> Partition:
    """Partition by the year of a date or timestamp column."""
    return Partition(column, "year")


def month(column: str) -> Partition:
    """Partition by the month of a date or timestamp column."""
    return Partition(column, "month")


def day(column: str) -> Partition:
    """Partition by the day of a date or timestamp column."""
    return Partition(column, "day")


def hour(column: str) -> Partition:
    """Partition by the hour of a timestamp column."""
    return Partition(column, "hour")


def bucket(buckets: int, column: str) -> Partition:
    """Partition by a hash of the column into `buckets` parts.

    Raises
    ------
    DeclarationError
        `buckets` is not a whole number above zero.
    """
    if not isinstance(buckets, int) or isinstance(buckets, bool) or buckets < 1:
        raise DeclarationError(
            f"bucket: {buckets!r} is not a number of buckets.", fix='bucket(16, "customer_id")'
        )
    return Partition(column, "bucket", buckets)


@dataclass(frozen=True, slots=True)
class Table:
    """A declared table: its columns in order, and where and how it is stored."""

    layer: Layer
    name: str
    class_name: str
    columns: Mapping[str, Field]
    partition_by: tuple[Partition, ...] = ()
    primary_key: tuple[str, ...] = ()
    description: str = ""
    format: str = "parquet"
    sequence_by: str | None = None
    """The column by which the last of a key's rows is told."""
    delete_when: str | None = None
    """A condition in SQL over a row of a batch: it deletes the key's row."""
    scd_type: int = 1
    """Of a slowly changing dimension: 1 keeps the last version of a row, 2 every version."""
    # The Python module of the class: what an imported module declares outlives the cell that imported it.
    module: str = field(default="__main__", compare=False, repr=False)
    added: frozenset[str] = frozenset()
    """Columns that no class declares: a batch added them, under schema_mode="evolve"."""
    is_contract: bool = False
    """Whether these are the columns of files alone, of a class that declares no table."""
    freshness: str = ""
    """How old the last committed batch may become, as `26 hours`; an empty text allows any age."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", FrozenMap(self.columns))

    @property
    def qualified_name(self) -> str:
        """`layer.name`, by which the table is always addressable; the class's name where it declares no table."""
        return self.class_name if self.is_contract else f"{self.layer}.{self.name}"

    @property
    def write_mode(self) -> WriteMode:
        """How a batch joins the table: bronze appends, silver with a key merges or keeps history, gold overwrites."""
        if self.layer == "gold":
            return "overwrite"
        if self.layer != "silver" or not self.primary_key:
            return "append"
        return "history" if self.scd_type == 2 else "merge"

    @property
    def ddl(self) -> str:
        """The columns as `a int, b string`, for Spark's own DDL parser."""
        return ", ".join(f"{_quoted(name)} {column.ddl}" for name, column in self.columns.items())

    @property
    def file_columns(self) -> Mapping[str, Field]:
        """The columns that are looked for in files: all but the three metadata columns."""
        return FrozenMap({name: column for name, column in self.columns.items() if name not in METADATA})

    def schema(self) -> StructType:
        """Return the contract's columns as a pyspark `StructType`, with nullability and comments."""
        from pyspark.sql.types import StructField, StructType

        return StructType(
            [
                StructField(
                    name,
                    column.spark_type(),
                    column.nullable,
                    {"comment": column.description} if column.description else None,
                )
                for name, column in self.columns.items()
            ]
        )

    def column(self, name: str) -> Field:
        """Return the field of a column.

        Raises
        ------
        DeclarationError
            The table has no such column; the nearest name is suggested.
        """
        if name in self.columns:
            return self.columns[name]
        raise DeclarationError(
            f"{self.qualified_name} has no column `{name}`{suggest(name, self.columns)}.",
            fix=f"its columns are {', '.join(self.columns)}",
        )


def _quoted(name: str) -> str:
    return name if _PLAIN_IDENTIFIER.fullmatch(name) else f"`{name}`"


def check_table(table: Table) -> None:
    """Raise a `DeclarationError` for the first rule that the table breaks."""
    _check_name(table)
    _check_columns(table)
    _check_header_names(table)
    _check_format(table)
    for partition in table.partition_by:
        _check_partition(table, partition)
    _check_partition_names(table)
    _check_primary_key(table)
    if table.freshness:
        allowed_age(table.freshness, f"{table.class_name}: freshness")


def rejects_of(table: Table) -> Table:
    """Return the table of a table's rejected rows: `raw, source_file, line_number, column, reason`."""
    names = ("raw", "source_file", "line_number", "column", "reason")
    columns = {name: LongField() if name == "line_number" else StringField() for name in names}
    return Table(table.layer, table.name + REJECTS_SUFFIX, table.class_name, columns)


def _check_name(table: Table) -> None:
    name, suggestion = table.name, normalized(table.name).strip("_")[:MAX_NAME] or "orders"
    if not _TABLE_NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise DeclarationError(
            f"{cut(table.class_name, _SHOWN)}: {cut(repr(name), _SHOWN)} is not a table's name: lower-case letters, "
            f"digits and _, a letter first, at most {MAX_NAME}.",
            fix=f'class Meta: name = "{suggestion}"',
        )
    if name.endswith(REJECTS_SUFFIX):
        raise DeclarationError(
            f"{table.class_name}: names that end in {REJECTS_SUFFIX} belong to the tables of rejected rows.",
            fix=f'class Meta: name = "{name.removesuffix(REJECTS_SUFFIX) or "orders"}_rejected"',
        )


def _check_columns(table: Table) -> None:
    if not table.columns:
        raise DeclarationError(
            f"{table.class_name} declares no columns.",
            fix="add one, as in order_id = StringField(nullable=False), or class Meta: abstract = True",
        )
    for name, column in table.columns.items():
        if normalized(name) in RESERVED:
            raise DeclarationError(
                f"{table.class_name}: the column name `{name}` is reserved.",
                fix=f'shop_{name.strip("_")} = {type(column).__name__}(source="{name}")',
            )
        wanted = METADATA_TYPES.get(name)
        if wanted is not None and column.ddl != wanted:
            raise DeclarationError(
                f"{table.class_name}: `{name}` is a {column.ddl}, but alur writes it as a {wanted}.",
                fix=f"{name} = {wanted.capitalize()}Field(), or leave it out: it is written in any case",
            )


def _check_header_names(table: Table) -> None:
    """Refuse two columns that the header rule could not tell apart, by name or by `source=`."""
    names: dict[str, str] = {}
    sources: dict[str, str] = {}
    for name, column in table.columns.items():
        for seen, key, what in (
            (names, normalized(name), "are one column to the catalog"),
            (sources, normalized(column.source or name), "are one column in a file's header"),
        ):
            if key in seen:
                raise DeclarationError(
                    f"{table.class_name}: `{seen[key]}` and `{name}` {what} (`{key}`).",
                    fix="give one of the two another name, or another source=",
                )
            seen[key] = name


def _check_format(table: Table) -> None:
    if table.format not in FORMATS:
        raise DeclarationError(
            f"{table.class_name}: the format {table.format!r} is unknown{suggest(table.format, FORMATS)}.",
            fix='class Meta: format = "parquet" or "iceberg"',
        )
    if table.layer != "bronze" and table.format != "iceberg":
        raise DeclarationError(
            f"{table.class_name}: silver and gold tables are stored as Iceberg, not as {table.format}.",
            fix="leave Meta.format out",
        )


def _check_partition(table: Table, partition: Partition) -> None:
    where = f"{table.class_name}: partition_by"
    if partition.column not in table.columns:
        raise DeclarationError(
            f"{where}: there is no column `{partition.column}`{suggest(partition.column, table.columns)}.",
            fix=f"the columns are {', '.join(table.columns)}",
        )
    ddl = table.columns[partition.column].ddl
    if partition.transform == "identity" and ddl == "timestamp":
        raise DeclarationError(
            f"{where}: `{partition.column}` is a timestamp; by itself it makes a directory for every second.",
            fix=f'partition_by = [day("{partition.column}")], or month, year, hour',
        )
    if _NESTED.fullmatch(ddl) or ddl in ("double", "float", "binary"):
        raise DeclarationError(
            f"{where}: `{partition.column}` is {ddl}, which has no values to sort rows into.",
            fix="partition by text, whole numbers, a date, or day(...) of a timestamp",
        )
    wanted = _TRANSFORMS.get(partition.transform)
    if wanted is not None and ddl not in wanted:
        raise DeclarationError(
            f"{where}: {partition.transform}() wants a {' or '.join(wanted)}; `{partition.column}` is {ddl}.",
            fix=f'partition_by = ["{partition.column}"]' if ddl != "date" else f'day("{partition.column}")',
        )


def _check_partition_names(table: Table) -> None:
    seen: set[str] = set()
    for partition in table.partition_by:
        if partition.name in seen:
            raise DeclarationError(
                f"{table.class_name}: partition_by has `{partition}` twice.", fix="leave one of the two out"
            )
        if partition.transform != "identity" and partition.name in table.columns:
            raise DeclarationError(
                f"{table.class_name}: {partition} makes the column `{partition.name}`, which is declared too.",
                fix=f'give the column another name, or partition by it: partition_by = ["{partition.name}"]',
            )
        seen.add(partition.name)


def _check_primary_key(table: Table) -> None:
    for name in table.primary_key:
        if name not in table.columns:
            raise DeclarationError(
                f"{table.class_name}: primary_key: there is no column `{name}`{suggest(name, table.columns)}.",
                fix=f"the columns are {', '.join(table.columns)}",
            )
        if _NESTED.fullmatch(table.columns[name].ddl):
            raise DeclarationError(
                f"{table.class_name}: primary_key: `{name}` is {table.columns[name].ddl}, which has no order.",
                fix="a key is made of plain columns",
            )
    if len(set(table.primary_key)) < len(table.primary_key):
        raise DeclarationError(
            f"{table.class_name}: primary_key names a column twice: {', '.join(table.primary_key)}.",
            fix="name each column once",
        )

"""What an inference holds: the evidence for each column, what was read of which files, and the cell to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import Field

FileFormat = Literal["csv", "jsonl", "parquet"]
State = Literal["", "written", "written before", "differs", "declared", "saved"]


@dataclass(frozen=True, slots=True)
class Request:
    """What `%alur_table NAME --from PATTERN` asks for; the options pass into the cell that is written."""

    name: str
    pattern: str
    layer: str = "bronze"
    primary_key: str | None = None
    partition_by: str | None = None
    format: str | None = None
    """Of the table; that of the files is told by their names."""
    description: str | None = None
    sequence_by: str | None = None
    delete_when: str | None = None
    scd_type: str | None = None
    freshness: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """Spark's CSV options."""
    typed: str = ""
    """The pattern as it is typed, where it has a notebook's `{name}`."""
    class_name: str = ""
    """Of a table that is declared by a class of its own name; such a cell is a class."""


@dataclass(frozen=True, slots=True)
class ColumnEvidence:
    """One column of the files: the type that was chosen for it, and what speaks for it and against."""

    name: str
    """In the table."""
    header: str
    """As the files spell it."""
    wanted: Field | None
    """None: the column is left out of the table, a note says why."""
    rows: int
    """Sampled rows of the files that have the column."""
    empty: int
    distinct: int
    """Different values in the sample, empty ones not counted."""
    misfits: Mapping[str, int] = field(default_factory=dict)
    """Values that the type would reject, with how often they come."""
    files: int = 1
    of_files: int = 1
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """What the user should look at; said in the cell too."""
    null_word: str = ""
    """The one text of the column that seems to mean null, where there is one."""

    @property
    def needs_source(self) -> bool:
        """Whether the header rule alone does not lead from the files' name to the table's."""
        return normalized(self.header) != normalized(self.name)

    @property
    def is_unique(self) -> bool:
        """Whether every sampled row has a value of its own."""
        return (
            self.rows > 1 and self.empty == 0 and self.distinct == self.rows and self.files == self.of_files
        )

    @property
    def type_text(self) -> str:
        """The type as a column body has it, with `format=` and `source=` where they are needed."""
        if self.wanted is None:
            return "left out"
        pattern = getattr(self.wanted, "format", None)
        parts = [self.wanted.ddl, "" if self.wanted.nullable else "not null"]
        parts += [f'format="{pattern}"'] if pattern else []
        return " ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name,
            "header": self.header,
            "type": self.wanted.ddl if self.wanted else None,
            "format": getattr(self.wanted, "format", None),
            "nullable": self.wanted.nullable if self.wanted else None,
            "rows": self.rows,
            "empty": self.empty,
            "distinct": self.distinct,
            "unique": self.is_unique,
            "misfits": dict(self.misfits),
            "null_word": self.null_word or None,
            "files": self.files,
            "of_files": self.of_files,
            "notes": list(self.notes),
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True, slots=True)
class SampledFiles:
    """How much of the files was looked at."""

    found: int = 0
    capped: bool = False
    """Whether the listing was cut short: there are more files than `found`."""
    opened: tuple[str, ...] = ()
    rows: int = 0
    complete: bool = False
    """Whether every byte of every file was seen."""
    bytes_found: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class Inference:
    """A contract inferred from a sample of files, with its evidence and the text of the cell that declares it."""

    table: str
    """`layer.name`; empty where nothing was inferred, as during an export."""
    pattern: str
    format: FileFormat = "csv"
    options: Mapping[str, str] = field(default_factory=dict)
    """Options that reading the files needs: those given, and the separator that was found."""
    files: SampledFiles = field(default_factory=SampledFiles)
    columns: tuple[ColumnEvidence, ...] = ()
    keys: tuple[str, ...] = ()
    """Columns that are unique and never empty in the sample."""
    doubts: tuple[str, ...] = ()
    cell: str = ""
    """The whole text of the cell that declares the table."""
    next_step: str = ""
    """The line that declares the table's ingestion."""
    state: State = ""
    """What became of the cell; empty: it is only shown."""
    difference: str = ""
    """Where `state` is `differs` or `declared`: a unified diff from the text there is to this cell."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "pattern": self.pattern,
            "format": self.format,
            "options": dict(self.options),
            "files_found": self.files.found,
            "files_opened": list(self.files.opened),
            "rows": self.files.rows,
            "complete": self.files.complete,
            "columns": [column.to_dict() for column in self.columns],
            "keys": list(self.keys),
            "doubts": list(self.doubts),
            "cell": self.cell,
            "next": self.next_step,
            "state": self.state,
            "difference": self.difference,
        }

    def __str__(self) -> str:
        from alur_nb.authoring.infer_text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return str(self)

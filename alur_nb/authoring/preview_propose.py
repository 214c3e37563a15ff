"""The contract line for a column that is new: to copy into the table's class, its type judged by a sample."""

from __future__ import annotations

import json
import keyword
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.authoring.infer_files import JSON_LINES, csv_records, json_records
from alur_nb.authoring.infer_types import choose
from alur_nb.authoring.sample import Head, head
from alur_nb.runtime import parquet
from alur_nb.runtime.csv_bytes import BadFileError
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.tables import METADATA, RESERVED, normalized
from alur_nb.runtime.types import Field, StringField

if TYPE_CHECKING:
    from pyspark.sql.types import DataType

_LOOKED_AT_BYTES = 64 << 10
_LOOKED_AT_ROWS = 1_000


def proposed_line(column: str, values: Sequence[str]) -> str:
    """Return the line that declares a column of the files: `colour = StringField()`.

    The type is what `%alur_table --from` would choose, where it takes all of the values; else a string. Empty values
    count for nothing.
    """
    choice = choose(Counter(text for value in values if (text := value.strip())), normalized(column))
    return declaring_line(column, StringField() if choice.misfits else choice.wanted)


def typed_line(column: str, kind: DataType) -> str | None:
    """Return the line that declares a column of this Spark type; None for a type that no table can hold."""
    field = parquet.field_of(kind)
    return None if field is None else declaring_line(column, field)


def declaring_line(column: str, field: Field) -> str:
    """Return `name = Field()`, with `source=` where the column's own name cannot be Python's."""
    name = normalized(column)
    # Python reads identifiers in NFKC ("Lexical analysis", Identifiers); the header rule keeps to NFC.
    plain = unicodedata.normalize("NFKC", name)
    taken = keyword.iskeyword(name) or name in (*RESERVED, *METADATA)
    if name.isidentifier() and plain == name and not taken:
        return f"{name} = {field!r}"
    said = repr(field)
    inside = said[said.index("(") + 1 : -1]
    source = f"source={column!r}" if column.strip() else ""
    arguments = ", ".join(part for part in (inside, source) if part)
    legal = "".join(one if f"a{one}".isidentifier() else "_" for one in plain)
    return f"column_{legal.strip('_') or 'name'} = {type(field).__name__}({arguments})"


def proposals(files: Sequence[ReadableFile], source: FileSource) -> dict[str, str]:
    """Return a line for each column of the files that the contract lacks, by its name in the files."""
    if source.format == "parquet":
        fields = [parquet.added_columns(one.inspection, one.binding.extra) for one in files]
        return {
            name: declaring_line(name, field)
            for file, found in zip(files, fields, strict=True)
            for name, field in zip(file.binding.extra, found.values(), strict=True)
            if field is not None
        }
    values: dict[str, list[str]] = {}
    nested: set[str] = set()
    for file in files:
        if file.binding.extra:
            _collect(file, source, values, nested)
    return {name: proposed_line(name, found) for name, found in values.items() if name not in nested}


def _collect(file: ReadableFile, source: FileSource, values: dict[str, list[str]], nested: set[str]) -> None:
    """Add the values of the file's extra columns; what is not plain text or number is named in `nested`."""
    extra = file.binding.extra
    for name in extra:
        values.setdefault(name, [])
    rows = _json_rows(file) if source.format == "jsonl" else _csv_rows(file, Dialect.of(source.options))
    # Gone since, or damaged: the file's own problem says so.
    with suppress(OSError, BadFileError, UnicodeError):
        for row in rows:
            for name in extra:
                value = row.get(name)
                if isinstance(value, dict | list):
                    nested.add(name)
                elif value is not None:
                    values[name].append(value if isinstance(value, str) else json.dumps(value))


def _csv_rows(file: ReadableFile, dialect: Dialect) -> Iterator[Mapping[str, object]]:
    header, found = file.inspection.header, _head(file, dialect)
    records = csv_records(found, file.file.path, dialect, file.inspection)
    # Where no record ends in what was read, what was read is no record.
    for row in islice(records, int(dialect.header), None) if found.rows else ():
        if len(row) == len(header):
            yield dict(zip(header, row, strict=True))


def _json_rows(file: ReadableFile) -> Iterator[Mapping[str, object]]:
    yield from json_records(_head(file, JSON_LINES), file.file.path)[0]


def _head(file: ReadableFile, dialect: Dialect) -> Head:
    with Path(file.file.uri.removeprefix("file://")).open("rb") as stream:
        return head(stream, file.file.path, dialect, max_bytes=_LOOKED_AT_BYTES, max_rows=_LOOKED_AT_ROWS)

"""The contract line for a column that is new: to copy into the table's class, its type judged by a sample."""

from __future__ import annotations

import bz2
import gzip
import json
import keyword
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from alur_nb.authoring.infer_types import choose
from alur_nb.runtime import parquet, zstd
from alur_nb.runtime.csv_scan import parse_row
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.landed import ReadableFile
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.tables import METADATA, RESERVED, normalized
from alur_nb.runtime.types import (
    Field,
    StringField,
)

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
    for row in rows:
        for name in extra:
            value = row.get(name)
            if isinstance(value, dict | list):
                nested.add(name)
            elif value is not None:
                values[name].append(value if isinstance(value, str) else json.dumps(value))


def _csv_rows(file: ReadableFile, dialect: Dialect) -> Iterator[Mapping[str, object]]:
    content, ended = _beginning(file)
    try:
        text = content.decode(dialect.encoding, errors="ignore") if dialect.transcoded else ""
    except UnicodeError:
        return
    data = (text.encode() if dialect.transcoded else content).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    marks, header, position = dialect.marks(), file.inspection.header, 0
    for number in range(_LOOKED_AT_ROWS):
        if position >= len(data):
            return
        found, length = parse_row(data[position:], marks)
        position += length + 1
        if position > len(data) and not ended:  # the row that the window cuts
            return
        if (number or not dialect.header) and len(found) == len(header):
            texts = (value.decode("utf-8", "replace") for value in found)
            yield dict(zip(header, texts, strict=True))


def _json_rows(file: ReadableFile) -> Iterator[Mapping[str, object]]:
    content, _ = _beginning(file)
    for line in content.splitlines()[:_LOOKED_AT_ROWS]:
        try:
            found = json.loads(line)
        except ValueError:  # the line that the window cuts, or one that a run rejects
            continue
        if isinstance(found, dict):
            yield found


def _beginning(file: ReadableFile) -> tuple[bytes, bool]:
    """Read the beginning of a local file, unpacked, and whether that is all of it."""
    path = Path(file.file.uri.removeprefix("file://"))
    try:
        if path.suffix in zstd.SUFFIXES:
            content = _of_zstd(path)
        else:
            with _opened(path) as stream:
                content = stream.read(_LOOKED_AT_BYTES + 1)
    except (OSError, EOFError, zlib.error, zstd.ZstdError):  # gone since, or damaged: its own problem says so
        return b"", True
    return content[:_LOOKED_AT_BYTES], len(content) <= _LOOKED_AT_BYTES


def _of_zstd(path: Path) -> bytes:
    content = b""
    with (
        path.open("rb") as stream,
        closing(zstd.unpacked(iter(partial(stream.read, zstd.CHUNK_BYTES), b""))) as chunks,
    ):
        for chunk in chunks:
            content += chunk
            if len(content) > _LOOKED_AT_BYTES:
                break
    return content


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]  # it reads as a file does
    return bz2.open(path, "rb") if path.suffix == ".bz2" else path.open("rb")  # type: ignore[return-value]

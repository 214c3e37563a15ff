"""Parquet files say their columns' types themselves; their first rows are read by Spark, for the evidence."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.authoring.infer_columns import Gathered, gather
from alur_nb.authoring.infer_types import Choice
from alur_nb.runtime.errors import Place, SourceError
from alur_nb.runtime.files import Files, SourceFile, literal_uri
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import Field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FETCHED_BYTES = 64 << 20
"""A file on S3 is copied for the laptop's Spark, if it is not larger than that."""


@dataclass(frozen=True, slots=True)
class Footer:
    """One Parquet file: its columns with the field that holds each, and its first rows."""

    path: str
    types: Mapping[str, Field | str]
    """By the file's own name; a text is a type that no field holds."""
    rows: Sequence[Sequence[str | None]]
    """As texts: of those that are equal the values are, too."""
    records: int


def read_parquet(
    spark: SparkSession, files: Files, chosen: Sequence[SourceFile], max_rows: int
) -> tuple[Footer, ...]:
    """Read the footer and the first rows of each file.

    Raises SourceError for a file that no run could read, or one on S3 that is too large to be fetched.
    """
    folder = Path(tempfile.mkdtemp(prefix="alur-infer-"))
    try:
        return tuple(_read(spark, files, file, folder / str(n), max_rows) for n, file in enumerate(chosen))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(spark: SparkSession, files: Files, file: SourceFile, copy: Path, max_rows: int) -> Footer:
    from pyspark.sql.types import StructType

    from alur_nb.runtime.parquet import field_of, inspect_parquet

    here = _fetched(files, file, copy)
    with open(here.uri.removeprefix("file://"), "rb") as stream:
        look = inspect_parquet(spark, stream, here, hashed=False)
    if look.problem is not None:
        raise SourceError(
            f"{file.path} cannot be read: {look.problem}.", place=Place(file=file.path), fix=look.fix
        )
    schema = StructType.fromJson(json.loads(look.spark_schema))
    types = {one.name: field_of(one.dataType) or one.dataType.simpleString() for one in schema.fields}
    frame = _as_texts(spark.read.schema(schema).parquet(literal_uri(here.uri)).limit(max_rows))
    return Footer(file.path, types, [tuple(row) for row in frame.collect()], look.records or 0)


def _as_texts(frame: DataFrame) -> DataFrame:
    """Return texts that tell which values are null and which are one, all that the evidence wants of them.

    Python has no year above 9999, which a file may hold, and a binary may be of any size.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import BinaryType

    named = frame.toDF(*(f"c{number}" for number in range(len(frame.columns))))
    return named.select(
        *(
            F.when(F.col(one.name).isNotNull(), F.xxhash64(one.name)).cast("string").alias(one.name)
            if isinstance(one.dataType, BinaryType)
            else F.col(one.name).cast("string")
            for one in named.schema.fields
        )
    )


def _fetched(files: Files, file: SourceFile, copy: Path) -> SourceFile:
    if not file.uri.startswith("s3://"):
        return file
    if file.size > FETCHED_BYTES:
        raise SourceError(
            f"{file.path} has {file.size >> 20:,} MB: Parquet on S3 is fetched whole, and that is too much to look.",
            fix=f"Name a pattern with a file of less than {FETCHED_BYTES >> 20} MB.",
        )
    with files.open(file) as stream:
        copy.write_bytes(stream.read())
    return replace(file, uri=f"file://{copy.as_posix()}")


def gathered(footers: Sequence[Footer]) -> dict[str, Gathered]:
    """Collect the columns of the files."""
    return gather((tuple(footer.types), footer.rows) for footer in footers)


def choose_parquet_column(footers: Sequence[Footer], name: str, one: Gathered) -> Choice | str:
    """Take the file's own type: where files differ, the wider; a text says why no type holds it."""
    types: dict[Field | str, str] = {}
    for footer in footers:
        for header, kind in footer.types.items():
            if normalized(header) in map(normalized, one.spellings):
                types.setdefault(kind, footer.path)
    other = next((kind for kind in types if isinstance(kind, str)), None)
    if other is not None:
        return f"{other}, which no table column holds: the files are read without it (--extra-columns ignore)"
    fields = [kind for kind in types if not isinstance(kind, str)]
    widest = fields[0]
    for field in fields[1:]:
        widest = field if _holds(field, widest) else widest
    misfit = next((field for field in fields if not _holds(widest, field)), None)
    notes = ("the file's own type",)
    if misfit is None:
        return Choice(widest, notes=notes)
    doubt = f"{widest.ddl} in {types[widest]}, {misfit.ddl} in {types[misfit]}: a run refuses the latter"
    return Choice(widest, notes=notes, doubts=(doubt,))


def _holds(wide: Field, narrow: Field) -> bool:
    from alur_nb.runtime.widening import widens

    return widens(narrow.spark_type(), wide.spark_type())

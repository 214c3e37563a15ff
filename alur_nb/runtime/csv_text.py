"""Records of CSV files as text: how Spark is told to read them, and which file each record comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from alur_nb.runtime.csv_scan import MAX_COLUMNS
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.landed import (
    WHOLE_CODECS,
    LandedFile,
    ReadableFile,
    checked_uri,
    source_file,
)
from alur_nb.runtime.zstd import with_codecs

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

RAW = "raw"
SPLIT_BYTES = 128 << 20
"""Spark's default split: a smaller file is one task's in any case."""
BUFFER_CHARACTERS = 32 << 10
"""The parser's buffer, which Spark makes anew for each file: by default of a million characters, zeroed."""
# Cannot be in a file that passed inspection, so no text is ever taken for null by accident.
NO_TEXT = "\0"
_SIMPLE_NAME = re.compile(r"[^\W_](?:[\w .-]*\w)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of one read have in common."""

    header: tuple[str, ...]
    """The names in the files; the contract's, where the files have no header."""
    columns: tuple[str | None, ...]
    escape: str
    line_sep: str | None
    multi_line: bool


def layout_of(file: ReadableFile, dialect: Dialect) -> Layout:
    """Return how the file is read; `multiLine` for every file that is not split anyway.

    Only Spark's reading line by line knows more than one kind of line end in a file.
    """
    look = file.inspection
    unsplit = file.file.path.endswith(WHOLE_CODECS) or file.file.size <= SPLIT_BYTES
    whole = unsplit or not look.splittable or dialect.multi_line is True
    return Layout(
        header=look.header if dialect.header else tuple(map(str, file.binding.columns)),
        columns=file.binding.columns,
        escape=look.escape,
        line_sep=look.line_sep,
        multi_line=whole and not look.mixed_line_endings,
    )


def text_frame(
    spark: SparkSession, layout: Layout, files: Sequence[LandedFile], dialect: Dialect, *, surplus: int = 0
) -> tuple[DataFrame, Column]:
    """Return every record as text, `c0..cN` and `raw` (null unless it has another number of values), and its file.

    The file's path is an expression that must be selected right above, before anything holds rows back.
    `surplus` adds columns behind the header's, so that every record of the header's width counts as wrong.
    """
    names = [*layout.header, *(f"surplus {index}" for index in range(surplus))]
    simple = dialect.header and not surplus and all(_SIMPLE_NAME.fullmatch(name) for name in layout.header)
    if not simple:
        names = [f"c{index}" for index in range(len(names))]
    schema = StructType([StructField(name, StringType()) for name in [*names, "_raw"]])
    # The header was read before, in this version of the file; Spark's own comparison is a second pair of eyes.
    reader = _reader(spark, layout, dialect).option("enforceSchema", str(not simple).lower())
    reader = reader.option("maxColumns", str(max(_widest_row(files), len(names))))
    reader = with_codecs(spark, reader, (file.path for file in files))
    frame = reader.schema(schema).csv([literal_uri(checked_uri(file)) for file in files])
    texts = [*(f"c{index}" for index in range(len(names))), RAW]
    path = F.lit(files[0].path) if len(files) == 1 else source_file(files, of_rows=True)
    return frame.toDF(*texts), path


def _widest_row(files: Sequence[LandedFile]) -> int:
    """Return how many values no row can exceed: each but one has a separator, and takes a byte of its file.

    For each file the parser makes several arrays of that many places: of 10,000 small files they were a sixth of the time.
    """
    if any(file.path.endswith(WHOLE_CODECS) for file in files):
        return MAX_COLUMNS
    return min(MAX_COLUMNS, max(file.size for file in files) + 1)


def _reader(spark: SparkSession, layout: Layout, dialect: Dialect) -> DataFrameReader:
    options: dict[str, str] = {
        "header": str(dialect.header).lower(),
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": "_raw",
        "columnPruning": "false",
        "sep": dialect.sep,
        "quote": dialect.quote,
        "escape": layout.escape,
        "encoding": dialect.spark_encoding,
        # An empty value is null, "" is the empty string: only with another null value does Spark tell them apart.
        "nullValue": dialect.null_value or NO_TEXT,
        "emptyValue": "",
        "comment": dialect.comment,
        "multiLine": str(layout.multi_line).lower(),
        "inputBufferSize": str(BUFFER_CHARACTERS),
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
        "unescapedQuoteHandling": "STOP_AT_DELIMITER",
    }
    if layout.line_sep is not None and layout.multi_line:
        options["lineSep"] = layout.line_sep
    return spark.read.options(**options)

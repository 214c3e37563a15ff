"""Records of CSV files as text: how Spark is told to read them, and which file each record comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from alur_nb.runtime.csv_scan import MAX_COLUMNS
from alur_nb.runtime.dialect import Dialect, Inspection
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.header import Binding

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

SOURCE_FILE = "_source_file"
RAW = "raw"
SPLIT_BYTES = 128 << 20
"""Spark's default split: a smaller file is one task's in any case."""
# Cannot be in a file that passed inspection, so no text is ever taken for null by accident.
NO_TEXT = "\0"
_ESCAPED_IN_GLOBS = re.compile(r"([\[\]{}*?\\])")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.!~'()*,;:$&+=@/-]*")
_SIMPLE_NAME = re.compile(r"[^\W_](?:[\w .-]*\w)?")


class LandedFile(Protocol):
    """What reading needs to know of a landing file."""

    @property
    def path(self) -> str:
        """Its name in tables and ledgers."""

    @property
    def uri(self) -> str:
        """What Spark opens, unescaped; it ends with `path`."""

    @property
    def size(self) -> int:
        """Bytes."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A landing file that was inspected and bound to a contract."""

    file: LandedFile
    inspection: Inspection
    binding: Binding


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of one read have in common."""

    header: tuple[str, ...]
    """The names in the files; the contract's, where the files have no header."""
    columns: tuple[str | None, ...]
    escape: str
    line_sep: str | None
    multi_line: bool


def layout_of(file: CsvFile, dialect: Dialect) -> Layout:
    """Return how the file is read; `multiLine` for every file that is not split anyway.

    Only Spark's reading line by line knows more than one kind of line end in a file.
    """
    look = file.inspection
    unsplit = file.file.path.endswith(".gz") or file.file.size <= SPLIT_BYTES
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
) -> DataFrame:
    """Return every record as text: `c0..cN`, `raw` (null unless it has another number of values), `_source_file`.

    `surplus` adds columns behind the header's, so that every record of the header's width counts as wrong.
    """
    names = [*layout.header, *(f"surplus {index}" for index in range(surplus))]
    simple = dialect.header and not surplus and all(_SIMPLE_NAME.fullmatch(name) for name in layout.header)
    if not simple:
        names = [f"c{index}" for index in range(len(names))]
    schema = StructType([StructField(name, StringType()) for name in [*names, "_raw"]])
    # The header was read before, in this version of the file; Spark's own comparison is a second pair of eyes.
    reader = _reader(spark, layout, dialect).option("enforceSchema", str(not simple).lower())
    frame = reader.schema(schema).csv([literal(_checked_uri(file)) for file in files])
    texts = [*(f"c{index}" for index in range(len(names))), RAW]
    if len(files) == 1:
        return frame.toDF(*texts).withColumn(SOURCE_FILE, F.lit(files[0].path))
    return frame.select("*", source_file(files).alias(SOURCE_FILE)).toDF(*texts, SOURCE_FILE)


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
        "maxColumns": str(MAX_COLUMNS),
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
        "unescapedQuoteHandling": "STOP_AT_DELIMITER",
    }
    if layout.line_sep is not None and layout.multi_line:
        options["lineSep"] = layout.line_sep
    return spark.read.options(**options)


def literal(uri: str) -> str:
    r"""Return the URI as Spark's path argument: `[ ] { } * ? \` stand for themselves."""
    return _ESCAPED_IN_GLOBS.sub(r"\\\1", uri)


def _checked_uri(file: LandedFile) -> str:
    name = file.uri.rsplit("/", 1)[-1]
    if name.startswith((".", "_")):
        raise SourceError(
            f"{file.path}: Spark reads nothing from a file whose name begins with `{name[0]}`.",
            fix="Rename the file.",
        )
    if file.uri.startswith("file:") and ":" in name:
        raise SourceError(
            f"{file.path}: Spark cannot open a local file with `:` in its name.",
            fix="Rename the file, for instance with `-` for `:`.",
        )
    if ":" in file.uri.partition(":")[2] and literal(file.uri) != file.uri:
        # Hadoop's Globber takes what is before the colon for a scheme (measured with 3.3.4).
        raise SourceError(
            f"{file.path}: Spark cannot open a path that has both `:` and one of `[ ] {{ }} * ? \\`.",
            fix="Rename the file or its folder, for instance with `-` for `:`.",
        )
    return file.uri


def source_file(files: Sequence[LandedFile]) -> Column:
    """Return the expression that gives each row its file's `path`, exactly."""
    located = F.col("_metadata.file_path")
    # Spark percent-encodes; a plus sign stays one, which is not how query strings are decoded.
    if not all(_PLAIN_PATH.fullmatch(file.uri.partition(":")[2]) for file in files):
        located = F.expr("url_decode(replace(_metadata.file_path, '+', '%2B'))")
    prefixes = {_metadata_uri(file).removesuffix(file.path) for file in files}
    longest_first = sorted(prefixes, key=len, reverse=True)
    result = F.lit(None).cast("string")
    for prefix in reversed(longest_first):
        rest = F.substring(located, len(prefix) + 1, 1 << 30)
        result = (
            rest
            if prefix == longest_first[-1]
            else F.when(located.startswith(prefix), rest).otherwise(result)
        )
    return result


def _metadata_uri(file: LandedFile) -> str:
    return re.sub(r"^file:///", "file:/", file.uri)

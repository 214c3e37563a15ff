"""A landing file as Spark opens it: under its literal name, each row with the file that it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alur_nb.runtime import zstd
from alur_nb.runtime.dialect import Inspection
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.header import Binding

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

SOURCE_FILE = "_source_file"
REJECTED = "_rejected"
REJECTS_DDL = "raw string, source_file string, line_number bigint, `column` string, reason string"
WHOLE_CODECS = (".gz", ".bz2", *zstd.SUFFIXES)
"""Compressed files by the end of their names; each is read by one task from its start."""
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.!~'()*,;:$&+=@/-]*")


class LandedFile(Protocol):
    """What reading needs to know of a landing file."""

    @property
    def path(self) -> str:
        """Its name in tables and ledgers."""

    @property
    def uri(self) -> str:
        """What Spark opens, unescaped; it ends with `path`, or it is a copy that a preview has made."""

    @property
    def size(self) -> int:
        """Bytes."""


@dataclass(frozen=True, slots=True)
class ReadableFile:
    """A landing file that was inspected and bound to a contract, of whatever format."""

    file: LandedFile
    inspection: Inspection
    binding: Binding


def checked_uri(file: LandedFile) -> str:
    """Return the URI; raises SourceError for a name that Spark passes over or cannot open."""
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
    try:
        file.uri.encode()
    except (
        UnicodeEncodeError
    ) as error:  # Linux takes any bytes for a name, and Python hands them out as surrogates
        raise SourceError(
            f"{ascii(file.path)[1:-1]}: the name is no UTF-8, and Spark cannot be told it.",
            fix="Rename the file or its folder.",
        ) from error
    if ":" in file.uri.partition(":")[2] and literal_uri(file.uri) != file.uri:
        # Hadoop's Globber takes what is before the colon for a scheme (measured with 3.3.4).
        raise SourceError(
            f"{file.path}: Spark cannot open a path that has both `:` and one of `[ ] {{ }} * ? \\`.",
            fix="Rename the file or its folder, for instance with `-` for `:`.",
        )
    return file.uri


def read_files(spark: SparkSession, reader: DataFrameReader, files: Sequence[LandedFile]) -> DataFrame:
    """Read the files by the reader, which has its format, options and schema; each under its literal name.

    `DataFrameReader.load` takes a Python list to Java name by name, 50 µs each: here all go in one text.
    """
    reader = zstd.with_codecs(spark, reader, (file.path for file in files))
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # a session that runs has its JVM
    # No path on Linux, macOS or S3's own clients can hold the separator.
    names = "\0".join(literal_uri(checked_uri(file)) for file in files)
    array = jvm.java.util.regex.Pattern.compile("\0").split(names)
    return reader._df(reader._jreader.load(array))


def source_file(files: Sequence[LandedFile], *, of_rows: bool = False) -> Column:
    """Return the expression that gives each row its file's `path`, exactly.

    `of_rows` is for formats that Spark reads row by row, right above the scan: there `_metadata` copies each row once
    more, which costs as much as reading it, and `input_file_name()` nothing.
    """
    from pyspark.sql import functions as F

    name = "input_file_name()" if of_rows else "_metadata.file_path"
    located = F.expr(name)
    # Spark percent-encodes; a plus sign stays one, which is not how query strings are decoded.
    if not all(_PLAIN_PATH.fullmatch(file.uri.partition(":")[2]) for file in files):
        located = F.expr(f"url_decode(replace({name}, '+', '%2B'))")
    told = {(file.uri if of_rows else _metadata_uri(file)): file.path for file in files}
    copies = {uri: path for uri, path in told.items() if not uri.endswith(path)}
    prefixes = {uri.removesuffix(path) for uri, path in told.items() if uri not in copies}
    longest_first = sorted(prefixes, key=len, reverse=True)
    result = F.lit(None).cast("string")
    for prefix in reversed(longest_first):
        # By bytes: to find its place by characters, Spark walks through all of the path, for each row.
        rest = F.substring(located.cast("binary"), len(prefix.encode()) + 1, 1 << 30).cast("string")
        result = (
            rest
            if prefix == longest_first[-1]
            else F.when(located.startswith(prefix), rest).otherwise(result)
        )
    for uri, path in copies.items():
        result = F.when(located == uri, F.lit(path)).otherwise(result)
    return result


def _metadata_uri(file: LandedFile) -> str:
    return f"file:/{file.uri[8:]}" if file.uri.startswith("file:///") else file.uri

"""Why rows were rejected: a second reading with rules of its own, slow and thorough, over the guilty files only.

It shares the tokens with the fast reading, and nothing else: here each rule is a pattern or a count of digits, where
`csv_values` has a cast behind a cheap check. The run compares how many rows each of the two refuses, file by file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from alur_nb.runtime import zstd
from alur_nb.runtime.csv_reasons import reason
from alur_nb.runtime.csv_text import Layout, layout_of, text_frame
from alur_nb.runtime.dialect import Dialect
from alur_nb.runtime.landed import REJECTS_DDL, SOURCE_FILE, ReadableFile
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Beyond it, files are read together and lines are not numbered: a plan of thousands of reads takes minutes.
_NUMBERED_FILES = 100
# A number of extra columns that no sloppy writer produces: records of just that width have no raw text.
_SURPLUS = 97
_ORDINAL_BITS = 33


def explain_files(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, dialect: Dialect
) -> DataFrame:
    """Return one row per rejected row: `raw, source_file, line_number, column, reason`."""
    frames = [_explain_group(spark, [file], contract, dialect) for file in files[:_NUMBERED_FILES]]
    layouts: dict[Layout, list[ReadableFile]] = {}
    for file in files[_NUMBERED_FILES:]:
        layouts.setdefault(_whole(file, dialect), []).append(file)
    frames += [_explain_group(spark, group, contract, dialect) for group in layouts.values()]
    if not frames:
        return spark.createDataFrame([], REJECTS_DDL)
    return reduce(lambda left, right: left.unionByName(right), frames)


def _whole(file: ReadableFile, dialect: Dialect) -> Layout:
    """Return the file's layout, read by one task from its start, so that rows can be counted."""
    return replace(layout_of(file, dialect), multi_line=not file.inspection.mixed_line_endings)


def _explain_group(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, dialect: Dialect
) -> DataFrame:
    layout = _whole(files[0], dialect)
    texts, path = text_frame(spark, layout, [item.file for item in files], dialect, surplus=_SURPLUS)
    number = _line_number(files, dialect).alias("line_number")
    numbered = texts.select("*", path.alias(SOURCE_FILE), number)
    judged = numbered.select(
        _raw(layout, dialect).alias("raw"),
        F.col(SOURCE_FILE).alias("source_file"),
        "line_number",
        F.filter(_reasons(layout, contract, dialect), lambda item: item.isNotNull()).alias("reasons"),
    ).where(F.size("reasons") > 0)
    first = F.col("reasons")[0]
    others = F.transform(
        F.slice("reasons", 2, len(layout.header) + 1),
        lambda item: F.concat(item["column"], F.lit(": "), item["reason"]),
    )
    return judged.select(
        "raw",
        "source_file",
        "line_number",
        first["column"].alias("column"),
        F.concat_ws("; ", first["reason"], others).alias("reason"),
    )


def _line_number(files: Sequence[ReadableFile], dialect: Dialect) -> Column:
    """Return the row's line, where a row is a line and one task reads the file from its start."""
    look = files[0].inspection
    # Hadoop takes bzip2 apart; of the others one task reads each.
    split = look.mixed_line_endings and not files[0].file.path.endswith((".gz", *zstd.SUFFIXES))
    if len(files) > 1 or split or look.rows_spanning_lines or look.blank_lines or dialect.comment:
        return F.lit(None).cast("bigint")
    ordinal = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << _ORDINAL_BITS) - 1))
    return ordinal + F.lit(look.header_line + 1)


def _raw(layout: Layout, dialect: Dialect) -> Column:
    """Return the record as it stands in the file; put together again where Spark did not keep it."""
    quote = dialect.quote
    tokens = [F.coalesce(F.col(f"c{index}"), F.lit("")) for index in range(len(layout.header) + _SURPLUS)]
    if quote:
        special = f"[{re.escape(dialect.sep + quote)}\r\n]"
        tokens = [
            F.when(
                token.rlike(special),
                F.concat(
                    F.lit(quote),
                    F.regexp_replace(token, re.escape(quote), _replacement(layout.escape + quote)),
                    F.lit(quote),
                ),
            ).otherwise(token)
            for token in tokens
        ]
    # Spark strips only line ends that have a newline in them.
    kept = F.regexp_replace("raw", r"\r\z", "") if layout.line_sep == "\r" else F.col("raw")
    return F.coalesce(kept, F.concat_ws(dialect.sep, *tokens))


def _replacement(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$")


def _reasons(layout: Layout, contract: Table, dialect: Dialect) -> Column:
    """Return an array of `(column, reason)`, null for what is in order."""
    width = len(layout.header)
    values = _width(layout, dialect)
    whose = "header" if dialect.header else "table"
    plural = F.when(values == 1, F.lit(f" value, the {whose} has ")).otherwise(
        F.lit(f" values, the {whose} has ")
    )
    columns = f"{width} column{'' if width == 1 else 's'}"
    wrong_width = values != width
    found = [
        F.when(
            wrong_width,
            F.struct(
                F.lit(None).cast("string").alias("column"),
                F.concat(values.cast("string"), plural, F.lit(columns)).alias("reason"),
            ),
        )
    ]
    fields = contract.file_columns
    for index, name in enumerate(layout.columns):
        if name is not None:
            why = reason(fields[name], F.col(f"c{index}"), dialect.null_value)
            found.append(
                F.when(
                    ~wrong_width & why.isNotNull(), F.struct(F.lit(name).alias("column"), why.alias("reason"))
                )
            )
    return F.array(*found)


def _width(layout: Layout, dialect: Dialect) -> Column:
    """Count a record's values in its raw text: the separators that are not inside of quotes, and one."""
    text, quote, escape = F.col("raw"), dialect.quote, layout.escape
    if quote:
        if escape and escape != quote:
            text = F.replace(text, F.lit(escape * 2), F.lit(""))
        if escape:
            # What is left of an escaped quote's value is still quoted, and its separators still do not count.
            text = F.replace(text, F.lit(escape + quote), F.lit(""))
        sep, mark = re.escape(dialect.sep), re.escape(quote)
        text = F.regexp_replace(text, f"(^|{sep}){mark}[^{mark}]*+{mark}", "$1")
    separators = (F.length(text) - F.length(F.replace(text, F.lit(dialect.sep), F.lit("")))) / len(
        dialect.sep
    )
    return F.coalesce(separators.cast("int") + 1, F.lit(len(layout.header) + _SURPLUS))

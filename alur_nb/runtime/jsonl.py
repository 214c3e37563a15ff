"""Reading JSON lines honestly: every record becomes typed values, or is marked as rejected with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from alur_nb.runtime.csv import check_formats, check_session, result_schema
from alur_nb.runtime.csv_reasons import reason
from alur_nb.runtime.csv_values import offence, shown, value
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.files import literal_uri
from alur_nb.runtime.header import Binding
from alur_nb.runtime.jsonl_values import RecordRules, wanted_keys
from alur_nb.runtime.landed import (
    REJECTED,
    REJECTS_DDL,
    SOURCE_FILE,
    ReadableFile,
    checked_uri,
    source_file,
)
from alur_nb.runtime.tables import RESCUED, Table, normalized
from alur_nb.runtime.types import ArrayField, DateField, Field, MapField, StructField, TimestampField
from alur_nb.runtime.zstd import with_codecs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Beyond it, files are read together and lines are not numbered: a plan of thousands of reads takes minutes.
_NUMBERED_FILES = 100
_ORDINAL_BITS = 33
_BLANK = r"\A[ \t\r]*\z"


def bind_keys(keys: Sequence[str], contract: Table) -> Binding:
    """Say which key is which column; a key that a record lacks, or has too many of, is that record's affair.

    Raises DeclarationError for a `format=` inside of a list, struct or map.
    """
    for name, field in contract.file_columns.items():
        if isinstance(field, (ArrayField, StructField, MapField)) and _has_format(field):
            raise DeclarationError(
                f"{contract.qualified_name}.{name} has a format= inside of {field.ddl}.",
                fix="Declare it there as StringField() and parse it downstream; at top level format= works.",
            )
    wanted = wanted_keys(contract.file_columns)
    columns = tuple(wanted.get(normalized(key)) for key in keys)
    extra = tuple(key for key, column in zip(keys, columns, strict=True) if column is None)
    return Binding(columns, (), extra)


def _has_format(field: Field) -> bool:
    if isinstance(field, ArrayField):
        return _has_format(field.element)
    if isinstance(field, StructField):
        return any(_has_format(member) for member in field.fields.values())
    if isinstance(field, MapField):
        return _has_format(field.key) or _has_format(field.value)
    return isinstance(field, (DateField, TimestampField)) and field.format is not None


def read(
    spark: SparkSession,
    files: Sequence[ReadableFile],
    contract: Table,
    unknown: str,
    texts: frozenset[str] = frozenset(),
) -> DataFrame:
    """Return the files' rows: the contract's file columns, `_rescued` where asked for, `_source_file`, `_rejected`.

    `unknown` says what becomes of keys that are no column: `error`, `ignore` or `rescue`; `texts` are columns that
    take any value as text. Raises as `csv.read`.
    """
    check_session(spark)
    check_formats(spark, contract)
    rescue = unknown == "rescue"
    if not files:
        return spark.createDataFrame([], result_schema(contract, rescue=rescue))
    lines = _lines(spark, files).where(~F.col("raw").rlike(_BLANK))
    rows = _parsed(lines, contract, unknown, texts)
    fields = contract.file_columns
    columns = [_column(field, index).alias(name) for index, (name, field) in enumerate(fields.items())]
    kept = [F.col("parsed.rescued").alias(RESCUED)] if rescue else []
    # In two steps, so that a text is parsed once though its value is also checked.
    valued = rows.select("*", *_formatted_values(fields))
    return valued.select(*columns, *kept, F.col(SOURCE_FILE), _rejected(fields).alias(REJECTED))


def explain(
    spark: SparkSession,
    files: Sequence[ReadableFile],
    contract: Table,
    unknown: str,
    texts: frozenset[str] = frozenset(),
) -> DataFrame:
    """Return the rejected rows: `raw, source_file, line_number, column, reason`, as `csv.explain` does."""
    check_session(spark)
    frames = [_numbered(spark, file) for file in files[:_NUMBERED_FILES]]
    if len(files) > _NUMBERED_FILES:
        rest = _lines(spark, files[_NUMBERED_FILES:])
        frames.append(rest.withColumn("line_number", F.lit(None).cast("bigint")))
    if not frames:
        return spark.createDataFrame([], REJECTS_DDL)
    lines = reduce(lambda left, right: left.unionByName(right), frames).where(~F.col("raw").rlike(_BLANK))
    judged = _parsed(lines, contract, unknown, texts).select(
        F.regexp_replace("raw", r"\r\z", "").alias("raw"),
        F.col(SOURCE_FILE).alias("source_file"),
        "line_number",
        _reasons(contract.file_columns).alias("reasons"),
    )
    first = F.col("reasons")[0]
    others = F.transform(
        F.slice("reasons", 2, len(contract.file_columns) + 1),
        lambda item: F.concat(item["column"], F.lit(": "), item["reason"]),
    )
    return judged.where(F.size("reasons") > 0).select(
        "raw",
        "source_file",
        "line_number",
        first["column"].alias("column"),
        F.concat_ws("; ", first["reason"], others).alias("reason"),
    )


def _lines(spark: SparkSession, files: Sequence[ReadableFile]) -> DataFrame:
    """Return every line, blank ones too: `raw`, `_source_file`; a return before the line's end is a blank of JSON's."""
    reader = with_codecs(spark, spark.read.option("lineSep", "\n"), (item.file.path for item in files))
    frame = reader.text([literal_uri(checked_uri(item.file)) for item in files])
    path = F.lit(files[0].file.path) if len(files) == 1 else source_file([item.file for item in files])
    return frame.select(F.col("value").alias("raw"), path.alias(SOURCE_FILE))


def _numbered(spark: SparkSession, file: ReadableFile) -> DataFrame:
    """Return one file's lines with their numbers, however many tasks read it."""
    frame = _lines(spark, [file])
    # The parts of one file are tasks in its order, so each begins where those before it have ended.
    counts: dict[int, int] = dict(frame.groupBy(F.spark_partition_id()).count().collect())
    ordinal = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << _ORDINAL_BITS) - 1))
    number = ordinal + 1
    before = 0
    for part in sorted(counts):
        if before:
            number = F.when(F.spark_partition_id() == part, ordinal + 1 + before).otherwise(number)
        before += counts[part]
    return frame.withColumn("line_number", number)


def _parsed(lines: DataFrame, contract: Table, unknown: str, texts: frozenset[str]) -> DataFrame:
    """Add `parsed` (`values`, `rescued`, `reasons`), and `f<n>`, the text of each column with a `format=`."""
    fields = contract.file_columns
    rules = RecordRules(contract.qualified_name, dict(fields), unknown, texts)
    schema = T.StructType(
        [
            T.StructField(
                "values",
                T.StructType(
                    [
                        T.StructField(f"v{index}", _wire_type(field))
                        for index, field in enumerate(fields.values())
                    ]
                ),
            ),
            T.StructField("rescued", T.StringType()),
            T.StructField(
                "reasons", T.ArrayType(T.StructType().add("column", "string").add("reason", "string"))
            ),
        ]
    )
    # Not by Arrow: its Python side is not among what a job on Glue must have.
    # Said to be nondeterministic, so that no plan calls it again for a filter or for each column that it fills.
    parse = F.udf(rules.__call__, schema, useArrow=False).asNondeterministic()
    rows = lines.withColumn("parsed", parse("raw"))
    formatted = [F.col(f"parsed.values.v{index}").alias(f"f{index}") for index, _ in _formatted(fields)]
    return rows.select("*", *formatted)


def _wire_type(field: Field) -> T.DataType:
    own = isinstance(field, (DateField, TimestampField)) and field.format is not None
    return T.StringType() if own else field.spark_type()


def _formatted(fields: Mapping[str, Field]) -> list[tuple[int, Field]]:
    return [
        (index, field)
        for index, field in enumerate(fields.values())
        if isinstance(field, (DateField, TimestampField)) and field.format is not None
    ]


def _formatted_values(fields: Mapping[str, Field]) -> list[Column]:
    return [F.expr(value(field, f"f{index}")).alias(f"d{index}") for index, field in _formatted(fields)]


def _column(field: Field, index: int) -> Column:
    if isinstance(field, (DateField, TimestampField)) and field.format is not None:
        return F.expr(shown(field, f"d{index}"))
    return F.col(f"parsed.values.v{index}")


def _rejected(fields: Mapping[str, Field]) -> Column:
    offences = [offence(field, f"d{index}", f"f{index}", "") for index, field in _formatted(fields)]
    wrong = [found for found in offences if found is not None]
    return F.expr(" OR ".join(["size(parsed.reasons) > 0", *wrong]))


def _reasons(fields: Mapping[str, Field]) -> Column:
    names = list(fields)
    own = [
        F.when(
            why.isNotNull(),
            F.struct(F.lit(names[index]).alias("column"), why.alias("reason")),
        )
        for index, field in _formatted(fields)
        for why in [reason(field, F.col(f"f{index}"), "")]
    ]
    found = F.col("parsed.reasons")
    if not own:
        return found
    # A record that is no object at all has no values to be judged one by one.
    no_record = (F.size(found) > 0) & found[0]["column"].isNull()
    judged = F.filter(F.array(*own), lambda item: item.isNotNull())
    return F.when(no_record, found).otherwise(F.concat(found, judged))

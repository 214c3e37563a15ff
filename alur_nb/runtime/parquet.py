"""Reading Parquet files honestly: the footer's columns against the contract, by name and type, before any row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, BinaryIO

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from alur_nb.runtime.csv import check_session, result_schema
from alur_nb.runtime.dialect import Inspection
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.header import Binding, bind
from alur_nb.runtime.landed import (
    REJECTED,
    REJECTS_DDL,
    SOURCE_FILE,
    LandedFile,
    ReadableFile,
    read_files,
    source_file,
)
from alur_nb.runtime.tables import RESCUED, Table, normalized
from alur_nb.runtime.types import (
    ArrayField,
    BinaryField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    FloatField,
    IntegerField,
    LongField,
    MapField,
    StringField,
    StructField,
    TimestampField,
)
from alur_nb.runtime.widening import widens

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MAGIC = b"PAR1"
_CHUNK_BYTES = 1 << 20
_AGAIN = "Deliver the file again."
_NULL_REASON = "null in a column that is not nullable"


def inspect_parquet(spark: SparkSession, stream: BinaryIO, file: LandedFile, *, hashed: bool) -> Inspection:
    """Read the stream to its end (not `hashed`: its first bytes) and the footer, and say which columns there are.

    The footer is read by the Parquet library that Spark brings, and its types are those that Spark would give them.
    """
    digest = hashlib.sha256()
    first = last = b""
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        first, last = first or chunk[:4], (last + chunk)[-4:]
        if not hashed:
            break
    found = Inspection(header_line=0, content_hash=digest.hexdigest() if hashed else "")
    if not first:
        return replace(found, problem="the file has 0 bytes", fix=_AGAIN)
    if first != _MAGIC:
        return replace(found, problem="the file is not Parquet", fix="Name its format: files(.., format=..).")
    if hashed and last != _MAGIC:
        return replace(found, problem="the Parquet data ends before its end", fix=f"{_AGAIN} It was cut off.")
    try:
        schema, records = _footer(spark, file)
    except (Py4JJavaError, PySparkException) as error:
        return replace(found, problem=f"Spark cannot read it: {_first_line(error)}", fix=_fix(error))
    return replace(
        found, header=tuple(schema.names), records=records, spark_schema=json.dumps(schema.jsonValue())
    )


def _footer(spark: SparkSession, file: LandedFile) -> tuple[T.StructType, int]:
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # a session that runs has its JVM
    conf = spark._jsparkSession.sessionState().newHadoopConf()
    path = jvm.org.apache.hadoop.fs.Path(file.uri)
    source = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, conf)
    reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
    try:
        parquet = jvm.org.apache.spark.sql.execution.datasources.parquet
        converter = parquet.ParquetToSparkSchemaConverter(spark._jsparkSession.sessionState().conf())
        schema = converter.convert(reader.getFooter().getFileMetaData().getSchema())
        return T.StructType.fromJson(json.loads(schema.json())), int(reader.getRecordCount())
    finally:
        reader.close()


def _first_line(error: Exception) -> str:
    text = str(error.java_exception.getMessage() if isinstance(error, Py4JJavaError) else error)
    return text.strip().split("\n")[0].rstrip(".")


def _fix(error: Exception) -> str:
    if "NANOS" in str(error):
        return 'Write timestamps in microseconds: df.to_parquet(path, coerce_timestamps="us").'
    return _AGAIN


def bind_types(inspection: Inspection, contract: Table, extra_columns: str) -> Binding:
    """Match the footer's columns by name, then by type: equal, or one that holds every value of the file's."""
    binding = bind(inspection.header, contract, extra_columns, nested=True)
    if binding.problem or inspection.problem:
        return binding
    wrong = []
    for given, name in zip(_schema(inspection).fields, binding.columns, strict=True):
        if name is not None and not _holds(given.dataType, contract.file_columns[name].spark_type()):
            wrong.append((name, given.dataType, contract.file_columns[name]))
    if not wrong:
        return binding
    name, given_type, field = wrong[0]
    named = "; ".join(f"`{n}` is {t.simpleString()}, declared {f.ddl}" for n, t, f in wrong)
    declared = field_of(given_type)
    fix = f"Deliver `{name}` as {field.ddl}"
    fix += f", or declare it: {name} = {declared!r}." if declared is not None else "."
    return replace(binding, problem=f"another type than the table's: {named}", fix=fix)


def _holds(given: T.DataType, wanted: T.DataType) -> bool:
    # A moment without a zone counts as UTC, as everywhere here; pandas writes them so.
    if isinstance(given, T.TimestampNTZType) and isinstance(wanted, T.TimestampType):
        return True
    return widens(given, wanted)


def _schema(inspection: Inspection) -> T.StructType:
    return T.StructType.fromJson(json.loads(inspection.spark_schema))


def field_of(kind: T.DataType) -> Field | None:
    """Return the field that holds a type of Parquet's; None where there is none."""
    try:
        return _field_of(kind)
    except DeclarationError:  # as of two members that are equal but for case
        return None


def _field_of(kind: T.DataType) -> Field | None:
    if isinstance(kind, T.DecimalType):
        return DecimalField(kind.precision, kind.scale)
    if isinstance(kind, T.ArrayType):
        element = _field_of(kind.elementType)
        return None if element is None else ArrayField(element)
    if isinstance(kind, T.MapType):
        key, value = _field_of(kind.keyType), _field_of(kind.valueType)
        return None if key is None or value is None else MapField(key, value)
    if isinstance(kind, T.StructType):
        members = {member.name: _field_of(member.dataType) for member in kind.fields}
        known = {name: field for name, field in members.items() if field is not None}
        return StructField(known) if len(known) == len(members) else None
    plain = _PLAIN.get(kind.simpleString())
    return None if plain is None else plain()


_PLAIN: dict[str, type[Field]] = {
    "string": StringField,
    "tinyint": IntegerField,
    "smallint": IntegerField,
    "int": IntegerField,
    "bigint": LongField,
    "float": FloatField,
    "double": DoubleField,
    "boolean": BooleanField,
    "date": DateField,
    "timestamp": TimestampField,
    "timestamp_ntz": TimestampField,
    "binary": BinaryField,
}


def read(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, *, rescue: bool = False
) -> DataFrame:
    """Return the files' rows: the contract's file columns, `_rescued` where asked for, `_source_file`, `_rejected`.

    Raises SourceError for a file that Spark cannot open under its name, SettingsError for a session in another zone.
    """
    check_session(spark)
    frames = [_rows(spark, group, contract, rescue=rescue) for group in _alike(files)]
    if not frames:
        return spark.createDataFrame([], result_schema(contract, rescue=rescue))
    fields = contract.file_columns
    offences = [_offence(field, F.col(_quoted(name))) for name, field in fields.items()]
    rejected = reduce(or_, [found for found in offences if found is not None], F.lit(False))
    rows = reduce(lambda left, right: left.unionByName(right), frames).withColumn(REJECTED, rejected)
    return rows.drop("_row")


def explain(spark: SparkSession, files: Sequence[ReadableFile], contract: Table) -> DataFrame:
    """Return the rejected rows, each as JSON; its `line_number` is the row's number in the file.

    One rule only can refuse a row here, that a null may not be: the types were settled by the footer, so there is
    no second reading to disagree; the run compares the rows with the footer's count instead.
    """
    frames = [_rows(spark, group, contract, rescue=False) for group in _alike(files)]
    if not frames:
        return spark.createDataFrame([], REJECTS_DDL)
    rows = reduce(lambda left, right: left.unionByName(right), frames)
    fields = contract.file_columns
    found = [
        F.when(
            wrong,
            F.struct(
                F.lit(name).alias("column"),
                F.when(F.col(_quoted(name)).isNull(), _NULL_REASON)
                .otherwise("a null inside, where none may be")
                .alias("reason"),
            ),
        )
        for name, field in fields.items()
        for wrong in [_offence(field, F.col(_quoted(name)))]
        if wrong is not None
    ]
    if not found:
        return spark.createDataFrame([], REJECTS_DDL)
    judged = rows.select(
        F.to_json(F.struct(*map(_quoted, fields)), {"ignoreNullFields": "false"}).alias("raw"),
        F.col(SOURCE_FILE).alias("source_file"),
        (F.col("_row") + 1).alias("line_number"),
        F.filter(F.array(*found), lambda item: item.isNotNull()).alias("reasons"),
    )
    first = F.col("reasons")[0]
    others = F.transform(
        F.slice("reasons", 2, len(fields)),
        lambda item: F.concat(item["column"], F.lit(": "), item["reason"]),
    )
    return judged.where(F.size("reasons") > 0).select(
        "raw",
        "source_file",
        "line_number",
        first["column"].alias("column"),
        F.concat_ws("; ", first["reason"], others).alias("reason"),
    )


def _alike(files: Sequence[ReadableFile]) -> list[list[ReadableFile]]:
    """Group the files that have exactly the same columns."""
    groups: dict[tuple[str, tuple[str | None, ...]], list[ReadableFile]] = {}
    for file in files:
        groups.setdefault((file.inspection.spark_schema, file.binding.columns), []).append(file)
    return list(groups.values())


def _rows(spark: SparkSession, files: Sequence[ReadableFile], contract: Table, *, rescue: bool) -> DataFrame:
    schema, bound = _schema(files[0].inspection), files[0].binding.columns
    frame = read_files(spark, spark.read.format("parquet").schema(schema), [item.file for item in files])
    named = frame.select(
        *(F.col(_quoted(name)).alias(f"c{index}") for index, name in enumerate(schema.names)),
        source_file([item.file for item in files]).alias(SOURCE_FILE),
        F.col("_metadata.row_index").alias("_row"),
    )
    sources = {name: f"c{index}" for index, name in enumerate(bound) if name is not None}
    columns = [
        (F.col(sources[name]) if name in sources else F.lit(None)).cast(field.ddl).alias(name)
        for name, field in contract.file_columns.items()
    ]
    if rescue:
        columns.append(_rescued(schema, bound).alias(RESCUED))
    return named.select(*columns, SOURCE_FILE, "_row")


def _rescued(schema: T.StructType, bound: Sequence[str | None]) -> Column:
    extra = [(name, f"c{index}") for index, name in enumerate(schema.names) if bound[index] is None]
    if not extra:
        return F.lit(None).cast("string")
    some = F.coalesce(*[F.when(F.col(source).isNotNull(), True) for _, source in extra]).isNotNull()
    return F.when(some, F.to_json(F.struct(*[F.col(source).alias(name) for name, source in extra])))


def _offence(field: Field, found: Column) -> Column | None:
    """Return whether there is a null where none may be, at any depth; None where nothing can be wrong."""
    inside = _nulls_inside(field, found)
    if field.nullable:
        return None if inside is None else F.coalesce(inside, F.lit(False))
    return found.isNull() if inside is None else F.coalesce(inside, F.lit(True))


def _nulls_inside(field: Field, found: Column) -> Column | None:
    if isinstance(field, ArrayField):
        return _any_null(field.element, found)
    if isinstance(field, MapField):
        return _any_null(field.value, F.map_values(found))
    if isinstance(field, StructField):
        wrong = [_offence(member, found[name]) for name, member in field.fields.items()]
        some = [item for item in wrong if item is not None]
        return F.when(found.isNotNull(), reduce(or_, some)) if some else None
    return None


def _any_null(field: Field, found: Column) -> Column | None:
    if _offence(field, F.lit(None).cast(field.spark_type())) is None:
        return None
    return F.exists(found, lambda item: _offence(field, item))  # type: ignore[arg-type,return-value]  # as above: not None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def added_columns(inspection: Inspection, extra: Sequence[str]) -> dict[str, Field | None]:
    """Return the fields of columns that the contract does not have; None for a type that no field holds."""
    kinds = {field.name: field.dataType for field in _schema(inspection).fields}
    return {normalized(name): field_of(kinds[name]) for name in extra}

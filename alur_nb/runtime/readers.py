"""One door for every format: look at a landing file, read the rows of many, tell why some were rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from alur_nb.runtime import csv, jsonl, parquet
from alur_nb.runtime.context import get_spark_session
from alur_nb.runtime.dialect import Dialect, inspect
from alur_nb.runtime.header import Binding, bind, bind_by_position
from alur_nb.runtime.jsonl_scan import inspect_json_lines
from alur_nb.runtime.landed import LandedFile, ReadableFile
from alur_nb.runtime.sources import FileSource
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Looker:
    """Looks into the files of one source, in any thread: what they have in common is worked out once.

    Raises DeclarationError where the contract has a type that the format cannot hold.
    """

    def __init__(self, contract: Table, source: FileSource) -> None:
        self.contract = contract
        self.source = source
        self._extra = "error" if source.unknown_columns == "error" else "ignore"
        self._dialect = Dialect.of(source.options) if source.format == "csv" else Dialect()
        self._bindings: dict[tuple[str, ...], Binding] = {}
        """By header: 10,000 files have one."""

    def look(self, file: LandedFile, stream: BinaryIO, *, hashed: bool = True) -> ReadableFile:
        """Inspect the file's bytes and bind what they hold to the contract; what does not fit is a `problem` of either.

        `hashed=False` may leave the content hash out, where taking it needs bytes that nothing else does.
        """
        source, contract = self.source, self.contract
        if source.format == "parquet":
            inspection = parquet.inspect_parquet(get_spark_session(), stream, file, hashed=hashed)
            return ReadableFile(file, inspection, parquet.bind_types(inspection, contract, self._extra))
        if source.format == "jsonl":
            evolve = source.schema_mode == "evolve"
            inspection = inspect_json_lines(stream, file.path, every_key=evolve)
            return ReadableFile(file, inspection, jsonl.bind_keys(inspection.header, contract))
        inspection = inspect(stream, file.path, self._dialect)
        return ReadableFile(file, inspection, self._bound(inspection.header))

    def _bound(self, header: tuple[str, ...]) -> Binding:
        binding = self._bindings.get(header)
        if binding is None:
            named = self._dialect.header
            binding = bind(header, self.contract, self._extra) if named else bind_by_position(self.contract)
            self._bindings[header] = binding
        return binding


def bound_again(file: ReadableFile, contract: Table, source: FileSource) -> ReadableFile:
    """Return the file bound to a contract that has grown, without looking into it again."""
    inspection = file.inspection
    if source.format == "parquet":
        return ReadableFile(file.file, inspection, parquet.bind_types(inspection, contract, "error"))
    if source.format == "jsonl":
        return ReadableFile(file.file, inspection, jsonl.bind_keys(inspection.header, contract))
    return ReadableFile(file.file, inspection, bind(inspection.header, contract, "error"))


def read(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, source: FileSource
) -> DataFrame:
    """Return the files' rows: the contract's file columns, `_source_file`, and `_rejected`, never null.

    Under schema_mode="rescue" also `_rescued`. The values of a rejected row are of no use. Raises SourceError for a
    file that Spark cannot open under its name, DeclarationError for a `format=` that is no pattern, SettingsError.
    """
    rescue = source.schema_mode == "rescue"
    if source.format == "parquet":
        return parquet.read(spark, files, contract, rescue=rescue)
    if source.format == "jsonl":
        return jsonl.read(spark, files, contract, _unknown_keys(source), contract.added)
    return csv.read(spark, files, contract, Dialect.of(source.options), rescue=rescue)


def explain(
    spark: SparkSession, files: Sequence[ReadableFile], contract: Table, source: FileSource
) -> DataFrame:
    """Return the rejected rows: `raw, source_file, line_number, column, reason`."""
    if source.format == "parquet":
        return parquet.explain(spark, files, contract)
    if source.format == "jsonl":
        return jsonl.explain(spark, files, contract, _unknown_keys(source), contract.added)
    return csv.explain(spark, files, contract, Dialect.of(source.options))


def _unknown_keys(source: FileSource) -> str:
    """Return what becomes of a record's unknown key; what evolve could add was added before anything is read."""
    return "error" if source.unknown_columns == "add" else source.unknown_columns

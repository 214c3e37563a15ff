"""`load_to_bronze` and its neighbours: the original's calls, with its promises kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import readers
from alur_nb.runtime.context import LoadCall, current_loader
from alur_nb.runtime.errors import ContractError, DeclarationError
from alur_nb.runtime.flow import LOADER, refuse_overwritten
from alur_nb.runtime.plan import plan_source
from alur_nb.runtime.result import with_metadata
from alur_nb.runtime.sources import ExtraColumns, FileSource, SameContent, SchemaMode, files
from alur_nb.runtime.tables import METADATA, BaseTable, Table, table_of
from alur_nb.runtime.workspace import open_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def load_to_bronze(
    spark: SparkSession,
    source_path: str | Sequence[str],
    source_system: str | None = None,
    target: object = None,
    format: str | None = None,
    options: Mapping[str, object] | None = None,
    validate: bool = True,
    strict_mode: bool = True,
    enable_idempotency: bool = True,
    force_reprocess: bool = False,
    contract: type[BaseTable] | Table | None = None,
    extra_columns: ExtraColumns = "error",
    same_content: SameContent = "warn",
    reject_limit: float = 0.05,
    exclude_metadata: Sequence[str] | None = None,
    custom_metadata: Mapping[str, object] | None = None,
    schema_mode: SchemaMode = "contract",
) -> DataFrame:
    """Load the files that `target` has not taken in yet; inside a run this *is* the stage.

    Returns the accepted rows: the contract's columns and the metadata columns. Inside a run they are read back from
    the batch's own Parquet, so filtering, joining or renaming afterwards never switches the tracking off. Outside of
    a run nothing is recorded: these are the rows that the next run would load.
    `force_reprocess=True` loads all files that are listed, in a batch that supersedes those which hold them: never twice.
    `validate=False` lets unknown columns of a file pass (`extra_columns="ignore"`).

    Raises SourceError, AuditError, RejectLimitError, DeclarationError.
    """
    if target is None:
        raise DeclarationError(
            "load_to_bronze needs the table that it loads into.",
            fix='load_to_bronze(spark, "orders/*.csv", source_system="shop", target=OrdersBronze)',
        )
    source = files(
        source_path,
        source_system=source_system,
        contract=contract,
        format=format,
        options=options,
        strict=strict_mode,
        extra_columns=extra_columns if validate else "ignore",
        same_content=same_content,
        reject_limit=reject_limit,
        schema_mode=schema_mode,
    )
    call = LoadCall(
        source=source,
        target=table_of(target),
        enable_idempotency=enable_idempotency,
        force_reprocess=force_reprocess,
        exclude_metadata=_metadata_names(exclude_metadata or ()),
        custom_metadata=custom_metadata,
    )
    refuse_overwritten(call.target)  # also where a helper calls, which no declaration can see
    loader = current_loader() or _read_only
    return loader(call)


def add_bronze_metadata(
    df: DataFrame,
    source_system: str | None = None,
    exclude_metadata: Sequence[str] | None = None,
    custom_metadata: Mapping[str, object] | None = None,
) -> DataFrame:
    """Add `_ingested_at` (now, UTC), `_source_system` and the custom constants to a frame of any origin."""
    excluded = _metadata_names(exclude_metadata or ())
    return with_metadata(df, source_system, datetime.now(UTC), custom_metadata).drop(*excluded)


def validate_schema(df: DataFrame, target: object) -> bool:
    """Return True where the frame has exactly the table's columns; raises ContractError that lists what differs."""
    from alur_nb.runtime.result import conform

    conform(df, table_of(target), datetime.now(UTC))
    return True


def contract_for(call: LoadCall) -> Table:
    """Return the columns to look for in the files: the contract's, less those that `custom_metadata` gives."""
    given = call.custom_metadata or {}
    kept = {name: column for name, column in call.contract.columns.items() if name not in given}
    return replace(call.contract, columns=kept)


def source_for(call: LoadCall) -> FileSource:
    """Return the call's source with its contract settled."""
    return replace(call.source, contract=contract_for(call))


def _read_only(call: LoadCall) -> DataFrame:
    """Read what the next run would load, and write nothing."""
    from alur_nb.runtime.context import get_spark_session

    source = source_for(call)
    known = call.enable_idempotency and not call.force_reprocess
    plan = plan_source(open_workspace(), call.target, LOADER, source, use_history=known)
    found = [item.readable for item in plan.new if item.readable is not None]
    frame = readers.read(get_spark_session(), found, plan.contract, source)
    accepted = frame.where("NOT _rejected").drop("_rejected")
    stamped = with_metadata(accepted, source.source_system, datetime.now(UTC), call.custom_metadata)
    return stamped.drop(*call.exclude_metadata)


def _metadata_names(names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in METADATA]
    if unknown:
        raise ContractError(
            f"exclude_metadata names {', '.join(unknown)}, which is no metadata column.",
            fix=f"Metadata columns: {', '.join(METADATA)}.",
        )
    return tuple(names)

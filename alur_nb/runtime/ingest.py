"""One batch in the making: planned, staged, audited, sealed; whatever happens, the next run can tell what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import evolution, publish, readers
from alur_nb.runtime.errors import AuditError, CheckError, SourceError
from alur_nb.runtime.lake import data_prefix, footer_rows, read_staged, rejects_prefix, storage_errors
from alur_nb.runtime.ledger import Batch, Input, Lease, State
from alur_nb.runtime.plan import PlannedFile, SourcePlan
from alur_nb.runtime.quality import CheckResult, Expectation, Severity, evaluate, no_nulls_in_column
from alur_nb.runtime.rejects import Rejects, judge, stage_rejects
from alur_nb.runtime.result import OUTCOME, conform, partition_columns, with_metadata
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CHECK_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """What one `files(..)` source became in the batch's own prefix."""

    plan: SourcePlan
    frame: DataFrame
    """The accepted rows, read back from the staged Parquet."""
    prefix: str
    accepted: int
    rejects: Rejects


@dataclass(slots=True)
class OpenBatch:
    """A run's batch on one table, from PLAN to SEAL; everything that the run must remember is kept here."""

    workspace: Workspace
    spark: SparkSession
    pipeline: str
    target: Table
    lease: Lease
    run_id: str
    started_at: datetime
    batch: Batch | None = None
    """None until something is to be loaded."""
    inputs: list[Input] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks: tuple[CheckResult, ...] = ()
    input_items: int = 0

    @property
    def id(self) -> str:
        """`{epoch}-{n}`: unique and monotone per table, since only one run ever holds an epoch."""
        return f"{self.lease.epoch:08d}-0001"

    @property
    def reject_reasons(self) -> dict[str, int]:
        """`column: reason` -> rows, over all sources."""
        totals: dict[str, int] = {}
        for stage in self.stages:
            for reason, rows in stage.rejects.by_reason.items():
                totals[reason] = totals.get(reason, 0) + rows
        return totals

    def plan(self, inputs: Sequence[Input]) -> None:
        """Write further inputs and, the first time, put the batch as PLANNED under our epoch."""
        ledger, table = self.workspace.ledger, self.target.qualified_name
        if self.batch is None:
            self.workspace.lake.refuse_leftovers(table, self.id)
        ledger.put_inputs(self.lease, self.id, inputs, first=self.input_items)
        self.inputs += inputs
        self.input_items += len(inputs)  # at least one number per item of 1,000, so no item is ever met again
        if self.batch is None:
            batch = Batch(table, self.id, State.PLANNED, self.lease.epoch, self.pipeline, self.run_id)
            ledger.plan(self.lease, batch)
            self.batch = batch

    def stage_source(
        self, plan: SourcePlan, *, exclude: Sequence[str] = (), custom: Mapping[str, object] | None = None
    ) -> DataFrame:
        """Write a source's accepted and rejected rows, and return the accepted ones read back.

        The frame has the contract's columns, the metadata columns less `exclude`, and the `custom` ones.
        Raises AuditError (strict, and a row was rejected), RejectLimitError, SourceError, StorageError.
        """
        self.warnings += plan.warnings
        inputs = [_planned(item) for item in plan.with_status("new", "bad", "same_content")]
        if inputs:
            self.plan(inputs)
        files = [item.readable for item in plan.new if item.readable is not None]
        with storage_errors("the landing files"):  # Spark looks for the files when it is told of them
            read = readers.read(self.spark, files, plan.contract, plan.source)
        frame = with_metadata(read, plan.source.source_system, self.started_at, custom)
        if not files:
            return frame.drop("_rejected", *exclude)
        stage = self._write_stage(plan, frame)
        self.stages.append(stage)
        judge(plan, stage.rejects, stage.accepted + stage.rejects.rows)
        return stage.frame.drop(*exclude) if exclude else stage.frame

    def _write_stage(self, plan: SourcePlan, frame: DataFrame) -> Stage:
        """Write both outcomes side by side in one pass: a second pass would parse every file again."""
        from pyspark.sql import functions as F
        from pyspark.sql.types import StringType, StructType

        lake, table = self.workspace.lake, self.target.qualified_name
        prefix = data_prefix(table, self.id) + (f"-r{len(self.stages)}" if self.stages else "")
        schema = frame.drop("_rejected").schema
        outcome = F.when(F.col("_rejected"), "rejected").otherwise("accepted")
        declared = {n: c for n, c in plan.contract.columns.items() if n not in plan.contract.added}
        by_user = self.target.partition_by if declared == self.target.columns else ()
        staged, names = partition_columns(frame.withColumn(OUTCOME, outcome).drop("_rejected"), by_user)
        with storage_errors(lake.stage_uri(prefix)):
            staged.write.partitionBy(OUTCOME, *names).parquet(lake.stage_uri(prefix))
            rejects = Rejects()
            if lake.staged_files(f"{prefix}/{OUTCOME}=rejected"):
                only_file = StructType().add("_source_file", StringType())
                rejected = read_staged(self.spark, lake.stage_uri(f"{prefix}/{OUTCOME}=rejected"), only_file)
                rejects_uri = lake.stage_uri(rejects_prefix(table, self.id))
                rejects = stage_rejects(self.spark, plan, rejected, rejects_uri)
        for item in plan.new:
            _check_pin(self.workspace, item)
        accepted = self._staged_rows(f"{prefix}/{OUTCOME}=accepted")
        back = self.spark.createDataFrame([], schema)
        if accepted:
            back = read_staged(self.spark, lake.stage_uri(f"{prefix}/{OUTCOME}=accepted"), schema)
        return Stage(plan, back, f"{prefix}/{OUTCOME}=accepted", accepted, rejects)

    def _staged_rows(self, prefix: str) -> int:
        lake = self.workspace.lake
        return footer_rows(self.spark, lake.stage_uri(prefix), lake.staged_files(prefix))

    def stage_result(self, result: DataFrame) -> tuple[DataFrame, str | None, bool]:
        """Return the rows to be sealed, their prefix (None without rows), and whether they are as they were read.

        The frame that `load_to_bronze` or `files(..)` gave, returned as it is, is what was staged already;
        anything else is staged once more, beside it. Raises ContractError, StorageError.
        """
        lake = self.workspace.lake
        contracts = [stage.plan.contract for stage in self.stages]
        fitted = conform(result, evolution.with_added(self.target, contracts, result), self.started_at)
        if len(self.stages) == 1 and result is self.stages[0].frame and _same_types(result, fitted):
            stage = self.stages[0]
            return stage.frame, stage.prefix if stage.accepted else None, True
        prefix = data_prefix(self.target.qualified_name, self.id, rewritten=True)
        staged, names = partition_columns(fitted, self.target.partition_by)
        with storage_errors(lake.stage_uri(prefix)):
            writer = staged.write.partitionBy(*names) if names else staged.write
            writer.parquet(lake.stage_uri(prefix))
        for stage in self.stages:
            for item in stage.plan.new:
                _check_pin(self.workspace, item)
        return read_staged(self.spark, lake.stage_uri(prefix), fitted.schema), prefix, False

    def audit_and_seal(
        self, result: DataFrame, expectations: Iterable[Expectation], *, still_wanted: Callable[[], None]
    ) -> Batch:
        """Stage the result, check it, and decide; returns the SEALED batch, not yet visible.

        `still_wanted` is called last of all before the decision, and raises where the run was cancelled.

        Raises CheckError, AuditError, ContractError, StorageError, LeaseLostError.
        """
        assert self.batch is not None  # something was planned, or there would be nothing to seal
        frame, prefix, as_read = self.stage_result(result)
        rules = tuple(expectations) if as_read else (*_not_null_rules(self.target), *expectations)
        group_by = "_source_file" if as_read and "_source_file" in frame.columns else None
        evaluation = evaluate(frame, rules, examples=_CHECK_EXAMPLES, group_by=group_by)
        self.checks = evaluation.results
        written = self._staged_rows(prefix) if prefix else 0
        if written != evaluation.rows:
            raise AuditError(
                f"The staged files hold {written:,} rows, but {evaluation.rows:,} were read back.",
                fix="Nothing was published. Check the disk, then run again.",
            )
        _refuse_failed(evaluation.results)
        prefix = prefix if written else None
        accepted = self._accepted_by_file(evaluation.groups if group_by else None)
        inputs = [_completed(item, accepted, self.stages) for item in self.inputs]
        _refuse_lost_records(inputs, self.stages)
        added = evolution.columns_beyond(self.target, frame) if prefix else {}
        sealed = replace(self._sealed_batch(inputs, prefix, evaluation.rows), added=added)
        still_wanted()
        publish.seal(self.workspace, sealed, inputs)
        return sealed

    def seal_skipped(self) -> Batch:
        """Decide on a batch that only notes skipped files: it has no rows, so there is nothing to check."""
        sealed = self._sealed_batch(self.inputs, None, 0)
        publish.seal(self.workspace, sealed, self.inputs)
        return sealed

    def _accepted_by_file(self, known: Mapping[str | None, int] | None) -> dict[str, int]:
        """Count each file's accepted rows in the staged Parquet; they must add up to what its footers say."""
        counts: dict[str, int] = {}
        for stage in self.stages:
            groups: Mapping[str | None, int] | None = known
            if groups is None:
                rows = stage.frame.groupBy("_source_file").count().collect() if stage.accepted else []
                groups = {row[0]: row[1] for row in rows}
            if sum(groups.values()) != stage.accepted:
                raise AuditError(
                    f"Rows by file add up to {sum(groups.values()):,}, the staged files hold {stage.accepted:,}.",
                    fix="Nothing was published. Check the disk, then run again.",
                )
            counts |= {path: rows for path, rows in groups.items() if path is not None}
        return counts

    def _sealed_batch(self, inputs: Sequence[Input], prefix: str | None, rows: int) -> Batch:
        assert self.batch is not None
        lake, table = self.workspace.lake, self.target.qualified_name
        rejected = sum(stage.rejects.rows for stage in self.stages)
        counts = {
            "parsed": sum(item.parsed for item in inputs),
            "accepted": sum(item.accepted for item in inputs),
            "rejected": rejected,
            "rows": rows,
            "files": sum(item.kind == "file" and item.outcome == "loaded" for item in inputs),
            "skipped_files": sum(item.outcome == "skipped" for item in inputs),
        }
        rejects = rejects_prefix(table, self.id) if rejected else None
        if rejects:
            lake.staged_files(rejects)  # on the disk before the decision
        return replace(
            self.batch,
            data_prefix=prefix,
            rejects_prefix=rejects,
            partitions=tuple(partition.name for partition in self.target.partition_by),
            files=lake.staged_files(prefix) if prefix else (),
            counts=counts,
            checks=tuple({**asdict(check), "severity": str(check.severity)} for check in self.checks),
            reject_reasons=self.reject_reasons,
        )

    def abort(self, reason: str) -> None:
        """Throw the batch away, keeping the reason and what was rejected."""
        if self.batch is not None:
            dying = replace(self.batch, reject_reasons=self.reject_reasons)
            publish.abort(self.workspace, dying, reason)


def _same_types(one: DataFrame, other: DataFrame) -> bool:
    def types(frame: DataFrame) -> dict[str, str]:
        return {field.name: field.dataType.simpleString() for field in frame.schema.fields}

    return types(one) == types(other)


def _planned(item: PlannedFile) -> Input:
    file = item.file
    outcome = "planned" if item.status == "new" else "skipped"
    return Input(
        "file", file.path, file.version, file.size, item.content_hash, outcome=outcome, reason=item.reason
    )


def _completed(item: Input, accepted: Mapping[str, int], stages: Sequence[Stage]) -> Input:
    if item.outcome != "planned":
        return item
    rejected = sum(stage.rejects.by_file.get(item.key, 0) for stage in stages) if item.kind == "file" else 0
    good = accepted.get(item.key, 0) if item.kind == "file" else 0
    return replace(item, parsed=good + rejected, accepted=good, rejected=rejected, outcome="loaded")


def _refuse_lost_records(inputs: Sequence[Input], stages: Sequence[Stage]) -> None:
    """Compare what was read with what the look at each file had counted, where the format allows it."""
    parsed = {item.key: item.parsed for item in inputs if item.outcome == "loaded"}
    for item in (item for stage in stages for item in stage.plan.new):
        counted = item.readable.inspection.records if item.readable else None
        if counted is not None and parsed.get(item.file.path) != counted:
            raise AuditError(
                f"{item.file.path} holds {counted:,} records, but {parsed.get(item.file.path)} were read.",
                fix="Nothing was published. Please report this with the file named above.",
            )


def _check_pin(workspace: Workspace, item: PlannedFile) -> None:
    """Compare the file with its plan after the last read of it: what was read must be what was planned."""
    if workspace.files.stat(item.file).pin != item.file.pin:
        raise SourceError(
            f"{item.file.path} changed while it was read.",
            fix="Nothing was published. Run again once the file is complete; deliver files by renaming them into place.",
        )


def _not_null_rules(target: Table) -> list[Expectation]:
    # File reads do not enforce `nullable=False`, so a rewritten result is checked like any other rule.
    return [
        Expectation(f"{name} is not nullable", no_nulls_in_column(name), Severity.ERROR)
        for name, column in target.columns.items()
        if not column.nullable
    ]


def _refuse_failed(results: Sequence[CheckResult]) -> None:
    failed = [result for result in results if not result.passed and result.severity is Severity.ERROR]
    if failed:
        lines = "\n  ".join(f"{result.name}: {result.message}" for result in failed)
        raise CheckError(
            f"{len(failed)} of {len(results)} checks failed, so nothing is published:\n  {lines}",
            checks=tuple(results),
            fix="Mend the data or the pipeline, or lower the check to severity=Severity.WARN; then run again.",
        )

"""One batch in the making: planned, staged, audited, sealed; whatever happens, the next run can tell what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import evolution, publish
from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.contract_rules import implied_rules
from alur_nb.runtime.drops import Dropped, with_dropped
from alur_nb.runtime.engine import Engine, SourceRead, Stage, StagedResult
from alur_nb.runtime.errors import AlurError, AuditError, CheckError, SourceError, StorageError
from alur_nb.runtime.examples import MAX_EXAMPLES, for_ledger
from alur_nb.runtime.key_rules import bind_references
from alur_nb.runtime.lake import added_by, data_prefix, refuse_other_format, rejects_prefix
from alur_nb.runtime.ledger import Batch, Input, Lease, State, live
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.quality import CheckResult, Expectation, Severity
from alur_nb.runtime.rejects import judge, judge_dropped
from alur_nb.runtime.result import staged_by
from alur_nb.runtime.supersede import NOTHING, Superseded
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.write_modes import Publication, publication_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)
_JAVA_FRAME = re.compile(r"\s+(at \S+\(.*\)|\.\.\. [0-9]+ more)\s*$")


@dataclass(slots=True)
class OpenBatch:
    """A run's batch on one table, from PLAN to SEAL; everything that the run must remember is kept here."""

    workspace: Workspace
    engine: Engine
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
    replaced: Superseded = NOTHING
    """The batches in whose place this one comes."""
    drops: tuple[Expectation, ...] = ()
    """The checks of severity DROP, decided where rows are staged."""
    dropped: Dropped = field(default_factory=Dropped)
    input_items: int = 0

    @property
    def id(self) -> str:
        """`{epoch}-{n}`: unique and monotone per table, since only one run ever holds an epoch."""
        return f"{self.lease.epoch:08d}-0001"

    @property
    def reject_reasons(self) -> dict[str, int]:
        """`column: reason` -> rows, over all sources and what checks have dropped."""
        totals: dict[str, int] = {}
        for reasons in (*(stage.rejects.by_reason for stage in self.stages), self.dropped.by_reason):
            for reason, rows in reasons.items():
                totals[reason] = totals.get(reason, 0) + rows
        return totals

    @property
    def rejected(self) -> int:
        """Rows in the batch's rejects: those that do not fit their contract, and those that checks have dropped."""
        return sum(stage.rejects.rows for stage in self.stages) + self.dropped.rows

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
            batch = replace(
                batch, supersedes=tuple(sorted(self.replaced.ids)), publication=self._publication()
            )
            ledger.plan(self.lease, batch)
            self.batch = batch

    def _publication(self) -> Publication:
        """Return how the target's batches are published; anew, an overwrite leaves no partition as it was."""
        how = publication_of(self.target)
        if how.mode != "overwrite" or not how.partitions:
            return how
        alive = {batch.id for batch in live(self.workspace.ledger.batches(self.target.qualified_name))}
        return replace(how, partitions=()) if alive and alive <= self.replaced.ids else how

    def prepare_iceberg(self) -> None:
        """Create or evolve an Iceberg target, now that Spark is there; ContractError where it cannot be.

        Raises StorageError where the table holds the id of this batch already: then the ledger is not the table's.
        """
        if self.target.format != "iceberg":
            return
        lake, table = self.workspace.lake, self.target.qualified_name
        batches = live(self.workspace.ledger.batches(table))
        refuse_other_format(self.target, batches)
        self.warnings += lake.prepare(self.target, added_by(self.target, batches))
        how = publication_of(self.target)
        probe = Batch(
            table, self.id, State.PLANNED, self.lease.epoch, self.pipeline, self.run_id, publication=how
        )
        rows = lake.iceberg(probe)
        if rows is not None and rows.holds(rows.pin(), self.id):
            raise StorageError(
                f"{table} has rows of batch {self.id} already, although that batch is new.",
                fix="The ledger was restored or deleted behind the lake: put the ledger that belongs to this lake "
                "back, or start both anew in an empty .alur folder.",
            )

    def plan_source(self, plan: SourcePlan) -> None:
        """Write a source's files as inputs: the new ones, and those that are noted as skipped."""
        self.warnings += plan.warnings
        inputs = [_planned(item) for item in plan.with_status("new", "bad", "same_content")]
        if inputs:
            self.plan(inputs)

    def stage_source(
        self, plan: SourcePlan, *, exclude: Sequence[str] = (), custom: Mapping[str, object] | None = None
    ) -> DataFrame:
        """Write a source's accepted and rejected rows, and return the accepted ones read back.

        The frame has the contract's columns, the metadata columns less `exclude`, and the `custom` ones.
        Raises AuditError (strict, and a row was rejected), RejectLimitError, SourceError, StorageError.
        """
        self.plan_source(plan)
        # By the same rule as `stage_result` takes rows as they were read: sealed files lie by partition, always.
        by_user = staged_by(self.target) if _shape(plan.contract) == _shape(self.target) else ()
        read = SourceRead(plan, self.started_at, by_user, custom, self.drops)
        if not plan.new:
            return self.engine.empty_source(read).drop(*exclude)
        table = self.target.qualified_name
        prefix = data_prefix(table, self.id) + (f"-r{len(self.stages)}" if self.stages else "")
        stage = self.engine.stage_source(self.workspace.lake, read, prefix, rejects_prefix(table, self.id))
        self._check_pins(plan)
        self.stages.append(stage)
        judge(plan, stage.rejects, stage.rows + stage.rejects.rows, table)
        return stage.frame.drop(*exclude) if exclude else stage.frame

    def stage_result(self, result: DataFrame) -> tuple[DataFrame, str | None, bool]:
        """Return the rows to be sealed, their prefix (None without rows), and whether they are as they were read.

        The frame that `load_to_bronze` or `files(..)` gave, returned as it is, is what was staged already;
        anything else is staged once more, beside it. Raises ContractError, StorageError.
        """
        contracts = [stage.plan.contract for stage in self.stages]
        target = evolution.with_added(self.target, contracts, result)
        fitted, same_types = self.engine.fit(result, target, self.started_at)
        if len(self.stages) == 1 and result is self.stages[0].frame and same_types:
            stage = self.stages[0]
            if not self.drops or stage.kept is not None:
                kept = stage.frame if stage.kept is None else stage.kept
                staged = StagedResult(kept, stage.prefix, stage.dropped, stage.dropped_prefix)
                self._reject_dropped(staged, of_files=True)
                return kept, stage.prefix if stage.accepted else None, True
        lake, prefix = self.workspace.lake, data_prefix(self.target.qualified_name, self.id, rewritten=True)
        if self.drops:
            staged = self.engine.stage_kept(lake, fitted, self.target, prefix, self.drops)
        else:
            staged = StagedResult(self.engine.stage_result(lake, fitted, self.target, prefix), prefix)
        self._reject_dropped(staged, of_files=False)
        for stage in self.stages:
            self._check_pins(stage.plan)
        return staged.frame, staged.prefix, False

    def _reject_dropped(self, staged: StagedResult, *, of_files: bool) -> None:
        rejects = rejects_prefix(self.target.qualified_name, self.id)
        if staged.dropped:
            self.dropped = self.engine.reject_dropped(
                self.workspace.lake, staged, self.drops, rejects, of_files=of_files
            )

    def _check_pins(self, plan: SourcePlan) -> None:
        """Compare the files with their plan after the last read of them: what was read must be what was planned."""
        planned = [item.file for item in plan.new]
        for file, now in zip(planned, self.workspace.files.stats(planned), strict=True):
            if now.pin != file.pin:
                raise SourceError(
                    f"{file.path} changed while it was read.",
                    fix="Nothing was published. Run again once the file is complete; deliver files by renaming them "
                    "into place.",
                )

    def audit_and_seal(
        self, result: DataFrame, expectations: Iterable[Expectation], *, still_wanted: Callable[[], None]
    ) -> Batch:
        """Stage the result, check it, and decide; returns the SEALED batch, not yet visible.

        `still_wanted` is called last of all before the decision, and raises where the run was cancelled.

        Raises CheckError, AuditError, ContractError, StorageError, LeaseLostError.
        """
        assert self.batch is not None  # something was planned, or there would be nothing to seal
        frame, prefix, as_read = self.stage_result(result)
        rules = (*implied_rules(self.target, as_read=as_read), *expectations)
        rules = bind_references(rules, self._live_rows)
        group_by = "_source_file" if as_read and "_source_file" in frame.columns else None
        evaluation = self.engine.evaluate(frame, rules, examples=MAX_EXAMPLES, group_by=group_by)
        self.checks = with_dropped(evaluation.results, self.drops, self.dropped, evaluation.rows)
        written = self._written_rows(prefix, as_read=as_read)
        if written != evaluation.rows:
            raise AuditError(
                f"The staged files hold {written:,} rows, but {evaluation.rows:,} were read back.",
                fix="Nothing was published. Check the disk, then run again.",
            )
        _refuse_failed(self.checks)
        judge_dropped(
            [stage.plan for stage in self.stages],
            self.dropped.rows,
            self.rejected,
            evaluation.rows + self.rejected,
        )
        prefix = prefix if written else None
        accepted = self._accepted_by_file(evaluation.groups if group_by else None)
        dropped = self.dropped.by_file if as_read else {}
        inputs = [_completed(item, accepted, self.stages, dropped) for item in self.inputs]
        _refuse_lost_records(inputs, self.stages)
        beyond = any(evolution.goes_beyond(stage.plan.contract, stage.plan.source) for stage in self.stages)
        added = evolution.columns_beyond(self.target, frame) if prefix and beyond else {}
        sealed = replace(self._sealed_batch(inputs, prefix, evaluation.rows), added=added)
        if added:
            self.workspace.lake.add_columns(self.target, added)
        still_wanted()
        publish.seal(self.workspace, sealed, inputs)
        return sealed

    def _written_rows(self, prefix: str | None, *, as_read: bool) -> int:
        """Return what the staged files' footers say; of rows as they were read it is known from their stage."""
        if prefix is None:
            return 0
        return self.stages[0].accepted if as_read else self.engine.staged_rows(self.workspace.lake, prefix)

    def _live_rows(self, table: Table) -> DataFrame:
        """Return what is committed of another table at this moment."""
        batches = live(self.workspace.ledger.batches(table.qualified_name))
        return self.engine.read_batches(self.workspace.lake, table, batches, whole=True)

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
                groups = self.engine.rows_by_file(stage.frame) if stage.rows else {}
            staged = stage.rows if known is None else stage.accepted
            if sum(groups.values()) != staged:
                raise AuditError(
                    f"Rows by file add up to {sum(groups.values()):,}, the staged files hold {staged:,}.",
                    fix="Nothing was published. Check the disk, then run again.",
                )
            counts |= {path: rows for path, rows in groups.items() if path is not None}
        return counts

    def _sealed_batch(self, inputs: Sequence[Input], prefix: str | None, rows: int) -> Batch:
        assert self.batch is not None
        lake, table = self.workspace.lake, self.target.qualified_name
        counts = {
            "parsed": sum(item.parsed for item in inputs),
            "accepted": sum(item.accepted for item in inputs),
            "rejected": self.rejected,
            "dropped": self.dropped.rows,
            "rows": rows,
            "files": sum(item.kind == "file" and item.outcome == "loaded" for item in inputs),
            "skipped_files": sum(item.outcome == "skipped" for item in inputs),
        }
        rejects = rejects_prefix(table, self.id) if self.rejected else None
        if rejects:
            lake.staged_files(rejects)  # on the disk before the decision
        return replace(
            self.batch,
            supersedes=tuple(sorted(self.replaced.ids)),  # load_to_bronze may have added some since PLAN
            data_prefix=prefix,
            rejects_prefix=rejects,
            partitions=tuple(partition.name for partition in staged_by(self.target)),
            files=lake.staged_files(prefix) if prefix else (),
            counts=counts,
            checks=for_ledger(self.checks),
            reject_reasons=self.reject_reasons,
        )

    def abort(self, error: BaseException) -> None:
        """Throw the batch away, keeping the reason, the checks, and what was rejected: all counts, the first rows."""
        if self.batch is None:
            return
        counts = {"rejected": self.rejected, "dropped": self.dropped.rows} if self.rejected else {}
        if counts and isinstance(error, AuditError):
            try:
                counts[publish.KEPT] = self.engine.keep_rejects(self.workspace.lake, self.target, self.id)
            except AlurError as lost:
                log.warning("%s: the rejected rows could not be kept: %s", self.target.qualified_name, lost)
        dying = replace(
            self.batch, counts=counts, reject_reasons=self.reject_reasons, checks=for_ledger(self.checks)
        )
        publish.abort(self.workspace, dying, reason_of(error))


def reason_of(error: BaseException) -> str:
    """Return what an error says, for the ledger: without the frames that Java adds to its own."""
    lines = [line for line in str(error).splitlines() if not _JAVA_FRAME.match(line)]
    return "\n".join(lines) or type(error).__name__


def _shape(table: Table) -> dict[str, str]:
    """Return the declared columns: those that schema_mode="evolve" has added move no row to another partition."""
    return {name: column.ddl for name, column in table.columns.items() if name not in table.added}


def _planned(item: PlannedFile) -> Input:
    file = item.file
    outcome = "planned" if item.status == "new" else "skipped"
    return Input(
        "file", file.path, file.version, file.size, item.content_hash, outcome=outcome, reason=item.reason
    )


def _completed(
    item: Input, accepted: Mapping[str, int], stages: Sequence[Stage], dropped: Mapping[str, int]
) -> Input:
    if item.outcome != "planned":
        return item
    if item.kind != "file":
        return replace(item, outcome="loaded")
    rejected = sum(stage.rejects.by_file.get(item.key, 0) for stage in stages) + dropped.get(item.key, 0)
    good = accepted.get(item.key, 0)
    return Input(
        item.kind,
        item.key,
        item.version,
        item.size,
        item.content_hash,
        parsed=good + rejected,
        accepted=good,
        rejected=rejected,
        outcome="loaded",
        reason=item.reason,
    )


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


def _refuse_failed(results: Sequence[CheckResult]) -> None:
    failed = [result for result in results if not result.passed and result.severity is Severity.ERROR]
    if failed:
        lines = "\n  ".join(f"{result.name}: {result.message}" for result in failed)
        raise CheckError(
            f"{len(failed)} of {len(results)} checks failed, so nothing is published:\n  {lines}",
            checks=tuple(results),
            fix="Mend the data or the pipeline, or lower the check to severity=Severity.WARN; then run again.",
        )

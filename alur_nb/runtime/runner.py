"""Running pipelines: lease, recover, plan, stage, audit, seal, publish, commit, for each in the DAG's order."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import publish
from alur_nb.runtime.context import LoadCall, loading_by
from alur_nb.runtime.drops import drop_rules
from alur_nb.runtime.engine import Engine
from alur_nb.runtime.engine_spark import SparkEngine
from alur_nb.runtime.errors import (
    CheckError,
    ContractError,
    DeclarationError,
    LedgerError,
    NotYetSupportedError,
    RunCancelledError,
    plural,
)
from alur_nb.runtime.ingest import OpenBatch
from alur_nb.runtime.ledger import Input, Lease, live
from alur_nb.runtime.load import source_for
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.pipelines import FileSource, NewSource, Pipeline, TableSource
from alur_nb.runtime.plan import SourcePlan, new_batches, plan_source
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a run, for progress: `started`, `planned`, `staged`, `published` or `ended`."""

    pipeline: str
    step: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all pipelines of one run share."""

    workspace: Workspace
    run_id: str
    started_at: datetime
    cancelled: threading.Event
    tell: Callable[[Event], None]
    engine: Engine

    def refuse_cancelled(self) -> None:
        """Raise RunCancelledError where the run was cancelled: Spark may have been between two jobs."""
        if self.cancelled.is_set():
            raise RunCancelledError(
                "The run was cancelled.", fix="Nothing was published by this pipeline; run again."
            )


def run_pipelines(
    workspace: Workspace,
    project: Project,
    names: Sequence[str] | None = None,
    *,
    run_id: str | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
    engine: Engine | None = None,
) -> RunReport:
    """Run the named pipelines (default: all) in the DAG's order, each with its own batch on its own table.

    A failed pipeline skips what depends on it and nothing else; its error is in the report, never raised here.
    Raises DeclarationError for an unknown name or a cycle, before anything has run.
    """
    run = RunContext(
        workspace,
        run_id or uuid.uuid4().hex,
        datetime.now(UTC),
        cancelled or threading.Event(),
        on_event or (lambda event: None),
        engine or SparkEngine(),
    )
    done: dict[str, PipelineRun] = {}
    for name in project.order(names):
        pipeline = project.pipeline(name)
        broken = [
            up
            for up in project.upstream(name)
            if up in done and done[up].state not in ("loaded", "nothing new")
        ]
        if run.cancelled.is_set():
            done[name] = PipelineRun(name, pipeline.target.qualified_name, "cancelled")
        elif broken:
            note = f"not run, because {', '.join(broken)} did not succeed"
            done[name] = PipelineRun(name, pipeline.target.qualified_name, "skipped", warnings=(note,))
        else:
            done[name] = _run_timed(run, pipeline)
        run.tell(Event(name, "ended", done[name].state))
    return RunReport(run.run_id, tuple(done.values()))


def _run_timed(run: RunContext, pipeline: Pipeline) -> PipelineRun:
    begin = time.monotonic()
    run.tell(Event(pipeline.name, "started"))
    try:
        result = _run_one(run, pipeline)
    # A pipeline's function is the user's: whatever it raises is reported, and the other pipelines still run.
    except Exception as error:  # noqa: BLE001
        log.info("%s failed: %s", pipeline.name, error)
        cancelled = run.cancelled.is_set()
        result = PipelineRun(
            pipeline.name,
            pipeline.target.qualified_name,
            "cancelled" if cancelled else "failed",
            checks=error.checks if isinstance(error, CheckError) else (),
            error=None if cancelled else error,
        )
    return replace(result, duration_seconds=time.monotonic() - begin)


def _run_one(run: RunContext, pipeline: Pipeline) -> PipelineRun:
    """Bring one batch from lease to commit; on any error before SEAL it is thrown away and nothing was published."""
    refuse_later(pipeline)
    workspace, table = run.workspace, pipeline.target.qualified_name
    with _leased(run, table) as lease:
        workspace.lake.prepare(pipeline.target)
        notes = publish.recover(workspace, table)
        batch = OpenBatch(
            workspace, run.engine, pipeline.name, pipeline.target, lease, run.run_id, run.started_at
        )
        batch.drops = drop_rules(pipeline.expectations)
        try:
            result = _call(run, pipeline, batch)
            if batch.batch is None:
                return PipelineRun(
                    pipeline.name, table, "nothing new", warnings=(*notes, *dict.fromkeys(batch.warnings))
                )
            run.tell(Event(pipeline.name, "staged"))
            sealed = (
                batch.seal_skipped()
                if result is None
                else batch.audit_and_seal(result, pipeline.expectations, still_wanted=run.refuse_cancelled)
            )
        # Also a KeyboardInterrupt: the batch is ended in the ledger, then it goes on.
        except BaseException as error:
            batch.abort(error)
            raise
        publish.finish(workspace, table, sealed.id)
        run.tell(Event(pipeline.name, "published"))
        workspace.lake.discard(sealed)
        workspace.lake.forget_aborted(table)
    return _loaded(pipeline, batch, sealed.counts, notes)


def _loaded(
    pipeline: Pipeline, batch: OpenBatch, counts: Mapping[str, int], notes: Sequence[str]
) -> PipelineRun:
    skipped = tuple(f"{item.key}: {item.reason}" for item in batch.inputs if item.outcome == "skipped")
    only_skipped = len(skipped) == len(batch.inputs)
    return PipelineRun(
        pipeline.name,
        pipeline.target.qualified_name,
        "nothing new" if only_skipped else "loaded",
        batch_id=batch.id,
        rows=counts["rows"],
        rejected=counts["rejected"],
        files=counts["files"],
        skipped_files=skipped,
        reject_reasons=batch.reject_reasons,
        checks=batch.checks,
        warnings=(*notes, *dict.fromkeys(batch.warnings)),
    )


def _call(run: RunContext, pipeline: Pipeline, batch: OpenBatch) -> DataFrame | None:
    """Plan and stage the declared sources, call the function, and return its frame; None where nothing is to load."""
    plans = {
        parameter: plan_source(run.workspace, pipeline.target, parameter, source)
        for parameter, source in pipeline.sources.items()
        if isinstance(source, FileSource)
    }
    upstream = {
        parameter: new_batches(run.workspace.ledger, source, pipeline.target.qualified_name)
        for parameter, source in pipeline.sources.items()
        if isinstance(source, NewSource)
    }
    if plans or upstream:
        fresh = any(plan.new for plan in plans.values()) or any(upstream.values())
        if not fresh:
            _note_skipped(batch, plans.values())
            return None
    inputs = [
        Input("batch", source.table.qualified_name, found.id, found.counts.get("rows", 0))
        for parameter, source in pipeline.sources.items()
        if isinstance(source, NewSource)
        for found in upstream[parameter]
    ]
    if inputs:
        batch.plan(inputs)
    run.tell(Event(pipeline.name, "planned", _planned_text(plans, inputs)))
    # Not before: where nothing is new, Spark is not even started.
    run.engine.begin(run.run_id, f"alur {pipeline.name}")
    run.refuse_cancelled()
    frames = {parameter: batch.stage_source(plan) for parameter, plan in plans.items()}
    for parameter, source in pipeline.sources.items():
        if isinstance(source, NewSource | TableSource):
            table = source.table
            found = upstream.get(parameter)
            batches = live(run.workspace.ledger.batches(table.qualified_name)) if found is None else found
            frames[parameter] = run.engine.read_batches(run.workspace.lake, table, batches)
    return _called(run, pipeline, batch, {name: frames[name] for name in pipeline.sources})


def _called(
    run: RunContext, pipeline: Pipeline, batch: OpenBatch, frames: Mapping[str, DataFrame]
) -> DataFrame | None:
    calls = 0

    def stage(call: LoadCall) -> DataFrame:
        nonlocal calls
        calls += 1
        _refuse_mixed(pipeline, call)
        plan = plan_source(
            run.workspace,
            pipeline.target,
            "load_to_bronze",
            source_for(call),
            use_history=call.enable_idempotency,
        )
        if not call.enable_idempotency:
            batch.warnings.append(
                "enable_idempotency=False: files were loaded whether or not they had been before"
            )
        return batch.stage_source(plan, exclude=call.exclude_metadata, custom=call.custom_metadata)

    with loading_by(stage):
        result = pipeline.function(**frames)
    if not run.engine.is_frame(result):
        raise ContractError(
            f"Pipeline `{pipeline.name}` returned {type(result).__name__}, not a DataFrame.",
            fix="End the function with `return frame`.",
        )
    if calls == 0 and batch.batch is None:
        _plan_extract(run, pipeline, batch)
    if batch.batch is None or (calls and not batch.stages):
        return None
    return result


def _plan_extract(run: RunContext, pipeline: Pipeline, batch: OpenBatch) -> None:
    """Plan a pipeline without sources: its one input is this run, so a retry of the same run loads nothing."""
    if pipeline.sources:
        raise DeclarationError(
            f"Pipeline `{pipeline.name}` would append all of its tables again in every run.",
            fix="Read one of them with new(Table), or give the target a primary_key (silver), or overwrite (gold).",
        )
    ledger, table = run.workspace.ledger, pipeline.target.qualified_name
    for known in live(ledger.batches(table)):
        if any(item.kind == "run" and item.key == run.run_id for item in ledger.inputs(table, known.id)):
            return
    batch.plan([Input("run", run.run_id, run.run_id)])
    batch.warnings.append("an extract has no source to compare with: every run appends what it returns")


def _note_skipped(batch: OpenBatch, plans: Iterable[SourcePlan]) -> None:
    """Record files that are to be skipped, so that the next run need not look into them again."""
    for plan in plans:
        batch.plan_source(plan)


def _refuse_mixed(pipeline: Pipeline, call: LoadCall) -> None:
    if any(isinstance(source, FileSource) for source in pipeline.sources.values()):
        raise DeclarationError(
            f"Pipeline `{pipeline.name}` has a files(..) source and calls load_to_bronze: both are the stage.",
            fix="Use one of them; several files(..) sources may stand side by side.",
        )
    if call.target.qualified_name != pipeline.target.qualified_name:
        raise DeclarationError(
            f"load_to_bronze(target={call.target.class_name}) in pipeline `{pipeline.name}`, which writes "
            f"{pipeline.target.qualified_name}.",
            fix=f"Use target={pipeline.target.class_name}; other columns to read are said by contract=.",
        )


def refuse_later(pipeline: Pipeline) -> None:
    """Raise NotYetSupportedError for a silver or gold target: their publish comes with a later release."""
    if pipeline.target.layer != "bronze" or pipeline.target.format != "parquet":
        raise NotYetSupportedError(
            f"Pipeline `{pipeline.name}` writes {pipeline.target.qualified_name} ({pipeline.target.format}): "
            "silver, gold and Iceberg tables come with a later release.",
            fix="Write into a BronzeTable for now; the declaration itself is checked already.",
        )


def _planned_text(plans: Mapping[str, SourcePlan], inputs: Sequence[Input]) -> str:
    files = sum(len(plan.new) for plan in plans.values())
    parts = [plural(files, "new file")] if plans else []
    return ", ".join([*parts, plural(len(inputs), "new batch")] if inputs else parts)


@contextlib.contextmanager
def _leased(run: RunContext, table: str) -> Iterator[Lease]:
    """Hold the table's lease for the block, renewed by a thread; losing it cancels our Spark jobs."""
    ledger = run.workspace.ledger
    lease = ledger.acquire(table, local_owner())
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                ledger.renew(lease)
            except LedgerError as error:
                log.warning("%s: %s", table, error)
                run.engine.cancel(run.run_id)
                return

    heartbeat = threading.Thread(target=renew, name=f"alur-lease-{table}", daemon=True)
    heartbeat.start()
    try:
        yield lease
    finally:
        stop.set()
        with contextlib.suppress(
            LedgerError
        ):  # a lease that cannot be given up is taken over: its process is dead
            ledger.release(lease)

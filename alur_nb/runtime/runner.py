"""Running pipelines: lease, recover, plan, stage, audit, seal, publish, commit, for each in the DAG's order."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import publish
from alur_nb.runtime.calling import Event, RunContext, call
from alur_nb.runtime.drops import drop_rules
from alur_nb.runtime.engine import Engine
from alur_nb.runtime.engine_spark import SparkEngine
from alur_nb.runtime.errors import (
    AlurError,
    CheckError,
    LedgerError,
    RunCancelledError,
)
from alur_nb.runtime.ingest import OpenBatch
from alur_nb.runtime.ledger import Batch, Lease
from alur_nb.runtime.openlineage import watched
from alur_nb.runtime.owners import local_owner
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0


def run_pipelines(
    workspace: Workspace,
    project: Project,
    names: Sequence[str] | None = None,
    *,
    run_id: str | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
    engine: Engine | None = None,
    selection: Selection = ALL_NEW,
    owner: str | None = None,
) -> RunReport:
    """Run the named pipelines (default: all) in the DAG's order, each with its own batch on its own table.

    `selection` holds for each of them: by default everything that is new. `owner` names who holds the leases; by
    default this process.

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
        selection,
        owner or local_owner(),
    )
    run = replace(run, watched=watched(workspace, run.run_id))
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
        run.tell(_ended(done[name]))
    return RunReport(run.run_id, tuple(done.values()))


def _ended(one: PipelineRun) -> Event:
    files = one.files if one.state == "loaded" else None
    return Event(
        one.name, "ended", one.state, files_done=files, rows=one.rows if one.state == "loaded" else None
    )


def _run_timed(run: RunContext, pipeline: Pipeline) -> PipelineRun:
    begin = time.monotonic()
    run.tell(Event(pipeline.name, "started"))
    run.watched.started(pipeline)
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
    return run.watched.ended(pipeline, replace(result, duration_seconds=time.monotonic() - begin))


def _run_one(run: RunContext, pipeline: Pipeline) -> PipelineRun:
    """Bring one batch from lease to commit; on any error before SEAL it is thrown away and nothing was published."""
    workspace, table = run.workspace, pipeline.target.qualified_name
    with _leased(run, table) as lease:
        if (
            pipeline.target.format == "parquet"
        ):  # the others need Spark: prepared where something is to be loaded
            workspace.lake.prepare(pipeline.target)
        notes = publish.recover(workspace, table)
        batch = OpenBatch(
            workspace, run.engine, pipeline.name, pipeline.target, lease, run.run_id, run.started_at
        )
        batch.drops = drop_rules(pipeline.expectations)
        try:
            result = call(run, pipeline, batch)
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
            # Of a job that was cancelled Spark says that it failed.
            is_stopped = run.cancelled.is_set() and not isinstance(error, AlurError)
            batch.abort(RunCancelledError("The run was cancelled.") if is_stopped else error)
            raise
        publish.finish(workspace, table, sealed.id)
        run.tell(Event(pipeline.name, "published", rows=sealed.counts["rows"]))
        notes += publish.tidy(workspace, sealed)
    return _loaded(pipeline, batch, sealed, notes)


def _loaded(pipeline: Pipeline, batch: OpenBatch, sealed: Batch, notes: Sequence[str]) -> PipelineRun:
    counts = sealed.counts
    skipped = tuple(f"{item.key}: {item.reason}" for item in batch.inputs if item.outcome == "skipped")
    only_skipped = len(skipped) == len(batch.inputs) and not sealed.supersedes
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
        supersedes=sealed.supersedes,
        warnings=(*notes, *dict.fromkeys(batch.warnings)),
    )


@contextlib.contextmanager
def _leased(run: RunContext, table: str) -> Iterator[Lease]:
    """Hold the table's lease for the block, renewed by a thread; losing it cancels our Spark jobs."""
    ledger = run.workspace.ledger
    lease = ledger.acquire(table, run.owner)
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

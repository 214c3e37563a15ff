"""What a run does between lease and audit: plan and stage what a pipeline reads, then call its function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from alur_nb.runtime import supersede
from alur_nb.runtime.context import LoadCall, loading_by
from alur_nb.runtime.engine import Engine
from alur_nb.runtime.errors import ContractError, DeclarationError, RunCancelledError, plural
from alur_nb.runtime.flow import LOADER
from alur_nb.runtime.header import listed
from alur_nb.runtime.ingest import OpenBatch
from alur_nb.runtime.ledger import Batch, Input, live
from alur_nb.runtime.load import source_for
from alur_nb.runtime.observing import Called, Watched
from alur_nb.runtime.pipelines import FileSource, NewSource, Pipeline, TableSource
from alur_nb.runtime.plan import SourcePlan, list_source, new_batches, plan_source
from alur_nb.runtime.selection import Selection
from alur_nb.runtime.supersede import Superseded
from alur_nb.runtime.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a run, for progress: `started`, `planned`, `read`, `staged`, `published` or `ended`.

    The numbers are the pipeline's totals so far; None is what this step does not tell.
    """

    pipeline: str
    step: str
    detail: str = ""
    files_found: int | None = None
    """The new files of all sources that are planned."""
    files_done: int | None = None
    """Those of them whose rows are staged."""
    bytes_found: int | None = None
    rows: int | None = None
    """Accepted rows; from `published` on the rows that were published."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all pipelines of one run share."""

    workspace: Workspace
    run_id: str
    started_at: datetime
    cancelled: threading.Event
    tell: Callable[[Event], None]
    engine: Engine
    selection: Selection
    owner: str
    """Who holds the leases."""
    watched: Watched = field(default_factory=Watched)
    """Who looks on."""

    def refuse_cancelled(self) -> None:
        """Raise RunCancelledError where the run was cancelled: Spark may have been between two jobs."""
        if self.cancelled.is_set():
            raise RunCancelledError(
                "The run was cancelled.", fix="Nothing was published by this pipeline; run again."
            )


def call(run: RunContext, pipeline: Pipeline, batch: OpenBatch) -> DataFrame | None:
    """Plan and stage the declared sources, call the function, and return its frame; None where nothing is to load."""
    batch.replaced = supersede.chosen(run.workspace.ledger, pipeline, run.selection)
    batch.warnings += batch.replaced.notes
    plans = _planned_files(run, pipeline, batch.replaced)
    changed = {planned.file.path for plan in plans.values() for planned in plan.with_status("changed")}
    if changed:  # which is no error under on_changed="replace"
        batch.replaced = supersede.with_changed(
            run.workspace.ledger, pipeline.target, changed, batch.replaced
        )
        plans = _planned_files(run, pipeline, batch.replaced)
    upstream = _new_upstream(run, pipeline, batch.replaced)
    fresh = any(plan.new for plan in plans.values()) or any(upstream.values())
    if (plans or upstream) and not fresh and not batch.replaced.ids:
        _note_skipped(batch, plans.values())
        return None
    if (plans or upstream) and supersede.is_whole(pipeline.target) and not batch.replaced.ids:
        # What takes the place of all rows is made of all inputs, whichever of them are new.
        batch.replaced = supersede.whole(run.workspace.ledger, pipeline.target.qualified_name)
        plans = _planned_files(run, pipeline, batch.replaced)
        upstream = _new_upstream(run, pipeline, batch.replaced)
    inputs = [
        Input("batch", source.table.qualified_name, found.id, found.counts.get("rows", 0))
        for parameter, source in pipeline.driving_tables.items()
        for found in upstream[parameter]
    ]
    if (
        plans
    ):  # then the function loads nothing by itself, so what is missing is known before anything is staged
        _refuse_missing(run, batch, [*inputs, *_file_inputs(plans.values())])
    if inputs:
        batch.plan(inputs)
    _tell_planned(run, pipeline, list(plans.values()), _planned_text(plans, inputs))
    # Not before: where nothing is new, Spark is not even started.
    run.engine.begin(run.run_id, f"alur {pipeline.name}")
    run.refuse_cancelled()
    batch.prepare_iceberg()
    frames: dict[str, DataFrame] = {}
    for parameter, plan in plans.items():
        frames[parameter] = batch.stage_source(plan)
        _tell_read(run, pipeline, batch, list(plans.values()))
    for parameter, source in pipeline.sources.items():
        if isinstance(source, NewSource | TableSource):
            table = source.table
            whole = isinstance(source, TableSource)
            batches = (
                live(run.workspace.ledger.batches(table.qualified_name)) if whole else upstream[parameter]
            )
            frames[parameter] = run.engine.read_batches(run.workspace.lake, table, batches, whole=whole)
    return _called(run, pipeline, batch, {name: frames[name] for name in pipeline.sources})


def _planned_files(run: RunContext, pipeline: Pipeline, replaced: Superseded) -> dict[str, SourcePlan]:
    return {
        parameter: plan_source(
            run.workspace, pipeline.target, parameter, source, selection=run.selection, superseded=replaced
        )
        for parameter, source in pipeline.sources.items()
        if isinstance(source, FileSource)
    }


def _new_upstream(run: RunContext, pipeline: Pipeline, replaced: Superseded) -> dict[str, list[Batch]]:
    """Return what each table source brings that the target has not read; of a mere lookup nothing is asked."""
    table = pipeline.target.qualified_name
    return {
        parameter: new_batches(run.workspace.ledger, source, table, superseded=replaced)
        for parameter, source in pipeline.driving_tables.items()
    }


def _called(
    run: RunContext, pipeline: Pipeline, batch: OpenBatch, frames: Mapping[str, DataFrame]
) -> DataFrame | None:
    loads: dict[str, tuple[FileSource, DataFrame]] = {}

    def stage(call: LoadCall) -> DataFrame:
        name = f"{LOADER} {len(loads) + 1}"
        frame = _staged_call(run, pipeline, batch, call)
        loads[name] = source_for(call), frame
        return frame

    with loading_by(stage):
        result = pipeline.function(**frames)
    if not run.engine.is_frame(result):
        raise ContractError(
            f"Pipeline `{pipeline.name}` returned {type(result).__name__}, not a DataFrame.",
            fix="End the function with `return frame`.",
        )
    run.watched.called(pipeline, lambda: _told(frames, loads, result))
    superseding = bool(batch.replaced.ids)
    if not loads and batch.batch is None and not (superseding and pipeline.sources):
        _plan_extract(run, pipeline, batch)
    if superseding:
        _refuse_missing(run, batch, supersede.taken(batch.inputs))
        batch.plan([])  # also where no input is left: then the batch takes rows away, and brings none
        return result
    if batch.batch is None or (loads and not batch.stages):
        return None
    return result


def _told(
    frames: Mapping[str, DataFrame], loads: Mapping[str, tuple[FileSource, DataFrame]], result: DataFrame
) -> Called:
    loaded = {name: frame for name, (_, frame) in loads.items()}
    return Called({**frames, **loaded}, {name: source for name, (source, _) in loads.items()}, result)


def _staged_call(run: RunContext, pipeline: Pipeline, batch: OpenBatch, call: LoadCall) -> DataFrame:
    """Plan and stage one `load_to_bronze`."""
    _refuse_mixed(pipeline, call)
    workspace, table, source = run.workspace, pipeline.target, source_for(call)
    known = call.enable_idempotency and not call.force_reprocess
    if call.force_reprocess:
        listing = list_source(workspace, table, LOADER, source)
        paths = {planned.file.path for planned in listing.files}
        again = supersede.with_changed(workspace.ledger, table, paths, batch.replaced)
        batch.replaced = Superseded(again.ids, None, again.notes)
    elif not known:
        batch.warnings.append(
            "enable_idempotency=False: files were loaded whether or not they had been before"
        )
    plan = plan_source(
        workspace,
        table,
        LOADER,
        source,
        use_history=known,
        selection=run.selection,
        superseded=batch.replaced,
    )
    plans = [*(stage.plan for stage in batch.stages), plan]
    _tell_planned(run, pipeline, plans, plural(len(plan.new), "new file"))
    frame = batch.stage_source(plan, exclude=call.exclude_metadata, custom=call.custom_metadata)
    _tell_read(run, pipeline, batch, plans)
    return frame


def _tell_planned(run: RunContext, pipeline: Pipeline, plans: Sequence[SourcePlan], detail: str) -> None:
    """Tell what is found; a pipeline that reads no files tells no number of them."""
    files = sum(len(plan.new) for plan in plans) if plans else None
    size = sum(plan.bytes for plan in plans) if plans else None
    run.tell(Event(pipeline.name, "planned", detail, files_found=files, bytes_found=size))


def _tell_read(run: RunContext, pipeline: Pipeline, batch: OpenBatch, plans: Sequence[SourcePlan]) -> None:
    """Tell how many of the planned files are staged by now, and the rows that they gave."""
    found, done = sum(len(plan.new) for plan in plans), sum(len(stage.plan.new) for stage in batch.stages)
    rows = sum(stage.accepted for stage in batch.stages)
    detail = f"{done:,} of {plural(found, 'file')}, {plural(rows, 'row')}"
    run.tell(Event(pipeline.name, "read", detail, files_found=found, files_done=done, rows=rows))


def _refuse_missing(run: RunContext, batch: OpenBatch, taken: Sequence[Input]) -> None:
    """Compare what is taken in with what the superseded batches hold; raises SourceError."""
    given_up = supersede.refuse_missing(
        run.workspace.ledger,
        batch.target.qualified_name,
        batch.replaced.ids,
        taken,
        drop_missing=run.selection.drop_missing,
    )
    if given_up:
        batch.warnings.append(f"Given up, as it is no longer there: {listed(given_up, '')}.")


def _file_inputs(plans: Iterable[SourcePlan]) -> list[Input]:
    return [
        Input("file", planned.file.path, planned.file.version)
        for plan in plans
        for planned in plan.with_status("new", "same_content")
    ]


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


def _planned_text(plans: Mapping[str, SourcePlan], inputs: Sequence[Input]) -> str:
    files = sum(len(plan.new) for plan in plans.values())
    parts = [plural(files, "new file")] if plans else []
    return ", ".join([*parts, plural(len(inputs), "new batch")] if inputs else parts)

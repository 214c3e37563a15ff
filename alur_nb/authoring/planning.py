"""`alur plan`: what a run of a pipeline would take in, file by file, and why; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.batch_names import pipeline_named
from alur_nb.authoring.listing import source_text
from alur_nb.authoring.preview_notes import size_text
from alur_nb.runtime import supersede
from alur_nb.runtime.context import LoadCall, loading_by
from alur_nb.runtime.errors import AlurError, StorageError, plural
from alur_nb.runtime.flow import LOADER, reaches_loader
from alur_nb.runtime.iceberg_catalog import identifier
from alur_nb.runtime.iceberg_schema import Change, Evolution, create_statement, evolution
from alur_nb.runtime.ledger import live
from alur_nb.runtime.load import source_for
from alur_nb.runtime.pipelines import FileSource, NewSource, Pipeline
from alur_nb.runtime.plan import SourcePlan, new_batches, refusals, survey_source
from alur_nb.runtime.project import Project
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.supersede import Superseded
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SHOWN = 10
_ORDER = ("new", "bad", "changed", "same_content", "skipped", "left_out", "done")
_WORDS = {
    "new": "to load",
    "bad": "cannot be loaded",
    "changed": "changed since loaded",
    "same_content": "came before under another name",
    "skipped": "skipped before",
    "left_out": "left for later",
    "done": "loaded already",
}


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a run would find now."""

    pipeline: Pipeline
    files: tuple[SourcePlan, ...] = ()
    upstream: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Source as it is written -> the upstream batches that are new."""
    supersedes: tuple[str, ...] = ()
    refusals: tuple[AlurError, ...] = ()
    """Why a run would stop before it reads a row."""
    notes: tuple[str, ...] = ()
    evolution: Evolution | None = None
    """What the target needs to follow its contract; None where it is not Iceberg's, or is not known from here."""
    shown: int = _SHOWN

    @property
    def new_files(self) -> int:
        """Files that a run would load."""
        return sum(len(plan.new) for plan in self.files)

    @property
    def verdict(self) -> str:
        """What a run would do, in a few words."""
        if self.refusals:
            return "a run would refuse this and load nothing"
        found = [plural(self.new_files, "file")] if self.new_files else []
        batches = sum(map(len, self.upstream.values()))
        found += [plural(batches, "upstream batch")] if batches else []
        if not found and not self.supersedes:
            return "nothing new"
        place = f", in place of {', '.join(self.supersedes)}" if self.supersedes else ""
        return f"{' and '.join(found) or 'nothing'} to load{place}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: every file."""
        return {
            "pipeline": self.pipeline.name,
            "target": self.pipeline.target.qualified_name,
            "verdict": self.verdict,
            "files": [
                {
                    "source": plan.parameter,
                    "path": one.file.path,
                    "status": one.status,
                    "bytes": one.file.size,
                    "reason": one.reason,
                    "next": one.fix,
                }
                for plan in self.files
                for one in plan.files
            ],
            "upstream": {source: list(ids) for source, ids in self.upstream.items()},
            "supersedes": list(self.supersedes),
            "partition_by": [partition.name for partition in self.pipeline.target.partition_by],
            "table_changes": [{"text": one.text, "statement": one.statement} for one in self._changes],
            "refusals": [str(refusal) for refusal in self.refusals],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"plan of {self.pipeline.name} -> {self.pipeline.target.qualified_name}: {self.verdict}"]
        for plan in self.files:
            lines.append(f"{plan.parameter}: {source_text(plan.source)}")
            lines += self._files(plan)
        for source, ids in self.upstream.items():
            named = f": {', '.join(ids[: self.shown])}" if ids else ""
            more = f", and {len(ids) - self.shown:,} more" if len(ids) > self.shown else ""
            lines.append(f"{source}: {plural(len(ids), 'new batch')}{named}{more}")
        partitions = self.pipeline.target.partition_by
        if partitions and self.new_files:
            lines.append(f"partitions by {', '.join(map(str, partitions))}: known when the rows are read")
        lines += [f"changes the table: {change.text}" for change in self._changes]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"refused: {refusal}" for refusal in self.refusals]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    @property
    def _changes(self) -> tuple[Change, ...]:
        return self.evolution.changes if self.evolution else ()

    def _files(self, plan: SourcePlan) -> Iterator[str]:
        sizes = Counter[str]()
        for one in plan.files:
            sizes[one.status] += one.file.size
        for status in _ORDER:
            found = plan.with_status(status)  # type: ignore[arg-type]  # the keys are the statuses
            if not found:
                continue
            yield f"  {_WORDS[status]}: {plural(len(found), 'file')}, {size_text(sizes[status])}"
            told = found if status != "done" else [one for one in found if one.reason]
            for one in told[: self.shown]:
                yield f"    {one.file.path}" + (f": {one.reason}" if one.reason else "")
                if one.fix and status != "changed":
                    yield f"      next: {one.fix}"
            if len(told) > self.shown:
                yield f"    ... and {plural(len(told) - self.shown, 'more file')}"
        if not plan.files:
            yield "  no file matches"


def plan(
    project: Project,
    name: str,
    *,
    selection: Selection = ALL_NEW,
    shown: int = _SHOWN,
    env: str = "local",
    workspace: Workspace | None = None,
) -> PlanReport:
    """Plan as a run does, and say of each file why it is in or out.

    Spark is started only for a function that calls `load_to_bronze`: what it loads is known by calling it, with no row.
    Raises DeclarationError, LedgerError, SourceError for a folder that does not exist.
    """
    place, pipeline = workspace or open_workspace(env=env), pipeline_named(project, name)
    replaced = supersede.chosen(place.ledger, pipeline, selection)
    target = pipeline.target
    plans = [
        survey_source(place, target, parameter, source, selection=selection, superseded=replaced)
        for parameter, source in pipeline.sources.items()
        if isinstance(source, FileSource)
    ]
    notes = [*replaced.notes]
    if not plans and reaches_loader(pipeline.function):
        try:
            calls = loads_of(place, pipeline)
        # The function is the user's, and gets no rows here: whatever it raises is told, and the rest of the plan stands.
        except Exception as error:  # noqa: BLE001
            notes.append(f"What it loads is not known: called without rows it raised {error}")
        else:
            plans = [_surveyed(place, pipeline, call, selection, replaced) for call in calls]
    upstream = {
        source_text(source): tuple(
            batch.id
            for batch in new_batches(place.ledger, source, target.qualified_name, superseded=replaced)
        )
        for source in pipeline.sources.values()
        if isinstance(source, NewSource)
    }
    notes += [warning for one in plans for warning in one.warnings]
    changes = _changes(place, target, notes)
    unable = changes.refusal if changes else None
    return PlanReport(
        pipeline,
        tuple(plans),
        upstream,
        tuple(sorted(replaced.ids)),
        (*([unable] if unable else []), *(refusal for one in plans for refusal in refusals(one))),
        tuple(dict.fromkeys(notes)),
        changes,
        shown,
    )


def evolution_of(place: Workspace, table: Table) -> Evolution | None:
    """Return what an Iceberg table needs to follow its contract; starts no Spark, and on AWS asks the catalog.

    None for another table. Raises StorageError where the table's metadata cannot be read.
    """
    if table.format != "iceberg":
        return None
    name, location = identifier(table.layer, table.name), ""
    if not place.environment.is_local:
        name = place.lake.iceberg_name(table.qualified_name)
        location = place.lake.table_uri(table.qualified_name).rstrip("/")
    stored = place.lake.stored(table)
    if stored is None:
        made = Change("creates it as an Iceberg table", create_statement(table, name, location or None))
        return Evolution(table.qualified_name, (made,))
    added = {one for batch in live(place.ledger.batches(table.qualified_name)) for one in batch.added}
    return evolution(stored, table, name, added)


def _changes(place: Workspace, table: Table, notes: list[str]) -> Evolution | None:
    """Return what the table needs; where that cannot be seen it is noted, and the rest of the plan stands."""
    try:
        return evolution_of(place, table)
    except StorageError as error:
        notes.append(f"What would change in {table.qualified_name} is not known: {error}")
        return None


def loads_of(place: Workspace, pipeline: Pipeline) -> list[LoadCall]:
    """Call the function with frames without rows, and return its `load_to_bronze` calls; starts Spark.

    Raises what the function raises.
    """
    from alur_nb.runtime.context import get_spark_session
    from alur_nb.runtime.engine import SourceRead
    from alur_nb.runtime.engine_spark import SparkEngine
    from alur_nb.runtime.lake import read_rows

    found: list[LoadCall] = []

    def recorded(call: LoadCall) -> DataFrame:
        found.append(call)
        source = source_for(call)
        nothing = SourcePlan(LOADER, source, source.contract or pipeline.target, ())
        read = SourceRead(nothing, datetime.now(UTC), (), call.custom_metadata, ())
        return SparkEngine().empty_source(read).drop(*call.exclude_metadata)

    spark = get_spark_session()
    frames = {
        name: read_rows(spark, place.lake, source.table, [])
        for name, source in pipeline.sources.items()
        if not isinstance(source, FileSource)
    }
    with loading_by(recorded):
        pipeline.function(**frames)
    return found


def _surveyed(
    place: Workspace, pipeline: Pipeline, call: LoadCall, selection: Selection, replaced: Superseded
) -> SourcePlan:
    return survey_source(
        place,
        pipeline.target,
        LOADER,
        source_for(call),
        use_history=call.enable_idempotency and not call.force_reprocess,
        selection=selection,
        superseded=replaced,
    )

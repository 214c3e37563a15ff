"""Pipelines rehearsed on samples: their functions are called as a run calls them, and nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING

from alur_nb.authoring.lineage_found import note_call
from alur_nb.authoring.preview_facts import SourcePreview, State
from alur_nb.authoring.preview_files import FilesSample
from alur_nb.authoring.preview_joins import is_lacking, keys_of, with_partners
from alur_nb.authoring.preview_merged import joined
from alur_nb.authoring.preview_rehearsed import Looked, Rehearsed, TableSample
from alur_nb.authoring.preview_sources import Sampler, as_new
from alur_nb.runtime import supersede
from alur_nb.runtime.context import LoadCall, loading_by
from alur_nb.runtime.drops import kept_rows
from alur_nb.runtime.errors import ContractError, DeclarationError, plural
from alur_nb.runtime.flow import LOADER
from alur_nb.runtime.lake import quoted, read_rows
from alur_nb.runtime.ledger import Batch, live
from alur_nb.runtime.load import load_to_bronze, source_for
from alur_nb.runtime.pipelines import FileSource, NewSource, Pipeline, TableSource
from alur_nb.runtime.plan import SourcePlan, new_batches
from alur_nb.runtime.project import Project
from alur_nb.runtime.result import conform
from alur_nb.runtime.selection import ALL_NEW
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(slots=True)
class Rehearsal:
    """The rehearsals of one preview; an upstream pipeline that several need is rehearsed once."""

    sampler: Sampler
    project: Project
    notes: list[str] = field(default_factory=list)
    looked_up: list[Rehearsed] = field(default_factory=list)
    """The rehearsals whose rows checks were judged against."""
    _known: dict[tuple[str, bool], Rehearsed | None] = field(default_factory=dict)

    def rehearse(self, pipeline: Pipeline) -> Rehearsed:
        """Rehearse with what is new; where nothing is, with what was loaded last.

        Raises what the pipeline's function raises, and ContractError, DeclarationError, SourceError, LedgerError.
        """
        looked = self._look(pipeline, whole=False)
        if looked.decides and not looked.fresh:
            return self._perform(looked, whole=False, again=True)
        done = self._perform(looked, whole=False, again=False)
        if looked.decides or done.is_extract or any(sample.plan.new for sample in done.files):
            return done
        return self._perform(looked, whole=False, again=True)

    def _upstream(self, table: Table, *, whole: bool) -> tuple[Rehearsed, ...]:
        """Rehearse the pipelines that write `table`, as far as they have something new for it."""
        writers = [
            one
            for one in self.project.pipelines.values()
            if one.target.qualified_name == table.qualified_name
        ]
        found = []
        for writer in writers:
            key = (writer.name, whole)
            if key not in self._known:
                self._known[key] = self._pending(writer, whole=whole)
            found.append(self._known[key])
        return tuple(one for one in found if one is not None and one.result is not None)

    def _pending(self, writer: Pipeline, *, whole: bool) -> Rehearsed | None:
        """Rehearse an upstream pipeline; None where its run would bring nothing."""
        if not writer.sources and not _mentions_load(writer) and self._live(writer.target):
            self.notes.append(
                f"{writer.name} is an extract and was not called: its committed rows were read."
            )
            return None
        try:
            looked = self._look(writer, whole=whole)
            if looked.decides and not looked.fresh:
                return None
            done = self._perform(looked, whole=whole, again=False)
        except Exception as error:
            error.add_note(f"(in {writer.name}, which was previewed because its rows are read here)")
            raise
        fresh = looked.decides or done.is_extract or any(sample.plan.new for sample in done.files)
        return done if fresh else None

    def _look(self, pipeline: Pipeline, *, whole: bool) -> Looked:
        ledger = self.sampler.workspace.ledger
        replaced = supersede.chosen(ledger, pipeline, ALL_NEW)
        self.notes += replaced.notes
        looked = self._look_for(pipeline, replaced, whole=whole)
        if looked.fresh and supersede.is_whole(pipeline.target) and not replaced.ids:
            # As a run does: what takes the place of all rows is made of all inputs.
            anew = supersede.whole(ledger, pipeline.target.qualified_name)
            looked = self._look_for(pipeline, anew, whole=whole) if anew.ids else looked
        return looked

    def _look_for(self, pipeline: Pipeline, replaced: supersede.Superseded, *, whole: bool) -> Looked:
        plans: dict[str, SourcePlan] = {}
        batches: dict[str, list[Batch]] = {}
        pending: dict[str, tuple[Rehearsed, ...]] = {}
        # The first `new` drives the pipeline; what is joined to it is wanted whole, so that its rows find partners.
        driving = next((name for name, s in pipeline.sources.items() if isinstance(s, NewSource)), None)
        ledger, target = self.sampler.workspace.ledger, pipeline.target.qualified_name
        fresh = {
            name: new_batches(ledger, source, target, superseded=replaced)
            for name, source in pipeline.driving_tables.items()
        }
        for name, source in pipeline.sources.items():
            if isinstance(source, FileSource):
                plans[name] = self.sampler.plan(pipeline.target, name, source, replaced)
                continue
            pending[name] = self._upstream(source.table, whole=whole or name != driving)
            is_new = isinstance(source, NewSource)
            batches[name] = fresh[name] if is_new else self._live(source.table)
        return Looked(pipeline, plans, batches, pending, fresh, bool(replaced.ids))

    def _live(self, table: Table) -> list[Batch]:
        return [
            batch
            for batch in live(self.sampler.workspace.ledger.batches(table.qualified_name))
            if batch.counts.get("rows", 0) > 0
        ]

    def _perform(self, looked: Looked, *, whole: bool, again: bool) -> Rehearsed:
        """Take the samples and call the function; without anything to give it, it is not called."""
        pipeline = looked.pipeline
        state: State = "nothing new" if again else "new"
        files = {
            name: self.sampler.sample(pipeline.target, plan, whole=whole, again=again)
            for name, plan in looked.plans.items()
        }
        tables = {
            name: self._table(looked, name, source, again=again)
            for name, source in pipeline.sources.items()
            if not isinstance(source, FileSource)
        }
        driving = [bool(sample.good) for sample in files.values()]
        driving += [not tables[name].empty for name in looked.new]
        taken = (tuple(files.values()), tuple(tables.values()))
        if looked.decides and not any(driving):
            return Rehearsed(pipeline, state, None, *taken)
        frames = {
            name: files[name].frame if name in files else tables[name].frame for name in pipeline.sources
        }
        result, loads = self._call(pipeline, frames, whole=whole, again=again)
        found = self._partners(frames, tables, result, loads)
        if any(one.frame is not tables[name].frame for name, one in found.items()):
            frames |= {name: table.frame for name, table in found.items()}
            result, loads = self._call(pipeline, frames, whole=whole, again=again)
        taken = (taken[0], tuple((tables | found).values()))
        if pipeline.sources and not looked.decides and not loads:
            raise DeclarationError(
                f"Pipeline `{pipeline.name}` would append all of its tables again in every run.",
                fix="Read one of them with new(Table), or give the target a primary_key (silver), or overwrite (gold).",
            )
        named = {f"{LOADER} {number}": one for number, one in enumerate(loads)}
        every = {**frames, **{name: one.frame for name, one in named.items()}}
        note_call(pipeline, result, every, {name: one.source for name, one in named.items()})
        given = [sample.frame for sample in (*files.values(), *loads)]
        return Rehearsed(
            pipeline,
            state,
            None if loads and not any(sample.good for sample in loads) else result,
            (*taken[0], *loads),
            taken[1],
            as_read=len(given) == 1 and result is given[0],
            is_extract=not pipeline.sources and not loads,
        )

    def _partners(
        self,
        frames: Mapping[str, DataFrame],
        tables: Mapping[str, TableSample],
        result: DataFrame,
        loads: Sequence[FilesSample],
    ) -> dict[str, TableSample]:
        """Look in the tables that were not read whole for the partners of the other sources' rows."""
        if not any(is_lacking(table) for table in tables.values()):
            return {}
        every = {**frames, **{load.plan.parameter: load.frame for load in loads}}
        keys = keys_of(result, every)
        return with_partners(tables, every, keys, self.sampler.keep, self.sampler.sample_rows)

    def _call(
        self, pipeline: Pipeline, frames: Mapping[str, DataFrame], *, whole: bool, again: bool
    ) -> tuple[DataFrame, list[FilesSample]]:
        from pyspark.sql import DataFrame

        loads: list[FilesSample] = []

        def sampled(call: LoadCall) -> DataFrame:
            sample = self._load(pipeline, call, whole=whole, again=again)
            loads.append(sample)
            return sample.frame

        with loading_by(sampled):
            result = pipeline.function(**frames)
        if not isinstance(result, DataFrame):
            raise ContractError(
                f"Pipeline `{pipeline.name}` returned {type(result).__name__}, not a DataFrame.",
                fix="End the function with `return frame`.",
            )
        if not any(result is one for one in (*frames.values(), *(load.frame for load in loads))):
            self.sampler.hold()
        return result, loads

    def _load(self, pipeline: Pipeline, call: LoadCall, *, whole: bool, again: bool) -> FilesSample:
        """Answer a `load_to_bronze` by a sample of the rows that a run would give."""
        if call.target.qualified_name != pipeline.target.qualified_name:
            raise DeclarationError(
                f"{load_to_bronze.__name__}(target={call.target.class_name}) in pipeline `{pipeline.name}`, which "
                f"writes {pipeline.target.qualified_name}.",
                fix=f"Use target={pipeline.target.class_name}; other columns to read are said by contract=.",
            )
        plan = self.sampler.plan(call.target, load_to_bronze.__name__, source_for(call))
        if call.force_reprocess:
            plan = as_new(plan)
            self._note_force(call.target, plan)
        elif not call.enable_idempotency:
            plan = as_new(plan)
            self.notes.append(
                "enable_idempotency=False: files are loaded whether or not they had been before."
            )
        return self.sampler.sample(
            call.target,
            plan,
            whole=whole,
            again=again,
            custom=call.custom_metadata,
            exclude=call.exclude_metadata,
        )

    def _note_force(self, target: Table, plan: SourcePlan) -> None:
        paths = {planned.file.path for planned in plan.files}
        ids = supersede.holding(self.sampler.workspace.ledger, target.qualified_name, paths)
        place = f", in place of {plural(len(ids), 'batch')}: {', '.join(sorted(ids))}" if ids else ""
        self.notes.append(f"force_reprocess=True: all files are loaded{place}.")

    def rows_of(self, table: Table) -> DataFrame:
        """Return the rows that a check finds in a table when its run comes: committed, and still to be written."""
        pending = self._upstream(table, whole=True)
        self.looked_up += pending
        sampler = self.sampler
        committed = read_rows(sampler.spark, sampler.workspace.lake, table, self._live(table), whole=True)
        return joined(table, committed, self._rows_to_come(table, pending), sampler.started_at)

    def _rows_to_come(self, table: Table, pending: Iterable[Rehearsed]) -> list[DataFrame]:
        """Return what upstream pipelines would write, less what their checks drop."""
        names = [quoted(column) for column in table.columns]
        fitted = [
            (one, conform(one.result, one.target_for(one.result), self.sampler.started_at))
            for one in pending
            if one.result is not None
        ]
        return [kept_rows(frame, one.pipeline.expectations).select(*names) for one, frame in fitted]

    def _table(
        self, looked: Looked, name: str, source: NewSource | TableSource, *, again: bool
    ) -> TableSample:
        """Read a table's batches, and add the rows that upstream pipelines would write."""
        table, pending = source.table, looked.pending[name]
        batches, is_new = looked.batches[name], isinstance(source, NewSource)
        if is_new and again:
            batches = self._live(table)[-1:]
        committed = self.sampler.batches(table, batches, whole=not is_new)
        parts = self._rows_to_come(table, pending)
        facts = SourcePreview(
            parameter=name,
            kind="new" if is_new else "table",
            reads=table.qualified_name,
            state="nothing new" if is_new and again else "new",
            batches=len(batches),
            batch_rows=sum(batch.counts.get("rows", 0) for batch in batches),
            whole=committed.whole,
            pending=tuple(one.pipeline.name for one in pending),
        )

        def with_parts(rows: DataFrame) -> DataFrame:
            return joined(table, rows, parts, self.sampler.started_at, is_empty=not batches)

        frame = with_parts(committed.frame)
        every = None if committed.every is None else with_parts(committed.every)
        return TableSample(facts, frame, pending, every)


def _mentions_load(pipeline: Pipeline) -> bool:
    """Whether the function itself names `load_to_bronze`; else it may be an API that it calls."""

    def names(code: CodeType) -> Iterator[str]:
        yield from code.co_names
        yield from code.co_freevars
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from names(constant)

    return load_to_bronze.__name__ in names(pipeline.function.__code__)

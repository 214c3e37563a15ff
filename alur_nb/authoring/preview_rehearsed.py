"""What a rehearsal of one pipeline is made of: its sources as they were looked at, and its result on the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alur_nb.authoring.preview_facts import SourcePreview, State
from alur_nb.authoring.preview_files import FilesSample
from alur_nb.runtime.evolution import with_added
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class TableSample:
    """What one table source gives: committed batches, and what upstream pipelines would add to them."""

    facts: SourcePreview
    frame: DataFrame
    pending: tuple[Rehearsed, ...]
    searchable: DataFrame | None = None
    """All committed rows and those to come, where only the first of them are in `frame` and it is worth a search."""

    @property
    def empty(self) -> bool:
        """Whether there is neither a batch nor a row to come."""
        return not self.facts.batches and not self.pending


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One pipeline's rehearsal: its result on the samples, and what these were."""

    pipeline: Pipeline
    state: State
    result: DataFrame | None
    """None where there is nothing to give to the function."""
    files: tuple[FilesSample, ...] = ()
    tables: tuple[TableSample, ...] = ()
    as_read: bool = False
    """Whether the function returned the very frame that was read."""
    is_extract: bool = False

    @property
    def upstream(self) -> tuple[Rehearsed, ...]:
        """The rehearsals whose results went into this one."""
        return tuple(one for table in self.tables for one in table.pending)

    @property
    def exact(self) -> bool:
        """Whether nothing was left out, here and upstream."""
        files = all(sample.sampled.complete for sample in self.files)
        return files and all(t.facts.whole for t in self.tables) and all(up.exact for up in self.upstream)

    def target_for(self, result: DataFrame) -> Table:
        """Return the target, with the columns that schema_mode="evolve" would add and the result still has."""
        return with_added(self.pipeline.target, [sample.plan.contract for sample in self.files], result)

    def with_upstream(self) -> Iterator[Rehearsed]:
        """Yield this rehearsal and all that went into it, sources first."""
        for one in self.upstream:
            yield from one.with_upstream()
        yield self


@dataclass(frozen=True, slots=True)
class Looked:
    """What a pipeline's declared sources hold, before anything is opened."""

    pipeline: Pipeline
    plans: Mapping[str, SourcePlan]
    batches: Mapping[str, list[Batch]]
    pending: Mapping[str, tuple[Rehearsed, ...]]
    new: Mapping[str, list[Batch]]
    """Of the tables that drive the pipeline the batches that its target has not read."""
    supersedes: bool
    """Whether a run would load batches anew, with or without anything new."""

    @property
    def decides(self) -> bool:
        """Whether declared sources decide if there is something to do; else the function's loads do."""
        return bool(self.plans or self.pipeline.driving_tables)

    @property
    def fresh(self) -> bool:
        """Whether a run would find something new."""
        return (
            self.supersedes
            or any(plan.new for plan in self.plans.values())
            or any(found or self.pending[name] for name, found in self.new.items())
        )

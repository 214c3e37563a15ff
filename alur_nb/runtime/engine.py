"""The engine: every operation of a run that touches rows, apart from the protocol that decides about them.

The protocol (lease, recover, plan, stage, audit, seal, publish, commit, clean) stands in runner, ingest and publish,
and runs on any engine: on Spark for users, on plain lists where a test counts crash points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from alur_nb.runtime.drops import Dropped
from alur_nb.runtime.lake import Lake
from alur_nb.runtime.ledger import Batch
from alur_nb.runtime.plan import SourcePlan
from alur_nb.runtime.quality import Evaluation, Expectation
from alur_nb.runtime.rejects import Rejects
from alur_nb.runtime.tables import Partition, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class SourceRead:
    """One `files(..)` source as it is to be read: its plan, and what every row gets beside the files' columns."""

    plan: SourcePlan
    started_at: datetime
    partitions: Sequence[Partition] = ()
    custom: Mapping[str, object] | None = None
    """Constant columns, as `load_to_bronze(custom_metadata=..)` gave them."""
    drops: Sequence[Expectation] = ()
    """Rules whose breaking rows are staged apart, to leave the batch where the pipeline returns what was read."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one `files(..)` source became in the batch's own prefix."""

    plan: SourcePlan
    frame: DataFrame
    """The accepted rows, read back from the staged files."""
    prefix: str
    """Where the accepted rows lie; the sealed prefix, where the pipeline returns this very frame."""
    accepted: int
    """Accepted rows by the writer's own word, not by reading them back; without the `dropped` ones."""
    rejects: Rejects
    kept: DataFrame | None = None
    """The rows of `prefix` alone, where drop rules have set others apart; None where they could not be applied."""
    dropped: int = 0
    """Rows of `frame` that a drop rule has set apart."""
    dropped_prefix: str | None = None

    @property
    def rows(self) -> int:
        """The rows that the pipeline's function is given."""
        return self.accepted + self.dropped


@dataclass(frozen=True, slots=True)
class StagedResult:
    """A fitted result in its staged prefix, with the rows that drop rules have set apart."""

    frame: DataFrame
    prefix: str
    dropped: int = 0
    dropped_prefix: str | None = None


class Engine(Protocol):
    """What reads, writes and measures rows; a frame is whatever the engine's own operations hand out."""

    def begin(self, run_id: str, what: str) -> None:
        """Make everything that this thread starts from now on one group, which `cancel(run_id)` stops."""

    def cancel(self, run_id: str) -> None:
        """Stop what the run is doing, from any thread."""

    def is_frame(self, value: object) -> bool:
        """Whether a pipeline's function returned a frame of this engine."""

    def empty_source(self, read: SourceRead) -> DataFrame:
        """Return the frame of a source without new files: its columns, and no rows."""

    def stage_source(self, lake: Lake, read: SourceRead, prefix: str, rejects_prefix: str) -> Stage:
        """Read every file of the plan once and write its accepted and rejected rows to their staged prefixes.

        Raises AuditError where two readings disagree, SourceError for a file that is gone, StorageError.
        """

    def fit(self, result: DataFrame, target: Table, started_at: datetime) -> tuple[DataFrame, bool]:
        """Return the result with exactly the target's columns, and whether no value of it had to change type.

        Raises ContractError.
        """

    def stage_result(self, lake: Lake, frame: DataFrame, target: Table, prefix: str) -> DataFrame:
        """Write a fitted result to its staged prefix, and return it read back. Raises StorageError."""

    def stage_kept(
        self, lake: Lake, frame: DataFrame, target: Table, prefix: str, drops: Sequence[Expectation]
    ) -> StagedResult:
        """Write a fitted result as `stage_result` does, the rows that break a drop rule apart.

        Raises CheckError for a rule that cannot be judged, StorageError.
        """

    def reject_dropped(
        self,
        lake: Lake,
        staged: StagedResult,
        drops: Sequence[Expectation],
        rejects_prefix: str,
        *,
        of_files: bool,
    ) -> Dropped:
        """Write the rows that were set apart to the staged rejects, with their file where `of_files`, and count them."""

    def keep_rejects(self, lake: Lake, target: Table, batch_id: str) -> int:
        """Keep the first 1,000 staged rejects of a batch that is to be aborted, and return how many. StorageError."""

    def evaluate(
        self, frame: DataFrame, rules: Sequence[Expectation], *, examples: int, group_by: str | None
    ) -> Evaluation:
        """Judge the frame by each rule and count its rows, in total and by the `group_by` column."""

    def rows_by_file(self, frame: DataFrame) -> Mapping[str | None, int]:
        """Count a staged source's rows by `_source_file`."""

    def staged_rows(self, lake: Lake, prefix: str) -> int:
        """Count the rows of a staged prefix by the writer's own word: the footers of its files."""

    def read_batches(
        self, lake: Lake, table: Table, batches: Sequence[Batch], *, whole: bool = False
    ) -> DataFrame:
        """Return the rows of committed batches: the contract's columns only.

        `whole` where they are all that are live: of a table whose batches replace rows it is the table as it is.
        """

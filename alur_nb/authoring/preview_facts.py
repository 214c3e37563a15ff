"""What a preview found, as plain values: the same for the notebook's card, the terminal and JSON."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from alur_nb.runtime.compare import Status
from alur_nb.runtime.errors import SettingsError, suggest
from alur_nb.runtime.quality import CheckResult

Verdict = Literal["would load", "nothing new", "would fail"]
State = Literal["new", "nothing new"]
SourceKind = Literal["files", "new", "table"]
ContractState = Literal["in files", "read as null", "refused", "extra, ignored", "extra, rescued"]
ResultState = Literal["ok", "added", "cast", "missing", "surplus", "differs", "set by the writer"]
Fate = Literal["kept", "added", "cast", "refused", "set by the writer"]
Outcome = Literal["passed", "failed", "open"]

STATUSES: tuple[Status, ...] = ("new", "changed", "done", "skipped", "same_content", "bad", "left_out")


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file of the listing, and what a run would do with it."""

    path: str
    status: Status
    bytes: int
    reason: str | None = None
    fix: str | None = None
    opened: bool = False
    """Whether the preview looked into it."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """How much of a source's files was looked at."""

    files_read: int
    files_found: int
    """The files that the sample was taken from: the new ones, or the loaded ones where nothing is new."""
    bytes_read: int
    bytes_found: int
    rows: int
    """Rows that were parsed, rejected ones among them."""
    rejected: int
    complete: bool
    """Whether every row of every file was read: then all numbers are exact."""
    bytes_covered: int

    @property
    def estimated_rows(self) -> int | None:
        """About how many rows all the files hold, to two digits; None without a row to judge by."""
        if self.complete:
            return self.rows
        if not self.rows or not self.bytes_covered:
            return None
        about = max(self.rows, round(self.rows * self.bytes_found / self.bytes_covered))
        return max(self.rows, round(about, 2 - len(str(about))))


@dataclass(frozen=True, slots=True)
class ContractColumn:
    """A column of the contract or of the opened files, and how one meets the other."""

    name: str
    ddl: str | None
    """None: the contract does not have it."""
    state: ContractState
    found: int
    """Opened files that have the column."""
    files: int
    """Opened files whose header could be read."""
    header: str | None = None
    """How the files spell it, where that is not its name."""
    proposed: str | None = None
    """For a column that the contract lacks: the line that would declare it, its type judged by a sample."""


@dataclass(frozen=True, slots=True)
class Bin:
    """How many rows have a value in one part of a column's range, or one value."""

    label: str
    rows: int


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column holds, in the rows that were looked at."""

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    """Different values, null not counted."""
    about: bool = False
    """Whether `distinct` may be too low, since long texts were compared by their beginnings."""
    least: Any = None
    greatest: Any = None
    bins: tuple[Bin, ...] = ()
    """Numbers and times: parts of equal width from the least to the greatest; else the most frequent values."""
    is_range: bool = False
    """Whether the bins are parts of a range; else each is a value."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that does not fit or that a check drops, and why."""

    source_file: str | None
    """None for a row that the pipeline made."""
    line: int | None
    column: str | None
    reason: str
    raw: str
    """The row as it is written, at most 500 characters of it."""
    value: str | None = None
    """The value of the column that is the reason, where it is known."""


@dataclass(frozen=True, slots=True)
class Partners:
    """How the rows of a source found partners in a table that was not read whole."""

    on: tuple[str, ...]
    """The table's columns that the pipeline joins by."""
    driving: str
    """The source whose rows look for partners."""
    rows: int
    matched: int
    searched: bool
    """Whether all of the table's committed rows were searched for them; else a sample was."""
    taken: int | None = None
    """How many partners were taken, where that is the most and there may be more."""
    with_samples: bool = False
    """Whether of rows still to come only a sample could be searched."""


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """One source of the pipeline: what it holds, what is new in it, and what was looked at."""

    parameter: str
    kind: SourceKind
    reads: str
    """The patterns, or the table's qualified name."""
    state: State
    counts: Mapping[Status, int] = field(default_factory=dict)
    """Files by status, every status named; empty for a table."""
    files: tuple[FileFact, ...] = ()
    bytes: int = 0
    """Size of the files that a run would load."""
    sampled: Sampled | None = None
    columns: tuple[ContractColumn, ...] = ()
    batches: int = 0
    """Committed batches that a run would read."""
    batch_rows: int = 0
    whole: bool = True
    """For a table: whether its committed batches were read whole."""
    pending: tuple[str, ...] = ()
    """Upstream pipelines whose rows to come are among those of the table."""
    partners: Partners | None = None
    """For a table that is too large to be read whole: how many of the sampled rows find a row in it."""
    profiles: tuple[ColumnProfile, ...] = ()
    """Its accepted rows by column; empty where the result shows them, and for tables."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result beside the one that the target declares."""

    name: str
    declared: str | None
    given: str | None
    state: ResultState
    proposed: str | None = None
    """For a column that the target lacks: the line that would declare it."""

    @property
    def fate(self) -> Fate:
        """What a run does with it."""
        if self.state in ("missing", "surplus", "differs"):
            return "refused"
        return "kept" if self.state == "ok" else cast("Fate", self.state)


@dataclass(frozen=True, slots=True)
class CheckPreview:
    """A check's result, and what it says of the data that were not seen."""

    result: CheckResult
    outcome: Outcome
    """`open`: it failed on the sample, and all of the data may well pass it."""
    on_sample: bool
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One pipeline on the way to the target: what it reads and writes."""

    pipeline: str
    reads: tuple[str, ...]
    writes: str
    previewed: bool = True
    """Whether rows that it has yet to write are in this preview; else its committed ones are."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that would stop the run, and the next step."""

    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run of the pipeline would do, judged by samples; nothing was written."""

    pipeline: str
    target: str
    verdict: Verdict
    sources: tuple[SourcePreview, ...] = ()
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """The DDL type of each column."""
    rows: tuple[tuple[Any, ...], ...] = ()
    """The first rows of the result."""
    sample_rows: int = 0
    """How many rows the result has on the sample."""
    exact: bool = True
    """Whether nothing was left out: then the numbers are those of a run."""
    rejected: tuple[RejectedRow, ...] = ()
    """The first rejected rows."""
    rejected_rows: int = 0
    """How many rows of the sample are rejected."""
    reject_reasons: Mapping[str, int] = field(default_factory=dict)
    """`column: reason` -> rows of the sample."""
    result_columns: tuple[ResultColumn, ...] = ()
    checks: tuple[CheckPreview, ...] = ()
    lineage: tuple[Step, ...] = ()
    """The pipelines whose rows this one's are made of, sources first; this one is the last."""
    columns_from: tuple[str, ...] = ()
    """What each column of the result is made of, a line each; table level where that is not known."""
    problems: tuple[Obstacle, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was not seen."""
    since: tuple[str, ...] = ()
    """What is other than in this process's last preview of the pipeline; empty for the first."""
    profiles: tuple[ColumnProfile, ...] = ()
    """The result's columns, over its first rows."""
    fingerprint: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The parts that the pipeline was made of, each with its hash; in a notebook it tells what has changed since."""

    def only(self, *columns: str) -> Preview:
        """Return the same preview with these columns of the result alone: a wide one shows the first ones only.

        Raises SettingsError for a name that the result does not have.
        """
        for name in columns:
            if name not in self.columns:
                raise SettingsError(
                    f"The result has no column `{name}`{suggest(name, self.columns)}.", fix="See .columns."
                )
        places = [self.columns.index(name) for name in columns]
        return dataclasses.replace(
            self,
            columns=columns,
            types=tuple(self.types[place] for place in places),
            rows=tuple(tuple(row[place] for place in places) for row in self.rows),
            profiles=tuple(one for name in columns for one in self.profiles if one.name == name),
            result_columns=tuple(one for one in self.result_columns if one.name in columns),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, keys in the order of the fields."""
        plain: dict[str, Any] = to_json(self)
        # It holds in this process alone.
        del plain["fingerprint"]
        for source, given in zip(plain["sources"], self.sources, strict=True):
            if given.sampled is not None:
                source["sampled"]["estimated_rows"] = given.sampled.estimated_rows
        for column, told in zip(plain["result_columns"], self.result_columns, strict=True):
            column["fate"] = told.fate
        return plain

    def __str__(self) -> str:
        from alur_nb.authoring.preview_text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return str(self)


def to_json(value: object) -> Any:
    """Return a value as JSON can hold it: times in ISO form, decimals as text, bytes as base64."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    # Before tuples: a row of a struct column is a tuple too.
    if hasattr(value, "asDict"):
        return to_json(value.asDict())
    match value:
        case Mapping():
            return {str(key): to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        # JSON has no NaN and no infinity.
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case Decimal() | timedelta() | _:
            return str(value)

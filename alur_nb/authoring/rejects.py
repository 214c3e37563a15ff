"""`alur rejects`: the rejected rows of a table, counted by reason, shown, or written as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring.batch_names import table_named
from alur_nb.runtime.errors import SettingsError, plural
from alur_nb.runtime.ledger import Batch, State, live
from alur_nb.runtime.project import Project
from alur_nb.runtime.publish import expired
from alur_nb.runtime.reading import last_batch, read_rejects
from alur_nb.runtime.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

COLUMNS = ("source_file", "line_number", "column", "reason", "raw")
_RAW_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RejectsReport:
    """The rejected rows of a table's live batches, or of its last batch."""

    table: str
    total: int
    """Rows that were rejected, by the ledger's word."""
    by_reason: dict[str, int]
    rows: tuple[dict[str, Any], ...] = ()
    """The first of them, `raw` cut to 200 characters."""
    batch: str | None = None
    """The last batch, where that alone was asked for."""
    aborted: str | None = None
    """Why that batch was aborted."""
    expired: int = 0
    """Rows of the total that were deleted, as `rejects_retention_days` says."""
    written: str | None = None
    """The CSV file."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "table": self.table,
            "batch": self.batch,
            "aborted": self.aborted,
            "total": self.total,
            "by_reason": self.by_reason,
            "rows": list(self.rows),
            "expired": self.expired,
            "written": self.written,
        }

    @property
    def head(self) -> str:
        """How many rows were rejected, and where."""
        where = f"batch {self.batch} of {self.table}" if self.batch else self.table
        return f"{plural(self.total, 'rejected row')} in {where}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not shown, what is no longer there, and where all of it was written."""
        rest = self.total - self.expired - len(self.rows)
        told = []
        if self.rows and rest > 0:
            told.append(f"and {plural(rest, 'more row')}: -n shows more, --csv writes all that are kept")
        if self.expired:
            told.append(f"{plural(self.expired, 'row')} of them had been kept long enough and were deleted")
        if self.written:
            told.append(f"written to {self.written}")
        return tuple(told)

    def __str__(self) -> str:
        if not self.table:
            return "Nothing was looked at."
        lines = [self.head]
        if self.aborted:
            lines.append(f"aborted: {self.aborted.splitlines()[0]}")
        lines += [f"  {count:>6,}  {reason}" for reason, count in self.by_reason.items()]
        for row in self.rows:
            line = f", line {row['line_number']}" if row["line_number"] is not None else ""
            column = f", column {row['column']}" if row["column"] else ""
            lines.append(f"{row['source_file'] or '(made by the pipeline)'}{line}{column}: {row['reason']}")
            lines.append(f"    | {_printable(row['raw'])}")
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return str(self)


def rejects(
    project: Project,
    name: str,
    *,
    last: bool = False,
    rows: int = 20,
    csv_file: Path | None = None,
    env: str = "local",
    workspace: Workspace | None = None,
) -> RejectsReport:
    """Describe what was rejected on the way into a table; `rows=0` without `csv_file` reads the ledger alone.

    Raises DeclarationError for an unknown name, SettingsError for a CSV file that exists, LedgerError, StorageError.
    """
    place, table = workspace or open_workspace(env=env), table_named(project, name)
    batches = place.ledger.batches(table.qualified_name)
    newest = last_batch(batches)
    chosen = live(batches) if not last else [newest] if newest else []
    report = RejectsReport(
        table=table.qualified_name,
        total=sum(batch.counts.get("rejected", 0) for batch in chosen),
        by_reason=_reasons(chosen),
        batch=newest.id if last and newest else None,
        expired=sum(batch.counts.get("rejected", 0) for batch in chosen if expired(place, batch)),
        aborted=newest.reason if last and newest and newest.state is State.ABORTED else None,
    )
    if csv_file is not None and csv_file.exists():
        raise SettingsError(f"{csv_file} exists already.", fix="Name a new file.")
    if csv_file is None and (rows <= 0 or not report.total):
        return report
    frame = read_rejects(table, last=last, workspace=place).select(*COLUMNS)
    return _with_rows(report, frame, rows, csv_file)


def _with_rows(report: RejectsReport, frame: DataFrame, rows: int, csv_file: Path | None) -> RejectsReport:
    from pyspark.sql import functions as F

    ordered = frame.orderBy("source_file", "line_number", "raw")
    begun = ordered.withColumn("raw", F.substring("raw", 1, _RAW_SHOWN + 1))
    shown = tuple(map(_shown, begun.limit(rows).collect())) if rows > 0 else ()
    if csv_file is not None:
        with csv_file.open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(ordered.toLocalIterator())
    return replace(report, rows=shown, written=str(csv_file) if csv_file else None)


def _shown(row: Row) -> dict[str, Any]:
    """Return a row with a raw line that is not endless; where it goes on, that is marked."""
    raw = row["raw"]
    return {**row.asDict(), "raw": raw if raw is None or len(raw) <= _RAW_SHOWN else f"{raw[:_RAW_SHOWN]}…"}


def _reasons(batches: Sequence[Batch]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for batch in batches:
        for reason, count in batch.reject_reasons.items():
            totals[reason] = totals.get(reason, 0) + count
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


def _printable(text: str) -> str:
    """Return a raw line as text that cannot move a terminal's cursor."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)

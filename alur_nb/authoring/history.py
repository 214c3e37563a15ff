"""`alur history`: the batches of a table, what each brought, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alur_nb.authoring.batch_names import table_named
from alur_nb.runtime.errors import plural
from alur_nb.runtime.ledger import Batch, State, live
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace, open_workspace

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch as the ledger has it, and whether it is live."""

    batch: Batch
    live: bool
    superseded_by: str | None = None

    @property
    def state(self) -> str:
        """The batch's state; `SUPERSEDED` for a committed one in whose place another came."""
        return (
            "SUPERSEDED" if self.superseded_by and self.batch.state is State.COMMITTED else self.batch.state
        )

    @property
    def duration_seconds(self) -> float | None:
        """From PLAN to COMMIT or ABORT, where it has ended."""
        times = self.batch.times
        end = times.get("committed") or times.get("aborted")
        if "planned" not in times or end is None:
            return None
        return (datetime.fromisoformat(end) - datetime.fromisoformat(times["planned"])).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        batch = self.batch
        return {
            "table": batch.table,
            "batch": batch.id,
            "state": self.state,
            "live": self.live,
            "pipeline": batch.pipeline,
            "run_id": batch.run_id,
            "counts": dict(batch.counts),
            "reject_reasons": dict(batch.reject_reasons),
            "checks": [dict(check) for check in batch.checks],
            "supersedes": list(batch.supersedes),
            "superseded_by": self.superseded_by,
            "reason": batch.reason,
            "times": dict(batch.times),
            "duration_seconds": self.duration_seconds,
        }

    @property
    def checks_text(self) -> str:
        """How many checks it was judged by, and how many of them failed; an empty text without checks."""
        failed = sum(not check.get("passed", True) for check in self.batch.checks)
        total = plural(len(self.batch.checks), "check")
        return f"{failed:,} of {total} failed" if failed else f"{total} passed" if self.batch.checks else ""

    def lines(self) -> list[str]:
        """Return the batch as its line, and what else is to be said of it below."""
        batch, counts = self.batch, self.batch.counts
        begun = batch.times.get("planned", "")[:19].replace("T", " ") + " UTC"
        parts = [f"{batch.id}  {self.state:<11}  {begun}", batch.pipeline]
        if self.duration_seconds is not None:
            parts.append(f"{self.duration_seconds:.1f} s")
        if counts.get("files"):
            parts.append(plural(counts["files"], "file"))
        if "rows" in counts:
            parts.append(plural(counts["rows"], "row"))
        for name, word in (("rejected", "rejected"), ("dropped", "of them dropped"), ("skipped_files", "")):
            if counts.get(name):
                what = f"{counts[name]:,} {word}" if word else f"{plural(counts[name], 'file')} skipped"
                parts.append(what)
        parts += [self.checks_text] if self.checks_text else []
        return [", ".join(parts), *self.below()]

    def below(self) -> list[str]:
        """Return what is to be said below its line: why it ended as it did, and what took whose place."""
        batch = self.batch
        below = [f"    {line}" for line in (batch.reason or "").splitlines()]
        failed = [check for check in batch.checks if not check.get("passed", True)]
        below += [f"    check {check['name']}: {check['message']}" for check in failed if not batch.reason]
        if batch.supersedes:
            below.append(f"    in place of {', '.join(batch.supersedes)}")
        if self.superseded_by:
            below.append(f"    batch {self.superseded_by} has taken its place")
        return below


@dataclass(frozen=True, slots=True)
class History:
    """The batches of one or more tables, the newest first."""

    tables: dict[str, tuple[BatchLine, ...]]
    shown: int = _SHOWN
    """Batches of a table in the text; `to_dict` has all."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {name: [line.to_dict() for line in lines] for name, lines in self.tables.items()}

    def __str__(self) -> str:
        parts = []
        for name, lines in self.tables.items():
            alive = sum(line.live for line in lines)
            head = f"{name}: {plural(len(lines), 'batch')}, {alive:,} live" if lines else f"{name}: no batch"
            parts.append(head)
            for line in lines[: self.shown]:
                parts += [f"  {text}" for text in line.lines()]
            if len(lines) > self.shown:
                parts.append(f"  {len(lines) - self.shown:,} older")
        return "\n".join(parts) or "Nothing is declared: run the cells that declare tables first."

    def __repr__(self) -> str:
        return str(self)


def history(
    project: Project,
    name: str | None = None,
    *,
    last: int = _SHOWN,
    env: str = "local",
    workspace: Workspace | None = None,
) -> History:
    """Return the batches of a table, or of every table; raises DeclarationError, SettingsError, LedgerError."""
    place = workspace or open_workspace(env=env)
    names = [table_named(project, name).qualified_name] if name else sorted(project.tables)
    return History({one: batch_lines(place.ledger.batches(one)) for one in names}, last)


def batch_lines(batches: Sequence[Batch]) -> tuple[BatchLine, ...]:
    """Return the batches of one table as lines, the newest first."""
    alive = {batch.id for batch in live(batches)}
    heirs = {
        old: batch.id
        for batch in batches
        if batch.state in (State.COMMITTED, State.ROLLED_BACK)
        for old in batch.supersedes
    }
    return tuple(
        BatchLine(batch, batch.id in alive, heirs.get(batch.id))
        for batch in sorted(batches, key=lambda batch: batch.id, reverse=True)
    )

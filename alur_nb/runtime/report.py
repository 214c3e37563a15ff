"""What a run did, as plain values: the same for notebook, terminal and job log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alur_nb.runtime.errors import AlurError, cut, plural
from alur_nb.runtime.examples import plain_rows
from alur_nb.runtime.quality import CheckResult

RunState = Literal["loaded", "nothing new", "failed", "skipped", "cancelled"]

_EXAMPLES_SHOWN = 3
_SLOWEST_SHOWN = 2
_SIGNS = {"loaded": "+", "nothing new": "=", "failed": "x", "skipped": "-", "cancelled": "!"}


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One pipeline's part of a run."""

    name: str
    table: str
    state: RunState
    batch_id: str | None = None
    supersedes: tuple[str, ...] = ()
    """The batches in whose place this one came."""
    rows: int = 0
    """Rows that were published."""
    rejected: int = 0
    files: int = 0
    """Files that were loaded."""
    skipped_files: tuple[str, ...] = ()
    """`path: reason` of the files that this run recorded as skipped."""
    reject_reasons: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    warnings: tuple[str, ...] = ()
    duration_seconds: float = 0.0
    error: BaseException | None = None

    @property
    def error_text(self) -> str | None:
        """The error in words: ours with place and next step, a user's own with its type."""
        if self.error is None or isinstance(self.error, AlurError):
            return str(self.error) if self.error else None
        return f"{type(self.error).__name__}: {self.error}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, keys in the order of the fields."""
        return {
            "name": self.name,
            "table": self.table,
            "state": self.state,
            "batch_id": self.batch_id,
            "supersedes": list(self.supersedes),
            "rows": self.rows,
            "rejected": self.rejected,
            "files": self.files,
            "skipped_files": list(self.skipped_files),
            "reject_reasons": dict(self.reject_reasons),
            "checks": [
                {
                    "name": c.name,
                    "severity": str(c.severity),
                    "passed": c.passed,
                    "metric": c.metric,
                    "message": c.message,
                    "examples": plain_rows(c.examples),
                }
                for c in self.checks
            ],
            "warnings": list(self.warnings),
            "duration_seconds": round(self.duration_seconds, 3),
            "error": self.error_text,
        }

    def lines(self) -> list[str]:
        """Return the pipeline's part of the report, at most 100 columns where its texts allow it."""
        head = f"{_SIGNS[self.state]} {self.name} -> {self.table}: {self.state}"
        if self.state == "loaded":
            head += f", {plural(self.rows, 'row')}"
            head += f" from {plural(self.files, 'file')}" if self.files else ""
            head += f", {plural(self.rejected, 'row')} rejected" if self.rejected else ""
            head += f", batch {self.batch_id}"
            head += f" in place of {', '.join(self.supersedes)}" if self.supersedes else ""
        lines = [head]
        lines += [f"    rejected {count:,}: {reason}" for reason, count in self.reject_reasons.items()]
        lines += [f"    skipped {text}" for text in self.skipped_files]
        for check in self.checks:
            verdict = "passed" if check.passed else f"{str(check.severity).lower()}: {check.message}"
            lines.append(f"    check {check.name}: {verdict}")
            for row in plain_rows(check.examples[:_EXAMPLES_SHOWN]):
                lines.append("      " + cut(", ".join(f"{name}={value}" for name, value in row.items())))
            if (rest := len(check.examples) - _EXAMPLES_SHOWN) > 0:
                lines.append(f"      and {rest:,} more of these examples: all are in .checks and --json")
        lines += [f"    note: {warning}" for warning in self.warnings]
        if self.error_text:
            lines += [f"    {line}" for line in self.error_text.splitlines()]
        return lines


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run of one or more pipelines, in the order in which they ran."""

    run_id: str
    runs: tuple[PipelineRun, ...] = ()
    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)
    """Pipeline -> the parts that it was made of, each with its hash; in a notebook it tells what has changed since."""

    @property
    def ok(self) -> bool:
        """Whether no pipeline failed, was skipped for a failure, or was cancelled."""
        return all(run.state in ("loaded", "nothing new") for run in self.runs)

    @property
    def elapsed_text(self) -> str:
        """How long it took, in the one line of the report that no other run of the same work gives again."""
        text = f"elapsed: {sum(run.duration_seconds for run in self.runs):.1f} s"
        slowest = sorted(self.runs, key=lambda run: run.duration_seconds, reverse=True)[:_SLOWEST_SHOWN]
        each = ", ".join(f"{run.name} {run.duration_seconds:.1f} s" for run in slowest)
        return f"{text}, the longest: {each}" if len(self.runs) > 1 else text

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"run_id": self.run_id, "ok": self.ok, "runs": [run.to_dict() for run in self.runs]}

    def __str__(self) -> str:
        if not self.runs:
            return "Nothing was run."
        return "\n".join([*(line for run in self.runs for line in run.lines()), self.elapsed_text])

    def __repr__(self) -> str:
        return str(self)

"""Every error that alur-nb raises, on one page: what is wrong, where, and the next step.

AlurError
├── DeclarationError        a table, field, pipeline, schedule or check is declared wrongly
│   └── ContractError       a frame does not have the columns that its table declares
├── SettingsError           alur.toml, an environment or a parameter
├── NotebookError           a magic's line, a cell's body, a name bound in two cells
│   └── ExportError         what cannot be written as a job
├── SourceError             landing files: missing, bad, changed while they were read
├── AuditError              the batch was staged and did not pass: nothing is published
│   ├── RejectLimitError    more rejected rows than `reject_limit`
│   └── CheckError          an `@expect` check of severity ERROR failed
├── LedgerError             the ledger cannot be read or written: refuse to run
│   ├── LeaseBusyError      another run writes this table now
│   └── LeaseLostError      this run's lease was taken over
├── StorageError            the lake cannot be read or written: space, permission, a damaged prefix
├── DeployError             an environment on AWS cannot be planned, changed or asked
├── RunCancelledError       the run was stopped by whoever started it
├── MissingExtraError       an optional dependency is not installed
└── NotYetSupportedError    a part that a later release brings
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error is: a notebook's cell or a file, with line and column counted from 1."""

    notebook: str | None = None
    cell: int | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [
            self.notebook,
            f"cell {self.cell}" if self.cell is not None else None,
            self.file,
            f"line {self.line}" if self.line is not None else None,
            f"column {self.column}" if self.column is not None else None,
        ]
        return ", ".join(part for part in parts if part)


class AlurError(Exception):
    """An error with its place and the next step; `str()` shows all three on their own lines."""

    def __init__(self, message: str, *, place: Place | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.message]
        if self.place is not None and str(self.place):
            lines.append(f"  where: {self.place}")
        if self.fix:
            lines.append(f"  next:  {self.fix}")
        return "\n".join(lines)


class DeclarationError(AlurError):
    """A table, field, pipeline, schedule or check is declared wrongly."""


class ContractError(DeclarationError):
    """A frame does not have exactly the columns that its table declares."""


class SettingsError(AlurError):
    """`alur.toml`, an environment or a parameter is wrong or missing."""


class NotebookError(AlurError):
    """A magic's line or a cell's body cannot be understood, or cells contradict each other."""


class ExportError(NotebookError):
    """Something in the notebook cannot be written as a job."""


class SourceError(AlurError):
    """Landing files are missing, bad, or changed while they were read."""


class AuditError(AlurError):
    """The batch was staged but did not pass its audit; nothing of it is published."""


class RejectLimitError(AuditError):
    """More of the batch's parsed rows were rejected than `reject_limit` allows."""


class CheckError(AuditError):
    """A check of severity ERROR failed on the staged rows; `checks` holds every check's result."""

    def __init__(self, message: str, *, checks: tuple[Any, ...] = (), fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.checks = checks


class LedgerError(AlurError):
    """The ledger cannot be read or written, so the run refuses to go on."""


class LeaseBusyError(LedgerError):
    """Another run writes this table at the moment."""


class LeaseLostError(LedgerError):
    """Another run has taken this table's lease over; what this run staged is thrown away."""


class StorageError(AlurError):
    """The lake cannot be read or written, or a batch's prefix is not in the state it must be in."""


class DeployError(AlurError):
    """An environment on AWS cannot be planned, changed or asked: terraform, an account, a job that is not there."""


class RunCancelledError(AlurError):
    """The run was cancelled before it had decided; nothing of it is published."""


class MissingExtraError(AlurError):
    """An optional dependency is not installed; `fix` is the pip line that brings it."""


class NotYetSupportedError(AlurError):
    """A part of the design that a later release brings; refused rather than pretended."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean `x`?)` for the nearest of the known words, else an empty string."""
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean `{nearest[0]}`?)" if nearest else ""


def cut(text: str, width: int = 200) -> str:
    """Return the text, or its beginning and how long it was."""
    return text if len(text) <= width else f"{text[:width]}... ({len(text):,} characters)"


def plural(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`, `2 batches`."""
    ending = "" if count == 1 else "es" if noun.endswith(("ch", "s")) else "s"
    return f"{count:,} {noun}{ending}"

"""How a new bundle differs from the one on disk: files added, changed and removed, with the scripts' lines."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alur_nb.authoring.bundle_folder import differing_files

State = Literal["added", "changed", "removed"]

DIFF_LINES = 60
"""The lines of a script's difference that are kept; the number of those left out is kept with them."""

_CUT_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of the bundle that is not as it was; `diff` is a unified difference of a script that was there."""

    name: str
    state: State
    diff: tuple[str, ...] = ()
    left_out: int = 0
    """Lines of the difference beyond `DIFF_LINES`."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name,
            "state": self.state,
            "diff": list(self.diff),
            "left_out": self.left_out,
        }

    def __str__(self) -> str:
        return f"{self.state}: {self.name}"

    def diff_text(self) -> str:
        """Return the difference as text, and how much of it is not shown; empty where there is none."""
        note = [f"... and {self.left_out:,} more lines"] if self.left_out else []
        return "\n".join([*self.diff, *note])


def changes_between(new: Path, old: Path) -> tuple[FileChange, ...]:
    """Return every file that an export writes and that is not as it is in `old`, by name."""
    return tuple(_change(name, new / name, old / name) for name in differing_files(new, old))


def _change(name: str, new: Path, old: Path) -> FileChange:
    if not old.exists():
        return FileChange(name, "added")
    if not new.exists():
        return FileChange(name, "removed")
    return _changed(name, new, old) if name.endswith(".py") else FileChange(name, "changed")


def _changed(name: str, new: Path, old: Path) -> FileChange:
    # Somebody may have edited the old one in whatever encoding.
    before, after = (path.read_text(encoding="utf-8", errors="replace").splitlines() for path in (old, new))
    return with_diff(name, before, after)


def with_diff(name: str, before: list[str], after: list[str]) -> FileChange:
    """Return a changed script with the lines that differ, three around them, cut after `DIFF_LINES`."""
    lines = list(difflib.unified_diff(before, after, f"{name} (before)", f"{name} (now)", lineterm=""))
    kept = tuple(
        line if len(line) <= _CUT_COLUMNS else f"{line[: _CUT_COLUMNS - 1]}…" for line in lines[:DIFF_LINES]
    )
    return FileChange(name, "changed", kept, max(len(lines) - DIFF_LINES, 0))

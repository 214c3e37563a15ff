"""What a run is asked to take in, where that is not simply all that is new."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date
from typing import NamedTuple

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.globs import glob_regex

FIRST_BATCH_MAX_FILES = 100_000
"""The most files that the first batch of a table takes unasked: a million of them in one go fail late, if they fail."""

# The last date of a path counts: a file's own name says more than its folders.
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:(?P<gap>[-_.]?)(0[1-9]|1[0-2])(?P=gap)(0[1-9]|[12]\d|3[01])"
    r"|/(?:month=)?(0[1-9]|1[0-2])/(?:day=)?(0[1-9]|[12]\d|3[01])"
    r"|[-_](0[1-9]|1[0-2]))(?!\d)"
)


class Limit(NamedTuple):
    """How many files of a source one batch takes, and what is said of the others."""

    files: int
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files and batches a run takes in; by default everything that is new."""

    full: bool = False
    """All inputs of the table, in a batch that supersedes its live ones."""
    replay: str | None = None
    """The inputs of this batch alone, in a batch that supersedes it."""
    drop_missing: bool = False
    """Give up the rows of superseded inputs that are no longer there."""
    retry: bool = False
    """Also the files that live batches have noted as skipped."""
    since: date | None = None
    until: date | None = None
    """First and last day, both included, UTC: of the date in a file's path, else of its time."""
    files: tuple[str, ...] = ()
    """Globs, one of which a file's path must match."""
    max_files: int | None = None
    """The most files of a source: the oldest ones."""

    def __post_init__(self) -> None:
        again = [name for name in ("full", "replay") if getattr(self, name)]
        fewer = [name for name in ("since", "until", "files", "max_files") if getattr(self, name)]
        if len(again) == 2 or (again and (fewer or self.retry)):
            other = [*again[1:], *fewer, *(["retry"] if self.retry else [])][0]
            raise SettingsError(
                f"{_option(again[0])} and {_option(other)} do not go together: what is loaded again is loaded whole.",
                fix="Leave one of them out.",
            )
        if self.drop_missing and not again:
            raise SettingsError(
                "--drop-missing belongs to --full or a replay: only there are rows loaded in place of others.",
                fix="Leave it out, or add --full.",
            )
        if self.since and self.until and self.since > self.until:
            raise SettingsError(
                f"--since {self.since} is after --until {self.until}.", fix="Exchange the two dates."
            )
        if self.max_files is not None and self.max_files < 1:
            raise SettingsError(f"--max-files {self.max_files}: no file at all.", fix="Name 1 or more.")

    @property
    def supersedes(self) -> bool:
        """Whether it loads in place of what is there."""
        return self.full or self.replay is not None

    def leaves_out(self, file: SourceFile) -> str | None:
        """Return why the file is not asked for, or None."""
        day = date_of(file) if self.since or self.until else None
        if day and self.since and day < self.since:
            return f"of {day}, before --since {self.since}"
        if day and self.until and day > self.until:
            return f"of {day}, after --until {self.until}"
        if self.files and not any(re.fullmatch(glob_regex(glob), file.path) for glob in self.files):
            return f"not in --files {' '.join(self.files)}"
        return None

    def limit(self, *, first_batch: bool) -> Limit | None:
        """Return how many new files of a source one batch takes, or None for all of them."""
        if self.max_files is not None:
            return Limit(self.max_files, f"more than --max-files {self.max_files:,}")
        if not first_batch or self.supersedes:
            return None
        most = FIRST_BATCH_MAX_FILES
        return Limit(most, f"more than the {most:,} files of a first batch (--max-files)")


ALL_NEW = Selection()


def day(text: str) -> date:
    """Read a day as options give it, `2024-02-29`; SettingsError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"`{text}` is no day.", fix="Write it as 2024-02-29.") from error


def date_of(file: SourceFile) -> date:
    """Return the last date in the file's path, else the day of its time (UTC).

    Read as a date: 2024-02-29, 2024_02_29, 20240229, 2024/02/29, year=2024/month=02/day=29, and 2024-02 as the
    first of its month.
    """
    path = file.path.replace("year=", "")
    for match in reversed(list(_DATE.finditer(path))):
        year, _, month, of_month, folder, of_folder, alone = match.groups()
        try:
            return date(int(year), int(month or folder or alone), int(of_month or of_folder or 1))
        except ValueError:  # 2024-02-30 is digits, not a date
            continue
    return file.modified_at.astimezone(UTC).date()


def age(file: SourceFile) -> tuple[date, str]:
    """Return by what files are taken in turn where not all fit into a batch: the least comes first."""
    return date_of(file), file.path


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}" if name != "replay" else "a replay"

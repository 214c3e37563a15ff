"""What is other than in the last preview of the same pipeline, as long as this process and its project live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

from alur_nb.authoring.preview_facts import ColumnProfile, Preview
from alur_nb.runtime.errors import plural
from alur_nb.runtime.project import Project

_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What of a preview the next one is compared with."""

    verdict: str
    files: Mapping[str, tuple[str, int]]
    """Path -> status and bytes."""
    columns: Mapping[str, str]
    checks: Mapping[str, str]
    rejected_rows: int
    sample_rows: int
    profiles: Mapping[str, ColumnProfile]
    """What the result's columns hold: the same in whatever order its rows come, where all were looked at."""
    limits: tuple[int, int]
    capped: bool


_last: WeakKeyDictionary[Project, dict[tuple[Path, str], _Remembered]] = WeakKeyDictionary()


def since_last(
    project: Project, root: Path, found: Preview, *, sample_rows: int, files: int, capped: bool
) -> Preview:
    """Return the preview with what changed since the last one of its pipeline, and remember it for the next.

    `sample_rows` and `files` are the limits that it was asked for, `capped` says that a listing was cut short.
    """
    now = _Remembered(
        found.verdict,
        {file.path: (file.status, file.bytes) for source in found.sources for file in source.files},
        {one.name: one.given for one in found.result_columns if one.given is not None},
        {one.result.name: one.outcome for one in found.checks},
        found.rejected_rows,
        found.sample_rows,
        {one.name: one for one in found.profiles},
        (sample_rows, files),
        capped,
    )
    known = _last.setdefault(project, {})
    before = known.get((root, found.pipeline))
    known[root, found.pipeline] = now
    if before is None:
        return found
    return replace(found, since=tuple(_changes(before, now)) or ("no change",))


def _changes(before: _Remembered, now: _Remembered) -> Iterator[str]:
    if before.verdict != now.verdict:
        yield f"verdict: {before.verdict} -> {now.verdict}"
    if before.limits != now.limits:
        (rows, files), (rows_now, files_now) = before.limits, now.limits
        yield f"asked for other limits: sample_rows {rows:,} -> {rows_now:,}, files {files:,} -> {files_now:,}"
    yield from _files(before, now)
    yield from _columns(before.columns, now.columns)
    if before.rejected_rows != now.rejected_rows:
        yield f"rejected rows: {before.rejected_rows:,} -> {now.rejected_rows:,}"
    for name, outcome in now.checks.items():
        earlier = before.checks.get(name, "not there")
        if earlier != outcome:
            yield f"check {name}: {earlier} -> {outcome}"
    gone = [name for name in before.checks if name not in now.checks]
    if gone:
        yield f"no longer checked: {_some(gone)}"
    if before.sample_rows != now.sample_rows:
        yield f"rows of the result: {before.sample_rows:,} -> {now.sample_rows:,}"
    else:
        yield from _values(before.profiles, now.profiles)


def _values(before: Mapping[str, ColumnProfile], now: Mapping[str, ColumnProfile]) -> Iterator[str]:
    """Say whose values differ where as many rows came: of more or fewer rows, every column's do."""
    known = [one for name, one in now.items() if name in before and before[name].type == one.type]
    differing = [one.name for one in known if before[one.name] != one]
    if differing:
        yield f"columns with other values: {_some(differing)}"


def _files(before: _Remembered, now: _Remembered) -> Iterator[str]:
    added = [path for path in now.files if path not in before.files]
    resized = [
        path
        for path, (_, size) in now.files.items()
        if path in before.files and before.files[path][1] != size
    ]
    # A listing that is cut short loses its oldest files whenever newer ones come.
    cut = before.capped or now.capped
    gone = [] if cut else [path for path in before.files if path not in now.files]
    loaded = [
        path
        for path, (status, _) in now.files.items()
        if status == "done" and before.files.get(path, ("", 0))[0] in ("new", "changed")
    ]
    known = [path for path in now.files if path in before.files and path not in loaded]
    other = [path for path in known if before.files[path][0] != now.files[path][0]]
    for paths, what in ((added, "more"), (gone, "fewer"), (resized, "of another size"), (loaded, "loaded")):
        if paths:
            yield f"{plural(len(paths), 'file')} {what} ({_some(paths)})"
    if other:
        told = [f"{path} {before.files[path][0]} -> {now.files[path][0]}" for path in other]
        yield f"{plural(len(other), 'file')} judged otherwise ({_some(told)})"


def _columns(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    added = [f"{name} {kind}" for name, kind in now.items() if name not in before]
    gone = [name for name in before if name not in now]
    other = [
        f"{name} {before[name]} -> {kind}" for name, kind in now.items() if before.get(name, kind) != kind
    ]
    for names, what in ((added, "added"), (gone, "gone"), (other, "of another type")):
        if names:
            yield f"columns {what}: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")

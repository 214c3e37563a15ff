"""Replacing a bundle's folder as a whole: what others put there stays, what we wrote and no longer write goes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alur_nb.authoring.manifest import FILE, read_manifest
from alur_nb.runtime.errors import ExportError, StorageError


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out` to build the next bundle in; it is gone at the end unless it was swapped in.

    Raises ExportError where `out` holds something that no export has written, StorageError where the disk refuses.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        recover(out)
        _refuse_others(out)
        holder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise _refused(out, error) from error
    try:
        # One level deeper: mkdtemp's own folder is closed to everybody else.
        folder = holder / out.name
        folder.mkdir()
        yield folder
    except OSError as error:
        raise _refused(out, error) from error
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def swap_in(new: Path, out: Path) -> tuple[str, ...]:
    """Put the new bundle in the place of the old one and return the files that changed.

    A reader sees the old bundle or the new one, whole; what dies in between is finished by the next `recover`.
    """
    changed = differing_files(new, out)
    previous = _previous(out)
    if out.exists():
        os.rename(out, previous)
    os.rename(new, out)
    recover(out)
    return changed


def recover(out: Path) -> None:
    """Finish a swap that was cut short: bring the old bundle back, or carry over what others had put into it."""
    previous = _previous(out)
    if not previous.exists():
        return
    if not out.exists():
        os.rename(previous, out)
        return
    _carry_over(previous, out, previous, _listed(previous))
    shutil.rmtree(previous)


def differing_files(new: Path, old: Path) -> tuple[str, ...]:
    """Return the files that an export writes and that differ, are missing in `old`, or are no longer written."""
    names = _listed(new) | {name for name in _listed(old) if (old / name).exists()}
    return tuple(sorted(name for name in names if _content(new / name) != _content(old / name)))


def _listed(folder: Path) -> set[str]:
    """Return the files that belong to the bundle: those that its manifest lists, and the manifest."""
    manifest = read_manifest(folder)
    return {*manifest["files"], FILE} if manifest else set()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _previous(out: Path) -> Path:
    return out.with_name(f".{out.name}.previous")


def _refuse_others(out: Path) -> None:
    if out.is_dir() and (read_manifest(out) or not any(out.iterdir())):
        return
    if out.exists():
        raise ExportError(
            f"{out} is there already and is no bundle: an export replaces what it finds.",
            fix="Choose another folder with --out, or move this one away.",
        )


def _carry_over(source: Path, target: Path, root: Path, ours: set[str]) -> None:
    """Move what is not ours into the new bundle; a folder that is not ours at all moves as one."""
    for path in sorted(source.iterdir()):
        name = path.relative_to(root).as_posix()
        kept = target / path.name
        if name in ours:
            continue
        if not os.path.lexists(kept) and not any(known.startswith(f"{name}/") for known in ours):
            os.rename(path, kept)
        elif path.is_dir() and not path.is_symlink():
            kept.mkdir(exist_ok=True)
            _carry_over(path, kept, root, ours)


def _refused(out: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The bundle cannot be written to {out}: {error.strerror or error}.",
        fix="Free some space or choose another folder with --out; the bundle that was there is untouched.",
    )

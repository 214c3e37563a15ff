"""Fetches Iceberg's jar into the user's cache: once, whole or not at all, and only when it was announced."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from alur_nb import __version__
from alur_nb.authoring.maven import VARIABLE, repository
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.iceberg_jar import SETUP, Jar, defect, jar_path, look, note

TIMEOUT_SECONDS = 30
ATTEMPTS = 3
_CHUNK = 1 << 18
_PAUSE_SECONDS = 1.0

Progress = Callable[[int], None]
"""Is told how many bytes are there."""


def address(jar: Jar) -> str:
    """Return where the jar is fetched from."""
    return f"{repository()}/{jar.repository_path}"


def announcement(jar: Jar) -> str:
    """Return what is said before anything is fetched: what, how much, from where."""
    return f"Fetching {jar}, {jar.size_text}, once for this machine, from {address(jar)}"


def fetch(jar: Jar, target: Path | None = None, on_progress: Progress = lambda _: None) -> Path:
    """Bring the jar into the cache, or to `target`, and return its path; a file that is whole already is kept.

    What an earlier attempt has brought is gone on from. Raises SettingsError where the repository cannot be reached,
    or gives something else than the released file.
    """
    path = target or jar_path(jar)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            if not _is_whole(jar, path):
                _download(jar, path, on_progress)
    except OSError as error:
        raise SettingsError(
            f"{path.parent} cannot be written: {error.strerror or error}.",
            fix="Free some space there, or name another folder: XDG_CACHE_HOME.",
        ) from error
    return path


def install(jar: Jar, file: Path) -> Path:
    """Take the jar from a file that was brought by other means; raises SettingsError where it is another one."""
    path = jar_path(jar)
    try:
        problem = defect(jar, file)
        if not problem:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = _part(path)
            shutil.copyfile(file, part)
            _keep(part, path)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be taken: {error.strerror or error}.", fix=_by_hand(jar)
        ) from error
    if problem:
        raise SettingsError(problem, fix=_by_hand(jar))
    return path


def _is_whole(jar: Jar, path: Path) -> bool:
    if path == jar_path(jar):
        return look(jar).path is not None
    return path.is_file() and not defect(jar, path)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process fetch at a time; another waits, and finds the file. The lock goes with the process."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _download(jar: Jar, path: Path, on_progress: Progress) -> None:
    part = _part(path)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _receive(jar, part, on_progress)
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == ATTEMPTS or not _may_pass(error):
                raise _unreachable(jar, error) from error
            time.sleep(_PAUSE_SECONDS * attempt)
            continue
        problem = defect(jar, part)
        if not problem:
            _keep(part, path)
            return
        # What went wrong may be in the piece that was gone on from: once more from the beginning.
        part.unlink()
    raise SettingsError(
        f"{address(jar)} gave another file: {problem.removeprefix(str(part)).strip()}", fix=_by_hand(jar)
    )


def _part(path: Path) -> Path:
    return path.with_suffix(".part")


def _keep(part: Path, path: Path) -> None:
    """Put a file that has been checked in its place, whole also after a power cut."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)
    note(path)


def _receive(jar: Jar, part: Path, on_progress: Progress) -> None:
    """Fetch what is missing of the part; a server that knows no ranges sends all of it."""
    there = part.stat().st_size if part.exists() else 0
    if there >= jar.size:
        return
    request = urllib.request.Request(address(jar), headers={"User-Agent": f"alur-nb/{__version__}"})
    if there:
        request.add_header("Range", f"bytes={there}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        goes_on = there > 0 and response.status == 206
        with part.open("ab" if goes_on else "wb") as stream:
            _copy(response, stream, there if goes_on else 0, jar, on_progress)


def _copy(response: HTTPResponse, stream: IO[bytes], there: int, jar: Jar, on_progress: Progress) -> None:
    while chunk := response.read(_CHUNK):
        stream.write(chunk)
        there += len(chunk)
        on_progress(there)
        if there > jar.size:
            return  # it is another file, however long
    if there < jar.size:
        raise ConnectionError(f"the connection ended after {there:,} of {jar.size:,} bytes")


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may go better: not where the server has understood and refused."""
    return not isinstance(error, urllib.error.HTTPError) or error.code >= 500 or error.code in (408, 416, 429)


def _unreachable(jar: Jar, error: Exception) -> SettingsError:
    reason = getattr(error, "reason", None) or error
    said = f"{error.code} {error.reason}" if isinstance(error, urllib.error.HTTPError) else str(reason)
    return SettingsError(
        f"{jar} could not be fetched from {address(jar)}: {said}.",
        fix=f"Where this machine has a network, in a terminal: {SETUP}. Behind a mirror: {VARIABLE}=https://MIRROR "
        f"{SETUP} (a mirror in ~/.m2/settings.xml is taken by itself). {_by_hand(jar)}",
    )


def _by_hand(jar: Jar) -> str:
    return f"A file that you bring yourself: {SETUP} --jar {jar.name}"

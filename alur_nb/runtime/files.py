"""Landing files: listed, opened, pinned and hashed; here those of a disk, in `files_s3` those of S3."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.globs import glob_regex, is_hidden, split_pattern

_CHUNK_BYTES = 1 << 20
_MD5_AND_SIZE = re.compile(r"[0-9a-f]{32}-[0-9]+")
_GLOB_MARK = re.compile(r"([\\*?\[\]{}])")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One version of a landing file, as the listing saw it."""

    path: str
    """Relative to the landing root with `/`, or absolute outside of it: the file's name in every table and ledger."""
    uri: str
    """What Spark opens, unescaped: `file:///home/ann/data/orders/1.csv`."""
    size: int
    """Bytes."""
    version: str
    """What tells two versions of one path apart without reading it: size and time in nanoseconds; on S3 the ETag."""
    pin: str
    """`version`, and the inode or the time: equal before and after a read, or the read counts for nothing."""
    modified_at: datetime


class Files(Protocol):
    """The few calls that planning and reading need of a landing zone; a base class too, for the one that all share."""

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Yield the files that match the glob as they are found, in no order; all of them, or SourceError.

        A folder that does not exist is a SourceError where there are folders; S3 has none, there it is empty.
        """

    def list(self, pattern: str) -> list[SourceFile]:
        """Return what `scan` yields, sorted by path."""
        return sorted(self.scan(pattern), key=lambda file: file.path)

    def open(self, file: SourceFile, *, head: int | None = None) -> BinaryIO:
        """Open the raw bytes; SourceError where the file is gone, has changed, or may not be read.

        With `head` only the first that many bytes are wanted: no more need be there.
        """

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again; SourceError where it is gone."""

    def stats(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """Look at each of the files again, in their order."""
        return map(self.stat, files)

    def hash(self, file: SourceFile) -> str:
        """Return the SHA-256 of the raw bytes, hexadecimal."""


class LocalFiles(Files):
    """Files below a landing folder of this machine."""

    def __init__(self, landing: Path) -> None:
        self.landing = landing.resolve()
        self._below = _inside(self.landing)

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Match `*`, `?`, `[..]`, `{a,b}` and `**`; hidden files (`.x`, `_x`) are never matched."""
        fixed, wild = split_pattern(pattern)
        folder = Path(os.path.normpath(self.landing / fixed))
        if not os.path.isdir(folder):  # which raises nothing for a name that is too long
            raise SourceError(
                f"The folder {folder} does not exist, so `{pattern}` matches nothing.",
                fix=f"Create it, or correct the pattern; relative patterns start at {self.landing}.",
            )
        matches, below = re.compile(glob_regex(wild)).fullmatch, _inside(folder)
        for path in _walk(str(folder)):
            if matches(path.removeprefix(below)):
                yield self._describe(path)

    def open(self, file: SourceFile, *, head: int | None = None) -> BinaryIO:
        """Open the file's raw bytes; a disk reads no more than is asked of it, so `head` changes nothing."""
        try:
            return open(self._local(file), "rb")
        except OSError as error:
            raise _unreadable(file, error) from error

    def stat(self, file: SourceFile) -> SourceFile:
        """Stat the file again, without reading it."""
        try:
            return self._describe(self._local(file))
        except OSError as error:
            raise _unreadable(file, error) from error

    def hash(self, file: SourceFile) -> str:
        """Read the file once and return its SHA-256."""
        with self.open(file) as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _local(self, file: SourceFile) -> str:
        return file.uri.removeprefix("file://")

    def _describe(self, path: str) -> SourceFile:
        stat = os.stat(path)
        version = f"{stat.st_size}-{stat.st_mtime_ns}"
        return SourceFile(
            path=path.removeprefix(self._below),
            uri=f"file://{path}",
            size=stat.st_size,
            version=version,
            pin=f"{version}-{stat.st_ino}",
            modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        )


def content_of(version: str, content_hash: str | None) -> tuple[str, ...]:
    """Return what two files of equal content share: their hash where it was taken, and on S3 their MD5 and size.

    An ETag with a dash is of an upload in parts, whose MD5 it is not (S3 API reference, "Object").
    """
    md5 = (version,) if _MD5_AND_SIZE.fullmatch(version) else ()
    return (content_hash, *md5) if content_hash else md5


def literal_uri(uri: str) -> str:
    """Return the URI as Spark must be given it to open this file and no other: a path to read is a glob to Spark."""
    return _GLOB_MARK.sub(r"\\\1", uri)


def _unreadable(file: SourceFile, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(
            f"{file.path} is gone: it was there when the run was planned.",
            fix="Nothing was published. Run again: the next plan lists the folder anew.",
        )
    return SourceError(
        f"{file.path} cannot be read: {error.strerror}.",
        fix="Give this user permission to read it, then run again.",
    )


def _inside(folder: Path) -> str:
    """Return what the paths inside of the folder begin with; of many files `pathlib` takes as long as the disk."""
    return f"{folder}/".replace("//", "/")


def _walk(folder: str) -> Iterator[str]:
    """Yield every regular file below the folder, following links, leaving out hidden names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be listed: {error.strerror}.",
            fix="Give this user permission to list it, then run again.",
        ) from error
    for entry in entries:
        if is_hidden(entry.name):
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link that leads to itself, or back to a folder above it
            raise SourceError(
                f"{os.path.realpath(folder)}/{entry.name} cannot be looked at: {error.strerror}.",
                fix="Remove the link that leads back, or name a folder without it.",
            ) from error
        if is_folder:
            yield from _walk(entry.path)
        elif is_file:
            yield entry.path

"""Landing files: listed, opened, pinned and hashed; local today, S3 behind the same few calls."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from alur_nb.runtime.errors import SourceError

_CHUNK_BYTES = 1 << 20


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
    """What tells two versions of one path apart without reading it: size and modification time in nanoseconds."""
    pin: str
    """`version` and the inode: equal before and after a read, or the read counts for nothing."""
    modified_at: datetime


class Files(Protocol):
    """The few calls that planning and reading need of a landing zone."""

    def list(self, pattern: str) -> list[SourceFile]:
        """Return the files that match the glob, sorted by path; SourceError where the folder does not exist."""

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the raw bytes; SourceError where the file is gone or may not be read."""

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the file again; SourceError where it is gone."""

    def hash(self, file: SourceFile) -> str:
        """Return the SHA-256 of the raw bytes, hexadecimal."""


class LocalFiles:
    """Files below a landing folder of this machine."""

    def __init__(self, landing: Path) -> None:
        self.landing = landing.resolve()

    def list(self, pattern: str) -> list[SourceFile]:
        """Match `*`, `?`, `[..]`, `{a,b}` and `**`; hidden files (`.x`, `_x`) are never matched."""
        fixed, wild = _split_pattern(pattern)
        folder = Path(os.path.normpath(self.landing / fixed))
        if not folder.is_dir():
            raise SourceError(
                f"The folder {folder} does not exist, so `{pattern}` matches nothing.",
                fix=f"Create it, or correct the pattern; relative patterns start at {self.landing}.",
            )
        matches = re.compile(_glob_regex(wild)).fullmatch
        found = (path for path in _walk(folder) if matches(path.relative_to(folder).as_posix()))
        return sorted((self._describe(path) for path in found), key=lambda file: file.path)

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the file's raw bytes."""
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

    def _local(self, file: SourceFile) -> Path:
        return Path(file.uri.removeprefix("file://"))

    def _describe(self, path: Path) -> SourceFile:
        stat = path.stat()
        inside = path.is_relative_to(self.landing)
        version = f"{stat.st_size}-{stat.st_mtime_ns}"
        return SourceFile(
            path=(path.relative_to(self.landing) if inside else path).as_posix(),
            uri=f"file://{path.as_posix()}",
            size=stat.st_size,
            version=version,
            pin=f"{version}-{stat.st_ino}",
            modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        )


def literal_uri(uri: str) -> str:
    """Return the URI as Spark must be given it to open this file and no other: a path to read is a glob to Spark."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", uri)


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


def _walk(folder: Path) -> Iterator[Path]:
    """Yield every regular file below the folder, following links, leaving out hidden names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be listed: {error.strerror}.",
            fix="Give this user permission to list it, then run again.",
        ) from error
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _split_pattern(pattern: str) -> tuple[str, str]:
    """Split a glob into the folders that hold no wildcard, and the rest."""
    parts = pattern.split("/")
    count = 0
    while count < len(parts) - 1 and not re.search(r"[*?\[{]", parts[count]):
        count += 1
    return "/".join(parts[:count]) or ("/" if pattern.startswith("/") else ""), "/".join(parts[count:])


def _glob_regex(pattern: str) -> str:
    """Translate a glob; `*` stays within a folder, `**/` crosses folders, `{a,b}` are choices.

    `glob.translate` came with Python 3.13 and knows no braces, so this is our own while Glue runs 3.11.
    """
    tokens = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}/]+\}|.", re.DOTALL)
    simple = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(_glob_token(token, simple) for token in tokens.findall(pattern))


def _glob_token(token: str, simple: dict[str, str]) -> str:
    if token in simple:
        return simple[token]
    if token.startswith("[") and len(token) > 1:
        # `(?s:[abc])\Z`: what a set may hold, and how it is escaped, is the standard library's to know.
        return fnmatch.translate(token).removeprefix("(?s:").removesuffix(r")\Z")
    if token.startswith("{") and len(token) > 1:
        choices = ("".join(_glob_regex(choice)) for choice in token[1:-1].split(","))
        return f"(?:{'|'.join(choices)})"
    return re.escape(token)

"""Landing files on S3: one paged listing tells everything, and a file is opened only in the version it listed."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from alur_nb.runtime.aws import BotoCoreError, ClientError, aws_errors, error_code
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import Files, SourceFile
from alur_nb.runtime.globs import glob_regex, is_inside_hidden, literal_start, split_pattern
from alur_nb.runtime.s3 import Listed, list_objects, split_uri

_CHUNK_BYTES = 1 << 20
_BUFFER_BYTES = 64 << 10
_RESUMES = 5
_LOOKS_AT_ONCE = 8
_NO_PART = re.compile(r"(?:^|/)\.{0,2}(?:/|\Z)")
_GONE = ("NoSuchKey", "404", "NotFound")
_CHANGED = ("PreconditionFailed", "412")


class _Moment(NamedTuple):
    """When, and in a versioned bucket as what, an object was put: two puts of the same bytes differ in it."""

    modified_at: datetime
    version_id: str | None


class S3Files(Files):
    """Files below `s3://bucket/prefix/`; an `s3://` pattern reaches any other bucket.

    S3 has no folders: a prefix under which nothing lies is an empty folder here, since a misspelt one cannot be told
    from one whose files were all moved away. A plan warns of it while the table has never been loaded.
    """

    def __init__(self, landing: str | None, client: Any) -> None:
        self.landing = None if landing is None else f"{landing.rstrip('/')}/"
        self._s3 = client
        self._opened: dict[str, _Moment] = {}
        """URI -> what was opened: after the last read the object must still be that very one."""

    def scan(self, pattern: str) -> Iterator[SourceFile]:
        """Match as on a disk: `*`, `?`, `[..]`, `{a,b}` and `**`; hidden names (`.x`, `_x`) are never matched.

        Raises SourceError for a listing of which a part is missing, and for an object that Spark cannot open.
        """
        root, wild = self._split(pattern)
        bucket, folder = split_uri(root)
        matches = re.compile(glob_regex(wild)).fullmatch
        for listed in list_objects(self._s3, bucket, folder + literal_start(wild), kind=SourceError):
            name = listed.key[len(folder) :]
            if matches(name) and not name.endswith("/") and not is_inside_hidden(name):
                yield self._describe(bucket, listed)

    def open(self, file: SourceFile, *, head: int | None = None) -> BinaryIO:
        """Stream the object, or the first `head` bytes of it, if it is still in the listed version."""
        end = file.size if head is None else min(head, file.size)
        stream = _ObjectStream(self._s3, file, end)
        self._opened[file.uri] = stream.moment
        return cast(BinaryIO, io.BufferedReader(stream, _BUFFER_BYTES))

    def stat(self, file: SourceFile) -> SourceFile:
        """Look at the object again by one HEAD; its pin is the listed one only if no byte can have changed."""
        bucket, key = split_uri(file.uri)
        try:
            with aws_errors(SourceError, f"Looking at {file.uri}"):
                head = self._s3.head_object(Bucket=bucket, Key=key)
        except SourceError as error:
            _refuse_gone(file, error)
        size, etag = head["ContentLength"], head["ETag"].strip('"')
        now = self._describe(bucket, Listed(key, size, etag, head["LastModified"]))
        opened, moment = self._opened.get(file.uri), _moment(head)
        if opened is None or now.version != file.version:
            return now
        # The listing does not tell versions, so what was opened is compared: A, then B, then A again is a change.
        same = moment == opened
        pin = file.pin if same else f"{now.version}-{moment.modified_at.timestamp()}-{moment.version_id}"
        return SourceFile(now.path, now.uri, now.size, now.version, pin, now.modified_at)

    def stats(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """Look at several at once: one after the other, 10,000 files would wait for minutes."""
        with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
            yield from pool.map(self.stat, files)

    def hash(self, file: SourceFile) -> str:
        """Read the object once and return its SHA-256."""
        digest = hashlib.sha256()
        with self.open(file) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _split(self, pattern: str) -> tuple[str, str]:
        """Return the `s3://` folder, taken literally, in which the rest of the pattern is matched."""
        if pattern.startswith("s3://"):
            bucket, key = split_uri(pattern)
            root = f"s3://{bucket}/"
        elif "://" in pattern or pattern.startswith(("/", "~")):
            raise SourceError(
                f"`{pattern}` is not on S3, where this environment reads its files.",
                fix="Write s3://bucket/.., or a path relative to the environment's landing.",
            )
        elif self.landing is None:
            raise SourceError(
                f"`{pattern}` is relative, and this environment has no landing zone.",
                fix='Write landing = "s3://BUCKET/" under the environment in alur.toml.',
            )
        else:
            root, key = self.landing, pattern
        parts = [part for part in key.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            raise SourceError(
                f"`{pattern}` names no file on S3: a key cannot climb with `..`, and must have a name.",
                fix="Write s3://bucket/folder/pattern.",
            )
        fixed, wild = split_pattern("/".join(parts))
        return f"{root}{fixed}/" if fixed else root, wild

    def _describe(self, bucket: str, listed: Listed) -> SourceFile:
        uri = f"s3://{bucket}/{listed.key}"
        if _NO_PART.search(listed.key):
            raise SourceError(
                f"{uri}: Spark cannot open an object whose key has an empty part, `.` or `..`.",
                fix="Copy the object to another key.",
            )
        inside = self.landing is not None and uri.startswith(self.landing)
        version = f"{listed.etag}-{listed.size}"
        return SourceFile(
            path=uri.removeprefix(self.landing) if inside and self.landing else uri,
            uri=uri,
            size=listed.size,
            version=version,
            # In whole seconds: a HEAD tells no more, some servers list more.
            pin=f"{version}-{int(listed.modified_at.timestamp())}",
            modified_at=listed.modified_at,
        )


class _ObjectStream(io.RawIOBase):
    """One object's first bytes in one GET; where the connection breaks, the rest of the same version in another."""

    def __init__(self, s3: Any, file: SourceFile, end: int) -> None:
        self._s3, self._file, self._end = s3, file, end
        self._position = self._resumes = 0
        self._body, self.moment = self._get()

    def readable(self) -> bool:
        """Yes; it cannot be rewound."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; SourceError where the bytes end before the object does."""
        while self._position < self._end:
            try:
                data = self._body.read(min(len(buffer), self._end - self._position))
            except BotoCoreError as error:
                self._resume(error)
                continue
            if not data:
                self._resume(None)
                continue
            buffer[: len(data)] = data
            self._position += len(data)
            return len(data)
        return 0

    def close(self) -> None:
        """Give the connection up, whatever is still to come on it."""
        if not self.closed:
            self._body.close()
        super().close()

    def _get(self) -> tuple[Any, _Moment]:
        bucket, key = split_uri(self._file.uri)
        request = {"Bucket": bucket, "Key": key, "IfMatch": f'"{self._file.version.rpartition("-")[0]}"'}
        if 0 < self._end < self._file.size or self._position:
            request["Range"] = f"bytes={self._position}-{self._end - 1}"
        try:
            with aws_errors(SourceError, f"Opening {self._file.uri}"):
                answer = self._s3.get_object(**request)
        except SourceError as error:
            _refuse_gone(self._file, error)
        return answer["Body"], _moment(answer)

    def _resume(self, error: BotoCoreError | None) -> None:
        self._body.close()
        self._resumes += 1
        if self._resumes > _RESUMES:
            raise SourceError(
                f"{self._file.path} broke off after {self._position:,} of {self._end:,} bytes, {_RESUMES} times.",
                fix="Nothing was published. Check the network, then run again.",
            ) from error
        self._body, moment = self._get()
        if moment != self.moment:
            raise _changed(self._file)


def _moment(answer: dict[str, Any]) -> _Moment:
    return _Moment(answer["LastModified"], answer.get("VersionId"))


def _refuse_gone(file: SourceFile, error: SourceError) -> NoReturn:
    cause = error.__cause__
    code = error_code(cause) if isinstance(cause, ClientError) else ""
    if code in _GONE:
        raise SourceError(
            f"{file.path} is gone: it was there when the run was planned.",
            fix="Nothing was published. Run again: the next plan lists the folder anew.",
        ) from cause
    if code in _CHANGED:
        raise _changed(file) from cause
    raise error


def _changed(file: SourceFile) -> SourceError:
    return SourceError(
        f"{file.path} changed while it was read.",
        fix="Nothing was published. Run again once the file is complete; the next plan takes its new version.",
    )

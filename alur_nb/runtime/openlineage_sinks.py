"""Where OpenLineage events go: a file, an object a run on S3, or a server over HTTP."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol

from alur_nb.runtime.errors import StorageError

KEY_VARIABLE = "OPENLINEAGE_API_KEY"
"""The environment variable with the server's key; OpenLineage's own clients read it too."""

# A catalog that does not answer must not hold a run up.
_SECONDS = 5.0

Event = Mapping[str, Any]


class Sink(Protocol):
    """What takes events; an event of one run comes after the ones before it."""

    def emit(self, event: Event) -> None:
        """Take one event; raises StorageError where it cannot be kept or delivered."""


class FileSink:
    """One line of JSON an event, at the end of a file; several processes may write to it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def emit(self, event: Event) -> None:
        """Append the event; raises StorageError."""
        line = json.dumps(event, ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One write to a file that is opened for appending: lines of two runs do not mix (POSIX, `write`, O_APPEND).
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(number, line.encode())
            finally:
                os.close(number)
        except OSError as error:
            raise StorageError(f"An event could not be written to {self.path}: {error.strerror}.") from error


class S3Sink:
    """One object a run: it holds the START while the pipeline runs, and all of its events afterwards."""

    def __init__(self, place: str, region: str | None = None) -> None:
        self.bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self._region = region
        self._lines: dict[str, list[str]] = {}

    def emit(self, event: Event) -> None:
        """Put the run's object with the event added; raises StorageError."""
        from alur_nb.runtime.aws import aws_errors, client

        run = str(event["run"]["runId"])
        lines = self._lines.setdefault(run, [])
        lines.append(json.dumps(event, ensure_ascii=False))
        key = f"{self.prefix}{event['job']['name']}/{self._day(lines[0])}/{run}.jsonl"
        body = "".join(f"{line}\n" for line in lines).encode()
        with aws_errors(StorageError, f"Writing an event to s3://{self.bucket}/{key}"):
            # Few attempts: what is told is worth less than the time that the run would wait.
            client("s3", self._region, attempts=2).put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType="application/x-ndjson"
            )

    @staticmethod
    def _day(first: str) -> str:
        return str(json.loads(first)["eventTime"])[:10]


class HttpSink:
    """A POST an event, as Marquez, OpenMetadata and DataHub take them; after one failure the others are not sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._is_down = False

    def emit(self, event: Event) -> None:
        """Send the event; raises StorageError where the server does not take it."""
        if self._is_down:
            return
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url, json.dumps(event).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):
                pass
        except (OSError, HTTPException, ValueError) as error:
            self._is_down = True
            raise StorageError(f"{_shown(self.url)} did not take an event: {_said(error)}.") from error


def sink_of(place: str, root: Path, region: str | None = None) -> Sink:
    """Return the sink of a setting: `file:PATH` (relative to the project), `s3://BUCKET/PREFIX/` or a URL."""
    if place.startswith("s3://"):
        return S3Sink(place, region)
    if place.startswith("file:"):
        return FileSink(root / place.removeprefix("file:").removeprefix("//"))
    return HttpSink(place)


def _shown(url: str) -> str:
    """Return the address without what may be secret in it: a user's password, a token in the query."""
    parts = urllib.parse.urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _said(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(error).__name__

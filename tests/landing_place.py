"""A landing zone that a test fills and `Files` reads: a folder of this machine, or a prefix of a bucket."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from alur_nb.runtime.aws import client
from alur_nb.runtime.files import Files, LocalFiles
from alur_nb.runtime.files_s3 import S3Files
from tests.integration.seaweedfs import BUCKET


@cache
def s3_client(url: str, attempts: int = 10) -> Any:
    """Return the one client for this endpoint, which is the environment's: making one takes a third of a second."""
    assert os.environ["AWS_ENDPOINT_URL_S3"] == url
    return client("s3", attempts=attempts)


class LandingPlace(Protocol):
    """What a test does to a landing zone behind the back of `files`."""

    files: Files
    elsewhere: str
    """An absolute place outside of the landing zone, with `/` at its end."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file; a name that begins with `elsewhere` is taken as it is."""

    def remove(self, name: str) -> None:
        """Delete a file."""


@dataclass
class Folder:
    """A landing folder on the disk."""

    root: Path
    files: Files = field(init=False)
    elsewhere: str = field(init=False)

    def __post_init__(self) -> None:
        self.files = LocalFiles(self.root / "landing")
        self.elsewhere = f"{self.root}/elsewhere/"

    def put(self, name: str, content: bytes) -> None:
        path = self.root / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, name: str) -> None:
        (self.root / "landing" / name).unlink()


@dataclass
class Bucket:
    """A landing prefix on S3, a fresh one for each test."""

    prefix: str = field(default_factory=lambda: f"in [1] {uuid4().hex}/")
    files: Files = field(init=False)
    elsewhere: str = field(init=False)
    s3: Any = field(init=False)

    def __post_init__(self) -> None:
        self.s3 = s3_client(os.environ["AWS_ENDPOINT_URL_S3"])
        self.files = S3Files(f"s3://{BUCKET}/{self.prefix}", self.s3)
        self.elsewhere = f"s3://{BUCKET}/elsewhere-{self.prefix}"

    def key(self, name: str) -> str:
        return name.removeprefix(f"s3://{BUCKET}/") if "://" in name else self.prefix + name

    def put(self, name: str, content: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=self.key(name), Body=content)

    def remove(self, name: str) -> None:
        self.s3.delete_object(Bucket=BUCKET, Key=self.key(name))

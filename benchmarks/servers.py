"""An environment on AWS for the benchmarks: S3, DynamoDB and a Glue catalog, each a server on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from botocore.httpsession import URLLib3Session
from rounds import ROOT, tell

sys.path.insert(0, str(ROOT))  # the servers are those of the tests

from alur_nb import get_spark_session
from alur_nb.runtime.aws import client
from alur_nb.runtime.workspace import Workspace, open_job
from tests.integration import dynamodb_local
from tests.integration.moto import moto
from tests.integration.s3a import open_s3, put_on_class_path
from tests.integration.seaweedfs import BUCKET, seaweedfs

LEDGER, LAKE = "benchmark-ledger", "benchmark-bronze"
_THREADS = 16


@dataclass
class Deployed:
    """The environment, as a job would open it; each project in it has a ledger and a lake of its own."""

    landing: str
    s3: Any

    def create(self, *projects: str) -> None:
        """Make what a deployment makes once, before any run."""
        glue = client("glue")
        for project in projects:
            glue.create_database(DatabaseInput={"Name": f"{project}_bronze"})

    def open(self, project: str) -> Workspace:
        """Open a project that was created, as a job does: empty the first time."""
        return open_job(
            {
                "project": project,
                "environment": "dev",
                "landing": self.landing,
                "region": "us-east-1",
                "ledger": {"table": LEDGER},
                "lake": {"bronze": {"database": f"{project}_bronze", "location": f"s3://{LAKE}/{project}/"}},
            }
        )

    def land(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Put the files, named relative to the landing zone."""
        prefix = self.landing.removeprefix(f"s3://{BUCKET}/")

        def put(item: tuple[str, bytes]) -> None:
            self.s3.put_object(Bucket=BUCKET, Key=prefix + item[0], Body=item[1])

        rest, count = iter(contents), 0
        with ThreadPoolExecutor(_THREADS) as pool:
            while some := list(islice(rest, 10_000)):
                count += len(list(pool.map(put, some)))
                tell(f"landed {count:,} files")


@contextmanager
def deployed() -> Iterator[Deployed]:
    """Start the servers for the block, and give the Spark of this process their `s3://`; the landing zone is empty."""
    put_on_class_path()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        for name in ("s3", "glue"):
            (folder / name).mkdir()
        try:
            os.environ.update(stack.enter_context(seaweedfs(folder / "s3")).environ)
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = stack.enter_context(
                dynamodb_local.running(folder / "dynamodb.log")
            )
            os.environ["AWS_ENDPOINT_URL_GLUE"] = stack.enter_context(moto(folder / "glue"))
            open_s3(get_spark_session())
        except pytest.skip.Exception as missing:
            raise SystemExit(str(missing)) from None
        yield _made()


def _made() -> Deployed:
    s3 = client("s3")
    s3.create_bucket(Bucket=LAKE)
    client("dynamodb").create_table(
        TableName=LEDGER,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return Deployed(f"s3://{BUCKET}/landing/", s3)


@contextmanager
def counted_requests() -> Iterator[list[str]]:
    """Yield the list of the URLs that boto3 sends requests to in the block; Spark's own are not among them."""
    send, urls = URLLib3Session.send, list[str]()

    def counting(session: URLLib3Session, request: Any) -> Any:
        urls.append(request.url)
        return send(session, request)

    with patch.object(URLLib3Session, "send", counting):
        yield urls

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alur_nb.runtime import summary
from alur_nb.runtime.summary import write_summary

ARGUMENT = {
    "project": "shop",
    "environment": "dev",
    "pipeline": "ingest_orders",
    "region": "eu-central-1",
    "summaries": "s3://acme/runs/ingest_orders/",
}


class S3:
    def __init__(self, *, refuses: bool = False) -> None:
        self.put: list[dict[str, Any]] = []
        self._refuses = refuses

    def put_object(self, **request: Any) -> None:
        if self._refuses:
            code: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(code, "PutObject")
        self.put.append(request)


def on(monkeypatch: pytest.MonkeyPatch, s3: S3) -> None:
    monkeypatch.setattr(summary, "client", lambda service, region: s3)


def test_a_run_leaves_one_object_under_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = S3()
    on(monkeypatch, s3)
    told: Any = {"ok": True, "runs": [{"name": "ingest_orders", "rows": 2}]}
    assert write_summary(ARGUMENT, "jr_1", **told) == "s3://acme/runs/ingest_orders/jr_1.json"
    (request,) = s3.put
    assert (request["Bucket"], request["Key"]) == ("acme", "runs/ingest_orders/jr_1.json")
    written = json.loads(request["Body"])
    assert {
        key: written[key] for key in ("version", "run_id", "project", "environment", "pipeline", *told)
    } == {
        "version": 1,
        "run_id": "jr_1",
        "project": "shop",
        "environment": "dev",
        "pipeline": "ingest_orders",
        **told,
    }


def test_without_a_place_there_is_no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, S3(refuses=True))
    assert write_summary({}, "jr_1", ok=True) is None


def test_a_summary_that_cannot_be_written_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on(monkeypatch, S3(refuses=True))
    assert write_summary(ARGUMENT, "jr_1", ok=True) is None
    assert "Writing s3://acme/runs/ingest_orders/jr_1.json" in caplog.text

"""A job as Glue starts it: told everything by its `--alur` argument, with all of its services on servers here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, files, pipeline
from alur_nb.runtime.aws import client
from alur_nb.runtime.job import run_job
from alur_nb.runtime.pipelines import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.reading import read
from alur_nb.runtime.workspace import open_job, open_workspace
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark_on_s3")]

ACCOUNT = "123456789012"
LAKE = f"shop-dev-bronze-{ACCOUNT}"
ARTIFACTS = f"shop-dev-artifacts-{ACCOUNT}"


@pytest.fixture
def argument(glue: Any, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Terraform would have made, and the argument that it gives to the job."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    client("s3").create_bucket(Bucket=LAKE)
    client("s3").create_bucket(Bucket=ARTIFACTS)
    client("dynamodb").create_table(
        TableName="shop-dev-ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    return {
        "project": "shop",
        "environment": "dev",
        "pipeline": "ingest_orders",
        "region": "us-east-1",
        "ledger": {"table": "shop-dev-ledger"},
        "parameters": {},
        "summaries": f"s3://{ARTIFACTS}/runs/ingest_orders/",
        "lake": {"bronze": {"database": "shop_dev_bronze", "location": f"s3://{LAKE}/"}},
    }


@pytest.fixture
def ingest(project: Project) -> Pipeline:
    class OrdersBronze(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": files("orders/*.csv*")}, target=OrdersBronze)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    return ingest_orders


def test_a_job_loads_each_file_once(
    argument: dict[str, Any], ingest: Pipeline, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = Bucket()
    landing.put("orders/1.csv", b"id\n1\n2\n")
    argument["landing"] = f"s3://{BUCKET}/{landing.prefix}"

    def job() -> tuple[str, int]:
        (run,) = run_job(ingest, ["--JOB_NAME", "x", "--alur", json.dumps(argument)]).runs
        assert run.error is None, run.error
        return run.state, run.rows

    assert job() == ("loaded", 2)
    assert job() == ("nothing new", 0)
    # Zstandard: a frame of one raw block (RFC 8878); the codec for `.zst` has to come from the job itself.
    landing.put("orders/2.csv.zst", b"\x28\xb5\x2f\xfd\x00\x58" + bytes([5 << 3 | 1, 0, 0]) + b"id\n3\n")
    assert job() == ("loaded", 1)
    place = open_job(argument)
    listed = client("s3").list_objects_v2(Bucket=ARTIFACTS, Prefix="runs/ingest_orders/")["Contents"]
    told = [client("s3").get_object(Bucket=ARTIFACTS, Key=one["Key"])["Body"].read() for one in listed]
    assert sorted(json.loads(text)["runs"][0]["rows"] for text in told) == [0, 1, 2]
    assert sorted(row["id"] for row in read(ingest.target, workspace=place).collect()) == [1, 2, 3]

    # The laptop finds the same lake by the names alone.
    (tmp_path / "alur.toml").write_text(
        f'[project]\nname = "shop"\n[env.dev]\nregion = "us-east-1"\naccount_id = "{ACCOUNT}"\n'
        f'landing = "s3://{BUCKET}/x/"\n'
    )
    monkeypatch.chdir(tmp_path)
    assert read(ingest.target, workspace=open_workspace(env="dev")).count() == 3

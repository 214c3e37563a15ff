"""The whole way on servers: landing files on S3, rows staged by Spark over S3A, published in a Glue catalog."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyspark.sql import DataFrame

from alur_nb import BronzeTable, IntegerField, StringField, files, new, pipeline
from alur_nb.authoring.fsck import fsck
from alur_nb.authoring.rolling_back import rollback
from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.glue_catalog import GlueCatalog
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger import State
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.project import Project
from alur_nb.runtime.publish import recover
from alur_nb.runtime.reading import read, read_rejects
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.selection import Selection
from alur_nb.runtime.settings import Environment, load_settings
from alur_nb.runtime.workspace import Workspace
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket, s3_client

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark_on_s3")]

NAMES = (
    "a b.csv",
    "c[1].csv",
    "50%.csv",
    "%41.csv",
    "q'\".csv",
    "a+b.csv",
    "ä/ü.csv",
    "{x}*?.csv",
    "plain.csv",
)


class Deployed:
    """An environment on AWS, in prefixes of its own; its ledger is a file."""

    def __init__(self, folder: Path, glue: Any) -> None:
        self.landing = Bucket()
        self.prefix = f"lake-{uuid4().hex}/"
        self.s3, self.glue = s3_client(os.environ["AWS_ENDPOINT_URL_S3"]), glue
        places = {"bronze": LayerPlace("shop_dev_bronze", f"s3://{BUCKET}/{self.prefix}")}
        self.workspace = Workspace(
            load_settings(folder),
            Environment("dev"),
            self.landing.files,
            GlueLake(places, self.s3, GlueCatalog(glue)),
            SqliteLedger(folder / "state.db"),
        )

    def names(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix).get("Contents", [])
        return [entry["Key"].removeprefix(self.prefix) for entry in listed]

    def partitions(self, table: str) -> dict[tuple[str, ...], str]:
        found = self.glue.get_partitions(DatabaseName="shop_dev_bronze", TableName=table)["Partitions"]
        root = f"s3://{BUCKET}/{self.prefix}"
        return {
            tuple(one["Values"]): one["StorageDescriptor"]["Location"].removeprefix(root) for one in found
        }


@pytest.fixture
def deployed(tmp_path: Path, glue: Any) -> Deployed:
    return Deployed(tmp_path, glue)


def declare(project: Project, *, only_some: bool = False) -> None:
    class Orders(BronzeTable):
        id = IntegerField(nullable=False)
        country = StringField()

        class Meta:
            name = "orders"
            partition_by = ["country"]

    @pipeline(sources={"orders": files("**/*.csv", strict=False, reject_limit=1)}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders.where("id < 100") if only_some else orders

    class Copy(BronzeTable):
        id = IntegerField()

    @pipeline(sources={"orders": new(Orders)}, target=Copy)
    def copy_orders(orders: DataFrame) -> DataFrame:
        return orders.select("id")


def ids(deployed: Deployed, table: str = "orders") -> list[int]:
    return sorted(row["id"] for row in read(table, workspace=deployed.workspace).collect())


def test_every_row_once_or_a_reason_on_s3(deployed: Deployed, project: Project) -> None:
    declare(project)
    for number, name in enumerate(NAMES):
        deployed.landing.put(name, f"id,country\n{number},a/b: ü\nbad {number},DE\n".encode())
    first = run_pipelines(deployed.workspace, project)
    assert first.ok, first
    assert [(run.state, run.rows, run.rejected) for run in first.runs] == [("loaded", 9, 9), ("loaded", 9, 0)]
    rows = read("orders", workspace=deployed.workspace, metadata=True).collect()
    assert {row["_source_file"]: row["id"] for row in rows} == {name: n for n, name in enumerate(NAMES)}
    assert {row["country"] for row in rows} == {"a/b: ü"}
    rejects = read_rejects("orders", workspace=deployed.workspace).collect()
    assert {row["source_file"]: row["raw"] for row in rejects} == {
        name: f"bad {n},DE" for n, name in enumerate(NAMES)
    }
    where = "orders/batch_id=00000001-0001/alur_outcome=accepted/country=a%2Fb%3A ü"
    assert deployed.partitions("orders") == {("a/b: ü", "00000001-0001"): where}
    assert deployed.partitions("orders__rejects") == {
        ("00000001-0001",): "orders__rejects/batch_id=00000001-0001"
    }
    assert deployed.partitions("copy") == {("00000001-0001",): "copy/batch_id=00000001-0001-w"}

    before = deployed.names()
    second = run_pipelines(deployed.workspace, project)
    assert [run.state for run in second.runs] == ["nothing new"] * 2
    assert deployed.names() == before
    # Only what is published is there: nothing of the stage, no marker of a folder, no temporary file.
    assert all(key.endswith(".parquet") for key in before)
    assert {key.split("/")[2] for key in before if key.startswith("orders/")} == {"alur_outcome=accepted"}

    # Rewritten by its pipeline, the next batch lies less deep: both are read as one table.
    declare(project, only_some=True)
    deployed.landing.put("later.csv", b"id,country\n50,DE\n500,FR\n51,DE\n")
    third = run_pipelines(deployed.workspace, project)
    assert third.ok, third
    assert ids(deployed) == ids(deployed, "copy") == [*range(9), 50, 51]
    assert (
        deployed.partitions("orders")["DE", "00000003-0001"] == "orders/batch_id=00000003-0001-w/country=DE"
    )


def test_a_batch_that_was_sealed_is_finished_by_the_next_run(deployed: Deployed, project: Project) -> None:
    declare(project)
    deployed.landing.put("1.csv", b"id,country\n1,DE\nx,FR\n")

    class Died(BaseException):
        pass

    class Dying(GlueLake):
        def publish(self, batch: Any) -> None:
            super().publish(batch)
            raise Died

    lake = deployed.workspace.lake
    assert isinstance(lake, GlueLake)
    dying = Dying(lake._places, lake._s3, lake._catalog)
    with pytest.raises(Died):
        run_pipelines(replace(deployed.workspace, lake=dying), project, ["ingest_orders"])
    assert ids(deployed) == []
    assert recover(deployed.workspace, "bronze.orders") != []
    assert ids(deployed) == [1]
    assert {key.split("/")[2] for key in deployed.names() if key.startswith("orders/")} == {
        "alur_outcome=accepted"
    }
    (batch,) = deployed.workspace.ledger.batches("bronze.orders")
    deployed.workspace.lake.clean(batch)
    assert [key for key in deployed.names() if "00000001-0001" in key] == []
    assert deployed.partitions("orders") == deployed.partitions("orders__rejects") == {}


def test_a_file_that_changes_while_it_is_read_publishes_nothing(deployed: Deployed, project: Project) -> None:
    declare(project)
    deployed.landing.put("1.csv", b"id,country\n1,DE\n")

    class Changing(S3Files):
        def stat(self, file: SourceFile) -> SourceFile:
            deployed.landing.put("1.csv", b"id,country\n2,DE\n")
            return super().stat(file)

    changing = Changing(f"s3://{BUCKET}/{deployed.landing.prefix}", deployed.s3)
    report = run_pipelines(replace(deployed.workspace, files=changing), project, ["ingest_orders"])
    assert "changed while it was read" in str(report.runs[0].error)
    assert deployed.names() == []
    (batch,) = deployed.workspace.ledger.batches("bronze.orders")
    assert batch.state is State.ABORTED
    assert run_pipelines(deployed.workspace, project, ["ingest_orders"]).ok
    assert ids(deployed) == [2]


def test_the_catalog_refuses_before_anything_is_planned(deployed: Deployed, project: Project) -> None:
    declare(project)
    deployed.landing.put("1.csv", b"id,country\n1,DE\n")
    assert run_pipelines(deployed.workspace, project, ["ingest_orders"]).ok

    class Orders(BronzeTable):
        id = StringField()
        country = StringField()

        class Meta:
            name = "orders"
            partition_by = ["country"]

    deployed.landing.put("2.csv", b"id,country\n2,DE\n")
    report = run_pipelines(deployed.workspace, project, ["ingest_orders"])
    assert "`id` is string, and was int" in str(report.runs[0].error)
    assert len(deployed.workspace.ledger.batches("bronze.orders")) == 1


def test_a_new_column_is_added_to_the_catalog_and_read_as_null_before(
    deployed: Deployed, project: Project
) -> None:
    class Orders(BronzeTable):
        id = IntegerField()

        class Meta:
            name = "orders"

    @pipeline(sources={"orders": files("*.csv", schema_mode="evolve")}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    deployed.landing.put("1.csv", b"id\n1\n")
    assert run_pipelines(deployed.workspace, project).ok
    deployed.landing.put("2.csv", b"id,color\n2,red\n")
    assert run_pipelines(deployed.workspace, project).ok
    deployed.landing.put("3.csv", b"id\n3\n")
    assert run_pipelines(deployed.workspace, project).ok, "the contract still lacks it: it is not gone"
    rows = read("orders", workspace=deployed.workspace).collect()
    assert sorted((row["id"], row["color"]) for row in rows) == [(1, None), (2, "red"), (3, None)]
    table = deployed.glue.get_table(DatabaseName="shop_dev_bronze", Name="orders")["Table"]
    assert table["StorageDescriptor"]["Columns"][-1]["Name"] == "color"


def test_unknown_columns_are_rescued_on_s3(deployed: Deployed, project: Project) -> None:
    class Orders(BronzeTable):
        id = IntegerField(nullable=False)

        class Meta:
            name = "orders"

    source = files("*.csv", schema_mode="rescue", strict=False, reject_limit=1)

    @pipeline(sources={"orders": source}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders

    deployed.landing.put("1.csv", b"id\n1\n")
    assert run_pipelines(deployed.workspace, project).ok
    deployed.landing.put("2.csv", "id,Colour,größe\n2,red,\n3,,\nx,blue,9\n".encode())
    (run,) = run_pipelines(deployed.workspace, project).runs
    assert (run.state, run.rows, run.rejected) == ("loaded", 2, 1), run.error_text
    assert "kept in _rescued: Colour, größe" in str(run.warnings)
    rows = read("orders", workspace=deployed.workspace, metadata=True).collect()
    rescued = {row["id"]: row["_rescued"] and json.loads(row["_rescued"]) for row in rows}
    assert rescued == {1: None, 2: {"Colour": "red"}, 3: None}
    (bad,) = read_rejects("orders", workspace=deployed.workspace).collect()
    assert (bad["source_file"], bad["raw"]) == ("2.csv", "x,blue,9")
    table = deployed.glue.get_table(DatabaseName="shop_dev_bronze", Name="orders")["Table"]
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns["_rescued"] == "string"
    assert "colour" not in columns
    # A run whose files bring nothing unknown takes the column of before for no change of the table.
    deployed.landing.put("3.csv", b"id\n4\n")
    assert run_pipelines(deployed.workspace, project).ok
    assert ids(deployed) == [1, 2, 3, 4]
    assert fsck(project, "orders", workspace=deployed.workspace).ok


def test_a_bucket_that_may_not_be_written_is_named_with_the_permission(
    deployed: Deployed, project: Project
) -> None:
    declare(project)
    deployed.landing.put("1.csv", b"id,country\n1,DE\n")
    bucket = f"readonly-{uuid4().hex[:8]}"
    deployed.s3.create_bucket(Bucket=bucket)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    deployed.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    places = {"bronze": LayerPlace("shop_dev_bronze", f"s3://{bucket}/")}
    lake = GlueLake(places, deployed.s3, GlueCatalog(deployed.glue))
    denied = replace(deployed.workspace, lake=lake)
    (run,) = run_pipelines(denied, project, ["ingest_orders"]).runs
    assert isinstance(run.error, StorageError), repr(run.error)
    assert f"Access is denied to s3://{bucket}/orders/" in run.error.message
    assert "s3:PutObject" in run.error.message
    assert f"Give this role the permission s3:PutObject on s3://{bucket}/" in str(run.error.fix)
    assert deployed.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    deployed.s3.delete_bucket_policy(Bucket=bucket)
    assert run_pipelines(denied, project, ["ingest_orders"]).ok
    assert [row["id"] for row in read("orders", workspace=denied).collect()] == [1]


def test_batches_are_superseded_taken_back_and_proved_on_s3(deployed: Deployed, project: Project) -> None:
    declare(project)
    for number in (1, 2):
        deployed.landing.put(f"{number}.csv", f"id,country\n{number},DE\nx,FR\n".encode())
        assert run_pipelines(deployed.workspace, project).ok
    full = run_pipelines(deployed.workspace, project, selection=Selection(full=True))
    assert [len(run.supersedes) for run in full.runs] == [2, 2], full
    assert ids(deployed) == ids(deployed, "copy") == [1, 2]
    batch = str(full.runs[0].batch_id)
    assert {values[-1] for values in deployed.partitions("orders")} == {batch}
    assert not [name for name in deployed.names() if "00000001-0001" in name]
    proof = fsck(project, "orders", workspace=deployed.workspace)
    assert proof.ok, proof
    assert (proof.rows, proof.rejected) == (2, 2)
    rollback(project, "orders", batch, cascade=True, workspace=deployed.workspace)
    assert deployed.partitions("orders") == deployed.partitions("copy") == {}
    assert ids(deployed) == []
    assert run_pipelines(deployed.workspace, project).ok
    assert ids(deployed) == ids(deployed, "copy") == [1, 2]
    assert fsck(project, "orders", workspace=deployed.workspace).ok

"""A preview of files on S3 from the laptop, whose Spark reads no bucket: heads and small files are brought here."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from alur_nb import BronzeTable, IntegerField, StringField, files, pipeline
from alur_nb.authoring import preview_sources
from alur_nb.authoring.preview import Preview, preview
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.project import Project
from alur_nb.runtime.runner import run_pipelines
from alur_nb.runtime.workspace import Workspace
from alur_nb.runtime.zstd import packed
from tests.conftest import Land
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("s3")]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(prefix=f"abroad {uuid4().hex}/")


@pytest.fixture
def no_s3_in_spark(spark: SparkSession) -> Iterator[None]:
    """Hadoop knows no `s3://`, as on a laptop; other tests of this session may have told it."""
    java: Any = spark.sparkContext._jsc
    conf = java.hadoopConfiguration()
    before = conf.get("fs.s3.impl")
    conf.unset("fs.s3.impl")
    spark.conf.unset("fs.s3.impl")
    # Hadoop keeps the file system of a bucket that was opened before, whatever the settings say since.
    spark.conf.set("fs.s3.impl.disable.cache", "true")
    conf.set("fs.s3.impl.disable.cache", "true")
    yield
    spark.conf.unset("fs.s3.impl.disable.cache")
    conf.unset("fs.s3.impl.disable.cache")
    if before:
        conf.set("fs.s3.impl", before)
        spark.conf.set("fs.s3.impl", before)


def declare(pattern: str, **source: Any) -> None:
    class Orders(BronzeTable):
        id = IntegerField(nullable=False)
        note = StringField()

        class Meta:
            name = "orders"

    @pipeline(sources={"orders": files(pattern, strict=False, **source)}, target=Orders)
    def ingest_orders(orders: DataFrame) -> DataFrame:
        return orders


def shown(workspace: Workspace, project: Project) -> Preview:
    return preview(workspace, project, "ingest_orders", sample_rows=100)


def test_heads_of_csv_files_are_previewed(
    workspace: Workspace, project: Project, bucket: Bucket, no_s3_in_spark: None, land: Land
) -> None:
    declare(f"s3://{BUCKET}/{bucket.prefix}**")
    # Names that no file of a disk can have: a colon, an end that is a folder elsewhere.
    bucket.put("a:b [1].csv", b"id,note\n1,x\nbad,y\n")
    bucket.put("50%.csv.gz", gzip.compress(b"id,note\n2,z\n"))
    bucket.put("a/b", b"id,note\n3,w\n")
    found = shown(workspace, project)
    root = f"s3://{BUCKET}/{bucket.prefix}"
    (source,) = found.sources
    facts = {file.path: file.status for file in source.files}
    assert facts[f"{root}50%.csv.gz"] == facts[f"{root}a/b"] == "new"
    # What a run cannot open is told by the preview, as for any other file.
    assert facts[f"{root}a:b [1].csv"] == "bad"
    (reason,) = (file.reason for file in source.files if file.status == "bad")
    assert "Spark cannot open a path that has both `:` and one of" in str(reason)
    assert (found.sample_rows, found.rejected_rows) == (2, 0)
    assert not any(Path(workspace.settings.root).rglob("copy*"))


def test_a_rejected_row_is_shown_with_its_address(
    workspace: Workspace, project: Project, bucket: Bucket, no_s3_in_spark: None
) -> None:
    declare(f"s3://{BUCKET}/{bucket.prefix}*.csv*")
    bucket.put("a:b.csv", b"id,note\n1,x\nbad,y\n")
    bucket.put("c.csv", b"id,note\n2,x\nworse,y\n")
    bucket.put("d:e.csv.zst", packed(b"id,note\n3,x\nworst,y\n"))
    found = shown(workspace, project)
    root = f"s3://{BUCKET}/{bucket.prefix}"
    assert [(row.source_file, row.line) for row in found.rejected] == [
        (f"{root}a:b.csv", 3),
        (f"{root}c.csv", 3),
        (f"{root}d:e.csv.zst", 3),
    ]
    assert (found.sample_rows, found.rejected_rows, found.exact) == (3, 3, True)


def test_a_parquet_file_is_fetched(
    workspace: Workspace, project: Project, bucket: Bucket, no_s3_in_spark: None
) -> None:
    declare(f"s3://{BUCKET}/{bucket.prefix}*", format="parquet")
    content = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(range(5_000), pa.int32())}), content)
    bucket.put("1.parquet", content.getvalue())
    found = shown(workspace, project)
    assert (found.sample_rows, found.exact) == (100, False)


def test_a_parquet_file_that_is_too_large_to_fetch_is_told(
    workspace: Workspace,
    project: Project,
    bucket: Bucket,
    no_s3_in_spark: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declare(f"s3://{BUCKET}/{bucket.prefix}*", format="parquet")
    bucket.put("1.parquet", b"PAR1" + bytes(2 << 20))
    monkeypatch.setattr(preview_sources, "WHOLE_BYTES", 1 << 20)
    with pytest.raises(SourceError, match="it has 2 MB, more than 1") as caught:
        shown(workspace, project)
    assert "copy one into data/" in str(caught.value)


def test_a_run_on_the_laptop_says_where_it_can_be_run(
    workspace: Workspace, project: Project, bucket: Bucket, no_s3_in_spark: None
) -> None:
    declare(f"s3://{BUCKET}/{bucket.prefix}*.csv")
    bucket.put("1.csv", b"id,note\n1,x\n")
    (run,) = run_pipelines(workspace, project).runs
    assert run.state == "failed"
    assert "This Spark cannot open s3:// addresses." in str(run.error_text)
    assert "Run on Glue" in str(run.error_text)


def test_a_bucket_that_is_not_there_is_told(workspace: Workspace, project: Project) -> None:
    declare("s3://no-such-bucket-anywhere/*.csv")
    with pytest.raises(SourceError, match="no-such-bucket-anywhere/: it does not exist"):
        shown(workspace, project)

"""An inference from files on S3: heads by ranged reads, Parquet fetched whole."""

from __future__ import annotations

import io
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alur_nb.authoring import infer_parquet
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import inferred, types
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("s3")]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(prefix=f"inferred {uuid4().hex}/")


def test_the_head_of_a_large_object_is_enough(workspace: Workspace, bucket: Bucket) -> None:
    bucket.put("1.csv", b"id;note\n" + b"".join(b"%d;x\n" % number for number in range(1_000_000)))
    found = inferred(workspace, f"s3://{BUCKET}/{bucket.prefix}*.csv")
    assert types(found) == {"id": "int not null", "note": "string not null"}
    assert found.files.rows == 10_000
    assert found.files.bytes_read <= (4 << 20) + 1 < found.files.bytes_found
    assert found.next_step.endswith("--option 'sep=;'")
    with pytest.raises(SourceError, match="No file matches"):
        inferred(workspace, f"s3://{BUCKET}/{bucket.prefix}*.txt")


def test_parquet_is_fetched_if_it_is_small(
    workspace: Workspace, bucket: Bucket, spark: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "note": ["x", None]}), content)
    bucket.put("1.parquet", content.getvalue())
    pattern = f"s3://{BUCKET}/{bucket.prefix}*"
    assert types(inferred(workspace, pattern)) == {"id": "bigint not null", "note": "string"}
    monkeypatch.setattr(infer_parquet, "FETCHED_BYTES", 8)
    with pytest.raises(SourceError, match="fetched whole"):
        inferred(workspace, pattern)

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from alur_nb.runtime.errors import AlurError, SourceError, StorageError
from alur_nb.runtime.lake import data_prefix, quoted, rejects_prefix, storage_errors
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.ledger import Batch, State

TABLE = "bronze.orders"
ID = "00000001-0001"


def sealed(*, rejects: bool = False) -> Batch:
    return Batch(
        TABLE,
        ID,
        State.SEALED,
        1,
        "p",
        "r",
        data_prefix=data_prefix(TABLE, ID),
        rejects_prefix=rejects_prefix(TABLE, ID) if rejects else None,
    )


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


def stage(lake: LocalLake, prefix: str, content: str = "rows") -> Path:
    folder = lake.staging / prefix
    folder.mkdir(parents=True)
    (folder / "part-0.parquet").write_text(content)
    return folder


def published(lake: LocalLake, name: str = "orders") -> Path:
    return lake.warehouse / "bronze" / name / f"batch_id={ID}"


def test_publishing_is_one_rename_and_again_is_nothing(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    stage(lake, rejects_prefix(TABLE, ID), "lines")
    for _ in range(3):
        lake.publish(sealed(rejects=True))
    assert (published(lake) / "part-0.parquet").read_text() == "rows"
    assert (published(lake, "orders__rejects") / "part-0.parquet").read_text() == "lines"


def test_racing_publishers_both_succeed(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    errors: list[AlurError] = []
    gate = threading.Barrier(6)

    def publish() -> None:
        gate.wait()
        try:
            lake.publish(sealed())
        except AlurError as error:
            errors.append(error)

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert published(lake).is_dir()


def test_a_batch_that_is_in_both_places_blocks_loudly(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    lake.publish(sealed())
    stage(lake, data_prefix(TABLE, ID))
    with pytest.raises(StorageError, match="both in staging and published"):
        lake.publish(sealed())


def test_a_batch_that_is_in_neither_place_blocks_loudly(lake: LocalLake) -> None:
    with pytest.raises(StorageError, match="neither in staging nor published"):
        lake.publish(sealed())


def test_a_batch_without_rows_publishes_nothing(lake: LocalLake) -> None:
    lake.publish(Batch(TABLE, ID, State.SEALED, 1, "p", "r"))
    assert not lake.warehouse.exists()


def test_discarding_takes_every_prefix_of_the_batch_and_no_other(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    stage(lake, data_prefix(TABLE, ID, rewritten=True))
    stage(lake, rejects_prefix(TABLE, ID))
    kept = stage(lake, data_prefix(TABLE, "00000002-0001"))
    for _ in range(2):
        lake.discard(sealed())
    assert list(lake.staging.rglob("batch_id=*")) == [kept]


@pytest.mark.parametrize("where", ["staging", "published"])
def test_leftovers_under_a_new_batch_are_refused(lake: LocalLake, where: str) -> None:
    lake.refuse_leftovers(TABLE, ID)
    stage(lake, data_prefix(TABLE, ID))
    if where == "published":
        lake.publish(sealed())
    with pytest.raises(StorageError, match="exists already") as caught:
        lake.refuse_leftovers(TABLE, ID)
    assert "restored or deleted" in str(caught.value)


def test_a_committed_batch_that_is_gone_is_named(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    lake.publish(sealed())
    assert lake.batch_uris(TABLE, [sealed()]) == [f"file://{published(lake)}"]
    shutil.rmtree(published(lake))
    with pytest.raises(StorageError, match="is gone"):
        lake.batch_uris(TABLE, [sealed()])


def test_batches_without_rejects_have_no_rejects_to_read(lake: LocalLake) -> None:
    assert lake.batch_uris(TABLE + "__rejects", [sealed()]) == []


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OSError(28, "No space left on device"), StorageError, "no space left"),
        (PermissionError(13, "Permission denied"), StorageError, "may not write"),
        (FileNotFoundError(2, "java.io.FileNotFoundException: x does not exist"), SourceError, "disappeared"),
    ],
)
def test_what_the_disk_says_becomes_a_next_step(error: OSError, kind: type[AlurError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught, storage_errors("/lake"):
        raise error
    assert "Nothing was published" in str(caught.value)
    assert caught.value.__cause__ is error


def test_other_errors_of_the_disk_are_not_hidden() -> None:
    with pytest.raises(OSError, match="odd"), storage_errors("/lake"):
        raise OSError(5, "odd")


def test_a_lake_without_write_permission_is_an_error_with_a_next_step(
    lake: LocalLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(lake, data_prefix(TABLE, ID))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StorageError, match="may not write"):
        lake.publish(sealed())


def test_odd_column_names_are_quoted() -> None:
    assert quoted("a`b c") == "`a``b c`"


def test_cleaning_takes_the_published_batch_and_what_is_staged_of_it(lake: LocalLake) -> None:
    stage(lake, data_prefix(TABLE, ID))
    stage(lake, rejects_prefix(TABLE, ID))
    lake.publish(sealed(rejects=True))
    stage(lake, data_prefix(TABLE, ID, rewritten=True))
    kept = stage(lake, data_prefix(TABLE, "00000002-0001"))
    for _ in range(2):
        lake.clean(sealed(rejects=True))
    assert not published(lake).exists()
    assert not published(lake, "orders__rejects").exists()
    assert list(lake.staging.rglob("batch_id=*")) == [kept]


# As hadoop-aws 3.3.4 says it of a bucket whose policy denies s3:PutObject.
S3A_DENIED = (
    ": java.nio.file.AccessDeniedException: orders/batch_id=1/_temporary/0: PUT 0-byte object  on "
    "orders/batch_id=1/_temporary/0: com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied. (Service: "
    "Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: 18EBABC2153BABF0)"
)
KMS_DENIED = S3A_DENIED.replace(
    "Access Denied.",
    "User: arn:aws:sts::1:assumed-role/job/x is not authorized to perform: kms:GenerateDataKey on resource: arn:1",
)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme",
            StorageError,
            "s3://",
        ),
        ("java.nio.file.AccessDeniedException: s3a://b/k", StorageError, "Access is denied"),
        (S3A_DENIED, StorageError, "Access is denied to s3://lake/orders: s3:PutObject"),
        (S3A_DENIED.replace("PUT 0-byte object", "getFileStatus"), StorageError, "orders: s3:GetObject"),
        (S3A_DENIED.replace("PUT 0-byte object", "delete"), StorageError, "orders: s3:DeleteObject"),
        (KMS_DENIED, StorageError, "Access is denied to s3://lake/orders: kms:GenerateDataKey"),
        ("AmazonS3Exception: too large (Error Code: RequestTimeTooSkewed)", StorageError, "clock is wrong"),
        ("AmazonS3Exception: The provided token has expired (ExpiredToken)", StorageError, "expired"),
    ],
)
def test_what_hadoop_says_of_s3_becomes_a_next_step(said: str, kind: type[AlurError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught, storage_errors("s3://lake/orders"):
        raise OSError(said)
    if "s3:" in message and "denied" in message:
        assert "on s3://lake/, then run again" in str(caught.value.fix)
    assert caught.value.fix

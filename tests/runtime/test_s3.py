"""Requests cut to size, and what Hadoop is told of S3."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from alur_nb.runtime.errors import StorageError
from alur_nb.runtime.s3 import delete_objects, hadoop_conf, list_folders, list_objects, requests_of, split_uri
from tests.integration.seaweedfs import BUCKET
from tests.landing_place import s3_client


def test_requests_hold_as_many_as_they_may() -> None:
    assert list(requests_of(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(requests_of([], 2)) == []


def test_a_uri_is_a_bucket_and_a_key_as_it_stands() -> None:
    assert split_uri("s3://b/a b/%41?x#y.csv") == ("b", "a b/%41?x#y.csv")


def test_more_objects_than_one_request_deletes_are_deleted(s3: None) -> None:
    client, prefix = s3_client(os.environ["AWS_ENDPOINT_URL_S3"]), f"{uuid4().hex}/"
    for number in range(12):
        client.put_object(Bucket=BUCKET, Key=f"{prefix}{number % 3}/{number}", Body=b"")
    assert list_folders(client, BUCKET, prefix, kind=StorageError) == ["0", "1", "2"]
    keys = [listed.key for listed in list_objects(client, BUCKET, prefix, kind=StorageError)]
    assert len(keys) == 12
    asked: list[int] = []
    client.meta.events.register(
        "before-parameter-build.s3.DeleteObjects",
        lambda params, **_: asked.append(len(params["Delete"]["Objects"])),
    )
    delete_objects(client, BUCKET, [*keys, *(f"{prefix}none-{number}" for number in range(1000))])
    assert asked == [1000, 12]
    assert list(list_objects(client, BUCKET, prefix, kind=StorageError)) == []


def test_hadoop_follows_the_endpoint_and_the_keys_of_boto3() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hush"}
    conf = hadoop_conf({**keys, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
    assert conf["fs.s3a.endpoint"] == "http://127.0.0.1:1"
    assert conf["fs.s3a.path.style.access"] == "true"
    assert conf["fs.s3a.connection.ssl.enabled"] == "false"
    assert conf["fs.s3a.aws.credentials.provider"].endswith("SimpleAWSCredentialsProvider")
    temporary = hadoop_conf({**keys, "AWS_SESSION_TOKEN": "short"})
    assert temporary["fs.s3a.session.token"] == "short"
    assert "fs.s3a.endpoint" not in temporary


@pytest.mark.parametrize("environ", [{}, {"AWS_PROFILE": "dev"}])
def test_without_keys_the_sdk_looks_for_them_itself(environ: dict[str, str]) -> None:
    assert hadoop_conf(environ)["fs.s3a.aws.credentials.provider"].endswith(
        "DefaultAWSCredentialsProviderChain"
    )

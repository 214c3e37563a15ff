"""Buckets, read and emptied whole: every page of a listing or an error, never the half of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from alur_nb.runtime.aws import aws_errors
from alur_nb.runtime.errors import AlurError, StorageError

T = TypeVar("T")

# What one DeleteObjects takes (S3 API reference).
_DELETE_AT_ONCE = 1000


class Listed(NamedTuple):
    """One object, as a listing tells of it."""

    key: str
    size: int
    etag: str
    """Without its quotes; the content's MD5 where it was uploaded in one part and without a KMS key."""
    modified_at: datetime


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/a/b` into bucket and key; nothing in a key is ever escaped."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def list_objects(s3: Any, bucket: str, prefix: str, *, kind: type[AlurError]) -> Iterator[Listed]:
    """Yield every object whose key begins with the prefix, by key; an error of this kind where one may be missing."""
    for page in _pages(s3, bucket, prefix, kind, {}):
        for entry in page.get("Contents", ()):
            yield Listed(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])


def list_folders(s3: Any, bucket: str, prefix: str, *, kind: type[AlurError]) -> list[str]:
    """Return the names right below a prefix that ends with `/`: a request for 1,000 of them, however full they are."""
    pages = _pages(s3, bucket, prefix, kind, {"Delimiter": "/"})
    folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]
    return [folder.removeprefix(prefix).removesuffix("/") for folder in folders]


def delete_objects(s3: Any, bucket: str, keys: Iterable[str]) -> None:
    """Delete the objects; StorageError where one of them could not be."""
    for some in requests_of(keys, _DELETE_AT_ONCE):
        with aws_errors(StorageError, f"Deleting from s3://{bucket}"):
            answer = s3.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
        for refused in answer.get("Errors", ()):
            raise StorageError(
                f"s3://{bucket}/{refused.get('Key')} could not be deleted: {refused.get('Message')}.",
                fix="Give this role s3:DeleteObject there, then run again: the rest is deleted then.",
            )


def _pages(
    s3: Any, bucket: str, prefix: str, kind: type[AlurError], more: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Follow the listing to its end, and believe no page that contradicts itself.

    Not boto3's paginator: that one ends quietly where a page says "there is more" and does not say where.
    """
    where, tokens = f"Listing s3://{bucket}/{prefix}", set[str]()
    request = {"Bucket": bucket, "Prefix": prefix, **more}
    while True:
        with aws_errors(kind, where):
            page = s3.list_objects_v2(**request)
        entries = len(page.get("Contents", ())) + len(page.get("CommonPrefixes", ()))
        token = page.get("NextContinuationToken")
        whole = page.get("KeyCount", entries) == entries and isinstance(page.get("IsTruncated"), bool)
        if not whole or (page["IsTruncated"] and (not token or token in tokens)):
            raise kind(
                f"{where}: S3 answered with a part of the listing only.",
                fix="Nothing was read or published. Run again: the next plan lists anew.",
            )
        yield page
        if not page["IsTruncated"]:
            return
        tokens.add(token)
        request["ContinuationToken"] = token


def requests_of(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Cut what is to be sent into the lists of one request each (`itertools.batched` came with Python 3.12)."""
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some


def hadoop_conf(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what Hadoop's S3A needs to open `s3://` where boto3 does; only for a Spark that we start ourselves.

    On Glue both come from the job. Nothing of this is ever written into a bundle: it holds keys.
    """
    conf = {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
    }
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        conf |= {
            "fs.s3a.endpoint": endpoint,
            # A server at an address of its own has no bucket names in its DNS.
            "fs.s3a.path.style.access": "true",
            "fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https:")).lower(),
        }
    if "AWS_ACCESS_KEY_ID" in environ and "AWS_SECRET_ACCESS_KEY" in environ:
        temporary = "AWS_SESSION_TOKEN" in environ
        kind = "TemporaryAWSCredentialsProvider" if temporary else "SimpleAWSCredentialsProvider"
        conf |= {
            "fs.s3a.aws.credentials.provider": f"org.apache.hadoop.fs.s3a.{kind}",
            "fs.s3a.access.key": environ["AWS_ACCESS_KEY_ID"],
            "fs.s3a.secret.key": environ["AWS_SECRET_ACCESS_KEY"],
        }
        if temporary:
            conf["fs.s3a.session.token"] = environ["AWS_SESSION_TOKEN"]
    return conf

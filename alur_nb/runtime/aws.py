"""AWS as the runtime meets it: clients that try again, and what a refusal means to whoever started the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from alur_nb.runtime.errors import AlurError, SettingsError

__all__ = ["BotoCoreError", "ClientError", "aws_errors", "client", "error_code", "hadoop_conf", "requests_of"]

T = TypeVar("T")

# "standard" backs off with full jitter and knows every throttling code (botocore guide, "Retries").
_ATTEMPTS = 10
_CONNECT_SECONDS = 10
_READ_SECONDS = 60

_DENIED = ("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403", "Forbidden")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "RequestExpired")
_UNKNOWN_KEY = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
)
_THROTTLED = (
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "503",
    "ServiceUnavailable",
)
_MISSING = ("NoSuchBucket", "NoSuchKey", "404", "NotFound", "EntityNotFoundException")
_SKEWED = ("RequestTimeTooSkewed", "RequestInTheFuture")
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_NO_ANSWER = (ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError)


def client(service: str, region: str | None = None) -> Any:
    """Return a boto3 client whose endpoint follows `AWS_ENDPOINT_URL*`; it carries no types, as boto3 has none.

    Raises SettingsError where no region is known.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        # A run inspects eight files at once; each needs its connection until it has been read.
        max_pool_connections=32,
    )
    try:
        # A session of its own: the default one keeps credentials that have expired since, or were changed.
        make: Any = boto3.session.Session().client  # its overloads know literal names only
        return make(service, region_name=region, config=config)
    except NoRegionError as error:
        raise SettingsError(
            "No AWS region is named.", fix='Write region = "eu-central-1" under the environment in alur.toml.'
        ) from error


def error_code(error: ClientError) -> str:
    """Return the service's own word for the refusal: `NoSuchKey`, `AccessDenied`, or a bare HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def requests_of(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Cut what is to be sent into the lists of one request each (`itertools.batched` came with Python 3.12)."""
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some


@contextmanager
def aws_errors(kind: type[AlurError], doing: str) -> Iterator[None]:
    """Turn what AWS answers, or that it does not, into an error of this kind with a next step."""
    try:
        yield
    except ClientError as error:
        message, fix = _refusal(error_code(error), error)
        raise kind(f"{doing}: {message}", fix=fix) from error
    except BotoCoreError as error:
        message, fix = _breakdown(error)
        raise kind(f"{doing}: {message}", fix=fix) from error


def _refusal(code: str, error: ClientError) -> tuple[str, str]:
    operation = error.operation_name
    words = {
        _DENIED: (
            f"access is denied to {operation}.",
            f"Give this role or user the permission for {operation} there, then run again.",
        ),
        _EXPIRED: (
            "the credentials have expired.",
            "Log in again (`aws sso login`, or new keys), then run again: it starts where it stopped.",
        ),
        _UNKNOWN_KEY: (
            "AWS does not know these credentials.",
            "Check AWS_PROFILE, or the access key and its secret; then run again.",
        ),
        _THROTTLED: (
            f"AWS asked to slow down, and still did after {_ATTEMPTS} attempts.",
            "Run again in a minute: it starts where it stopped.",
        ),
        _MISSING: (
            f"it does not exist ({code}).",
            "Check the name and the region; `alur deploy` makes buckets and databases.",
        ),
        _SKEWED: ("this machine's clock is wrong.", "Set the clock (NTP), then run again."),
    }
    for codes, said in words.items():
        if code in codes:
            return said
    message = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    return (
        f"AWS refused {operation} ({code}): {message}",
        "Run again; if it stays so, look up the code in AWS's guide.",
    )


def _breakdown(error: BotoCoreError) -> tuple[str, str]:
    if isinstance(error, _NO_CREDENTIALS):
        return "there are no AWS credentials.", "Log in (`aws sso login`) or set AWS_PROFILE, then run again."
    if isinstance(error, _NO_ANSWER):
        return f"AWS did not answer ({error}).", "Check the network and the region, then run again."
    return f"the answer was cut off or cannot be read ({error}).", "Run again: it starts where it stopped."


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

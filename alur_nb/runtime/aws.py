"""AWS as the runtime meets it: clients, another try where that helps, and what a refusal means to whoever runs."""

from __future__ import annotations

import itertools
import random
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.utils import parse_timestamp

from alur_nb.runtime.errors import AlurError, SettingsError

__all__ = ["BotoCoreError", "ClientError", "Patience", "aws_errors", "client", "error_code"]

T = TypeVar("T")

# "standard" backs off with full jitter and knows the throttling codes of every service (botocore guide, "Retries").
_ATTEMPTS = 10
_CONNECT_SECONDS = 10
_READ_SECONDS = 60

_DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "UnauthorizedOperation",
    "403",
    "Forbidden",
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_UNKNOWN_KEY = (
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
# DynamoDB's own list is in its developer guide, "Error messages and codes"; a transaction that meets another one
# on the same item is told TransactionConflict and may simply come again.
_THROTTLED = (
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "503",
    "ServiceUnavailable",
)
_MISSING = (
    "NoSuchBucket",
    "NoSuchKey",
    "404",
    "NotFound",
    "EntityNotFoundException",
    "ResourceNotFoundException",
)
_SKEWED = ("RequestTimeTooSkewed", "RequestInTheFuture")
# Others tell a wrong clock by the code of a wrong key, and only their sentence knows: "Signature expired: 20180920T174101Z
# is now earlier than .." or "Signature not yet current: .." (DynamoDB's InvalidSignatureException: aws/aws-sdk-js
# issue 2565; SignatureDoesNotMatch: convox/rack issue 235).
_SKEWED_SENTENCE = re.compile(r"Signature (expired|not yet current):")
# Of the operations of S3 whose permission has another name (S3 user guide, "Policy actions for Amazon S3"): its bare
# "Access Denied" names neither.
_S3_PERMISSIONS = {
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
}
_CANCELLED = "TransactionCanceledException"
_NO_ANSWER = (ConnectionError, HTTPClientError)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)


def client(service: str, region: str | None = None, *, attempts: int = _ATTEMPTS) -> Any:
    """Return a client of botocore's, as boto3 hands out, whose endpoint follows `AWS_ENDPOINT_URL*`; it has no types.

    `attempts` is 1 for whoever repeats requests with a `Patience` of their own.
    Raises SettingsError where no region is known.
    """
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        # A run inspects eight files at once; each needs its connection until it has been read.
        max_pool_connections=32,
    )
    try:
        made = _session().create_client(service, region_name=region, config=config)
    except NoRegionError as error:
        raise SettingsError(
            "No AWS region is named.", fix='Write region = "eu-central-1" under the environment in alur.toml.'
        ) from error
    if service == "s3":
        # By a wildcard it comes before botocore's own handler of `before-parse.s3.*`, which reads all of the XML for
        # an error in it (botocore's hooks.py: of what is registered, the branch of a wildcard is called first).
        made.meta.events.register_first("before-parse.*.ListObjectsV2", take_objects)
    return made


def _session() -> Any:
    """Return a session of its own: a shared one keeps credentials that have expired since, or were changed.

    Not boto3's around it: that one adds its folder to the loader each time, and nothing that is used here.
    """
    import botocore.session

    session: Any = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment_of)
    session.register_component("data_loader", _data_loader(session.get_config_variable("data_path")))
    return session


@cache
def _data_loader(folders: str | None) -> Any:
    """Return what reads botocore's descriptions of the services, and keeps them: most of what a client takes to make."""
    from botocore.loaders import create_loader

    return create_loader(folders)


def take_objects(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Read a listing's objects before botocore does: of each what a listing tells here, in a third of the time.

    What is not as it should be is left for botocore's own reading, and for its own errors; and all of it by a botocore
    that does not have this event yet (1.34 has not).
    """
    if response_dict["status_code"] != 200:
        return
    try:
        listing = ET.fromstring(response_dict["body"])
        space = listing.tag.removesuffix("ListBucketResult")  # `{http://..}` of S3, of others perhaps nothing
        key, size, etag, modified = (space + name for name in ("Key", "Size", "ETag", "LastModified"))
        nodes = listing.findall(f"{space}Contents")
        objects = [
            {
                "Key": node.findtext(key, ""),
                "Size": int(node.findtext(size, "")),
                "ETag": node.findtext(etag, ""),
                "LastModified": datetime.fromisoformat(node.findtext(modified, "")),
            }
            for node in nodes
        ]
    except (ET.ParseError, ValueError):
        return
    if objects and all(one["Key"] and one["ETag"] for one in objects):
        listing[:] = [node for node in listing if node.tag != f"{space}Contents"]
        response_dict["body"] = ET.tostring(listing)
        customized_response_dict["Contents"] = objects


def moment_of(told: Any) -> datetime:
    """Read a time of an answer: botocore's own way, by dateutil, is half of what a listing of S3 takes."""
    if isinstance(told, str) and told[10:11] == "T" and told.endswith("Z"):
        return datetime.fromisoformat(told)
    found: datetime = parse_timestamp(told)
    return found


def error_code(error: ClientError) -> str:
    """Return the service's own word for the refusal: `NoSuchKey`, `AccessDenied`, or a bare HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def cancellation_codes(error: ClientError) -> tuple[str, ...]:
    """Return why each item of a cancelled transaction was refused, `None` where it was not; empty for other errors."""
    reasons: Any = error.response.get("CancellationReasons", ())
    return tuple(str(reason.get("Code")) for reason in reasons)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is repeated, with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").

    By time and not by count: a minute of throttling is survived whatever the pauses turn out to be.
    """

    throttled: float = 90.0
    unanswered: float = 30.0
    first: float = 0.05
    longest: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    uniform: Callable[[float, float], float] = random.uniform

    def call(self, request: Callable[[], T]) -> T:
        """Return the request's answer; raises botocore's error where it is final, or patience has ended."""
        begin = self.clock()
        for attempt in itertools.count():
            try:
                return request()
            except (ClientError, BotoCoreError) as error:
                pause = self.uniform(0, min(self.longest, self.first * 2 ** min(attempt, 16)))
                limit = self._limit(error)
                if limit is None or self.clock() - begin + pause > limit:
                    raise
                self.sleep(pause)
        raise AssertionError("an endless loop has ended")

    def _limit(self, error: ClientError | BotoCoreError) -> float | None:
        """Return how long to go on after this error; None where another try cannot help."""
        if isinstance(error, BotoCoreError):
            return self.unanswered if isinstance(error, _NO_ANSWER) else None
        if is_throttled(error):
            return self.throttled
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return self.unanswered if status >= 500 else None


def is_throttled(error: ClientError) -> bool:
    """Tell whether AWS only asks to come again later."""
    codes = {*cancellation_codes(error)} - {"None"}
    if error_code(error) == _CANCELLED:
        return bool(codes) and codes <= set(_THROTTLED)
    return error_code(error) in _THROTTLED


@contextmanager
def aws_errors(kind: type[AlurError], doing: str) -> Iterator[None]:
    """Turn what AWS answers, or that it does not, into an error of this kind with a next step."""
    try:
        yield
    except ClientError as error:
        message, fix = _refusal(error)
        raise kind(f"{doing}: {message}", fix=fix) from error
    except BotoCoreError as error:
        message, fix = _breakdown(error)
        raise kind(f"{doing}: {message}", fix=fix) from error


def _refusal(error: ClientError) -> tuple[str, str]:
    code = error_code(error)
    if is_throttled(error):
        return "AWS asks to slow down, and still did after many attempts.", _LATER
    if code in _DENIED:
        return _denial(error)
    detail = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    if code in _SKEWED or _SKEWED_SENTENCE.match(detail):
        return f"this machine's clock is wrong{_off_by(error)}.", _CLOCK
    for codes, said in _REFUSALS.items():
        if code in codes:
            return said
    if code == _CANCELLED:
        detail = f"{detail} {', '.join(cancellation_codes(error))}"
    return (
        f"AWS refused {error.operation_name} ({code}): {detail}",
        "Run again; if it stays so, look the code up.",
    )


_LATER = "Run again in a minute: it starts where it stopped."
_CLOCK = "Set the clock (NTP), then run again: AWS refuses requests that are dated minutes before or after its own time."
_REFUSALS = {
    _EXPIRED: (
        "the credentials have expired.",
        "Log in again (`aws sso login`, or new keys), then run again: it starts where it stopped.",
    ),
    _UNKNOWN_KEY: (
        "AWS does not know these credentials.",
        "Check AWS_PROFILE, or the access key and its secret; then run again.",
    ),
    _MISSING: (
        "it does not exist.",
        "Check the name, the account and the region; `alur deploy` makes buckets, databases and the ledger.",
    ),
}


def _off_by(error: ClientError) -> str:
    """Say how far the clock is off, by the date of the answer."""
    told = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not told:
        return ""
    minutes = (time.time() - parsedate_to_datetime(told).timestamp()) / 60
    return f": it is {abs(minutes):,.0f} minutes {'ahead of' if minutes > 0 else 'behind'} AWS's"


def _denial(error: ClientError) -> tuple[str, str]:
    """Name the IAM action and the resource, as AWS's own sentence does where it tells them.

    "User: arn:.. is not authorized to perform: dynamodb:PutItem on resource: arn:.. because .." (IAM user guide,
    "Troubleshoot access denied error messages").
    """
    said = str(error.response.get("Error", {}).get("Message", ""))
    action = re.search(r"perform: ([\w-]+:\w+)", said)
    resource = re.search(r'on resource: "?([^\s"]+)', said)
    name = error.operation_name
    what = action[1] if action else _S3_PERMISSIONS.get(name, f"the action behind {name}")
    where = f" on {resource[1]}" if resource else " there"
    return (
        f"access is denied: {what}{where}.",
        f"Give this role or user the permission {what}{where}, then run again; nothing was taken for granted.",
    )


def _breakdown(error: BotoCoreError) -> tuple[str, str]:
    if isinstance(error, _NO_CREDENTIALS):
        return "there are no AWS credentials.", "Log in (`aws sso login`) or set AWS_PROFILE, then run again."
    if isinstance(error, _NO_ANSWER):
        return (
            f"AWS did not answer ({error}).",
            "Check the network, the region and the endpoint, then run again.",
        )
    return (
        f"the request could not be made ({error}).",
        "Check the settings and the credentials, then run again.",
    )

"""What AWS refuses, and for how long a request is repeated; time is counted here, never waited for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.loaders import JSONFileLoader
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.utils import parse_timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alur_nb.runtime.aws import Patience, aws_errors, client, is_throttled, moment_of, take_objects
from alur_nb.runtime.errors import LedgerError, SettingsError


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, uniform: Callable[[float, float], float] | None = None) -> Patience:
        draw = uniform or random.Random(1).uniform
        return Patience(sleep=self.sleep, clock=lambda: self.now, uniform=draw)


def refusal(code: str, message: str = "", status: int = 400, **more: Any) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, "PutItem")  # type: ignore[arg-type]


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    return refusal("TransactionCanceledException", "Transaction cancelled", CancellationReasons=reasons)


def failing_until(time: Time, end: float, error: Exception) -> Callable[[], str]:
    def request() -> str:
        if time.now < end:
            raise error
        return "done"

    return request


THROTTLED = [
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("RequestLimitExceeded"),
    refusal("SlowDown", status=503),
    refusal("TransactionInProgressException"),
    refusal("TransactionConflictException"),
    cancelled("None", "TransactionConflict"),
    cancelled("ThrottlingError", "None"),
]


@pytest.mark.parametrize("error", THROTTLED, ids=str)
@pytest.mark.parametrize("luck", [lambda low, high: low + (high - low) * 0.02, lambda low, high: high])
def test_a_minute_of_throttling_is_survived_whatever_the_dice_say(
    error: ClientError, luck: Callable[[float, float], float]
) -> None:
    time = Time()
    assert time.patience(luck).call(failing_until(time, 60, error)) == "done"
    assert time.now < 66


def test_pauses_grow_with_full_jitter_to_their_longest() -> None:
    time = Time()
    time.patience(lambda low, high: high).call(failing_until(time, 30, THROTTLED[0]))
    assert time.pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert time.pauses[-1] == 5.0
    assert len(time.pauses) < 20


def test_throttling_without_end_is_told_in_time() -> None:
    time = Time()
    with (
        pytest.raises(LedgerError, match="The ledger: AWS asks to slow down") as caught,
        aws_errors(LedgerError, "The ledger"),
    ):
        time.patience().call(failing_until(time, float("inf"), THROTTLED[0]))
    assert 60 < time.now <= 90
    assert "in a minute" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        refusal("InternalServerError", status=500),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
    ids=str,
)
def test_a_silent_service_is_asked_again_for_half_a_minute(error: Exception) -> None:
    time = Time()
    assert time.patience().call(failing_until(time, 20, error)) == "done"
    with pytest.raises(type(error)):
        time.patience().call(failing_until(time, float("inf"), error))
    assert time.now <= 20 + 5 + 30


FINAL = [
    refusal("AccessDeniedException"),
    refusal("ConditionalCheckFailedException"),
    cancelled("ConditionalCheckFailed", "None"),
    cancelled("ConditionalCheckFailed", "TransactionConflict"),
    cancelled("ValidationError", "None"),
    refusal("TransactionCanceledException"),
    NoCredentialsError(),
    ParamValidationError(report="x"),
]


@pytest.mark.parametrize("error", FINAL, ids=str)
def test_what_another_try_cannot_mend_is_told_at_once(error: Exception) -> None:
    time = Time()
    with pytest.raises(type(error)):
        time.patience().call(failing_until(time, 1, error))
    assert time.pauses == []


SENTENCE = (
    "User: arn:aws:sts::111122223333:assumed-role/shop-dev-job/x is not authorized to perform: dynamodb:Query on "
    "resource: arn:aws:dynamodb:eu-central-1:111122223333:table/shop-dev-ledger because no identity-based policy "
    "allows the dynamodb:Query action"
)


S3_SENTENCE = (
    "User: arn:aws:sts::111122223333:assumed-role/shop-dev-job/x is not authorized to perform: s3:PutObject on "
    'resource: "arn:aws:s3:::lake/orders/1" because no identity-based policy allows the s3:PutObject action'
)
EXPIRED = (
    "Signature expired: 20261126T070000Z is now earlier than 20261126T075500Z (20261126T080000Z - 5 min.)"
)
TOO_EARLY = (
    "Signature not yet current: 20261126T090000Z is still later than 20261126T080500Z "
    "(20261126T080000Z + 5 min.)"
)


def s3_refusal(code: str, operation: str, message: str = "Access Denied") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "message", "fix"),
    [
        (
            refusal("AccessDeniedException", SENTENCE),
            "access is denied: dynamodb:Query on arn:aws:dynamodb:eu-central-1:111122223333:table/shop-dev-ledger",
            "the permission dynamodb:Query on arn:aws:dynamodb:eu-central-1",
        ),
        (refusal("403"), "access is denied: the action behind PutItem there", "permission"),
        (s3_refusal("AccessDenied", "PutObject"), "access is denied: s3:PutObject there", "s3:PutObject"),
        (s3_refusal("403", "HeadObject"), "access is denied: s3:GetObject there", "s3:GetObject"),
        (
            s3_refusal("AccessDenied", "PutObject", S3_SENTENCE),
            "access is denied: s3:PutObject on arn:aws:s3:::lake/orders/1.",
            "the permission s3:PutObject on arn:aws:s3:::lake/orders/1,",
        ),
        (refusal("ExpiredTokenException"), "the credentials have expired", "aws sso login"),
        (refusal("UnrecognizedClientException"), "does not know these credentials", "AWS_PROFILE"),
        (NoCredentialsError(), "there are no AWS credentials", "aws sso login"),
        (refusal("ResourceNotFoundException"), "it does not exist", "alur deploy"),
        (refusal("InvalidSignatureException"), "does not know these credentials", "secret"),
        (refusal("InvalidSignatureException", EXPIRED), "this machine's clock is wrong.", "NTP"),
        (refusal("SignatureDoesNotMatch", EXPIRED), "this machine's clock is wrong.", "NTP"),
        (refusal("InvalidSignatureException", TOO_EARLY), "this machine's clock is wrong.", "NTP"),
        (refusal("RequestTimeTooSkewed", status=403), "this machine's clock is wrong.", "NTP"),
        (
            refusal("ValidationException", "Item size"),
            "PutItem (ValidationException): Item size",
            "look the code up",
        ),
        (
            cancelled("ValidationError", "None"),
            "Transaction cancelled ValidationError, None",
            "look the code up",
        ),
        (EndpointConnectionError(endpoint_url="http://x"), "AWS did not answer", "network"),
        (ParamValidationError(report="no such key"), "no such key", "settings"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_refusal_says_what_to_do_next(
    error: ClientError | BotoCoreError, message: str, fix: str
) -> None:
    with pytest.raises(LedgerError) as caught, aws_errors(LedgerError, "The ledger"):
        raise error
    assert message in caught.value.message
    assert caught.value.fix is not None and fix in caught.value.fix
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(("hours", "said"), [(1, "60 minutes ahead of"), (-1, "60 minutes behind")])
def test_a_clock_that_is_off_is_told_by_how_much(hours: int, said: str) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(hours=hours), usegmt=True)
    headers = {"HTTPHeaders": {"date": date}}
    error = refusal("RequestTimeTooSkewed", "The difference is too large.", ResponseMetadata=headers)
    with pytest.raises(LedgerError) as caught, aws_errors(LedgerError, "The ledger"):
        raise error
    assert caught.value.message == f"The ledger: this machine's clock is wrong: it is {said} AWS's."
    assert "Set the clock (NTP)" in str(caught.value.fix)


def test_denied_is_never_taken_for_throttled() -> None:
    assert not is_throttled(refusal("AccessDeniedException"))
    assert all(is_throttled(error) for error in THROTTLED)


def test_a_client_follows_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:4711")
    made = client("dynamodb", "eu-central-1", attempts=1)
    assert made.meta.endpoint_url == "http://127.0.0.1:4711"
    assert made.meta.config.retries["total_max_attempts"] == 1
    assert made.meta.config.retries["mode"] == "standard"


def test_a_missing_region_names_the_line_that_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SettingsError, match="region"):
        client("dynamodb")


@pytest.mark.parametrize(
    "told",
    [
        "2026-01-01T02:03:04Z",
        "2026-01-01T02:03:04.056Z",
        "2026-01-01T02:03:04.056789Z",
        "2026-01-01T02:03:04+01:00",
        "Thu, 01 Jan 2026 02:03:04 GMT",
        1_767_233_001,
        1_767_233_001.25,
        "1767233001",
    ],
)
def test_times_are_read_as_botocore_reads_them(told: object) -> None:
    assert moment_of(told) == parse_timestamp(told)
    assert moment_of(told).tzinfo is not None


def test_a_client_is_of_the_credentials_of_now_and_reads_no_description_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"AWS_SECRET_ACCESS_KEY": "hush", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "early")
    client("s3")
    read = list[str]()
    load_file = JSONFileLoader.load_file

    def load(self: JSONFileLoader, path: str) -> object:
        read.append(path)
        return load_file(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", load)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "late")
    url = client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AWSAccessKeyId=late" in url or "Credential=late" in url
    assert read == []


OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-10-21T07:28:00.056Z</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>{size}</Size><StorageClass>STANDARD</StorageClass>"
    "<Owner><ID>me</ID></Owner></Contents>"
)
LISTING = "<IsTruncated>true</IsTruncated><KeyCount>{count}</KeyCount><NextContinuationToken>t&amp;1</NextContinuationToken>"


@pytest.fixture(scope="module")
def listing_shape() -> Shape:
    loader = botocore.session.get_session()
    model = loader.get_service_model("s3").operation_model("ListObjectsV2").output_shape
    assert model is not None
    return model


def read_by(body: bytes, shape: Shape, *, status: int = 200, ours: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"status_code": status, "headers": {}, "body": body}
    taken: dict[str, Any] = {}
    if ours:
        take_objects(answer, taken)
    parser = create_parser("rest-xml")
    parser._timestamp_parser = moment_of
    found: dict[str, Any] = parser.parse(answer, shape)
    return {**found, **taken}


@given(
    keys=st.lists(
        st.text(alphabet=st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\x7f")).filter(
            str.strip
        ),
        max_size=4,
    ),
    space=st.sampled_from(["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"']),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_listing_is_read_as_botocore_reads_it(keys: list[str], space: str, listing_shape: Shape) -> None:
    entries = [OBJECT.format(key=escape(key), etag=n, size=n) for n, key in enumerate(keys)]
    folders = "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>" * len(keys)
    inside = LISTING.format(count=len(keys)) + "".join(entries) + folders
    body = f"<ListBucketResult{space}>{inside}</ListBucketResult>".encode()
    wanted, found = (read_by(body, listing_shape, ours=ours) for ours in (False, True))
    for one in wanted.get("Contents", ()):
        for name in ("ChecksumAlgorithm", "StorageClass", "Owner"):
            del one[name]  # which nothing here asks for
    assert found == wanted


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<ListBucketResult><Contents><Key>a", 200),
        (b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", 200),
        (OBJECT.format(key="a", etag=1, size="many").join(["<A>", "</A>"]).encode(), 200),
        (OBJECT.format(key="a", etag=1, size=1).join(["<A>", "</A>"]).encode(), 500),
        (b"", 200),
    ],
    ids=["cut off", "no size", "a word for a size", "an error", "nothing"],
)
def test_a_listing_that_is_not_as_it_should_be_is_left_to_botocore(body: bytes, status: int) -> None:
    answer, taken = {"status_code": status, "body": body}, dict[str, Any]()
    take_objects(answer, taken)
    assert (answer["body"], taken) == (body, {})

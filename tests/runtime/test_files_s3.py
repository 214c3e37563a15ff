"""What only S3 does: listings of many pages, answers that break off, versions, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alur_nb.runtime import aws
from alur_nb.runtime.compare import PlannedFile
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.input_history import InputHistory
from alur_nb.runtime.ledger import Input
from alur_nb.runtime.plan import _same_content
from tests.integration.canned_http import Answer, CannedServer, canned_server
from tests.integration.seaweedfs import BUCKET, KEYS
from tests.landing_place import Bucket, s3_client

ETAG = "d41d8cd98f00b204e9800998ecf8427e"
MODIFIED = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture
def canned(stand_in: CannedServer, monkeypatch: pytest.MonkeyPatch) -> CannedServer:
    """A stand-in for S3; one attempt a request, so that a test need not wait for nine more."""
    environ = {**KEYS, "AWS_ENDPOINT_URL_S3": stand_in.url, "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stand_in.asked.clear()
    return stand_in


def over(server: CannedServer, *answers: Answer) -> S3Files:
    server.answers[:] = answers
    return S3Files("s3://land/in/", s3_client(server.url, attempts=1))


def page(
    *keys: str, token: str | None = None, truncated: str | None = None, count: int | None = None
) -> Answer:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-10-21T07:28:00.000Z</LastModified>"
        f"<ETag>&quot;{ETAG}&quot;</ETag><Size>6</Size></Contents>"
        for key in keys
    )
    more = truncated if truncated is not None else str(token is not None).lower()
    next_page = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    flag = f"<IsTruncated>{more}</IsTruncated>" if more else ""
    number = len(keys) if count is None else count
    body = f"<ListBucketResult><KeyCount>{number}</KeyCount>{flag}{next_page}{entries}</ListBucketResult>"
    return Answer(body.encode())


def refusal(code: str, status: int) -> Answer:
    return Answer(f"<Error><Code>{code}</Code><Message>{code}!</Message></Error>".encode(), status)


def content(body: bytes, *, version: str = "v1", cut: int | None = None, status: int = 200) -> Answer:
    headers = {"ETag": f'"{ETAG}"', "Last-Modified": MODIFIED, "x-amz-version-id": version}
    return Answer(body, status, headers, cut)


def the_file(files: S3Files, server: CannedServer) -> SourceFile:
    rest, server.answers[:] = list(server.answers), [page("in/a.csv")]
    (file,) = files.list("a.csv")
    server.answers[:] = rest
    return file


def test_all_pages_of_a_listing_are_read(s3: None) -> None:
    landing = Bucket()
    for number in range(25):
        landing.put(f"orders/{number:03}.csv", b"x")
    paged = aws.client("s3")
    paged.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 10}
    )
    files = S3Files(f"s3://{BUCKET}/{landing.prefix}", paged)
    assert len(files.list("orders/*.csv")) == 25


def test_botocore_need_not_read_the_objects_of_a_listing(canned: CannedServer) -> None:
    client, seen = s3_client(canned.url, attempts=1), list[bytes]()

    def look(response_dict: dict[str, bytes], **_: object) -> None:
        seen.append(response_dict["body"])

    client.meta.events.register_first("before-parse.s3.*", look)
    assert [file.path for file in over(canned, page("in/a.csv")).list("*.csv")] == ["a.csv"]
    client.meta.events.unregister("before-parse.s3.*", look)
    (body,) = seen
    assert b"KeyCount" in body
    assert b"Contents" not in body


def test_the_listing_asks_for_no_more_than_the_pattern_can_match(canned: CannedServer) -> None:
    over(canned, page()).list("orders/2024/day-*.csv")
    assert "prefix=in%2Forders%2F2024%2Fday-&" in canned.asked[0][0] + "&"


@pytest.mark.parametrize(
    "half",
    [
        page("in/b.csv", truncated="true"),
        page("in/b.csv", truncated=""),
        page("in/b.csv", count=2),
        page("in/b.csv", token="1"),
        Answer(page("in/b.csv", "in/c.csv").body, cut=150),
        Answer(page("in/b.csv", "in/c.csv").body[:150]),
        refusal("InternalError", 500),
        refusal("SlowDown", 503),
    ],
    ids=[
        "no token",
        "no end",
        "too few",
        "the same page again",
        "cut off",
        "half an XML",
        "an error",
        "throttled",
    ],
)
def test_half_a_listing_is_an_error_and_never_a_shorter_one(canned: CannedServer, half: Answer) -> None:
    files = over(canned, page("in/a.csv", token="1"), half)
    with pytest.raises(SourceError) as caught:
        files.list("*.csv")
    assert "run again" in str(caught.value).lower()


@pytest.mark.parametrize(
    ("code", "status", "said", "fix"),
    [
        ("AccessDenied", 403, "s3://land/in/: access is denied: s3:ListBucket", "permission s3:ListBucket"),
        ("ExpiredToken", 400, "credentials have expired", "Log in again"),
        ("InvalidAccessKeyId", 403, "does not know these credentials", "AWS_PROFILE"),
        ("NoSuchBucket", 404, "does not exist", "alur deploy"),
        ("RequestTimeTooSkewed", 403, "this machine's clock is wrong", "NTP"),
        ("SlowDown", 503, "asks to slow down", "in a minute"),
        ("OddOne", 400, "OddOne!", "look the code up"),
    ],
)
def test_a_refusal_says_what_to_do(canned: CannedServer, code: str, status: int, said: str, fix: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        over(canned, refusal(code, status)).list("*.csv")
    assert fix in str(caught.value.fix)


@pytest.mark.slow
def test_without_an_answer_the_network_is_named(
    monkeypatch: pytest.MonkeyPatch, canned: CannedServer
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(SourceError, match="did not answer") as caught:
        S3Files("s3://land/in/", aws.client("s3")).list("*.csv")
    assert "Check the network" in str(caught.value)


def test_without_credentials_the_login_is_named(
    monkeypatch: pytest.MonkeyPatch, canned: CannedServer
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SourceError, match="no AWS credentials"):
        S3Files("s3://land/in/", aws.client("s3")).list("*.csv")


def test_a_broken_connection_is_taken_up_at_the_same_byte_of_the_same_version(canned: CannedServer) -> None:
    files = over(canned, content(b"abcdef", cut=2), content(b"cdef", status=206))
    file = the_file(files, canned)
    with files.open(file) as stream:
        assert stream.read() == b"abcdef"
    first, second = (headers for _, headers in canned.asked[-2:])
    assert first["if-match"] == second["if-match"] == f'"{ETAG}"'
    assert (first.get("range"), second["range"]) == (None, "bytes=2-5")


def test_a_connection_that_goes_on_breaking_is_an_error_and_never_a_shorter_file(
    canned: CannedServer,
) -> None:
    files = over(canned, content(b"abcdef", cut=0))
    file = the_file(files, canned)
    with pytest.raises(SourceError, match="broke off after 0 of 6 bytes"), files.open(file) as stream:
        stream.read()


def test_a_version_that_changes_in_the_middle_is_not_read_on(canned: CannedServer) -> None:
    files = over(canned, content(b"abcdef", cut=2), content(b"cdef", version="v2", status=206))
    file = the_file(files, canned)
    with pytest.raises(SourceError, match="changed while it was read"), files.open(file) as stream:
        stream.read()


def test_a_file_that_changed_after_its_listing_is_not_opened(s3: None) -> None:
    landing = Bucket()
    landing.put("a.csv", b"one")
    (file,) = landing.files.list("a.csv")
    landing.put("a.csv", b"two")
    with pytest.raises(SourceError, match="changed while it was read") as caught:
        landing.files.open(file)
    assert "Run again" in str(caught.value)


def test_the_head_is_a_ranged_read(canned: CannedServer) -> None:
    files = over(canned, content(b"abc", status=206))
    file = the_file(files, canned)
    with files.open(file, head=3) as stream:
        assert stream.read() == b"abc"
    assert canned.asked[-1][1]["range"] == "bytes=0-2"


@pytest.mark.parametrize(("after", "same"), [("v1", True), ("v3", False)])
def test_the_same_bytes_put_again_are_a_change(canned: CannedServer, after: str, same: bool) -> None:
    files = over(canned, content(b"abcdef", version="v1"), content(b"abcdef", version=after))
    file = the_file(files, canned)
    with files.open(file) as stream:
        stream.read()
    assert (files.stat(file).pin == file.pin) is same
    assert files.stat(file).version == file.version


def test_a_real_bucket_tells_the_same_bytes_put_again(s3: None) -> None:
    landing = Bucket()
    landing.s3.create_bucket(Bucket="versioned")
    landing.s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    files = S3Files("s3://versioned/", landing.s3)
    landing.s3.put_object(Bucket="versioned", Key="a.csv", Body=b"one")
    (file,) = files.list("a.csv")
    with files.open(file) as stream:
        stream.read()
    assert files.stat(file).pin == file.pin
    for body in (b"two", b"one"):
        landing.s3.put_object(Bucket="versioned", Key="a.csv", Body=body)
    again = files.stat(file)
    assert again.version == file.version
    assert again.pin != file.pin


def test_a_prefix_without_an_object_is_an_empty_folder(s3: None) -> None:
    assert Bucket().files.list("no/such/folder/*.csv") == []


def test_markers_of_folders_are_no_files(s3: None) -> None:
    landing = Bucket()
    landing.put("orders/", b"")
    landing.put("orders/1.csv", b"x")
    assert [file.path for file in landing.files.list("**/*")] == ["orders/1.csv"]


def test_a_key_that_spark_would_take_for_another_is_refused(canned: CannedServer) -> None:
    with pytest.raises(SourceError, match="cannot open an object whose key has an empty part"):
        over(canned, page("in//a.csv")).list("**")


@pytest.mark.parametrize("key", ["in/./a.csv", "in/../a.csv"])
def test_keys_that_would_climb_are_hidden(canned: CannedServer, key: str) -> None:
    assert over(canned, page(key)).list("**") == []


@pytest.mark.parametrize("pattern", ["/data/*.csv", "~/x.csv", "s3a://land/*.csv", "../x.csv", "s3://land/"])
def test_patterns_that_are_not_on_s3_are_refused(canned: CannedServer, pattern: str) -> None:
    with pytest.raises(SourceError):
        over(canned, page()).list(pattern)
    assert canned.asked == []


def test_a_relative_pattern_needs_a_landing_zone(s3: None) -> None:
    with pytest.raises(SourceError, match="no landing zone"):
        S3Files(None, aws.client("s3")).list("*.csv")


def test_a_bucket_that_does_not_exist_is_an_error(s3: None) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        S3Files("s3://no-such-bucket/", aws.client("s3")).list("*.csv")


@pytest.mark.parametrize("policy", ["skip", "warn"])
def test_the_same_content_under_another_name_is_known_by_its_etag(s3: None, policy: str) -> None:
    landing = Bucket()
    for name, body in {"1.csv": b"one", "2.csv": b"two", "3.csv": b"one"}.items():
        landing.put(name, body)
    planned = [PlannedFile(file, "new") for file in landing.files.list("*.csv")]
    loaded_before = InputHistory([Input("file", "old/2.csv", planned[1].file.version, outcome="loaded")])
    marked, warnings = _same_content(planned, loaded_before, policy)
    if policy == "skip":
        assert [one.reason for one in marked] == [None, "same content as old/2.csv", "same content as 1.csv"]
    else:
        assert [one.status for one in marked] == ["new"] * 3
        assert len(warnings) == 2

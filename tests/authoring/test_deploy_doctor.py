"""What a deploy stands on: each thing that is wrong is said at once, each with its next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.deploy_doctor import Diagnosis, diagnose
from alur_nb.authoring.deploy_state import bootstrap, state_of
from alur_nb.authoring.terraform_run import Program
from alur_nb.runtime.errors import DeployError, SettingsError
from alur_nb.runtime.settings import Environment
from tests.authoring.clouds import ACCOUNT, cloud, refused

PROGRAM = Program("/usr/bin/terraform", "terraform", "1.11.4")
OPEN = {"DataLakePrincipal": {}, "Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}}
DEV = {"region": "eu-central-1", "landing": "s3://acme-landing/", "account_id": ACCOUNT}


def buckets(**known: Any) -> Any:
    """Answer a HEAD: by the bucket's kind what is known of it, 404 for any other; the landing bucket is there."""

    def head(**request: Any) -> Any:
        name = request["Bucket"]
        kind = next((kind for kind in known if kind in name), None)
        answer = known[kind] if kind else {} if name == "acme-landing" else refused("404")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return head


def looked(tmp_path: Path, head: Any = None, lake: Any = None, **environment: Any) -> Diagnosis:
    answers = {
        "s3.head_bucket": head or buckets(),
        "lakeformation.get_data_lake_settings": lake
        or {
            "DataLakeSettings": {
                "CreateDatabaseDefaultPermissions": [OPEN],
                "CreateTableDefaultPermissions": [OPEN],
            }
        },
    }
    there, _ = cloud(tmp_path, answers, Environment("dev", **{**DEV, **environment}))
    return diagnose(there, PROGRAM, state_of(there))


def test_where_all_is_well_everything_is_named(tmp_path: Path) -> None:
    found = looked(tmp_path)
    assert not found.errors
    text = str(found)
    for fact in (
        "terraform: 1.11.4",
        "user/ada",
        f"{ACCOUNT}, as alur.toml says",
        "eu-central-1",
        "IAM decides",
    ):
        assert f"ok: {fact}" in text or fact in text
    assert f"bucket shop-dev-bronze-{ACCOUNT}: the name is free" in text


@pytest.mark.parametrize(
    ("head", "message", "fix"),
    [
        ({"silver": refused("403")}, "the name is taken by another account", "bucket ="),
        ({"gold": {"BucketRegion": "us-east-1"}}, "is there already, in region us-east-1", "bucket ="),
        ({"landing": refused("404")}, "does not exist", "create_landing = true"),
        (
            {"gold": refused("301", **{"x-amz-bucket-region": "us-west-2"})},
            "is there already, in region us-west-2",
            "bucket =",
        ),
    ],
)
def test_a_bucket_that_cannot_be_is_an_error(
    tmp_path: Path, head: dict[str, Any], message: str, fix: str
) -> None:
    found = looked(tmp_path, buckets(**head))
    assert len(found.errors) == 1
    with pytest.raises(DeployError, match=message) as caught:
        found.refuse_errors()
    assert fix in str(caught.value.fix)


def test_every_error_is_told_at_once(tmp_path: Path) -> None:
    found = looked(tmp_path, buckets(silver=refused("403"), landing=refused("404")))
    with pytest.raises(DeployError) as caught:
        found.refuse_errors()
    assert caught.value.message.count("\n") == 1


def test_a_landing_bucket_that_is_to_be_made_need_not_be_there(tmp_path: Path) -> None:
    assert not looked(tmp_path, buckets(landing=refused("404")), create_landing=True).errors
    assert looked(tmp_path, buckets(landing=refused("403")), create_landing=True).errors


def test_without_an_account_any_would_do_and_that_is_said(tmp_path: Path) -> None:
    text = str(looked(tmp_path, account_id=None))
    assert f"warning: account: {ACCOUNT}; alur.toml names none" in text
    assert f'account_id = "{ACCOUNT}"' in text


@pytest.mark.parametrize(
    ("lake", "message"),
    [
        ({"DataLakeSettings": {"CreateTableDefaultPermissions": []}}, "decides itself"),
        (refused("AccessDeniedException", operation="GetDataLakeSettings"), "could not be asked"),
    ],
)
def test_lake_formation_is_a_warning(tmp_path: Path, lake: Any, message: str) -> None:
    found = looked(tmp_path, lake=lake)
    assert not found.errors
    assert f"warning: Lake Formation: {message}" in str(found)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "credentials have expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
    ],
)
def test_credentials_that_are_no_good(tmp_path: Path, code: str, message: str) -> None:
    there, clients = cloud(tmp_path)
    clients.answers["sts.get_caller_identity"] = refused(code)
    with pytest.raises(DeployError, match=message):
        there.check_account()


def test_a_state_bucket_of_somebody_else_is_refused(tmp_path: Path) -> None:
    there, clients = cloud(tmp_path, {"s3.head_bucket": refused("403")})
    with pytest.raises(DeployError, match="belongs to somebody else"):
        bootstrap(there, state_of(there), lambda line: None)
    clients.answers |= {"s3.head_bucket": refused("404"), "s3.create_bucket": refused("BucketAlreadyExists")}
    with pytest.raises(DeployError, match="is taken by another account") as caught:
        bootstrap(there, state_of(there), lambda line: None)
    assert "bucket =" in str(caught.value)


def test_a_bootstrap_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    protections = (
        "put_public_access_block",
        "put_bucket_encryption",
        "put_bucket_policy",
        "put_bucket_versioning",
    )
    answers = {
        "s3.head_bucket": {},
        "s3.get_bucket_versioning": {},
        **{f"s3.{one}": {} for one in protections},
    }
    there, clients = cloud(tmp_path, answers)
    assert bootstrap(there, state_of(there), lambda line: None)
    assert [name for name, _ in clients.asked][-4:] == [f"s3.{one}" for one in protections]
    clients.answers["s3.get_bucket_versioning"] = {"Status": "Enabled"}
    assert not bootstrap(there, state_of(there), lambda line: None)


def test_us_east_1_may_not_be_named(tmp_path: Path) -> None:
    protections = (
        "put_public_access_block",
        "put_bucket_encryption",
        "put_bucket_policy",
        "put_bucket_versioning",
    )
    answers = {
        "s3.head_bucket": refused("404"),
        "s3.create_bucket": {},
        **{f"s3.{one}": {} for one in protections},
    }
    there, clients = cloud(tmp_path, answers, Environment("dev", region="us-east-1"))
    bootstrap(there, state_of(there), lambda line: None)
    assert clients.requests("s3.create_bucket") == [{"Bucket": f"shop-dev-tfstate-{ACCOUNT}"}]


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    there, _ = cloud(tmp_path, environment=Environment("dev", region="eu-central-1", backend={"type": "gcs"}))
    with pytest.raises(SettingsError, match="neither `s3` nor `local`"):
        state_of(there)

"""`alur deploy` and `destroy` from look to summary, with a stand-in for terraform and moto for AWS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring import bundle as bundles
from alur_nb.authoring import operate
from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.deploy import Deployment
from alur_nb.authoring.deploy_state import state_of
from alur_nb.cli import main
from alur_nb.runtime.aws import client
from alur_nb.runtime.errors import DeployError, ExportError, SettingsError
from alur_nb.runtime.settings import load_settings
from tests.authoring.standin import LOCKED, Standin, change, done, error, plan
from tests.integration.aws import ACCOUNT, REGION, use_aws

pytestmark = pytest.mark.slow

TOML = f"""
[project]
name = "shop"

[env.dev]
region = "{REGION}"
account_id = "{ACCOUNT}"
landing = "s3://acme-landing/"
"""
STATE = f"shop-dev-tfstate-{ACCOUNT}"
CREATES = plan(
    change("aws_s3_bucket.this", ["create"], None, {"bucket": "shop-dev-bronze"}),
    resources=[{"type": "aws_glue_job", "mode": "managed", "values": {"name": "shop-dev-ingest_orders"}}],
)
OUTPUTS = {"jobs": {"value": {"ingest_orders": "shop-dev-ingest_orders"}}, "workflows": {"value": {}}}


@pytest.fixture
def aws(glue_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An S3 with the landing bucket in it."""
    use_aws(glue_server, monkeypatch)
    s3 = client("s3")
    make_bucket(s3, "acme-landing")
    return s3


def make_bucket(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standin:
    """A terraform that plans one bucket, first on the search path."""
    standin = Standin(tmp_path / "bin")
    standin.says(
        show={"lines": [CREATES]}, apply={"lines": [done("aws_s3_bucket.this")]}, output={"lines": [OUTPUTS]}
    )
    monkeypatch.setenv("PATH", f"{standin.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("ALUR_TERRAFORM", raising=False)
    return standin


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `alur init` lays it out, with an environment on AWS; the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    (tmp_path / "shop/alur.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def deployment(shop: Path, aws: Any) -> Deployment:
    """A deploy under way whose bundle is on disk."""
    lay_bundle(shop, "dev")
    settings = load_settings(shop)
    return Deployment(Cloud(settings, settings.environment("dev")))


def lay_bundle(shop: Path, environment: str) -> None:
    (shop / "bundle/terraform").mkdir(parents=True, exist_ok=True)
    (shop / "bundle/terraform/main.tf").write_text("")
    manifest = {"environment": environment, "files": {}, "pipelines": {}}
    (shop / "bundle/manifest.json").write_text(json.dumps(manifest))


def test_a_deploy_from_look_to_summary_and_once_more(
    shop: Path, aws: Any, terraform: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", "--env", "dev", "--auto-approve"]) == 0
    told = capsys.readouterr()
    assert f"ok: account: {ACCOUNT}, as alur.toml says" in told.err
    assert f"Plan for dev (account {ACCOUNT}, {REGION}): 1 created" in told.out
    assert "Deployed to dev: 1 change made, 1 job" in told.out
    assert "next: alur run ingest_orders --env dev" in told.out
    assert terraform.commands == ["init", "plan", "show", "apply", "output"]
    init = terraform.calls[0]["words"]
    assert {f"-backend-config=bucket={STATE}", "-backend-config=use_lockfile=true"} <= set(init)
    assert aws.get_bucket_versioning(Bucket=STATE)["Status"] == "Enabled"
    assert aws.get_public_access_block(Bucket=STATE)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert "aws:SecureTransport" in aws.get_bucket_policy(Bucket=STATE)["Policy"]
    assert not list(shop.rglob(".alur/terraform/dev/plan"))

    # Once more: the bundle on disk is what the notebook gives, and there is nothing to change.
    terraform.says(show={"lines": [plan()]})
    assert main(["deploy", "--env", "dev", "--skip-build", "--auto-approve"]) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert terraform.commands[5:] == ["init", "plan", "show"]


def test_a_bundle_that_is_not_what_the_notebook_gives_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    differing = Bundle(changed_files=("jobs/ingest_orders.py",))
    monkeypatch.setattr(bundles, "check_bundle", lambda notebook, env: differing)
    with pytest.raises(ExportError, match=r"is not what the notebook gives: jobs/ingest_orders\.py"):
        deployment.build(Path("notebooks/shop.ipynb"), only_check=True)


def test_a_first_plan_makes_nothing_not_even_the_states_bucket(
    deployment: Deployment, terraform: Standin, aws: Any
) -> None:
    found = deployment.plan(is_last=True)
    assert "the first deploy makes the state's bucket" in str(found)
    assert STATE not in {bucket["Name"] for bucket in aws.list_buckets()["Buckets"]}
    folder = terraform.calls[0]["words"][0].removeprefix("-chdir=")
    assert not folder.startswith(str(deployment.bundle))
    assert not (deployment.bundle / "terraform/backend_override.tf").exists()
    with pytest.raises(DeployError, match="Nothing was planned"):
        deployment.apply()


def test_a_plan_of_what_is_deployed_uses_its_state(
    deployment: Deployment, terraform: Standin, aws: Any
) -> None:
    make_bucket(aws, STATE)
    assert "first deploy" not in str(deployment.plan(is_last=True))
    assert f"-backend-config=bucket={STATE}" in terraform.calls[0]["words"]
    assert 'backend "s3"' in (deployment.bundle / "terraform/backend_override.tf").read_text()


def test_a_module_with_the_backend_keeps_its_own(deployment: Deployment, terraform: Standin) -> None:
    (deployment.bundle / "terraform/main.tf").write_text('terraform {\n  backend "s3" {}\n}\n')
    deployment.plan()
    assert not (deployment.bundle / "terraform/backend_override.tf").exists()


def test_tables_that_are_there_by_now_are_told_to_a_module_that_asks(
    deployment: Deployment, terraform: Standin
) -> None:
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": "shop_dev_silver"})
    glue.create_table(DatabaseName="shop_dev_silver", TableInput={"Name": "orders"})
    (deployment.bundle / "terraform/main.tf").write_text('variable "existing_tables" {}')
    deployment.plan()
    assert '-var=existing_tables=["silver.orders"]' in terraform.calls[1]["words"]


@pytest.mark.parametrize("argv", [["deploy"], ["deploy", "--plan"], ["destroy"], ["status"], ["run", "x"]])
def test_the_wrong_account_is_told_before_anything_is_done(
    shop: Path, aws: Any, terraform: Standin, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "alur.toml").write_text(TOML.replace(ACCOUNT, "999999999999"))
    assert main([*argv, "--env", "dev"]) == 1
    told = capsys.readouterr().err
    assert f"These credentials are of account {ACCOUNT}" in told
    assert "AWS_PROFILE" in told
    assert terraform.calls == []


def test_a_risky_plan_needs_a_word_of_its_own(
    shop: Path,
    aws: Any,
    terraform: Standin,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Deployment, "build", lambda self, notebook, only_check: lay_bundle(shop, "dev"))
    replaced = change("aws_dynamodb_table.ledger", ["delete", "create"], {"name": "shop-dev-ledger"}, {})
    terraform.says(show={"lines": [plan(replaced)]})
    assert main(["deploy", "--env", "dev", "--auto-approve"]) == 1
    told = capsys.readouterr()
    assert "DATA AT RISK: aws_dynamodb_table.ledger is replaced" in told.out
    assert "--allow-data-loss" in told.err
    assert "apply" not in terraform.commands


def test_without_an_answer_nothing_is_applied(
    shop: Path,
    aws: Any,
    terraform: Standin,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Deployment, "build", lambda self, notebook, only_check: lay_bundle(shop, "dev"))
    assert main(["deploy", "--env", "dev"]) == 1
    assert "add --auto-approve" in capsys.readouterr().err
    assert "apply" not in terraform.commands


def test_an_apply_that_dies_in_the_middle_is_repeated(deployment: Deployment, terraform: Standin) -> None:
    terraform.says(
        apply=[
            {"lines": [error("creating x", "RequestError: connection reset")], "code": 1},
            {"lines": [done("a.b")]},
        ]
    )
    deployment.plan()
    with pytest.raises(DeployError, match="after 0 of 1 steps"):
        deployment.apply()
    deployment.plan()
    assert deployment.apply().changes == 1


def test_a_locked_state_says_who_holds_it(deployment: Deployment, terraform: Standin) -> None:
    terraform.says(plan={"lines": [error("Error acquiring the state lock", LOCKED)], "code": 1})
    with pytest.raises(DeployError, match="locked by ada@laptop"):
        deployment.plan()


def test_a_bundle_of_another_environment_is_refused(shop: Path, aws: Any, terraform: Standin) -> None:
    lay_bundle(shop, "prod")
    settings = load_settings(shop)
    with pytest.raises(DeployError, match="There is no bundle of `dev`") as caught:
        Deployment(Cloud(settings, settings.environment("dev"))).plan()
    assert "alur build --env dev" in str(caught.value)


def test_a_backend_of_ones_own(deployment: Deployment, terraform: Standin, aws: Any) -> None:
    toml = deployment.cloud.settings.root / "alur.toml"
    toml.write_text(TOML + 'backend = { bucket = "team-state", key = "shop.tfstate" }\n')
    settings = load_settings(toml.parent)
    other = Deployment(Cloud(settings, settings.environment("dev")))
    with pytest.raises(SettingsError, match="names the bucket team-state, which does not exist"):
        other.plan()
    make_bucket(aws, "team-state")
    other.plan()
    assert "-backend-config=key=shop.tfstate" in terraform.calls[0]["words"]
    toml.write_text(TOML + 'backend = { type = "local" }\n')
    settings = load_settings(toml.parent)
    state = state_of(Cloud(settings, settings.environment("dev")))
    assert (state.kind, state.bucket, state.where) == (
        "local",
        None,
        str(toml.parent / ".alur/terraform/dev.tfstate"),
    )


DESTROYS = plan(
    change("aws_s3_bucket.this", ["delete"], {"bucket": "shop-dev-bronze"}),
    change("aws_dynamodb_table.ledger", ["delete"], {"name": "shop-dev-ledger"}),
    change("aws_iam_role.x", ["delete"], {"name": "r"}),
)


@pytest.fixture
def deployed(deployment: Deployment, aws: Any, terraform: Standin) -> Any:
    """What a destroy looks into: a bucket and a ledger, both empty."""
    make_bucket(aws, "shop-dev-bronze")
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="shop-dev-ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    terraform.says(show={"lines": [DESTROYS]}, apply={"lines": [done("a.b"), done("a.c"), done("a.d")]})
    return dynamodb


def test_destroy_needs_the_environments_name(
    deployed: Any, terraform: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["destroy", "--env", "dev"]) == 1
    told = capsys.readouterr()
    assert "3 destroyed" in told.out
    assert "add --confirm dev" in told.err
    assert main(["destroy", "--env", "dev", "--confirm", "prod"]) == 1
    assert "apply" not in terraform.commands


def test_destroy_takes_the_protection_away_and_then_everything(
    deployed: Any, terraform: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["destroy", "--env", "dev", "--confirm", "dev"]) == 0
    plans = [note["words"] for note in terraform.calls if note["words"][1] == "plan"]
    assert "-destroy" in plans[0]
    targets = {"-target=aws_s3_bucket.this", "-target=aws_dynamodb_table.ledger", "-var=protect_data=false"}
    assert targets <= set(plans[1]) and "-destroy" not in plans[1]
    assert {"-destroy", "-var=protect_data=false"} <= set(plans[2])
    assert "Destroyed dev: 3 resources" in capsys.readouterr().out


def test_destroy_refuses_data_until_told(
    deployed: Any, aws: Any, terraform: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.put_object(Bucket="shop-dev-bronze", Key="orders/1.parquet", Body=b"x")
    deployed.put_item(TableName="shop-dev-ledger", Item={"pk": {"S": "x"}})
    assert main(["destroy", "--env", "dev", "--confirm", "dev"]) == 1
    told = capsys.readouterr().err
    assert "bucket shop-dev-bronze: 1 file" in told
    assert "ledger shop-dev-ledger" in told
    assert "--delete-data" in told
    assert "apply" not in terraform.commands
    assert main(["destroy", "--env", "dev", "--plan", "--json"]) == 0
    assert [one["place"] for one in json.loads(capsys.readouterr().out)["holds_data"]] == [
        "ledger shop-dev-ledger",
        "bucket shop-dev-bronze",
    ]
    assert main(["destroy", "--env", "dev", "--confirm", "dev", "--delete-data"]) == 0


def test_build_and_infra_generate_write_the_bundle(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def export(notebook: Path | None, env: str | None) -> Bundle:
        asked.append((notebook, env))
        lay_bundle(shop, "dev")
        return Bundle(shop / "bundle", "dev", ("jobs/a.py",), root=shop)

    monkeypatch.setattr(operate, "export", export)
    assert main(["infra", "generate", "--env", "dev"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  terraform/main.tf"
    assert main(["build", "--env", "dev", "--notebook", "a.ipynb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scripts"] == ["jobs/a.py"]
    assert asked == [(None, "dev"), (Path("a.ipynb"), "dev")]


@pytest.mark.parametrize(
    "argv", [["infra"], ["infra", "destroy"], ["compare", "dev"], ["deploy", "--planned"]]
)
def test_wrong_usage_exits_with_2(shop: Path, argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2

"""An environment's names: those that Terraform gives, told to a job or derived on the laptop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alur_nb.runtime.deployed import deployment_in, deployment_of, open_parts
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.files_s3 import S3Files
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from alur_nb.runtime.settings import load_settings
from alur_nb.runtime.workspace import open_job, open_workspace

TEMPLATES = Path(__file__).parents[2] / "deploy_templates" / "terraform"

# As `local.arguments` of glue_jobs.tf writes it.
ARGUMENT: dict[str, Any] = {
    "project": "my-shop",
    "environment": "dev",
    "pipeline": "ingest_orders",
    "region": "eu-central-1",
    "landing": "s3://acme-landing-dev/in/",
    "ledger": {"table": "my-shop-dev-ledger"},
    "parameters": {},
    "lake": {
        layer: {"database": f"my_shop_dev_{layer}", "location": f"s3://acme-dev-{layer}-123456789012/"}
        for layer in ("bronze", "silver", "gold")
    },
}

TOML = """
[project]
name = "My Shop"

[env.dev]
landing = "s3://acme-landing-dev/in"
region = "eu-central-1"
account_id = "123456789012"
bucket = "acme"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "alur.toml").write_text(TOML)
    return tmp_path


def test_the_laptop_derives_the_names_that_a_job_is_told(root: Path) -> None:
    settings = load_settings(root)
    derived = deployment_in(settings, settings.environment("dev"))
    assert derived == deployment_of(ARGUMENT)
    assert derived.layers["gold"] == LayerPlace("my_shop_dev_gold", "s3://acme-dev-gold-123456789012/")


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("locals.tf", 'name = "${var.project}-${var.environment}"'),
        ("locals.tf", 'kind => "${var.bucket}-${var.environment}-${kind}-${local.account}"'),
        ("glue_catalog.tf", 'name = replace("${local.name}_${each.key}", "-", "_")'),
        ("dynamodb.tf", 'name = "${local.name}-ledger"'),
        ("glue_jobs.tf", '{ database = local.databases[layer], location = "s3://${local.buckets[layer]}/" }'),
        ("glue_jobs.tf", "ledger = { table = local.ledger_table }"),
    ],
)
def test_these_are_terraforms_rules(file: str, rule: str) -> None:
    assert rule in re.sub(r" +", " ", (TEMPLATES / file).read_text())


def test_an_environment_is_opened_without_asking_aws(root: Path) -> None:
    place = open_workspace(root, "dev")
    assert isinstance(place.files, S3Files)
    assert isinstance(place.lake, GlueLake)
    assert isinstance(place.ledger, DynamoLedger)
    assert place.files.landing == "s3://acme-landing-dev/in/"
    assert place.lake.table_uri("silver.customers") == "s3://acme-dev-silver-123456789012/customers/"


def test_a_job_is_opened_from_its_argument_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = open_job(ARGUMENT)
    assert place.environment.name == "dev"
    assert not place.environment.is_local
    assert (
        place.lake.stage_uri("bronze.orders/batch_id=1")
        == "s3://acme-dev-bronze-123456789012/orders/batch_id=1"
    )


@pytest.mark.parametrize("missing", ["project", "ledger", "lake", "environment"])
def test_an_argument_that_lacks_a_part_is_refused(missing: str) -> None:
    argument = {key: value for key, value in ARGUMENT.items() if key != missing}
    with pytest.raises(SettingsError, match=f"'{missing}' is missing") as caught:
        deployment_of(argument)
    assert "alur deploy" in str(caught.value)


def test_without_a_region_the_setting_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SettingsError, match="No AWS region"):
        open_parts(deployment_of({**ARGUMENT, "region": None}))


def test_a_project_that_cannot_name_aws_resources_is_refused(root: Path) -> None:
    (root / "alur.toml").write_text(TOML.replace("My Shop", "1"))
    settings = load_settings(root)
    with pytest.raises(SettingsError, match=r"project\.name"):
        deployment_in(settings, settings.environment("dev"))

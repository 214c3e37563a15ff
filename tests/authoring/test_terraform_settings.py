from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from alur_nb.authoring.terraform import tfvars
from alur_nb.authoring.terraform_backend import backend
from alur_nb.authoring.terraform_settings import check_environment
from alur_nb.runtime.deployed import deployment_in, names_of
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.lake_glue import LayerPlace
from alur_nb.runtime.settings import Environment, load_settings
from tests.authoring.terraform_cases import DEV, SHOP, manifest, pipeline, source

ROLE = "arn:aws:iam::123456789012:role/ours"


def changed(**values: Any) -> Environment:
    return dataclasses.replace(DEV, **values)


@pytest.mark.parametrize(
    ("change", "message", "fix"),
    [
        ({"worker_type": "G.3X"}, "worker_type = 'G.3X' is none of Glue's", "G.1X, G.2X"),
        ({"worker_type": "Z.2X"}, "none of Glue's", "R.8X"),
        ({"number_of_workers": 1}, "number_of_workers = 1 is outside", "from 2 to 1,000"),
        ({"timeout_minutes": 20_000}, "timeout_minutes = 20000", "from 1 to 10,080"),
        ({"max_retries": 11}, "max_retries = 11", "from 0 to 10"),
        ({"log_retention_days": 29}, "log_retention_days = 29", "log_retention_days = 30"),
        ({"alarm_email": "ann"}, "alarm_email = 'ann'", "ann@example.org"),
        ({"tags": {"Team": 'the "a" team'}}, "[env.dev.tags] 'Team'", "letters, digits"),
        ({"tags": {"Team": "🎉"}}, "no tag that AWS takes", "letters, digits"),
        ({"tags": {"Team": 3}}, "no tag that AWS takes", "letters"),
        ({"tags": {"Project": "x"}}, "Project = 'x'", "leave it out"),
        ({"existing_buckets": {"bronce": "b"}}, "did you mean `bronze`?", "artifacts"),
        ({"existing_buckets": {"bronze": "s3://b"}}, "bronze = 's3://b'", "its-name"),
        ({"existing_databases": {"artifacts": "b"}}, "has no `artifacts`", "bronze, silver, gold"),
        ({"existing_roles": {"ingest_orders": "ours"}}, "ingest_orders = 'ours'", "arn:aws:iam::"),
    ],
)
def test_what_aws_would_refuse_is_told_with_its_key(change: dict[str, Any], message: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_environment(changed(**change))
    assert message in caught.value.message
    assert fix in str(caught.value.fix)


def test_a_role_for_no_pipeline_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="did you mean `ingest_orders`"):
        tfvars(SHOP, changed(existing_roles={"ingest_order": ROLE}))


def test_each_setting_reaches_the_module() -> None:
    given = {
        "encryption": "customer-key",
        "alarm_email": "ann@example.org",
        "log_retention_days": 365,
        "rejects_retention_days": 90,
        "create_landing": True,
        "glue_version": "6.0",
        "tags": {"Team": "Süd & Co"[:3]},
        "existing_buckets": {"bronze": "acme-raw"},
        "existing_databases": {"gold": "reports"},
        "existing_roles": {"late_orders": ROLE},
    }
    values = tfvars(SHOP, changed(**given))
    assert {name: values[name] for name in given} == given


def test_what_a_project_does_not_use_is_not_in_its_values() -> None:
    unused = {"alarm_email", "tags", "existing_buckets", "iceberg_tables", "iceberg_conf", "schedules"}
    assert not unused & set(tfvars(SHOP, DEV))


def test_iceberg_tables_are_named_with_what_their_jobs_need() -> None:
    shop = manifest(
        iceberg=("silver.orders",),
        orders=pipeline("orders", "bronze.orders"),
        clean=pipeline("clean", "silver.orders", source("new", table="bronze.orders")),
    )
    values = tfvars(shop, DEV)
    assert values["iceberg_tables"] == ["silver.orders"]
    assert values["iceberg_conf"]["spark.sql.extensions"].startswith("org.apache.iceberg")
    assert not values["iceberg_conf"].keys() & values["spark_conf"].keys()


NAMES = names_of("Shop", DEV)


def block(environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = backend(NAMES, environment)["terraform"]["backend"]
    return found


def test_the_state_is_in_a_bucket_of_its_own_that_locks_itself() -> None:
    assert block(DEV) == {
        "s3": {
            "bucket": "shop-dev-tfstate-123456789012",
            "key": "shop-dev/terraform.tfstate",
            "region": "eu-central-1",
            "encrypt": True,
            "use_lockfile": True,
        }
    }


def test_a_bucket_that_is_not_known_yet_is_left_to_init() -> None:
    assert "bucket" not in block(changed(account_id=None))["s3"]


def test_the_state_goes_where_the_settings_say() -> None:
    assert block(changed(backend={"type": "local"})) == {"local": {}}
    assert block(changed(backend={"bucket": "ours", "kms_key_id": "alias/x"}))["s3"]["bucket"] == "ours"
    assert block(changed(backend={"key": "a/${b}%{c}"}))["s3"]["key"] == "a/$${b}%%{c}"


@pytest.mark.parametrize("kind", ["http", 3, ""])
def test_another_kind_of_backend_is_refused(kind: Any) -> None:
    with pytest.raises(SettingsError, match="neither `s3` nor `local`"):
        block(changed(backend={"type": kind}))


def test_every_name_of_a_bucket_fits_what_s3_takes() -> None:
    longest = Environment("e" * 16, bucket="b" * 22)
    names = names_of("p" * 32, longest)
    assert max(len(names.layer_bucket("artifacts", "1" * 12)), len(names.state_bucket("1" * 12))) <= 63


def test_the_laptop_finds_what_existed_before(tmp_path: Any) -> None:
    (tmp_path / "alur.toml").write_text(
        '[project]\nname = "shop"\n[env.dev]\naccount_id = "123456789012"\n'
        '[env.dev.existing_buckets]\nbronze = "acme-raw"\n[env.dev.existing_databases]\nbronze = "raw"\n'
    )
    settings = load_settings(tmp_path)
    layers = deployment_in(settings, settings.environment("dev")).layers
    assert layers["bronze"] == LayerPlace("raw", "s3://acme-raw/")
    assert layers["gold"] == LayerPlace("shop_dev_gold", "s3://shop-dev-gold-123456789012/")

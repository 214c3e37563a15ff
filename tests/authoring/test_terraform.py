from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from alur_nb.authoring.manifest import Manifest
from alur_nb.authoring.templates import deploy_templates
from alur_nb.authoring.terraform import TFVARS, landing_root, source_folder, tfvars, write_terraform
from alur_nb.runtime.errors import ExportError, NotYetSupportedError, SettingsError
from alur_nb.runtime.settings import Environment, session_conf
from tests.require import require_any_program

MODULE = deploy_templates() / "terraform"
DEV = Environment("dev", landing="s3://acme-landing-dev", region="eu-central-1", account_id="123456789012")
NASTY = 'It\'s "quoted",\nover two lines: ${path.module} %{ if true } \\ ünï € {{ x }}'


def source(kind: str = "files", **values: Any) -> Any:
    empty = {"parameter": None, "patterns": [], "table": None, "contract": None, "source_system": None}
    return {"kind": kind, "settings": {}, **empty, **values}


def pipeline(name: str, target: str, *sources: Any, description: str = "", pip: tuple[str, ...] = ()) -> Any:
    return {
        "script": f"jobs/{name}.py",
        "hash": "0" * 64,
        "description": description,
        "target": target,
        "sources": list(sources),
        "schedule": None,
        "expectations": [],
        "columns": None,
        "not_traced": None,
        "lineage": {"level": "table", "reason": "it was not traced", "reads": [], "edges": []},
        "python_modules": list(pip),
        "glue": {
            "worker_type": "G.1X",
            "number_of_workers": 2,
            "execution_class": "STANDARD",
            "timeout_minutes": 60,
            "max_retries": 0,
            "max_concurrent_runs": 1,
        },
    }


def manifest(**pipelines: Any) -> Manifest:
    return Manifest(
        schema_version=1,
        alur_version="0.1.0",
        project="Shop",
        environment="dev",
        notebook="shop.ipynb",
        parameters={"limit": 10, "names": ["a", "b"]},
        libraries=["lib/alur_nb_runtime-0.1.0-py3-none-any.whl"],
        tables={},
        pipelines=pipelines,
        edges=[],
        files={},
    )


SHOP = manifest(
    ingest_orders=pipeline(
        "ingest_orders", "bronze.orders", source(patterns=["orders/2024/*.csv"]), description=NASTY
    ),
    late_orders=pipeline(
        "late_orders",
        "bronze.late_orders",
        source("new", table="bronze.orders"),
        source("table", table="bronze.customers"),
        pip=("holidays==0.40",),
    ),
)


def variables() -> dict[str, dict[str, Any]]:
    blocks = parsed("variables.tf")["variable"]
    return {name.strip('"'): body for block in blocks for name, body in block.items()}


def parsed(name: str) -> dict[str, Any]:
    with (MODULE / name).open(encoding="utf-8") as file:
        found: dict[str, Any] = hcl2.load(file)
    return found


@pytest.mark.parametrize("path", sorted(MODULE.glob("*.tf")), ids=lambda path: path.name)
def test_every_file_of_the_module_parses(path: Path) -> None:
    assert any(not key.startswith("__") for key in parsed(path.name))


def test_every_value_is_a_declared_variable_and_every_required_variable_has_a_value() -> None:
    declared, given = variables(), tfvars(SHOP, DEV)
    required = {name for name, body in declared.items() if "default" not in body}

    assert set(given) <= set(declared)
    assert required <= set(given)
    assert all(given[name] is not None for name in required)


def test_each_pipeline_has_exactly_the_attributes_that_the_module_reads() -> None:
    declared = str(variables()["pipelines"]["type"])
    names = set(re.findall(r"\b([a-z_]+)\b(?=['\"]?\s*[:=])", declared))
    for values in tfvars(SHOP, DEV)["pipelines"].values():
        assert set(values) == names


def test_a_description_with_quotes_newlines_and_templates_survives(tmp_path: Path) -> None:
    write_terraform(tmp_path, SHOP, DEV)
    values = json.loads((tmp_path / TFVARS).read_text(encoding="utf-8"))
    assert values["pipelines"]["ingest_orders"]["description"] == NASTY


def test_control_characters_and_endless_descriptions_are_cut_to_what_glue_takes() -> None:
    shop = manifest(a=pipeline("a", "bronze.a", description="bell\x07" + "x" * 5000))
    description = tfvars(shop, DEV)["pipelines"]["a"]["description"]
    assert description.startswith("bell xxx")
    assert len(description) == 2048


def test_the_session_settings_are_the_notebooks() -> None:
    assert tfvars(SHOP, DEV)["spark_conf"] == session_conf(DEV)


def test_names_are_made_fit_for_aws() -> None:
    values = tfvars({**SHOP, "project": "Shop & Søn 2"}, DEV)
    assert (values["project"], values["bucket"], values["environment"]) == ("shop-s-n-2", "shop-s-n-2", "dev")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bucket": "x" * 40}, "env.dev.bucket"),
        ({"bucket": "-"}, "env.dev.bucket"),
        ({"landing": "./data"}, "landing"),
        ({"landing": "s3://Bad_Bucket/"}, "landing"),
        ({"landing": "s3://acme/*/x"}, "landing"),
    ],
)
def test_an_environment_that_aws_cannot_have_is_refused_with_the_setting(
    change: dict[str, Any], word: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(word)) as caught:
        tfvars(SHOP, dataclasses.replace(DEV, **change))
    assert caught.value.fix


def test_a_project_without_a_usable_name_is_refused() -> None:
    with pytest.raises(SettingsError, match=re.escape("project.name")):
        tfvars({**SHOP, "project": "Überraschungsmenü für zwei Personen am Abend"}, DEV)


def test_customer_keys_come_later() -> None:
    with pytest.raises(NotYetSupportedError):
        tfvars(SHOP, dataclasses.replace(DEV, encryption="customer-key"))


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("orders/*.csv", "s3://lake/in/orders/"),
        ("orders/2024-*/x.csv", "s3://lake/in/orders/"),
        ("orders/a.csv", "s3://lake/in/orders/"),
        ("./orders/[ab].csv", "s3://lake/in/orders/"),
        ("*.csv", "s3://lake/in/"),
        ("{a,b}/*.csv", "s3://lake/in/"),
        ("s3://other/x/y?.csv", "s3://other/x/"),
        ("s3://other/y.csv", "s3://other/"),
    ],
)
def test_a_job_may_read_the_folder_of_its_pattern_and_no_more(pattern: str, folder: str) -> None:
    assert source_folder(pattern, "s3://lake/in/", pipeline="p") == folder


@pytest.mark.parametrize(
    "pattern",
    [
        "/home/ann/orders/*.csv",
        "~/orders/*.csv",
        "C:\\orders\\*.csv",
        "file:///data/*.csv",
        "s3a://lake/x/*.csv",
        "../orders/*.csv",
        "s3://lake/a/../b/*.csv",
        "s3://bucket*/x.csv",
        "s3://bucket",
    ],
)
def test_a_path_that_no_job_can_read_is_refused(pattern: str) -> None:
    with pytest.raises(ExportError, match="reads") as caught:
        source_folder(pattern, "s3://lake/in/", pipeline="ingest_orders")
    assert caught.value.fix
    assert str(caught.value.place) == "jobs/ingest_orders.py"


def test_a_relative_pattern_needs_the_environments_landing() -> None:
    assert landing_root(dataclasses.replace(DEV, landing=None)) is None
    with pytest.raises(ExportError, match="no landing"):
        tfvars(SHOP, dataclasses.replace(DEV, landing=None))


def test_the_landing_ends_in_a_slash() -> None:
    assert landing_root(DEV) == "s3://acme-landing-dev/"
    assert landing_root(dataclasses.replace(DEV, landing="s3://acme/in")) == "s3://acme/in/"


def test_a_pipeline_that_loads_twice_from_one_folder_names_it_once() -> None:
    twice = pipeline("a", "bronze.a", source(patterns=["x/1*.csv", "x/2*.csv"]), source(patterns=["y/*.csv"]))
    values = tfvars(manifest(a=twice), DEV)["pipelines"]["a"]
    assert values["source_folders"] == ["s3://acme-landing-dev/x/", "s3://acme-landing-dev/y/"]


def test_writing_is_deterministic_and_adds_one_file_to_the_module(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_terraform(tmp_path / name, SHOP, DEV)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted([*(path.name for path in MODULE.glob("*.tf")), TFVARS])
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def statements() -> list[dict[str, Any]]:
    found = []
    for block in parsed("iam.tf")["data"]:
        document = block['"aws_iam_policy_document"']
        body = document.get('"job"', {})
        found += body.get("statement", [])
        found += [
            content for dynamic in body.get("dynamic", []) for content in dynamic['"statement"']["content"]
        ]
    return found


def test_no_role_has_an_action_with_a_wildcard() -> None:
    actions = [action for statement in statements() for action in statement["actions"]]
    assert len(actions) > 20
    assert not [action for action in actions if "*" in action]


def test_only_metrics_are_allowed_on_every_resource_and_only_in_glues_namespace() -> None:
    everywhere = [s for s in statements() if s["resources"] == ['"*"']]
    assert [s["actions"] for s in everywhere] == [['"cloudwatch:PutMetricData"']]
    assert "cloudwatch:namespace" in str(everywhere[0]["condition"])


def test_each_job_has_its_own_role() -> None:
    roles = [b['"aws_iam_role"'] for b in parsed("iam.tf")["resource"] if '"aws_iam_role"' in b]
    assert roles[0]['"job"']["for_each"] == "${var.pipelines}"
    job = parsed("glue_jobs.tf")["resource"][1]['"aws_glue_job"']['"this"']
    assert job["role_arn"] == "${aws_iam_role.job[each.key].arn}"


def test_jobs_are_sized_by_workers_and_bookmarks_are_off() -> None:
    text = (MODULE / "glue_jobs.tf").read_text(encoding="utf-8")
    assert "max_capacity" not in text
    assert re.search(r'"--job-bookmark-option"\s*=\s*"job-bookmark-disable"', text)
    assert re.search(r'"--enable-auto-scaling"\s*=\s*"true"', text)


def test_the_ledger_is_protected_and_nothing_in_it_expires() -> None:
    table = parsed("dynamodb.tf")["resource"][0]['"aws_dynamodb_table"']['"ledger"']
    assert "ttl" not in table
    assert table["billing_mode"] == '"PAY_PER_REQUEST"'
    assert table["point_in_time_recovery"][0]["enabled"] is True
    assert table["deletion_protection_enabled"] == "${var.protect_data}"


def test_no_lifecycle_rule_expires_data() -> None:
    blocks = [b for b in parsed("s3.tf")["resource"] if '"aws_s3_bucket_lifecycle_configuration"' in b]
    body = blocks[0]['"aws_s3_bucket_lifecycle_configuration"']['"this"']
    assert all("expiration" not in rule and "transition" not in rule for rule in body["rule"])
    expiring = body["dynamic"][0]['"rule"']
    assert expiring["for_each"].startswith('${each.key == "artifacts" ?')


def test_terraform_finds_nothing_to_format(tmp_path: Path) -> None:
    terraform = require_any_program(
        ("terraform", "tofu"), "see https://developer.hashicorp.com/terraform/install"
    )
    config = tmp_path / "terraformrc"
    config.write_text("disable_checkpoint = true\n", encoding="utf-8")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-recursive", MODULE],
        env={**os.environ, "TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""What the module plans of a bundle, in Terraform's own words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from alur_nb.authoring.terraform import TFVARS, tfvars
from alur_nb.runtime.deployed import deployment_in, deployment_of
from alur_nb.runtime.iceberg_catalog import catalog_conf
from alur_nb.runtime.settings import Settings, session_conf
from tests.authoring.terraform_cases import NASTY, at, manifest, pipeline, source
from tests.terraform.cases import LAKE, LONGEST, SETTINGS
from tests.terraform.rehearsal import Rehearsal, planned

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(lake_plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return planned(lake_plan)


def of_type(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the resources of a type by their key; one without `for_each` by nothing."""
    prefix = f"{kind}."
    return {
        address.partition('["')[2].removesuffix('"]'): values
        for address, values in found.items()
        if address.startswith(prefix)
    }


def job(found: Mapping[str, Any], name: str) -> Any:
    return found[f'aws_glue_job.this["{name}"]']


def test_each_pipeline_is_a_job_of_its_size(found: Mapping[str, Any]) -> None:
    jobs = of_type(found, "aws_glue_job")
    assert set(jobs) == set(LAKE["pipelines"])
    revenue = jobs["revenue"]
    assert (revenue["worker_type"], revenue["number_of_workers"]) == ("G.2X", 10)
    assert (revenue["execution_class"], revenue["max_retries"], revenue["timeout"]) == ("FLEX", 1, 60)
    # Glue refuses a queue for what is flexible or retries.
    assert [name for name, values in jobs.items() if not values["job_run_queuing_enabled"]] == ["revenue"]


def test_a_text_that_hcl_could_take_for_a_template_arrives_as_it_is(found: Mapping[str, Any]) -> None:
    assert job(found, "ingest_orders")["description"] == NASTY
    assert found['aws_scheduler_schedule.this["ingest_orders"]']["description"] == NASTY


def test_a_job_is_told_what_the_laptop_derives(found: Mapping[str, Any], tmp_path: Any) -> None:
    argument = json.loads(job(found, "revenue")["default_arguments"]["--alur"])
    settings = Settings(tmp_path, "Shop", environments={"dev": SETTINGS})
    assert deployment_of(argument) == deployment_in(settings, SETTINGS)
    assert argument["parameters"] == LAKE["parameters"]
    assert argument["summaries"] == "s3://acme-dev-artifacts-123456789012/runs/revenue/"


def test_a_job_has_one_conf_in_which_all_are_chained(found: Mapping[str, Any]) -> None:
    def conf(name: str) -> dict[str, str]:
        chained = job(found, name)["default_arguments"]["--conf"].split(" --conf ")
        return dict(one.split("=", 1) for one in chained)

    assert conf("ingest_orders") == session_conf(SETTINGS)
    assert conf("revenue") == {**session_conf(SETTINGS), **catalog_conf(is_local=False)}


def test_only_a_job_that_touches_an_iceberg_table_starts_with_iceberg(found: Mapping[str, Any]) -> None:
    jobs = of_type(found, "aws_glue_job")
    with_iceberg = [
        name for name, values in jobs.items() if "--datalake-formats" in values["default_arguments"]
    ]
    assert with_iceberg == ["clean_customers", "ingest_corrections", "revenue"]


def test_a_job_finds_its_script_and_its_library_by_their_content(found: Mapping[str, Any]) -> None:
    values = job(found, "revenue")
    script, library = (
        of_type(found, "aws_s3_object")["revenue"],
        values["default_arguments"]["--extra-py-files"],
    )
    assert values["command"][0]["script_location"] == f"s3://{script['bucket']}/{script['key']}"
    assert script["key"].startswith("jobs/revenue-") and script["key"].endswith(".py")
    assert library.startswith(f"s3://{script['bucket']}/lib/alur_nb_runtime-") and library.endswith(".zip")
    assert values["default_arguments"]["--additional-python-modules"] == "holidays==0.40"


def test_logs_are_kept_as_long_as_the_settings_say(found: Mapping[str, Any]) -> None:
    groups = of_type(found, "aws_cloudwatch_log_group")
    prefix = job(found, "revenue")["default_arguments"]["--custom-logGroup-prefix"]
    assert {groups[f"revenue/{kind}"]["name"] for kind in ("output", "error")} == {
        f"{prefix}/output",
        f"{prefix}/error",
    }
    assert {values["retention_in_days"] for values in groups.values()} == {30}


def test_a_schedule_starts_its_workflow_on_its_own_clock(found: Mapping[str, Any]) -> None:
    (schedule,) = of_type(found, "aws_scheduler_schedule").values()
    assert schedule["schedule_expression"] == "cron(0 6 * * ? *)"
    assert schedule["schedule_expression_timezone"] == "Europe/Berlin"
    (target,) = schedule["target"]
    assert target["arn"] == "arn:aws:scheduler:::aws-sdk:glue:startWorkflowRun"
    assert json.loads(target["input"]) == {"Name": "shop-dev-ingest_orders"}


def test_what_comes_after_waits_for_what_feeds_it(found: Mapping[str, Any]) -> None:
    starts, after = (
        [values for address, values in found.items() if address.startswith(f"aws_glue_trigger.{kind}")]
        for kind in ("start", "after")
    )
    assert [(one["type"], one["actions"][0]["job_name"]) for one in starts] == [
        ("ON_DEMAND", "shop-dev-ingest_orders")
    ]
    waits = {
        one["actions"][0]["job_name"]: [
            (c["job_name"], c["state"]) for c in one["predicate"][0]["conditions"]
        ]
        for one in after
    }
    orders = [("shop-dev-ingest_orders", "SUCCEEDED")]
    assert waits == {"shop-dev-revenue": orders, f"shop-dev-{LONGEST}": orders}
    assert {one["workflow_name"] for one in [*starts, *after]} == {"shop-dev-ingest_orders"}


BUCKETS = {"bronze", "silver", "gold", "artifacts", "landing"}


@pytest.mark.parametrize(
    "kind",
    [
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
    ],
)
def test_every_bucket_has_every_protection(found: Mapping[str, Any], kind: str) -> None:
    assert set(of_type(found, kind)) == BUCKETS


def test_no_lifecycle_rule_touches_data(found: Mapping[str, Any]) -> None:
    for kind, values in of_type(found, "aws_s3_bucket_lifecycle_configuration").items():
        expiring = [rule["filter"][0]["prefix"] for rule in values["rule"] if rule["expiration"]]
        assert expiring == (["runs/", "spark-logs/", "temp/"] if kind == "artifacts" else [])
        assert not any(rule.get("transition") for rule in values["rule"])


def test_only_tls_is_answered(found: Mapping[str, Any]) -> None:
    for kind, values in of_type(found, "aws_s3_bucket_policy").items():
        (statement,) = json.loads(values["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        bucket = found[f'aws_s3_bucket.this["{kind}"]']["bucket"]
        assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


# Of these there is no charge for being there (the services' price pages): only for use, and for what is stored.
FREE = {
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_group",
    "aws_dynamodb_table",
    "aws_glue_catalog_database",
    "aws_glue_job",
    "aws_glue_trigger",
    "aws_glue_workflow",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_s3_bucket",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_object",
    "aws_scheduler_schedule",
    "aws_scheduler_schedule_group",
    "aws_sns_topic",
    "aws_sns_topic_policy",
    "aws_sqs_queue",
}


def test_without_an_address_nothing_costs_that_only_waits(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, dataclasses.replace(SETTINGS, alarm_email=None))
    rehearsal.init()
    found = planned(rehearsal.plan())
    assert {address.split(".")[0] for address in found} == FREE
    table = found["aws_dynamodb_table.ledger"]
    assert (table["billing_mode"], table["ttl"]) == ("PAY_PER_REQUEST", [])


def test_the_longest_names_fit_everywhere(rehearsal: Rehearsal) -> None:
    first, second = "a" * 100, "b" * 100
    longest = manifest(
        **{
            first: pipeline(first, "bronze.t" + "t" * 119, schedule=at("0 6 * * ? *")),
            second: pipeline(second, "silver.t" + "t" * 119, source("new", table="bronze.t" + "t" * 119)),
        }
    )
    settings = dataclasses.replace(SETTINGS, name="e" * 16, bucket="b" * 22)
    rehearsal.write({**longest, "project": "p" * 32}, settings)
    rehearsal.init()
    found = planned(rehearsal.plan())
    assert (
        max(len(values["name"]) for address, values in found.items() if "aws_glue_trigger" in address) == 251
    )


def test_failures_are_mailed_with_the_commands_that_find_the_reason(found: Mapping[str, Any]) -> None:
    pattern = json.loads(found["aws_cloudwatch_event_rule.failed"]["event_pattern"])
    assert pattern["detail"]["jobName"] == [{"prefix": "shop-dev-"}]
    assert {"FAILED", "TIMEOUT"} <= set(pattern["detail"]["state"])
    (template,) = found["aws_cloudwatch_event_target.failed"]["input_transformer"]
    lines = template["input_template"].split("\n")
    # EventBridge takes several lines where each is a JSON string, and fills in what stands in <>.
    assert all(json.loads(line) for line in lines)
    assert "<job>" in lines[0] and set(template["input_paths"]) == {"job", "run", "state"}
    assert sum(" alur " in line for line in lines) == 5
    assert found["aws_sns_topic_subscription.email[0]"]["endpoint"] == "ann@example.org"


def test_another_account_is_refused(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, dataclasses.replace(SETTINGS, account_id="999999999999"))
    rehearsal.init()
    assert "AWS account ID not allowed: 123456789012" in rehearsal.run("plan", "-no-color", code=1)


def test_a_policy_that_iam_would_refuse_stops_the_plan(rehearsal: Rehearsal) -> None:
    many = [source("table", table=f"bronze.{'t' * 100}{number}") for number in range(60)]
    rehearsal.write(manifest(greedy=pipeline("greedy", "bronze.greedy", *many)), SETTINGS)
    rehearsal.init()
    said = rehearsal.run("plan", "-no-color", code=1)
    assert "The policy of greedy is longer than the 10,240 characters" in " ".join(said.split())


def test_more_schedules_than_a_policy_can_name_are_let_start_by_their_prefix(rehearsal: Rehearsal) -> None:
    names = [f"{'p' * 90}{number:03}" for number in range(60)]
    many = {
        name: pipeline(name, f"bronze.t{number}", schedule=at("0 6 * * ? *"))
        for number, name in enumerate(names)
    }
    rehearsal.write(manifest(**many), SETTINGS)
    rehearsal.init()
    policy = planned(rehearsal.plan())["aws_iam_role_policy.scheduler[0]"]["policy"]
    assert len(policy) <= 10_240
    start = next(one for one in json.loads(policy)["Statement"] if one["Sid"] == "Start")
    assert start["Resource"] == "arn:aws:glue:eu-central-1:123456789012:workflow/shop-dev-*"


REFUSED = [
    ({"project": "Shop"}, "project: 2 to 32"),
    ({"encryption": "none"}, "encryption: aws-managed"),
    ({"log_retention_days": 29}, "log_retention_days"),
    ({"glue_version": "4.0"}, "glue_version"),
    ({"existing_buckets": {"bronce": "x"}}, "existing_buckets"),
    ({"spark_conf": {"hive.x": "1"}}, "starts with spark."),
]


def test_the_module_refuses_what_an_export_would_not_write(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, SETTINGS)
    rehearsal.init()
    values = tfvars(LAKE, SETTINGS)
    for change, _ in REFUSED:
        values |= change
    (rehearsal.module / TFVARS).write_text(json.dumps(values), encoding="utf-8")
    said = " ".join(rehearsal.run("plan", "-no-color", code=1).replace("│", " ").split())
    assert [message for _, message in REFUSED if message not in said] == []

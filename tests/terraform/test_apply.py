"""What an apply makes, on a server of AWS's APIs; and the same apply again, cut short, or beside what is there."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import boto3
import pytest

from alur_nb.runtime.settings import Environment
from tests.authoring.terraform_cases import manifest, pipeline, source
from tests.terraform.cases import LAKE, SETTINGS
from tests.terraform.policies import allows
from tests.terraform.rehearsal import Rehearsal, planned

pytestmark = pytest.mark.slow

SMALL = manifest(
    iceberg=("silver.orders",),
    ingest_orders=pipeline("ingest_orders", "bronze.orders", source(patterns=["orders/*.csv"])),
    clean_orders=pipeline("clean_orders", "silver.orders", source("new", table="bronze.orders")),
)


def client(rehearsal: Rehearsal, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=rehearsal.endpoint,
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def test_an_apply_makes_it_all_and_the_next_one_nothing(on_server: Rehearsal) -> None:
    on_server.write(LAKE, SETTINGS)
    on_server.init()
    on_server.apply()
    assert "No changes." in on_server.run("plan", "-detailed-exitcode", "-no-color", "-input=false")
    told = on_server.outputs()
    assert set(told["jobs"]) == set(LAKE["pipelines"])
    assert told["workflows"] == {"ingest_orders": "shop-dev-ingest_orders"}
    assert told["schedules"]["ingest_orders"] == {
        "name": "ingest_orders",
        "group": "shop-dev",
        "cron": "0 6 * * ? *",
        "timezone": "Europe/Berlin",
        "enabled": True,
    }
    assert told["buckets"]["artifacts"] == told["artifacts_bucket"]
    assert told["log_groups"]["revenue/error"] == "/aws-glue/shop-dev/revenue/error"
    assert told["ledger_table"] == "shop-dev-ledger"
    assert told["sns_topic"].endswith(":shop-dev-alarms")
    glue, s3 = client(on_server, "glue"), client(on_server, "s3")
    run = glue.start_job_run(JobName=told["jobs"]["revenue"])["JobRunId"]
    assert (
        glue.get_job_run(JobName=told["jobs"]["revenue"], RunId=run)["JobRun"]["JobRunState"] == "SUCCEEDED"
    )
    bucket, _, key = (
        glue.get_job(JobName=told["jobs"]["revenue"])["Job"]["Command"]["ScriptLocation"]
        .removeprefix("s3://")
        .partition("/")
    )
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"# jobs/revenue.py\n"
    (schedule,) = client(on_server, "scheduler").list_schedules(GroupName="shop-dev")["Schedules"]
    assert schedule["State"] == "ENABLED"


def test_an_apply_that_dies_in_the_middle_is_finished_by_the_next(on_server: Rehearsal) -> None:
    on_server.write(SMALL, SETTINGS)
    on_server.init()
    said = on_server.run(
        "apply", "-auto-approve", "-input=false", "-no-color", code=1, STAND_IN_FAILS="aws_glue_job"
    )
    assert "the rehearsal fails here" in said
    assert client(on_server, "glue").list_jobs()["JobNames"] == []
    on_server.apply()
    assert len(client(on_server, "glue").list_jobs()["JobNames"]) == 2
    assert "No changes." in on_server.run("plan", "-no-color", "-input=false")


def test_a_changed_script_is_a_new_object_and_nothing_else_is_made_anew(on_server: Rehearsal) -> None:
    on_server.write(SMALL, SETTINGS)
    on_server.init()
    on_server.apply()
    (on_server.folder / "jobs/clean_orders.py").write_text("# another\n", encoding="utf-8")
    changes = {
        one["address"]: one["change"]["actions"]
        for one in on_server.plan()["resource_changes"]
        if one["change"]["actions"] != ["no-op"]
    }
    assert changes.pop('aws_s3_object.script["clean_orders"]') in (["create", "delete"], ["update"])
    assert changes == {
        'aws_glue_job.this["clean_orders"]': ["update"],
        'aws_iam_role_policy.job["clean_orders"]': ["update"],
    }


def test_a_customers_key_encrypts_all_that_holds_data(rehearsal: Rehearsal) -> None:
    rehearsal.write(LAKE, dataclasses.replace(SETTINGS, encryption="customer-key"))
    rehearsal.init()
    rehearsal.apply()
    made = rehearsal.state()
    key = made["aws_kms_key.this[0]"]["arn"]
    assert made["aws_kms_key.this[0]"]["enable_key_rotation"] is True
    for address, values in made.items():
        if address.startswith("aws_s3_bucket_server_side_encryption_configuration."):
            (default,) = values["rule"][0]["apply_server_side_encryption_by_default"]
            assert (default["sse_algorithm"], default["kms_master_key_id"]) == ("aws:kms", key)
        if address.startswith(("aws_cloudwatch_log_group.", "aws_s3_object.")):
            assert values["kms_key_id"] == key
        if address.startswith("aws_iam_role_policy."):
            assert allows(values["policy"], "kms:Decrypt", key), address
            assert not allows(values["policy"], "kms:ScheduleKeyDeletion", key), address
    assert made["aws_dynamodb_table.ledger"]["server_side_encryption"][0]["kms_key_arn"] == key
    assert made["aws_sns_topic.alarms"]["kms_master_key_id"] == key
    assert made["aws_sqs_queue.missed[0]"]["kms_master_key_id"] == key
    assert made['aws_scheduler_schedule.this["ingest_orders"]']["kms_key_arn"] == key


def test_what_exists_already_is_used_and_left_as_it_is(rehearsal: Rehearsal) -> None:
    role = "arn:aws:iam::123456789012:role/ours"
    ours = dataclasses.replace(
        SETTINGS,
        create_landing=False,
        existing_buckets={"bronze": "acme-raw", "artifacts": "acme-code"},
        existing_databases={"bronze": "raw"},
        existing_roles={"ingest_orders": role},
    )
    rehearsal.write(SMALL, ours)
    rehearsal.init()
    found = planned(rehearsal.plan())
    buckets = {values["bucket"] for address, values in found.items() if address.startswith("aws_s3_bucket.")}
    assert buckets == {"acme-dev-silver-123456789012", "acme-dev-gold-123456789012"}
    databases = {v["name"] for a, v in found.items() if a.startswith("aws_glue_catalog_database.")}
    assert databases == {"shop_dev_silver", "shop_dev_gold"}
    roles = [address for address in found if address.startswith("aws_iam_role.")]
    assert roles == ['aws_iam_role.job["clean_orders"]']
    assert found['aws_glue_job.this["ingest_orders"]']["role_arn"] == role
    policy = found['aws_iam_role_policy.job["clean_orders"]']["policy"]
    assert allows(policy, "s3:GetObject", "arn:aws:s3:::acme-raw/orders/x")
    assert allows(policy, "glue:GetTable", "arn:aws:glue:eu-central-1:123456789012:table/raw/orders")
    assert found['aws_s3_object.script["clean_orders"]']["bucket"] == "acme-code"


def test_iceberg_tables_are_kept_up_once_they_exist(rehearsal: Rehearsal) -> None:
    rehearsal.write(SMALL, SETTINGS)
    rehearsal.init()
    kind = "aws_glue_catalog_table_optimizer."
    assert not [address for address in planned(rehearsal.plan()) if address.startswith(kind)]
    # What `alur deploy` finds in the catalog; a Parquet table among them is none of Glue's business.
    existing = json.dumps(["bronze.orders", "silver.orders", "silver.others"])
    rehearsal.apply(TF_VAR_existing_tables=existing)
    made = rehearsal.state()
    optimizers = {v["type"]: v for address, v in made.items() if address.startswith(kind)}
    assert set(optimizers) == {"compaction", "orphan_file_deletion", "retention"}
    assert {(v["database_name"], v["table_name"]) for v in optimizers.values()} == {
        ("shop_dev_silver", "orders")
    }
    (orphans,) = optimizers["orphan_file_deletion"]["configuration"][0]["orphan_file_deletion_configuration"]
    # Never where batches are staged.
    (where,) = orphans["iceberg_configuration"]
    assert where["location"] == "s3://acme-dev-silver-123456789012/orders/data/"
    policy = made["aws_iam_role_policy.maintenance[0]"]["policy"]
    assert allows(policy, "s3:DeleteObject", "arn:aws:s3:::acme-dev-silver-123456789012/orders/data/x")
    assert not allows(policy, "s3:DeleteObject", "arn:aws:s3:::acme-dev-bronze-123456789012/orders/x")
    assert not allows(policy, "s3:DeleteObject", "arn:aws:s3:::acme-dev-silver-123456789012/orders2/x")


def test_a_file_of_the_users_beside_it_is_part_of_the_stack(rehearsal: Rehearsal) -> None:
    rehearsal.write(SMALL, SETTINGS)
    (rehearsal.module / "ours.tf").write_text(
        'resource "aws_sns_topic_subscription" "ours" {\n'
        "  topic_arn = aws_sns_topic.alarms.arn\n"
        '  protocol  = "https"\n'
        '  endpoint  = "https://example.org/hook"\n}\n',
        encoding="utf-8",
    )
    rehearsal.init()
    assert "aws_sns_topic_subscription.ours" in planned(rehearsal.plan())


def test_data_is_protected_unless_the_variable_says_otherwise(rehearsal: Rehearsal) -> None:
    rehearsal.write(SMALL, SETTINGS)
    rehearsal.init()
    for protect in (True, False):
        found = planned(rehearsal.plan(TF_CLI_ARGS_plan=f"-var=protect_data={str(protect).lower()}"))
        assert found['aws_s3_bucket.this["bronze"]']["force_destroy"] is not protect
        assert found["aws_dynamodb_table.ledger"]["deletion_protection_enabled"] is protect


def test_a_project_of_one_pipeline_and_no_schedule_is_a_whole_stack(on_server: Rehearsal) -> None:
    one = manifest(copy=pipeline("copy", "bronze.copy", source(patterns=["s3://theirs/x/*.csv"])))
    on_server.write(one, Environment("dev", account_id="123456789012"))
    on_server.init()
    on_server.apply()
    assert on_server.outputs()["workflows"] == {}
    assert on_server.outputs()["jobs"] == {"copy": "shop-dev-copy"}

"""What each job's role may do, asked of the policies as they are planned: its own sources and target, nothing else."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from tests.terraform.cases import LAKE, LONGEST
from tests.terraform.policies import actions, allows
from tests.terraform.rehearsal import planned

pytestmark = pytest.mark.slow

ACCOUNT = "eu-central-1:123456789012"
PIPELINES = LAKE["pipelines"]
TABLES = sorted(LAKE["tables"])
# Where each pipeline's landing files are; those of the others are not its business.
LANDED = {
    "ingest_orders": "acme-landing-dev/in/orders/1.csv",
    "ingest_customers": "acme-landing-dev/in/customers/1.csv",
    "ingest_corrections": "acme-landing-dev/in/late/1.csv",
}


@pytest.fixture(scope="module")
def policies(lake_plan: dict[str, Any]) -> dict[str, Any]:
    found = planned(lake_plan)
    return {name: json.loads(found[f'aws_iam_role_policy.job["{name}"]']["policy"]) for name in PIPELINES}


def sources(pipeline: str) -> set[str]:
    return {source["table"] for source in PIPELINES[pipeline]["sources"] if source["table"]}


def an_object(table: str, file: str = "batch_id=1/x.parquet") -> str:
    layer, name = table.split(".")
    return f"arn:aws:s3:::acme-dev-{layer}-123456789012/{name}/{file}"


def catalog_table(table: str) -> str:
    layer, name = table.split(".")
    return f"arn:aws:glue:{ACCOUNT}:table/shop_dev_{layer}/{name}"


LEDGER = f"arn:aws:dynamodb:{ACCOUNT}:table/shop-dev-ledger"
EACH = list(product(sorted(PIPELINES), TABLES))


@pytest.mark.parametrize(("pipeline", "table"), EACH)
def test_it_reads_its_sources_and_target_and_no_other_table(
    policies: dict[str, Any], pipeline: str, table: str
) -> None:
    is_ours = table in {*sources(pipeline), PIPELINES[pipeline]["target"]}
    policy, partition = policies[pipeline], f"shop#dev#{table}"
    assert allows(policy, "s3:GetObject", an_object(table)) is is_ours
    assert allows(policy, "s3:GetObject", an_object(table, "metadata/1.json")) is is_ours
    assert allows(policy, "glue:GetTable", catalog_table(table)) is is_ours
    assert allows(policy, "glue:GetPartitions", catalog_table(table)) is is_ours
    assert allows(policy, "dynamodb:Query", LEDGER, dynamodb__LeadingKeys=[partition]) is is_ours


@pytest.mark.parametrize(("pipeline", "table"), EACH)
def test_it_writes_its_target_and_no_other_table(policies: dict[str, Any], pipeline: str, table: str) -> None:
    is_target = table == PIPELINES[pipeline]["target"]
    policy, partition = policies[pipeline], f"shop#dev#{table}"
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"):
        assert allows(policy, action, an_object(table)) is is_target
    for action in ("glue:CreateTable", "glue:UpdateTable", "glue:BatchCreatePartition"):
        assert allows(policy, action, catalog_table(table)) is is_target
    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"):
        assert allows(policy, action, LEDGER, dynamodb__LeadingKeys=[partition]) is is_target


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_it_writes_the_rejects_of_its_target(policies: dict[str, Any], pipeline: str) -> None:
    rejects = PIPELINES[pipeline]["target"] + "__rejects"
    assert allows(policies[pipeline], "s3:PutObject", an_object(rejects))
    assert allows(policies[pipeline], "glue:CreateTable", catalog_table(rejects))


@pytest.mark.parametrize(("pipeline", "owner"), list(product(sorted(PIPELINES), LANDED)))
def test_it_reads_the_landing_files_of_its_own_patterns_and_writes_none(
    policies: dict[str, Any], pipeline: str, owner: str
) -> None:
    policy, place = policies[pipeline], f"arn:aws:s3:::{LANDED[owner]}"
    assert allows(policy, "s3:GetObject", place) is (pipeline == owner)
    folder = LANDED[owner].split("/", 1)[1].rpartition("/")[0] + "/"
    listing = allows(policy, "s3:ListBucket", "arn:aws:s3:::acme-landing-dev", s3__prefix=folder)
    assert listing is (pipeline == owner)
    assert not allows(policy, "s3:PutObject", place)
    assert not allows(policy, "s3:DeleteObject", place)


@pytest.mark.parametrize(("pipeline", "owner"), list(product(sorted(PIPELINES), repeat=2)))
def test_scripts_temporary_files_and_logs_are_its_own(
    policies: dict[str, Any], pipeline: str, owner: str
) -> None:
    policy, artifacts = policies[pipeline], "arn:aws:s3:::acme-dev-artifacts-123456789012"
    own = pipeline == owner
    assert allows(policy, "s3:PutObject", f"{artifacts}/temp/{owner}/x") is own
    assert allows(policy, "s3:PutObject", f"{artifacts}/runs/{owner}/jr_1.json") is own
    group = f"arn:aws:logs:{ACCOUNT}:log-group:/aws-glue/shop-dev/{owner}/output:log-stream:x"
    assert allows(policy, "logs:PutLogEvents", group) is own
    assert not allows(policy, "s3:PutObject", f"{artifacts}/jobs/{owner}-0123.py")


def test_a_secret_is_for_the_pipeline_that_names_it(policies: dict[str, Any]) -> None:
    secret = f"arn:aws:secretsmanager:{ACCOUNT}:secret:shop/db-a1B2c3"
    assert [
        name for name in PIPELINES if allows(policies[name], "secretsmanager:GetSecretValue", secret)
    ] == ["ingest_orders"]
    other = f"arn:aws:secretsmanager:{ACCOUNT}:secret:shop/db-admin-a1B2c3"
    assert not allows(policies["ingest_orders"], "secretsmanager:GetSecretValue", other)


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_no_action_has_a_wildcard_and_none_reaches_the_whole_account(
    policies: dict[str, Any], pipeline: str
) -> None:
    policy = policies[pipeline]
    assert not [action for action in actions(policy) if "*" in action]
    everywhere = [s for s in policy["Statement"] if "*" in (s["Resource"], *s["Resource"][:1])]
    assert [(s["Action"], s["Condition"]) for s in everywhere] == [
        ("cloudwatch:PutMetricData", {"StringEquals": {"cloudwatch:namespace": "Glue"}})
    ]


def test_the_scheduler_starts_the_workflows_and_no_job(lake_plan: dict[str, Any]) -> None:
    policy = json.loads(planned(lake_plan)["aws_iam_role_policy.scheduler[0]"]["policy"])
    glue = f"arn:aws:glue:{ACCOUNT}"
    assert allows(policy, "glue:StartWorkflowRun", f"{glue}:workflow/shop-dev-ingest_orders")
    assert not allows(policy, "glue:StartWorkflowRun", f"{glue}:workflow/shop-dev-ingest_customers")
    assert not allows(policy, "glue:StartJobRun", f"{glue}:job/shop-dev-ingest_orders")
    assert allows(policy, "sqs:SendMessage", f"arn:aws:sqs:{ACCOUNT}:shop-dev-missed-schedules")
    assumed = json.loads(planned(lake_plan)["aws_iam_role.scheduler[0]"]["assume_role_policy"])["Statement"][
        0
    ]
    assert assumed["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert assumed["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_role_names_end_where_iams_do_and_stay_apart(lake_plan: dict[str, Any]) -> None:
    found = planned(lake_plan)
    names = [values["name"] for address, values in found.items() if address.startswith("aws_iam_role.")]
    assert len({name.lower() for name in names}) == len(names)
    assert len(found[f'aws_iam_role.job["{LONGEST}"]']["name"]) == 64

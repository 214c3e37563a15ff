"""A plan in words: what is made, changed, destroyed; the data at risk; the cost with its formula."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alur_nb.authoring.deploy_plan import DeployPlan, read_plan
from tests.authoring.standin import change, plan

JOB = {
    "name": "shop-dev-a",
    "worker_type": "G.1X",
    "number_of_workers": 2,
    "glue_version": "5.1",
    "timeout": 60,
}


def read(*changes: dict[str, Any], resources: list[tuple[str, dict[str, Any]]] | None = None) -> DeployPlan:
    told = [{"type": kind, "mode": "managed", "values": values} for kind, values in resources or []]
    return read_plan(
        plan(*changes, resources=told), environment="dev", account="123456789012", region="eu-central-1"
    )


def test_what_is_made_or_goes_of_a_kind_is_one_row_and_each_change_another() -> None:
    found = read(
        change("aws_glue_job.this[0]", ["create"], None, {"name": "shop-dev-a"}),
        change("aws_glue_job.this[1]", ["create"], None, {"name": "shop-dev-b"}),
        change("aws_glue_job.this[2]", ["update"], {"name": "c", "timeout": 1}, {"name": "c", "timeout": 2}),
        change("aws_iam_role.x", ["delete"], {"name": "r"}, None),
        change("aws_iam_role.y", ["no-op"], {}, {}),
        change("data.aws_region.x", ["read"], {}, {}),
    )
    text = str(found)
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert text.startswith(
        "Plan for dev (account 123456789012, eu-central-1): 2 created, 1 changed, 1 destroyed"
    )
    assert rows[4:7] == [
        "glue job created: 2 shop-dev-a, shop-dev-b",
        "iam role destroyed: 1 r",
        "glue job changed c; timeout",
    ]
    assert "no data is at risk" in text


def test_the_settings_of_buckets_are_one_row_that_names_each_bucket_once() -> None:
    kinds = ("aws_s3_bucket", "aws_s3_bucket_versioning", "aws_s3_bucket_policy")
    found = read(*(change(f"{kind}.x", ["create"], None, {"bucket": "acme-dev-gold"}) for kind in kinds))
    assert "s3 bucket created: 1 acme-dev-gold s3 bucket settings created: 2 acme-dev-gold" in " ".join(
        str(found).split()
    )


@pytest.mark.parametrize(
    ("kind", "actions", "is_risky"),
    [
        ("aws_s3_bucket", ["delete"], True),
        ("aws_s3_bucket", ["create", "delete"], True),
        ("aws_dynamodb_table", ["delete", "create"], True),
        ("aws_glue_catalog_database", ["delete"], True),
        ("aws_kms_key", ["delete"], True),
        ("aws_cloudwatch_log_group", ["delete"], False),
        ("aws_s3_bucket", ["create"], False),
        ("aws_s3_object", ["delete"], False),
    ],
)
def test_what_holds_data_is_at_risk_where_it_goes(kind: str, actions: list[str], is_risky: bool) -> None:
    found = read(change(f"{kind}.x", actions, {"bucket": "b"}, {"bucket": "b"}))
    assert bool(found.risks) is is_risky
    assert ("DATA AT RISK" in str(found)) is is_risky


@pytest.mark.parametrize(
    ("before", "after", "is_risky"), [(True, False, True), (False, False, False), (False, True, False)]
)
def test_taking_the_protection_away_is_a_risk(before: bool, after: bool, is_risky: bool) -> None:
    name = "deletion_protection_enabled"
    found = read(change("aws_dynamodb_table.ledger", ["update"], {name: before}, {name: after, "x": 1}))
    assert bool(found.risks) is is_risky


def test_nothing_to_change_is_one_line() -> None:
    assert str(read(change("aws_x.y", ["no-op"]))).splitlines() == [
        "Plan for dev (account 123456789012, eu-central-1): nothing to change"
    ]


def test_the_cost_of_a_run_follows_the_formula() -> None:
    found = read(change("aws_glue_job.a", ["create"]), resources=[("aws_glue_job", JOB)])
    (job,) = found.estimate.jobs
    # 2 workers x 1 DPU x 10 min at $0.44; at most its 60 minutes.
    assert job.per_run == pytest.approx(2 * 10 / 60 * 0.44)
    assert job.at_most == pytest.approx(0.88)
    text = str(found)
    assert "shop-dev-a 2 G.1X about $0.15 about $0.88" in " ".join(text.split())
    assert "DPU-hours = workers x DPUs of a worker x hours" in text
    assert "assumed for Glue 5.1 STANDARD: $0.440 per DPU-hour" in text
    assert "at rest: about $0.00 a month; what is stored costs" in text


def test_what_costs_at_rest_is_named() -> None:
    resources = [("aws_kms_key", {}), ("aws_cloudwatch_metric_alarm", {}), ("aws_sns_topic", {})]
    found = read(change("aws_kms_key.x", ["create"]), resources=resources)
    assert found.estimate.at_rest == pytest.approx(1.1)
    assert "about $1.10 a month (1 x alarm at $0.10, 1 x KMS key at $1.00)" in str(found)


def test_a_price_that_is_not_known_is_not_invented() -> None:
    flex = {**JOB, "glue_version": "6.0", "execution_class": "FLEX"}
    memory = {**JOB, "worker_type": "R.1X"}
    found = read(
        change("aws_glue_job.a", ["create"]), resources=[("aws_glue_job", flex), ("aws_glue_job", memory)]
    )
    assert [job.per_run for job in found.estimate.jobs] == [None, None]
    assert "not known" in str(found)


def test_scheduled_runs_are_counted_downstream_too() -> None:
    target = [{"input": json.dumps({"Name": "flow"})}]
    schedule = {
        "schedule_expression": "cron(0 6 * * ? *)",
        "schedule_expression_timezone": "Europe/Berlin",
        "target": target,
    }
    triggers = [
        ("aws_glue_trigger", {"workflow_name": "flow", "actions": [{"job_name": name}]})
        for name in ("shop-dev-a", "b")
    ]
    resources = [
        ("aws_glue_job", JOB),
        ("aws_glue_job", {**JOB, "name": "b"}),
        ("aws_scheduler_schedule", schedule),
    ]
    found = read(change("aws_glue_job.a", ["create"]), resources=[*resources, *triggers])
    assert [job.runs_a_month for job in found.estimate.jobs] == [30, 30]


def test_a_disabled_schedule_and_a_foreign_expression_count_nothing() -> None:
    for schedule in (
        {"schedule_expression": "cron(0 6 * * ? *)", "state": "DISABLED"},
        {"schedule_expression": "rate(1 day)"},
    ):
        given = {**schedule, "target": [{"input": '{"Name": "flow"}'}]}
        trigger = {"workflow_name": "flow", "actions": [{"job_name": "shop-dev-a"}]}
        resources = [("aws_glue_job", JOB), ("aws_scheduler_schedule", given), ("aws_glue_trigger", trigger)]
        assert read(resources=resources).estimate.jobs[0].runs_a_month == 0


def test_json_holds_what_the_text_says() -> None:
    found = read(change("aws_s3_bucket.x", ["delete"], {"bucket": "b"}), resources=[("aws_glue_job", JOB)])
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["created"], told["destroyed"]) == (0, 1)
    assert told["data_at_risk"] == ["aws_s3_bucket.x"]
    assert told["cost"]["jobs"][0]["job"] == "shop-dev-a"

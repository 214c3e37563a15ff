"""Makes resources on the server that STAND_IN_ENDPOINT names (moto), as far as a run needs them there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_sources import ACCOUNT, REGION

State = dict[str, Any]


class Failed(Exception):
    """AWS said no."""


def make(resource: str, state: State) -> None:
    """Make one resource; STAND_IN_FAILS names a type whose making fails."""
    if os.environ.get("STAND_IN_FAILS") == resource:
        raise Failed(f"{resource}: the rehearsal fails here")
    maker = _MAKERS.get(resource)
    if maker is None or not os.environ.get("STAND_IN_ENDPOINT"):
        return
    from botocore.exceptions import ClientError

    try:
        maker(state)
    except ClientError as error:
        raise Failed(f"{resource}: {error}") from error


def arn_of(resource: str, name: str) -> str:
    """Return an ARN of the form that the service has."""
    here = f"{REGION}:{ACCOUNT}"
    forms = {
        "aws_cloudwatch_event_rule": f"events:{here}:rule/{name}",
        "aws_glue_job": f"glue:{here}:job/{name}",
        "aws_iam_role": f"iam::{ACCOUNT}:role/{name}",
        "aws_kms_key": f"kms:{here}:key/11112222-3333-4444-5555-666677778888",
        "aws_s3_bucket": f"s3:::{name}",
        "aws_sns_topic": f"sns:{here}:{name}",
        "aws_sqs_queue": f"sqs:{here}:{name}",
    }
    return f"arn:aws:{forms.get(resource, f'{resource[4:]}:{here}:{name}')}"


def _client(service: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=os.environ["STAND_IN_ENDPOINT"],
        region_name=REGION,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",
    )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _bucket(state: State) -> None:
    place = {"LocationConstraint": REGION}
    _client("s3").create_bucket(Bucket=state["bucket"], CreateBucketConfiguration=place)


def _object(state: State) -> None:
    body = Path(state["source"]).read_bytes()
    _client("s3").put_object(Bucket=state["bucket"], Key=state["key"], Body=body)


def _dynamodb_table(state: State) -> None:
    _client("dynamodb").create_table(
        TableName=state["name"],
        BillingMode=state["billing_mode"],
        AttributeDefinitions=[
            {"AttributeName": one["name"], "AttributeType": one["type"]} for one in state["attribute"]
        ],
        KeySchema=[
            {"AttributeName": state["hash_key"], "KeyType": "HASH"},
            {"AttributeName": state["range_key"], "KeyType": "RANGE"},
        ],
    )


def _database(state: State) -> None:
    given = _given(Name=state["name"], Description=state["description"], LocationUri=state["location_uri"])
    _client("glue").create_database(DatabaseInput=given)


def _job(state: State) -> None:
    (command,), (execution,) = state["command"], state["execution_property"]
    given = _given(
        Name=state["name"],
        Description=state["description"],
        Role=state["role_arn"],
        Command={
            "Name": command["name"],
            "ScriptLocation": command["script_location"],
            "PythonVersion": command["python_version"],
        },
        DefaultArguments=state["default_arguments"],
        GlueVersion=state["glue_version"],
        WorkerType=state["worker_type"],
        NumberOfWorkers=state["number_of_workers"],
        Timeout=state["timeout"],
        MaxRetries=state["max_retries"],
        ExecutionClass=state["execution_class"],
        ExecutionProperty={"MaxConcurrentRuns": execution["max_concurrent_runs"]},
    )
    _client("glue").create_job(**given)


def _workflow(state: State) -> None:
    given = _given(
        Name=state["name"], Description=state["description"], MaxConcurrentRuns=state["max_concurrent_runs"]
    )
    _client("glue").create_workflow(**given)


def _trigger(state: State) -> None:
    predicates = [
        {
            "Logical": one["logical"],
            "Conditions": [
                {"LogicalOperator": "EQUALS", "JobName": c["job_name"], "State": c["state"]}
                for c in one["conditions"]
            ],
        }
        for one in state["predicate"]
    ]
    given = _given(
        Name=state["name"],
        Type=state["type"],
        WorkflowName=state["workflow_name"],
        Actions=[{"JobName": one["job_name"]} for one in state["actions"]],
        Predicate=predicates[0] if predicates else None,
    )
    _client("glue").create_trigger(**given)


def _role(state: State) -> None:
    _client("iam").create_role(RoleName=state["name"], AssumeRolePolicyDocument=state["assume_role_policy"])


def _role_policy(state: State) -> None:
    _client("iam").put_role_policy(
        RoleName=state["role"], PolicyName=state["name"], PolicyDocument=state["policy"]
    )


def _log_group(state: State) -> None:
    logs = _client("logs")
    logs.create_log_group(logGroupName=state["name"])
    logs.put_retention_policy(logGroupName=state["name"], retentionInDays=int(state["retention_in_days"]))


def _schedule_group(state: State) -> None:
    _client("scheduler").create_schedule_group(Name=state["name"])


def _schedule(state: State) -> None:
    (target,), (window,) = state["target"], state["flexible_time_window"]
    (retry,), (dead,) = target["retry_policy"], target["dead_letter_config"]
    _client("scheduler").create_schedule(
        Name=state["name"],
        GroupName=state["group_name"],
        Description=state["description"],
        ScheduleExpression=state["schedule_expression"],
        ScheduleExpressionTimezone=state["schedule_expression_timezone"],
        State=state["state"],
        FlexibleTimeWindow={"Mode": window["mode"]},
        Target={
            "Arn": target["arn"],
            "RoleArn": target["role_arn"],
            "Input": target["input"],
            "DeadLetterConfig": {"Arn": dead["arn"]},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": int(retry["maximum_event_age_in_seconds"]),
                "MaximumRetryAttempts": int(retry["maximum_retry_attempts"]),
            },
        },
    )


def _topic(state: State) -> None:
    _client("sns").create_topic(Name=state["name"])


def _queue(state: State) -> None:
    _client("sqs").create_queue(QueueName=state["name"])


_MAKERS: dict[str, Callable[[State], None]] = {
    "aws_cloudwatch_log_group": _log_group,
    "aws_dynamodb_table": _dynamodb_table,
    "aws_glue_catalog_database": _database,
    "aws_glue_job": _job,
    "aws_glue_trigger": _trigger,
    "aws_glue_workflow": _workflow,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_s3_bucket": _bucket,
    "aws_s3_object": _object,
    "aws_scheduler_schedule": _schedule,
    "aws_scheduler_schedule_group": _schedule_group,
    "aws_sns_topic": _topic,
    "aws_sqs_queue": _queue,
}

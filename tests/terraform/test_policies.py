from __future__ import annotations

from typing import Any

import pytest

from tests.terraform.policies import actions, allows

KEY = "dynamodb__LeadingKeys"


def policy(action: Any = "s3:GetObject", resource: Any = "*", effect: str = "Allow", **condition: Any) -> Any:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {"Statement": [{**statement, **({"Condition": condition["condition"]} if condition else {})}]}


@pytest.mark.parametrize(
    ("given", "action", "resource", "allowed"),
    [
        (policy(), "s3:GetObject", "arn:b/k", True),
        (policy(), "s3:getobject", "arn:b/k", True),
        (policy(), "s3:PutObject", "arn:b/k", False),
        (policy(["s3:Get*", "s3:Put*"]), "s3:PutObject", "arn:b/k", True),
        (policy(resource="arn:b/a/*"), "s3:GetObject", "arn:b/a/k/l", True),
        (policy(resource="arn:b/a/*"), "s3:GetObject", "arn:b/ab/k", False),
        (policy(resource="arn:b/a/*"), "s3:GetObject", "arn:B/a/k", False),
        (policy(resource="arn:x-??????"), "s3:GetObject", "arn:x-a1B2c3", True),
        (policy(resource="arn:x-??????"), "s3:GetObject", "arn:x-a1B2c", False),
        (policy(resource="arn:[a]"), "s3:GetObject", "arn:a", False),
        (policy(effect="Deny"), "s3:GetObject", "arn:b/k", False),
        (
            {"Statement": [*policy()["Statement"], *policy(effect="Deny")["Statement"]]},
            "s3:GetObject",
            "a",
            False,
        ),
    ],
)
def test_actions_resources_and_effects(given: Any, action: str, resource: str, allowed: bool) -> None:
    assert allows(given, action, resource) is allowed


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"dynamodb:LeadingKeys": "a"}}, {KEY: "a"}, True),
        ({"StringEquals": {"dynamodb:LeadingKeys": ["a", "b"]}}, {KEY: "b"}, True),
        ({"StringEquals": {"dynamodb:LeadingKeys": "a"}}, {KEY: "A"}, False),
        ({"StringEquals": {"dynamodb:LeadingKeys": "a"}}, {}, False),
        ({"StringLike": {"s3:prefix": ["a/*"]}}, {"s3__prefix": "a/b"}, True),
        ({"StringLike": {"s3:prefix": ["a/*"]}}, {"s3__prefix": "b/a/"}, False),
        ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["a", "b"]}}, {KEY: ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["a", "b"]}}, {KEY: ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["a"]}}, {}, True),
    ],
)
def test_conditions(condition: Any, context: Any, allowed: bool) -> None:
    assert allows(policy(condition=condition), "s3:GetObject", "a", **context) is allowed


def test_a_condition_that_is_not_known_is_no_silent_yes() -> None:
    with pytest.raises(AssertionError):
        allows(
            policy(condition={"NumericLessThan": {"s3:max-keys": "3"}}), "s3:GetObject", "a", s3__max_keys="1"
        )


def test_the_named_actions() -> None:
    assert actions(policy(["a:B", "a:C"])) == {"a:B", "a:C"}

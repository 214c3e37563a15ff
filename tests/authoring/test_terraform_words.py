"""What the program refuses, in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alur_nb.authoring.terraform_words import Diagnostic, refusal_of
from tests.authoring.standin import LOCKED, error

REFUSALS = [
    (
        error("Error acquiring the state lock", LOCKED),
        "locked by ada@laptop since 2026-03-01",
        "force-unlock 11111111",
    ),
    (
        error("creating S3 Bucket (x)", "BucketAlreadyExists: ..", "aws_s3_bucket.x"),
        "taken by another account",
        "bucket =",
    ),
    (
        error("creating", "api error ExpiredToken: The provided token has expired"),
        "credentials have expired",
        "sso login",
    ),
    (error("No valid credential sources found"), "no AWS credentials", "AWS_PROFILE"),
    (error("AWS account ID not allowed: 999999999999"), "of account 999999999999", "account_id"),
    (
        error(
            "x",
            "is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::1:role/a because",
            "aws_iam_role.a",
        ),
        "iam:CreateRole on arn:aws:iam::1:role/a",
        "permission",
    ),
    (error("Saved plan is stale"), "somebody else has deployed", "plans anew"),
    (
        error("Something new", "line 1\nline 2", "aws_x.y"),
        "Something new (aws_x.y)\nline 1\nline 2",
        "Remove the cause",
    ),
]


@pytest.mark.parametrize(("told", "message", "fix"), REFUSALS)
def test_a_refusal_is_told_with_its_next_step(told: Any, message: str, fix: str) -> None:
    found = refusal_of([Diagnostic.of(told["diagnostic"])], "plan", "terraform -chdir=x", log=Path("a.log"))
    assert message in found.message
    assert fix in str(found.fix)
    assert str(found.fix).endswith("a.log")

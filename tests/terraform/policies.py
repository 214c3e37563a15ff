"""A small evaluator of IAM policies: enough of the rules to ask what a role may do.

After the IAM user guide, "Policy evaluation logic": what no statement allows is denied, and a denial wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

Policy = Mapping[str, Any]


def allows(policy: Policy | str, action: str, resource: str, **context: str | list[str]) -> bool:
    """Return whether the policy lets its holder do this; a key's `:` and `-` are `__` and `_` in `context`.

    >>> policy = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    >>> allows(policy, "s3:GetObject", "arn:aws:s3:::b/k"), allows(policy, "s3:PutObject", "arn:aws:s3:::b/k")
    (True, False)
    """
    document = json.loads(policy) if isinstance(policy, str) else policy
    given = {name.replace("__", ":").replace("_", "-").lower(): value for name, value in context.items()}
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        if _any_matches(statement["Action"], action, ignore_case=True)
        and _any_matches(statement["Resource"], resource)
        and all(_holds(test, keys, given) for test, keys in statement.get("Condition", {}).items())
    }
    return effects == {"Allow"}


def actions(policy: Policy | str) -> set[str]:
    """Return every action that the policy names."""
    document = json.loads(policy) if isinstance(policy, str) else policy
    return {action for statement in document["Statement"] for action in _listed(statement["Action"])}


def _holds(test: str, keys: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(_one_holds(test, _listed(wanted), given.get(key.lower())) for key, wanted in keys.items())


def _one_holds(test: str, wanted: list[str], value: Any) -> bool:
    for_all, _, test = test.rpartition(":")
    values = [] if value is None else _listed(value)
    if for_all == "ForAllValues":
        # Of no value at all it is true.
        return all(_fits(test, wanted, one) for one in values)
    assert not for_all, for_all
    return bool(values) and all(_fits(test, wanted, one) for one in values)


def _fits(test: str, wanted: Iterable[str], value: str) -> bool:
    if test in ("StringLike", "ArnLike", "ArnEquals"):
        return any(_matches(pattern, value) for pattern in wanted)
    assert test in ("StringEquals", "Bool"), test
    return value in wanted


def _any_matches(patterns: str | list[str], value: str, *, ignore_case: bool = False) -> bool:
    return any(_matches(pattern, value, ignore_case=ignore_case) for pattern in _listed(patterns))


def _matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    # IAM's wildcards are * and ? alone; a bracket is a bracket.
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)

"""The data sources that the module reads: three constants, and policies, which are made as the real provider does."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-central-1"

CONSTANTS = {
    "aws_caller_identity": {
        "account_id": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/rehearsal",
        "id": ACCOUNT,
        "user_id": "AIDAREHEARSAL",
    },
    "aws_partition": {
        "dns_suffix": "amazonaws.com",
        "id": "aws",
        "partition": "aws",
        "reverse_dns_prefix": "com.amazonaws",
    },
    "aws_region": {"description": "Rehearsal", "id": REGION, "name": REGION, "region": REGION},
}

_TEXT, _TEXTS, _LIST = [False, "string"], [False, ["set", "string"]], [False, ["list", "string"]]
_PRINCIPALS = {"type": [True, "string"], "identifiers": [True, ["set", "string"]]}
_CONDITION = {"test": [True, "string"], "variable": [True, "string"], "values": [True, ["list", "string"]]}
_STATEMENT = {
    "sid": _TEXT,
    "effect": _TEXT,
    "actions": _TEXTS,
    "not_actions": _TEXTS,
    "resources": _TEXTS,
    "not_resources": _TEXTS,
    "principals": [False, {"nest": "set", "max": 0, "block": _PRINCIPALS}],
    "not_principals": [False, {"nest": "set", "max": 0, "block": _PRINCIPALS}],
    "condition": [False, {"nest": "set", "max": 0, "block": _CONDITION}],
}
POLICY_DOCUMENT = {
    "aws_iam_policy_document": {
        **dict.fromkeys(("id", "json", "minified_json", "policy_id", "version"), _TEXT),
        "override_policy_documents": _LIST,
        "source_policy_documents": _LIST,
        "statement": [False, {"nest": "list", "max": 0, "block": _STATEMENT}],
    }
}
DATA_SOURCES = [*CONSTANTS, *POLICY_DOCUMENT]

_NAMES = (
    ("actions", "Action"),
    ("not_actions", "NotAction"),
    ("resources", "Resource"),
    ("not_resources", "NotResource"),
)


def read_data(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a data source's values."""
    if name in CONSTANTS:
        return {**config, **CONSTANTS[name]}
    document = {"Version": "2012-10-17", "Statement": [_statement(one) for one in config["statement"]]}
    return {
        **config,
        "id": "policy",
        "json": json.dumps(document, indent=2),
        "minified_json": json.dumps(document, separators=(",", ":")),
    }


def _statement(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Sid": one["sid"]} if one["sid"] else {}
    found["Effect"] = one["effect"] or "Allow"
    found |= {theirs: _one_or_all(one[ours]) for ours, theirs in _NAMES if one[ours]}
    for principals in one["principals"]:
        kind, identifiers = principals["type"], _one_or_all(principals["identifiers"])
        found["Principal"] = "*" if kind == "*" else {**found.get("Principal", {}), kind: identifiers}
    for condition in one["condition"]:
        values = condition["values"]
        kept = found.setdefault("Condition", {}).setdefault(condition["test"], {})
        kept[condition["variable"]] = values[0] if len(values) == 1 else values
    return found


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else sorted(values)

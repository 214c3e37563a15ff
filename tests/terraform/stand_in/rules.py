"""What AWS and its provider refuse beyond wrong types; the sources are the API references of the services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_WORKERS = ["G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"]
_CHOICES: dict[tuple[str, str], list[str]] = {
    ("aws_glue_job", "execution_class"): ["FLEX", "STANDARD"],
    ("aws_glue_job", "job_mode"): ["NOTEBOOK", "SCRIPT", "VISUAL"],
    ("aws_glue_job", "worker_type"): _WORKERS,
    ("aws_glue_trigger", "type"): ["CONDITIONAL", "EVENT", "ON_DEMAND", "SCHEDULED"],
    ("aws_glue_catalog_table_optimizer", "type"): ["compaction", "orphan_file_deletion", "retention"],
    ("aws_scheduler_schedule", "state"): ["DISABLED", "ENABLED"],
}
# DOTALL: what is allowed is said by the class of characters, not by the dot.
_PATTERNS: dict[tuple[str, str], str] = {
    ("aws_cloudwatch_event_rule", "event_pattern"): r"(?s).{1,4096}",
    ("aws_cloudwatch_event_rule", "name"): r"[\w.-]{1,64}",
    ("aws_cloudwatch_log_group", "name"): r"[\w./#-]{1,512}",
    ("aws_dynamodb_table", "name"): r"[\w.-]{3,255}",
    ("aws_glue_catalog_database", "name"): r"[a-z0-9_]{1,255}",
    ("aws_glue_job", "description"): r"[^\x00-\x08\x0b\x0c\x0e-\x1f]{0,2048}",
    ("aws_glue_job", "name"): r"[^\x00-\x1f]{1,255}",
    ("aws_glue_trigger", "name"): r"[^\x00-\x1f]{1,255}",
    ("aws_glue_workflow", "name"): r"[^\x00-\x1f]{1,255}",
    ("aws_iam_role", "description"): r"[\t\n\r -~\xa1-\xff]{0,1000}",
    ("aws_iam_role", "name"): r"[\w+=,.@-]{1,64}",
    ("aws_iam_role_policy", "policy"): r"(?s).{1,10240}",
    ("aws_s3_bucket", "bucket"): r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    ("aws_scheduler_schedule", "description"): r"(?s).{0,512}",
    ("aws_scheduler_schedule", "name"): r"[\w.-]{1,64}",
    ("aws_scheduler_schedule_group", "name"): r"[\w.-]{1,64}",
    ("aws_sns_topic", "name"): r"[\w-]{1,256}",
    ("aws_sqs_queue", "name"): r"[\w-]{1,80}",
}
_TOGETHER = [
    ("aws_glue_job", "max_capacity", "number_of_workers"),
    ("aws_glue_job", "max_capacity", "worker_type"),
    ("aws_sqs_queue", "kms_master_key_id", "sqs_managed_sse_enabled"),
]


def broken_rules(resource: str, config: dict[str, Any]) -> list[str]:
    """Return what would be refused; a value that is not known yet is let pass."""
    return list(_broken(resource, config)) if config else []


def _broken(resource: str, config: dict[str, Any]) -> Iterator[str]:
    for (kind, name), allowed in _CHOICES.items():
        value = config.get(name)
        if kind == resource and isinstance(value, str) and value not in allowed:
            yield f"expected {name} to be one of {allowed}, got {value}"
    for (kind, name), pattern in _PATTERNS.items():
        value = config.get(name)
        if kind == resource and isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII):
            yield f"invalid value for {name} of {resource}: {value[:100]!r}"
    for kind, first, second in _TOGETHER:
        if kind == resource and _is_given(config.get(first)) and _is_given(config.get(second)):
            yield f'"{first}": conflicts with {second}'


def _is_given(value: object) -> bool:
    return isinstance(value, str | int | float | bool)

"""What AWS would refuse of an environment's settings, told before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from alur_nb.runtime.errors import SettingsError, cut, suggest
from alur_nb.runtime.settings import SETTINGS_FILE, Environment

# Glue developer guide, "Worker types" (Spark jobs; G.025X is for streaming, Z.2X for Ray).
WORKER_TYPES = ("G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X")
# CloudWatch Logs API reference, PutRetentionPolicy.
_SHORT_RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
LOG_RETENTION_DAYS = (*_SHORT_RETENTION, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
# Smallest and largest: Glue API reference, CreateJob; a job has a driver and at least one worker.
_RANGES = {"number_of_workers": (2, 1000), "timeout_minutes": (1, 7 * 24 * 60), "max_retries": (0, 10)}
LAYERS = ("bronze", "silver", "gold")
# IAM user guide, "Rules for tagging": what every service takes.
_TAG = re.compile(r"[\w .:/=+@-]*")
_OWN_TAGS = ("Project", "Environment", "ManagedBy")
_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/.+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def check_environment(environment: Environment) -> None:
    """Raise SettingsError for the first value that AWS would refuse."""
    where = f"env.{environment.name}"
    check_size(where, {name: getattr(environment, name) for name in ("worker_type", *_RANGES)})
    days = environment.log_retention_days
    if days not in LOG_RETENTION_DAYS:
        nearest = min(LOG_RETENTION_DAYS, key=lambda known: abs(known - days))
        raise _refused(where, "log_retention_days", days, f"log_retention_days = {nearest}")
    if environment.alarm_email is not None and not _EMAIL.fullmatch(environment.alarm_email):
        raise _refused(where, "alarm_email", environment.alarm_email, 'alarm_email = "ann@example.org"')
    _check_tags(where, environment.tags)
    _check_existing(f"{where}.existing_buckets", environment.existing_buckets, (*LAYERS, "artifacts"))
    _check_existing(f"{where}.existing_databases", environment.existing_databases, LAYERS)
    for pipeline, arn in environment.existing_roles.items():
        if not isinstance(arn, str) or not _ROLE.fullmatch(arn):
            fix = f'{pipeline} = "arn:aws:iam::123456789012:role/NAME"'
            raise _refused(f"{where}.existing_roles", pipeline, arn, fix)


def check_size(where: str, size: Mapping[str, object]) -> None:
    """Raise SettingsError for a job's size that Glue does not have; `where` is the section of alur.toml."""
    worker = size["worker_type"]
    if worker not in WORKER_TYPES:
        raise SettingsError(
            f"[{where}] worker_type = {worker!r} is none of Glue's{suggest(str(worker), WORKER_TYPES)}.",
            fix=f"Use one of: {', '.join(WORKER_TYPES)}.",
        )
    for name, (smallest, largest) in _RANGES.items():
        value = size[name]
        if not isinstance(value, int) or not smallest <= value <= largest:
            raise SettingsError(
                f"[{where}] {name} = {value!r} is outside of what Glue takes.",
                fix=f"Use a number from {smallest:,} to {largest:,}.",
            )


def _check_tags(where: str, tags: Mapping[str, object]) -> None:
    for name, value in tags.items():
        if name in _OWN_TAGS:
            raise _refused(f"{where}.tags", name, value, f"leave it out: {', '.join(_OWN_TAGS)} are set")
        fits = isinstance(value, str) and len(value) <= 256 and _TAG.fullmatch(value)
        if not fits or not 1 <= len(name) <= 128 or not _TAG.fullmatch(name) or name.startswith("aws:"):
            raise SettingsError(
                f"[{where}.tags] {cut(repr(name), 60)} = {cut(repr(value), 60)} is no tag that AWS takes.",
                fix="Use letters, digits, blanks and _ . : / = + - @; at most 128 for the name, 256 for the value.",
            )


def _check_existing(where: str, given: Mapping[str, object], kinds: tuple[str, ...]) -> None:
    for kind, name in given.items():
        if kind not in kinds:
            raise SettingsError(
                f"[{where}] has no `{kind}`{suggest(kind, kinds)}.", fix=f"Use one of: {', '.join(kinds)}."
            )
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
            raise _refused(where, kind, name, f'{kind} = "its-name"')


def _refused(where: str, key: str, value: object, example: str) -> SettingsError:
    return SettingsError(
        f"[{where}] {key} = {value!r} is not what AWS takes.", fix=f"In {SETTINGS_FILE}: {example}"
    )

"""Failing rows as reports and the ledger keep them: plain values, long ones cut, few enough for one item."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from alur_nb.runtime.errors import cut

MAX_EXAMPLES = 20
"""Failing rows kept for each check."""
_WIDTH = 200
_MESSAGE_WIDTH = 1_000
# A DynamoDB item holds 400 KB in all (AWS, DynamoDB service quotas), and BATCH has more to say than its checks.
_ALL_CHECKS_BYTES = 100_000


def plain(value: object) -> Any:
    """Return a value as JSON can hold it, a long text cut to 200 characters, a long list to 20 items."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {str(name): plain(item) for name, item in list(value.items())[:MAX_EXAMPLES]}
        case list() | tuple():
            return [plain(item) for item in value[:MAX_EXAMPLES]]
        case datetime():
            return _in_utc(value).isoformat()
        case date():
            return value.isoformat()
        case bytes() | bytearray():
            return cut(bytes(value[:_WIDTH]).hex())
        case _:
            return cut(str(value))


def _in_utc(moment: datetime) -> datetime:
    """Return a moment with its zone: Spark hands one out by this process's clock, without saying so."""
    return moment.astimezone(UTC)


def plain_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return example rows with plain values."""
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def for_ledger(checks: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Return check results as the ledger keeps them: as many examples as fit, fairly shared among the checks."""
    failed = sum(bool(check.examples) for check in checks)
    share = _ALL_CHECKS_BYTES // max(1, failed)
    return tuple(
        {
            "name": check.name,
            "severity": str(check.severity),
            "passed": check.passed,
            "metric": check.metric,
            "message": cut(check.message, _MESSAGE_WIDTH),
            "examples": _fitting(plain_rows(check.examples[:MAX_EXAMPLES]), share),
        }
        for check in checks
    )


def _fitting(rows: Sequence[dict[str, Any]], share: int) -> list[dict[str, Any]]:
    kept, used = [], 0
    for row in rows:
        used += len(json.dumps(row).encode())
        if used > share:
            break
        kept.append(row)
    return kept

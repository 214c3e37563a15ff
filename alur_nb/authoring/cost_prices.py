"""What Glue's runs are billed by, and the prices that are assumed; they are always told beside a sum.

Prices are AWS's list prices in us-east-1; other regions and contracts differ by some percent, so every sum is "about".
https://aws.amazon.com/glue/pricing
"""

from __future__ import annotations

from collections.abc import Mapping

DPU = {
    "G.025X": 0.25,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
}
"""DPUs of a worker (Glue guide, "Worker types"); R types are billed in M-DPUs, at prices that are not assumed here."""

_STANDARD, _FLEX, _STANDARD_6 = 0.44, 0.29, 0.308
_LEAST_SECONDS = 60
FORMULA = (
    "DPU-hours = workers x DPUs of a worker x hours; a run is billed by the second, for a minute at least"
)


def rate(glue_version: str, execution_class: str) -> float | None:
    """Return the assumed price of a DPU-hour in dollars; None where it is not known."""
    if glue_version.startswith("6"):
        return _STANDARD_6 if execution_class == "STANDARD" else None
    return _FLEX if execution_class == "FLEX" else _STANDARD


def dpu_hours(worker_type: str, workers: int, seconds: float) -> float | None:
    """Return the DPU-hours of a run that keeps all of its workers to the end; None for an unknown worker type."""
    dpus = DPU.get(worker_type)
    return None if dpus is None else workers * dpus * max(seconds, _LEAST_SECONDS) / 3600


def dollars(hours: float | None, price: float | None) -> float | None:
    """Return the price of DPU-hours; None where one of the two is not known."""
    return None if hours is None or price is None else hours * price


def money(amount: float | None) -> str:
    """Return an amount in words: `about $0.07`; `not known` where it is not."""
    if amount is None:
        return "not known"
    return f"about ${amount:,.2f}" if amount >= 0.01 or amount == 0 else "under $0.01"


def assumptions(rates: Mapping[str, float | None]) -> tuple[str, ...]:
    """Return the prices that a sum stands on, in words."""
    told = (
        f"{name}: {f'${price:.3f} per DPU-hour' if price is not None else 'its price is not known'}"
        for name, price in sorted(dict(rates).items())
    )
    return tuple(f"assumed for {text} (list price, us-east-1)" for text in told)


def kind_of(glue_version: str, execution_class: str) -> str:
    """Return what a price hangs on, in words."""
    return f"Glue {glue_version} {execution_class}"

"""What runs on AWS cost, about: DPU-hours by the size of the job and the time of its batches, times a list price.

The time is that from PLAN to the batch's end. That is an estimate, not a bill: a job's start and its planning come on
top, auto scaling takes workers off, prices differ by region.
Runs on the laptop cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alur_nb.authoring.cost_prices import FORMULA, dollars, dpu_hours, rate
from alur_nb.authoring.history import BatchLine
from alur_nb.authoring.manifest import glue_settings
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment, Settings

ASSUMPTIONS = (
    f"{FORMULA}; time = from the plan to the end of each batch; list prices of us-east-1; without the job's start, "
    "auto scaling and runs that found nothing new"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate; None where nothing is to be paid, or size or price are not known."""

    dpu_hours: float
    dollars: float


def cost_of(
    lines: Iterable[BatchLine], project: Project, settings: Settings, environment: Environment
) -> Cost | None:
    """Estimate what these batches have cost in an environment; None on the laptop, and where none of them has ended."""
    if environment.is_local:
        return None
    hours, paid, known = 0.0, 0.0, False
    for line in lines:
        seconds = line.duration_seconds
        pipeline = project.pipelines.get(line.batch.pipeline)
        profile = pipeline.resource_profile if pipeline else None
        size = glue_settings(environment, settings, profile if profile in settings.profiles else None)
        used = None if seconds is None else dpu_hours(size["worker_type"], size["number_of_workers"], seconds)
        price = dollars(used, rate(environment.glue_version, size["execution_class"]))
        if used is not None and price is not None:
            hours, paid, known = hours + used, paid + price, True
    return Cost(hours, paid) if known else None

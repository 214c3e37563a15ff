"""What runs on AWS cost, about: DPU-hours by the size of the job and the time of its batches, times a list price.

DPU-hours = workers x DPU of the worker type x the time from PLAN to the batch's end, one minute at least. That is an
estimate, not a bill: a job's start and its planning come on top, auto scaling takes workers off, prices differ by region.
Runs on the laptop cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alur_nb.authoring.history import BatchLine
from alur_nb.authoring.manifest import glue_settings
from alur_nb.runtime.project import Project
from alur_nb.runtime.settings import Environment, Settings

# AWS Glue pricing, "Apache Spark ETL jobs", US East: per DPU-hour, billed by the second with a minimum of one minute.
PRICES = {"STANDARD": 0.44, "FLEX": 0.29}
# AWS Glue developer guide, "Worker types": what one worker counts for.
DPUS = {"G.025X": 0.25, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0, "G.8X": 8.0, "G.12X": 12.0, "G.16X": 16.0}
_LEAST_SECONDS = 60.0

ASSUMPTIONS = (
    "workers x DPU of the worker type x time from plan to end of each batch (at least 1 minute) x "
    f"${PRICES['STANDARD']} a DPU-hour (FLEX ${PRICES['FLEX']}; list price, US East); without the job's start, auto "
    "scaling and runs that found nothing new"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate; None where nothing is to be paid, or the worker type has no known size."""

    dpu_hours: float
    dollars: float


def cost_of(
    lines: Iterable[BatchLine], project: Project, settings: Settings, environment: Environment
) -> Cost | None:
    """Estimate what these batches have cost in an environment; None on the laptop, and where none of them has ended."""
    if environment.is_local:
        return None
    hours, dollars, known = 0.0, 0.0, False
    for line in lines:
        seconds = line.duration_seconds
        pipeline = project.pipelines.get(line.batch.pipeline)
        profile = pipeline.resource_profile if pipeline else None
        size = glue_settings(environment, settings, profile if profile in settings.profiles else None)
        dpu = DPUS.get(size["worker_type"])
        if seconds is None or dpu is None:
            continue
        used = size["number_of_workers"] * dpu * max(seconds, _LEAST_SECONDS) / 3600
        hours, dollars, known = hours + used, dollars + used * PRICES[size["execution_class"]], True
    return Cost(hours, dollars) if known else None

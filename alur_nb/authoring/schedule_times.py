"""When pipelines run next: what is declared, and what an environment's scheduler has been told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alur_nb.authoring.aws import Cloud, code_of
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.errors import DeclarationError, DeployError, plural
from alur_nb.runtime.project import Project
from alur_nb.runtime.schedules import Schedule

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """One pipeline's schedule with its next times, on the clock of its zone."""

    pipeline: str
    cron: str
    timezone: str
    enabled: bool
    times: tuple[datetime, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "pipeline": self.pipeline,
            "cron": self.cron,
            "timezone": self.timezone,
            "enabled": self.enabled,
            "next": [one.isoformat() for one in self.times],
            "next_utc": [one.astimezone(UTC).isoformat() for one in self.times],
        }

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The lines of a table: the first names the schedule, each has one time in its zone and in UTC."""
        state = "" if self.enabled else "disabled"
        head = (self.pipeline, self.cron, self.timezone)
        if not self.times:
            return ((*head, state or "never again", ""),)
        first, *others = [(_moment(one), _moment(one.astimezone(UTC))) for one in self.times]
        return ((*head, *first), *(("", "", "", *one) for one in others))


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of a project, or of an environment."""

    environment: str = "declared"
    lines: tuple[ScheduleLine, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"environment": self.environment, "schedules": [line.to_dict() for line in self.lines]}

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        rows = tuple(row for line in self.lines for row in line.rows)
        grid = Grid("next times", ("pipeline", "cron", "time zone", "there", "UTC"), rows)
        return Sheet(f"{self.environment}: {plural(len(self.lines), 'schedule')}", grids=(grid,))

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def declared_schedules(project: Project, *, now: datetime | None = None) -> Schedules:
    """Return what the notebooks declare, with the next three times of each schedule."""
    found = [
        schedule_line(name, pipeline.schedule, now)
        for name, pipeline in sorted(project.pipelines.items())
        if pipeline.schedule is not None
    ]
    return Schedules("declared", tuple(found))


def deployed_schedules(cloud: Cloud, *, now: datetime | None = None) -> Schedules:
    """Return what the environment's scheduler will start; raises DeployError where it cannot be asked."""
    return Schedules(cloud.environment.name, tuple(_deployed(cloud, now)))


def schedule_line(pipeline: str, schedule: Schedule, now: datetime | None = None) -> ScheduleLine:
    """Return a schedule with its next times; none where it is disabled."""
    times = schedule.next_times(now or datetime.now(UTC), _SHOWN) if schedule.enabled else []
    return ScheduleLine(pipeline, schedule.cron, schedule.timezone, schedule.enabled, tuple(times))


def _deployed(cloud: Cloud, now: datetime | None) -> Iterable[ScheduleLine]:
    client, group = cloud.client("scheduler"), cloud.names.schedule_group

    def page(**token: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = client.list_schedules(GroupName=group, **token)
        return answer

    try:
        listed = list(cloud.pages(f"Listing the schedules of {group}", page, "Schedules"))
    except DeployError as error:
        # A project without a schedule has no group.
        if code_of(error) == "ResourceNotFoundException":
            return
        raise
    for one in sorted(listed, key=lambda each: str(each["Name"])):
        told = cloud.ask(
            f"Asking for the schedule {one['Name']}",
            lambda: client.get_schedule(GroupName=group, Name=one["Name"]),  # noqa: B023 - called at once
        )
        yield _line(cloud, told, now)


def _line(cloud: Cloud, told: Mapping[str, Any], now: datetime | None) -> ScheduleLine:
    pipeline = _pipeline(cloud, told)
    expression = re.sub(r"^cron\((.*)\)$", r"\1", str(told["ScheduleExpression"]))
    zone, enabled = str(told.get("ScheduleExpressionTimezone") or "UTC"), told.get("State") != "DISABLED"
    try:
        return schedule_line(pipeline, Schedule(expression, zone, enabled), now)
    except DeclarationError:
        # Changed by hand into something that we do not declare, such as rate(1 day).
        return ScheduleLine(pipeline, expression, zone, enabled)


def _pipeline(cloud: Cloud, told: Mapping[str, Any]) -> str:
    """Return the pipeline that a schedule starts: a long name is cut in the schedule's, and whole in its workflow's."""
    name = str(told["Name"])
    try:
        workflow = json.loads(told.get("Target", {}).get("Input") or "{}").get("Name", name)
    except (ValueError, AttributeError):
        workflow = name
    return cloud.names.pipeline(str(workflow)) or name


def _moment(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M}"

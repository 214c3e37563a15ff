"""What a schedule starts: its pipeline, and after that everything downstream that has no schedule of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alur_nb.authoring.aws_text import description
from alur_nb.authoring.manifest import Manifest

# EventBridge Scheduler API reference, CreateSchedule.
_DESCRIPTION_LENGTH = 512


def schedules(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return one workflow for each scheduled pipeline: when it starts, and who in it waits for whom.

    A pipeline that is reached from two schedules is in both workflows; it waits for those of its sources that run in
    the same one, and reads the others as they are.
    """
    return {
        name: {
            "cron": schedule["cron"],
            "timezone": schedule["timezone"],
            "enabled": schedule["enabled"],
            "description": description(schedule["description"] or "", _DESCRIPTION_LENGTH),
            "max_concurrent_runs": schedule["max_concurrent_runs"],
            "downstream": _downstream(manifest, name),
        }
        for name, entry in manifest["pipelines"].items()
        if (schedule := entry["schedule"]) is not None
    }


def _downstream(manifest: Manifest, root: str) -> Mapping[str, list[str]]:
    members, waiting = {root}, [root]
    while waiting:
        writer = waiting.pop()
        for begin, end in manifest["edges"]:
            if begin == writer and end not in members and manifest["pipelines"][end]["schedule"] is None:
                members.add(end)
                waiting.append(end)
    return {
        name: sorted(begin for begin, end in manifest["edges"] if end == name and begin in members)
        for name in sorted(members - {root})
    }

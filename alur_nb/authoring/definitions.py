"""What a deployed pipeline is made of, as facts that two environments, or the bundle on disk, can be compared by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alur_nb.authoring.aws import Cloud
from alur_nb.authoring.jobs import Job, deployed_jobs
from alur_nb.authoring.manifest import Manifest, read_manifest
from alur_nb.authoring.schedule_times import deployed_schedules
from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.errors import plural
from alur_nb.runtime.parameters import ARGUMENT

# A key ends in the content's hash: jobs/NAME-0123456789abcdef.py, lib/NAME-0123456789abcdef.zip (artifacts.tf).
_HASHED = re.compile(r"([^/]*)-([0-9a-f]{16})\.(?:py|zip)$")
_HASH = 16
_MISSING = "not deployed"

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same on both sides."""

    pipeline: str
    fact: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two environments side by side: only what differs, and how much was compared."""

    left: str = ""
    right: str = ""
    pipelines: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "left": self.left,
            "right": self.right,
            "pipelines": self.pipelines,
            "equal": self.ok,
            "differences": [
                {"pipeline": one.pipeline, "fact": one.fact, self.left: one.left, self.right: one.right}
                for one in self.differences
            ],
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        rows = tuple((one.pipeline, one.fact, one.left, one.right) for one in self.differences)
        verdict = f"{plural(len(rows), 'difference')}" if rows else "no difference"
        head = f"{self.left} and {self.right}: {plural(self.pipelines, 'pipeline')}, {verdict}"
        return Sheet(head, grids=(Grid("differences", ("pipeline", "what", self.left, self.right), rows),))

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def compare_environments(left: Cloud, right: Cloud) -> Comparison:
    """Compare what is deployed in two environments: scripts, libraries, sizes, parameters, schedules."""
    one, other = deployed_facts(left), deployed_facts(right)
    return Comparison(
        left.environment.name, right.environment.name, len({*one, *other}), differences(one, other)
    )


def differences(left: Mapping[str, Facts], right: Mapping[str, Facts]) -> tuple[Difference, ...]:
    """Return every fact in which the pipelines of two sides differ."""
    found = []
    for pipeline in sorted({*left, *right}):
        if pipeline not in left or pipeline not in right:
            there = [("deployed" if pipeline in side else _MISSING) for side in (left, right)]
            found.append(Difference(pipeline, "job", there[0], there[1]))
            continue
        one, other = left[pipeline], right[pipeline]
        found += [
            Difference(pipeline, fact, one.get(fact, ""), other.get(fact, ""))
            for fact in sorted({*one, *other})
            if one.get(fact, "") != other.get(fact, "")
        ]
    return tuple(found)


def deployed_facts(cloud: Cloud) -> dict[str, Facts]:
    """Return the facts of every deployed pipeline; names of buckets and roles, which must differ, are none."""
    schedules = {line.pipeline: line for line in deployed_schedules(cloud).lines}
    found: dict[str, Facts] = {}
    for job in deployed_jobs(cloud):
        line = schedules.get(job.pipeline)
        schedule = f"{line.cron} {line.timezone}{'' if line.enabled else ', disabled'}" if line else ""
        found[job.pipeline] = {**job_facts(job), "schedule": schedule}
    return found


def job_facts(job: Job) -> dict[str, str]:
    """Return what one job is made of."""
    told, arguments = job.definition, job.arguments
    libraries = sorted(_hashed(key) for key in arguments.get("--extra-py-files", "").split(",") if key)
    script = str((told.get("Command") or {}).get("ScriptLocation", ""))
    return {
        "script": script_hash(script),
        "libraries": ", ".join(libraries),
        "python modules": arguments.get("--additional-python-modules", ""),
        "spark settings": arguments.get("--conf", ""),
        "parameters": _parameters(arguments),
        "glue version": str(told.get("GlueVersion", "")),
        "workers": f"{told.get('NumberOfWorkers', '')} {told.get('WorkerType', '')}".strip(),
        "execution class": str(told.get("ExecutionClass") or "STANDARD"),
        "timeout": f"{told.get('Timeout', '')} min",
        "retries": str(job.max_retries),
        "runs at once": str((told.get("ExecutionProperty") or {}).get("MaxConcurrentRuns", 1)),
    }


def script_hash(location: str) -> str:
    """Return the hash in a script's key; the whole key where it has none."""
    found = _HASHED.search(location)
    return found[2] if found else location


def _hashed(key: str) -> str:
    found = _HASHED.search(key.strip())
    return f"{found[1]} {found[2]}" if found else key.strip()


def _parameters(arguments: Mapping[str, str]) -> str:
    try:
        given = json.loads(arguments.get(ARGUMENT, "{}")).get("parameters", {})
    except (ValueError, AttributeError):
        return ""
    return json.dumps(given, sort_keys=True) if given else ""


def bundle_facts(manifest: Manifest) -> dict[str, Facts]:
    """Return of each pipeline in a bundle those facts that a deployed job has too."""
    found: dict[str, Facts] = {}
    for name, entry in manifest["pipelines"].items():
        glue = entry["glue"]
        found[name] = {
            "script": entry["hash"][:_HASH],
            "workers": f"{glue['number_of_workers']} {glue['worker_type']}",
            "execution class": glue["execution_class"],
            "timeout": f"{glue['timeout_minutes']} min",
            "retries": str(glue["max_retries"]),
        }
    return found


def bundle_of(folder: Path, environment: str) -> Manifest | None:
    """Return the manifest of the bundle on disk where it is this environment's; else None."""
    manifest = read_manifest(folder)
    return manifest if manifest and manifest.get("environment") == environment else None

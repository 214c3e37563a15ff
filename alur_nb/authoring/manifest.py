"""`manifest.json`: what a bundle holds, in terms of the project; everything deployed is derived from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from alur_nb import __version__
from alur_nb.authoring.profiles import check_profile
from alur_nb.authoring.secret_names import secrets_in
from alur_nb.authoring.terraform_settings import check_size
from alur_nb.authoring.trace import Trace, TracedColumn, TracedPipeline, TracedSource, TracedTable
from alur_nb.runtime.errors import SettingsError, suggest
from alur_nb.runtime.lineage import PlainLineage
from alur_nb.runtime.settings import EXECUTION_CLASSES, Environment, Settings

FILE = "manifest.json"
SCHEMA_VERSION = 1


class GlueSettings(TypedDict):
    """How large a job is and how it fails; from the environment, narrowed by the pipeline's profile."""

    worker_type: str
    number_of_workers: int
    execution_class: str
    timeout_minutes: int
    max_retries: int
    max_concurrent_runs: int


class PipelineEntry(TypedDict):
    """One pipeline, as its written script declares it."""

    script: str
    hash: str
    description: str
    target: str
    sources: list[TracedSource]
    schedule: dict[str, Any] | None
    expectations: list[dict[str, str]]
    columns: list[TracedColumn] | None
    not_traced: str | None
    lineage: PlainLineage
    python_modules: list[str]
    secrets: list[str]
    glue: GlueSettings


class Manifest(TypedDict):
    """The whole document; its keys and lists are sorted, and it holds no time and no path of this machine."""

    schema_version: int
    alur_version: str
    project: str
    environment: str
    notebook: str
    parameters: dict[str, Any]
    libraries: list[str]
    tables: dict[str, TracedTable]
    pipelines: dict[str, PipelineEntry]
    edges: list[list[str]]
    files: dict[str, str]


def build_manifest(
    trace: Trace,
    settings: Settings,
    environment: Environment,
    *,
    folder: Path,
    notebook: str,
    parameters: Mapping[str, Any],
    python_modules: Mapping[str, Sequence[str]],
) -> Manifest:
    """Describe the scripts and libraries in `folder`, by what they declared when they were traced.

    `python_modules` are the pinned pip requirements of each pipeline. Raises SettingsError for a resource profile
    that alur.toml does not have.
    """
    entries = {
        name: _entry(traced, settings, environment, folder, python_modules.get(name, ()))
        for name, traced in sorted(trace.pipelines.items())
    }
    return Manifest(
        schema_version=SCHEMA_VERSION,
        alur_version=__version__,
        project=settings.project_name,
        environment=environment.name,
        notebook=notebook,
        parameters=dict(parameters),
        libraries=sorted(path.relative_to(folder).as_posix() for path in (folder / "lib").iterdir()),
        tables=dict(sorted(trace.tables.items())),
        pipelines=entries,
        edges=_edges(entries),
        files={},
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest last, with the hash of every other file of the bundle: what is not listed is not ours."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    listed: Manifest = {
        **manifest,
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
    (folder / FILE).write_text(to_json(listed), encoding="utf-8", newline="\n")


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a bundle on disk; None where there is none, or none that can be read."""
    try:
        manifest: Manifest = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict) else None


def to_json(value: object) -> str:
    """Write JSON as every file of a bundle has it: sorted, indented, UTF-8, one newline at the end."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def glue_settings(
    environment: Environment, settings: Settings, profile: str | None, *, max_concurrent_runs: int = 1
) -> GlueSettings:
    """Return a job's size: the environment's, overlaid by `[profiles.NAME]` where the pipeline names a profile."""
    values: GlueSettings = {
        "worker_type": environment.worker_type,
        "number_of_workers": environment.number_of_workers,
        "execution_class": environment.execution_class,
        "timeout_minutes": environment.timeout_minutes,
        "max_retries": environment.max_retries,
        "max_concurrent_runs": max_concurrent_runs,
    }
    if profile is None:
        return values
    check_profile(profile, settings)
    overlay = dict(settings.profiles[profile])
    _check_profile(profile, overlay, values)
    check_size(f"profiles.{profile}", {**values, **overlay})
    return GlueSettings(**{**values, **overlay})  # type: ignore[typeddict-item]


def _check_profile(profile: str, overlay: Mapping[str, object], known: Mapping[str, object]) -> None:
    for key, value in overlay.items():
        if key not in known or key == "max_concurrent_runs":
            names = [name for name in known if name != "max_concurrent_runs"]
            raise SettingsError(
                f"Unknown key `{key}` in [profiles.{profile}]{suggest(key, names)}.",
                fix=f"Known keys: {', '.join(names)}.",
            )
        if type(value) is not type(known[key]) or (
            key == "execution_class" and value not in EXECUTION_CLASSES
        ):
            raise SettingsError(
                f"[profiles.{profile}] {key} = {value!r} does not fit.",
                fix=f"For example {key} = {known[key]!r}.",
            )


def _entry(
    traced: TracedPipeline, settings: Settings, environment: Environment, folder: Path, pip: Iterable[str]
) -> PipelineEntry:
    script = f"jobs/{traced['name']}.py"
    schedule = traced["schedule"]
    runs = int(schedule["max_concurrent_runs"]) if schedule else 1
    return PipelineEntry(
        script=script,
        hash=sha256(folder / script),
        description=traced["description"],
        target=traced["target"],
        sources=traced["sources"],
        schedule=schedule,
        expectations=traced["expectations"],
        columns=traced["columns"],
        not_traced=traced["not_traced"],
        lineage=traced["lineage"],
        python_modules=sorted(pip),
        secrets=sorted({*traced["secrets"], *secrets_in((folder / script).read_text(encoding="utf-8"))}),
        glue=glue_settings(environment, settings, traced["resource_profile"], max_concurrent_runs=runs),
    )


def _edges(pipelines: Mapping[str, PipelineEntry]) -> list[list[str]]:
    writers = {entry["target"]: name for name, entry in pipelines.items()}
    return sorted(
        [writers[source["table"]], name]
        for name, entry in pipelines.items()
        for source in entry["sources"]
        if source["table"] in writers
    )

"""A bundle's `terraform/`: the static module, copied, and one file with the values that this project gives it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alur_nb.authoring.aws_text import description
from alur_nb.authoring.manifest import Manifest, PipelineEntry, to_json
from alur_nb.authoring.templates import deploy_templates
from alur_nb.authoring.terraform_backend import BACKEND_FILE, backend
from alur_nb.authoring.terraform_schedules import schedules
from alur_nb.authoring.terraform_settings import check_environment
from alur_nb.runtime.deployed import Names, landing_root, names_of
from alur_nb.runtime.errors import ExportError, Place, SettingsError, suggest
from alur_nb.runtime.iceberg_catalog import catalog_conf
from alur_nb.runtime.settings import SETTINGS_FILE, Environment, session_conf

TFVARS = "alur.auto.tfvars.json"

# What Glue accepts in a job's description (API reference, CreateJob).
_DESCRIPTION_LENGTH = 2048
_WILDCARD = re.compile(r"[*?\[{]")


def write_terraform(folder: Path, manifest: Manifest, environment: Environment) -> None:
    """Copy the module into `folder`, and write its values and the place of its state beside it.

    Raises SettingsError where the environment lacks a value that AWS needs, or has one that AWS refuses, ExportError
    for a source that a job cannot reach.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        TFVARS: tfvars(manifest, environment),
        BACKEND_FILE: backend(names_of(manifest["project"], environment), environment),
    }
    for source in sorted((deploy_templates() / "terraform").glob("*.tf")):
        shutil.copyfile(source, folder / source.name)
    for name, values in written.items():
        (folder / name).write_text(to_json(values), encoding="utf-8", newline="\n")


def tfvars(manifest: Manifest, environment: Environment) -> dict[str, Any]:
    """Return the module's variables; an optional one that the project does not use is left out."""
    names, landing = checked_names(manifest["project"], environment)
    _check_roles(manifest, environment)
    iceberg = [name for name, table in manifest["tables"].items() if table["format"] == "iceberg"]
    optional = {
        "alarm_email": environment.alarm_email,
        "rejects_retention_days": environment.rejects_retention_days,
        "tags": dict(environment.tags),
        "existing_buckets": dict(environment.existing_buckets),
        "existing_databases": dict(environment.existing_databases),
        "existing_roles": dict(environment.existing_roles),
        "iceberg_tables": iceberg,
        "iceberg_conf": catalog_conf(is_local=False) if iceberg else {},
        "schedules": schedules(manifest),
    }
    return {
        "project": names.project,
        "environment": names.environment,
        "region": environment.region,
        "account_id": environment.account_id,
        "bucket": names.bucket,
        "landing": landing,
        "create_landing": environment.create_landing,
        "encryption": environment.encryption,
        "glue_version": environment.glue_version,
        "spark_conf": session_conf(environment),
        **_openlineage(environment),
        "parameters": manifest["parameters"],
        "libraries": manifest["libraries"],
        "log_retention_days": environment.log_retention_days,
        "protect_data": True,
        "pipelines": {name: _job(name, entry, landing) for name, entry in manifest["pipelines"].items()},
        **{name: value for name, value in optional.items() if value},
    }


def checked_names(project: str, environment: Environment) -> tuple[Names, str | None]:
    """Return how the environment's resources begin, and its landing zone.

    Raises SettingsError for any of its values that AWS would refuse.
    """
    check_environment(environment)
    names = names_of(project, environment)
    backend(names, environment)
    return names, landing_root(environment)


def _openlineage(environment: Environment) -> dict[str, str]:
    """Return where the jobs' events go; raises SettingsError for a file, which would be the job's own and go with it."""
    place = environment.openlineage
    if place is not None and place.startswith("file:"):
        raise SettingsError(
            f"[env.{environment.name}] openlineage = {place!r}: a job's own files are gone when it ends.",
            fix='Write openlineage = "s3://BUCKET/PREFIX/" or a server\'s address.',
        )
    return {} if place is None else {"openlineage": place}


def source_folder(pattern: str, landing: str | None, *, pipeline: str) -> str:
    """Return the folder, `s3://bucket/folder/`, that holds everything that a source pattern can match.

    Raises ExportError for a path of this machine, and for a relative pattern without a landing zone.
    """
    place = Place(file=f"jobs/{pipeline}.py")
    if "://" not in pattern and (pattern.startswith(("/", "~")) or re.match(r"[A-Za-z]:[\\/]", pattern)):
        raise ExportError(
            f"`{pipeline}` reads {pattern!r}, a path of this machine; a Glue job cannot.",
            place=place,
            fix='Make it relative to the landing zone, as in files("orders/*.csv"), or write s3://bucket/...',
        )
    if "://" in pattern and not pattern.startswith("s3://"):
        scheme = pattern.split("://")[0]
        raise ExportError(
            f"`{pipeline}` reads {pattern!r}; jobs read s3:// only, not {scheme}://.",
            place=place,
            fix="Write the same path as s3://bucket/..., or relative to the environment's landing.",
        )
    if "://" not in pattern:
        if landing is None:
            raise ExportError(
                f"`{pipeline}` reads {pattern!r}, which is relative, and the environment has no landing.",
                place=place,
                fix=f'Write landing = "s3://BUCKET/" under the environment in {SETTINGS_FILE}.',
            )
        pattern = landing + pattern.removeprefix("./")
    return _literal_folder(pattern, pipeline)


def _check_roles(manifest: Manifest, environment: Environment) -> None:
    for name in environment.existing_roles:
        if name not in manifest["pipelines"]:
            raise SettingsError(
                f"[env.{environment.name}.existing_roles] {name}: there is no such pipeline"
                f"{suggest(name, manifest['pipelines'])}.",
                fix=f"Pipelines: {', '.join(manifest['pipelines'])}.",
            )


def _job(name: str, entry: PipelineEntry, landing: str | None) -> dict[str, Any]:
    patterns = [pattern for source in entry["sources"] for pattern in source["patterns"]]
    tables = [source["table"] for source in entry["sources"] if source["table"]]
    return {
        "description": description(entry["description"], _DESCRIPTION_LENGTH),
        "script": entry["script"],
        "target": entry["target"],
        "source_tables": _unique(tables),
        "source_folders": _unique(source_folder(pattern, landing, pipeline=name) for pattern in patterns),
        "python_modules": entry["python_modules"],
        "secrets": entry["secrets"],
        **entry["glue"],
    }


def _literal_folder(pattern: str, pipeline: str) -> str:
    wildcard = _WILDCARD.search(pattern)
    literal = pattern[: wildcard.start()] if wildcard else pattern
    folder = literal[: literal.rindex("/") + 1]
    if folder.count("/") < 3 or ".." in folder.split("/"):
        raise ExportError(
            f"`{pipeline}` reads {pattern!r}, which names no bucket, or climbs with `..`.",
            place=Place(file=f"jobs/{pipeline}.py"),
            fix="Write s3://bucket/folder/pattern, or a pattern below the environment's landing.",
        )
    return folder


def _unique(items: Iterable[str]) -> list[str]:
    return sorted(set(items))

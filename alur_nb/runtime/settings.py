"""Where a project is and what its environments are: `alur.toml` beside the notebooks, all of it optional."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alur_nb.runtime.errors import Place, SettingsError, suggest

SETTINGS_FILE = "alur.toml"
LAKE_FOLDER = ".alur"
LOCAL = "local"
DRIVER_MEMORY = "2g"
"""What the laptop's Spark may take, as Java spells it."""
DEFAULT_NOTEBOOKS = ("*.ipynb", "notebooks/*.ipynb")
GLUE_VERSIONS = ("5.1", "5.0", "6.0")
ENCRYPTIONS = ("aws-managed", "customer-key")
# The other defaults are for AWS: a landing bucket, workers, a region.
_LOCAL_DEFAULTS = ("rejects_retention_days",)
EXECUTION_CLASSES = ("STANDARD", "FLEX")
_OPENLINEAGE = re.compile(r"file:.+|s3://[^/]+/.*|https?://[^/]+(/.*)?")


@dataclass(frozen=True, slots=True)
class Environment:
    """One place that a project runs in; `local` is the embedded lake and always exists."""

    name: str
    landing: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    region: str | None = None
    account_id: str | None = None
    bucket: str | None = None
    create_landing: bool = False
    glue_version: str = "5.1"
    worker_type: str = "G.1X"
    number_of_workers: int = 2
    execution_class: str = "STANDARD"
    timeout_minutes: int = 60
    max_retries: int = 0
    openlineage: str | None = None
    """Where a run's OpenLineage events go: `file:PATH`, `s3://BUCKET/PREFIX/`, or a URL; None emits none."""
    encryption: str = "aws-managed"
    backend: Mapping[str, Any] = field(default_factory=dict)
    alarm_email: str | None = None
    log_retention_days: int = 30
    rejects_retention_days: int = 0
    """Rejected rows, which are raw lines, are deleted after so many days; 0 keeps them as long as the data."""
    tags: Mapping[str, Any] = field(default_factory=dict)
    existing_buckets: Mapping[str, Any] = field(default_factory=dict)
    """Buckets that are there already, by layer, or `artifacts`."""
    existing_databases: Mapping[str, Any] = field(default_factory=dict)
    existing_roles: Mapping[str, Any] = field(default_factory=dict)
    """ARNs of roles that are there already, by pipeline."""

    @property
    def is_local(self) -> bool:
        """Whether this is the embedded lake rather than an AWS account."""
        return self.name == LOCAL


@dataclass(frozen=True, slots=True)
class Settings:
    """What `alur.toml` says, checked, with every default filled in."""

    root: Path
    project_name: str
    notebooks: tuple[str, ...] = DEFAULT_NOTEBOOKS
    modules: tuple[str, ...] = ()
    default_env: str | None = None
    environments: Mapping[str, Environment] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    class_archive: bool = True
    """Whether Spark's Java starts from an archive of its classes, which is kept in the user's cache."""

    @property
    def warehouse(self) -> Path:
        """The folder of the embedded lake's layers."""
        return self.root / LAKE_FOLDER / "warehouse"

    def environment(self, name: str | None) -> Environment:
        """Return the named environment; without a name the only one, or the project's default.

        Raises SettingsError for an unknown name, and where none is named and several exist.
        """
        deployed = [known for known in self.environments if known != LOCAL]
        if name is None:
            name = self.default_env or (deployed[0] if len(deployed) == 1 else None)
        if name is None:
            known = ", ".join(deployed) or "none"
            fix = "Name one with --env, or write [project] default_env in alur.toml."
            if not deployed:
                fix = f'Add [env.dev] with landing = "s3://..." to {self.root / SETTINGS_FILE}.'
            raise SettingsError(f"No environment is named; the project's environments: {known}.", fix=fix)
        if name not in self.environments:
            raise SettingsError(
                f"There is no environment `{name}`{suggest(name, self.environments)}.",
                fix=f"Known: {', '.join(self.environments)}. Add [env.{name}] to {self.root / SETTINGS_FILE}.",
            )
        return self.environments[name]


def find_root(start: Path | None = None) -> Path:
    """Return the folder of the nearest `alur.toml` at or above `start`, else `start` itself."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    return here


def load_settings(start: Path | None = None) -> Settings:
    """Read the project's settings; without a file every default holds.

    Raises SettingsError for TOML that does not parse, an unknown key or a wrong type.
    """
    root = find_root(start)
    path = root / SETTINGS_FILE
    if not path.is_file():
        return Settings(root, root.name or "alur", environments=_environments(root, {}, {}, path))
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{SETTINGS_FILE} is not valid TOML: {error}.",
            place=Place(file=str(path)),
            fix='Mend that line: texts stand in quotes, as in name = "shop", sections in brackets, as in [env.dev].',
        ) from error
    _refuse_unknown(document, ("project", "defaults", "env", "profiles"), "", path)
    project = document.get("project", {})
    _refuse_unknown(
        project, ("name", "notebooks", "modules", "default_env", "class_archive"), "project", path
    )
    return Settings(
        root=root,
        project_name=_text(project.get("name", root.name), "project.name", path),
        notebooks=_texts(project.get("notebooks", DEFAULT_NOTEBOOKS), "project.notebooks", path),
        modules=_texts(project.get("modules", ()), "project.modules", path),
        default_env=project.get("default_env"),
        environments=_environments(root, document.get("defaults", {}), document.get("env", {}), path),
        profiles=document.get("profiles", {}),
        class_archive=_flag(project.get("class_archive", True), "project.class_archive", path),
    )


def session_conf(environment: Environment) -> dict[str, str]:
    """Return the Spark settings that decide what is read and written, the same locally and on Glue."""
    conf = {
        # Bad dates are rejected, not guessed: LEGACY accepts 2024-02-30, EXCEPTION aborts the whole job.
        "spark.sql.legacy.timeParserPolicy": "CORRECTED",
        "spark.sql.session.timeZone": "UTC",
        # A pruned CSV read does not see wrong field counts (Spark docs, sql-data-sources-csv, `mode`).
        "spark.sql.csv.parser.columnPruning.enabled": "false",
        # Without it Spark 4 opens no file in windows-1252 or GB18030 (its SQL migration guide, 3.5 to 4.0).
        "spark.sql.legacy.javaCharsets": "true",
        # Java's JIT leaves methods beyond 8,000 bytes of code uncompiled (HotSpot, DontCompileHugeMethods), and Spark by
        # default writes one up to 65,535: reading 19 columns with their checks took 2.4 times as long.
        "spark.sql.codegen.hugeMethodLimit": "8000",
        # Timestamps that Athena and other engines read; Spark's default INT96 is deprecated.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        # A job commit renames once, at the end; version 2 shows half a write (Hadoop, FileOutputCommitter).
        # On S3 its renames are copies that S3 makes itself, and the last one is not atomic; that does no harm: the
        # batch's prefix is fresh, in no catalog and read by nobody until SEAL, which comes after the job, and what a
        # failed job leaves there is deleted with its aborted batch. (The magic committer would save the copies; it
        # needs spark-hadoop-cloud, which not every Glue version has.)
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "1",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        # EMR's and Glue's own committer lets files appear when a task commits (EMR release guide, "The EMRFS
        # S3-optimized committer and multipart uploads"), as version 2 does: an attempt that was given up could still
        # add a file to a prefix that has been counted. Other Sparks do not know the setting.
        "spark.sql.parquet.fs.optimized.committer.optimization-enabled": "false",
        # Accepted, rejected and dropped rows are written side by side by one task, without a sort in between.
        "spark.sql.maxConcurrentOutputFileWriters": "3",
        # Small landing files are packed together: by default each counts as 4 MB of the 128 MB of a task.
        "spark.sql.files.openCostInBytes": "65536",
        # Before Spark reads more than 32 paths it looks at each in a task of its own, up to 10,000 tasks (its
        # configuration reference, `parallelPartitionDiscovery.parallelism`): 2,000 local files took 8 s.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "64",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.adaptive.enabled": "true",
    }
    if environment.is_local:
        conf |= _LAPTOP_CONF
    return conf


# Only what a laptop needs: no UI port, no network but loopback, few shuffle partitions for small data.
_LAPTOP_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": DRIVER_MEMORY,
    "spark.sql.shuffle.partitions": "8",
    # On a disk a look is quick, and it is the tasks that cost: 10,000 files took 0.25 s less than with 64 of them.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    "spark.sql.catalogImplementation": "in-memory",
}


def _environments(
    root: Path, defaults: Mapping[str, Any], named: Mapping[str, Any], path: Path
) -> Mapping[str, Environment]:
    known = [f.name for f in dataclasses.fields(Environment) if f.name != "name"]
    _refuse_unknown(defaults, known, "defaults", path)
    local = {key: defaults[key] for key in _LOCAL_DEFAULTS if key in defaults}
    _check_environment(LOCAL, local, path)
    environments = {LOCAL: Environment(LOCAL, landing=str(root / "data"), **local)}
    _refuse_unknown(named, named if isinstance(named, Mapping) else (), "env", path)
    for name, table in named.items():
        _refuse_unknown(table, known, f"env.{name}", path)
        values = {**defaults, **table}
        _check_environment(name, values, path)
        if name == LOCAL:
            values["landing"] = str(root / values.get("landing", "data"))
        environments[name] = Environment(name, **values)
    return MappingProxyType(environments)


# How a value of each kind is written in TOML.
_EXAMPLES = {str: '"a text"', int: "3", bool: "true", dict: "{ name = 1 }"}


def _check_environment(name: str, values: Mapping[str, Any], path: Path) -> None:
    wanted = {f.name: f.type for f in dataclasses.fields(Environment)}
    for key, value in values.items():
        kinds: tuple[type, ...] = (str,)
        if wanted[key] == "int":
            kinds = (int,)
        elif wanted[key] == "bool":
            kinds = (bool,)
        elif wanted[key].startswith("Mapping"):
            kinds = (dict,)
        if not isinstance(value, kinds) or (kinds == (int,) and isinstance(value, bool)):
            raise SettingsError(
                f"[env.{name}] {key} = {value!r} must be a {kinds[0].__name__}.",
                place=Place(file=str(path)),
                fix=f"Write it as in {key} = {_EXAMPLES[kinds[0]]}.",
            )
    place = values.get("openlineage")
    if place is not None and not _OPENLINEAGE.match(place):
        raise SettingsError(
            f"[env.{name}] openlineage = {place!r} is no place for events.",
            place=Place(file=str(path)),
            fix='Use "file:events.jsonl", "s3://BUCKET/PREFIX/" or "https://HOST/api/v1/lineage".',
        )
    choices = (
        ("glue_version", GLUE_VERSIONS),
        ("encryption", ENCRYPTIONS),
        ("execution_class", EXECUTION_CLASSES),
    )
    for key, allowed in choices:
        if key in values and values[key] not in allowed:
            raise SettingsError(
                f"[env.{name}] {key} = {values[key]!r} is unknown{suggest(str(values[key]), allowed)}.",
                place=Place(file=str(path)),
                fix=f"Use one of: {', '.join(allowed)}.",
            )


def _refuse_unknown(table: object, known: Iterable[str], name: str, path: Path) -> None:
    section = f"[{name}]" if name else "the file"
    if not isinstance(table, Mapping):
        fix = f"Write [{name or 'project'}] on a line of its own, and its keys below."
        raise SettingsError(f"{section} must be a table of keys.", place=Place(file=str(path)), fix=fix)
    known = list(known)
    for key in table:
        if key not in known:
            raise SettingsError(
                f"Unknown key `{key}` in {section}{suggest(key, known)}.",
                place=Place(file=str(path)),
                fix=f"Known keys: {', '.join(known)}.",
            )


def _text(value: object, key: str, path: Path) -> str:
    if not isinstance(value, str):
        fix = f'Put it in quotes: "{value}".'
        raise SettingsError(f"{key} = {value!r} must be text.", place=Place(file=str(path)), fix=fix)
    return value


def _flag(value: object, key: str, path: Path) -> bool:
    if not isinstance(value, bool):
        fix = "Write true or false, without quotes."
        raise SettingsError(f"{key} = {value!r} must be true or false.", place=Place(file=str(path)), fix=fix)
    return value


def _texts(value: object, key: str, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        fix = 'Write a list, as in ["a", "b"].'
        raise SettingsError(
            f"{key} = {value!r} must be a list of texts.", place=Place(file=str(path)), fix=fix
        )
    return tuple(value)

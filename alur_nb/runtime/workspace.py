"""One environment of one project, opened: its landing files, its lake and its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alur_nb.runtime.files import Files, LocalFiles
from alur_nb.runtime.lake import Lake
from alur_nb.runtime.lake_local import LocalLake
from alur_nb.runtime.landing import LaptopFiles
from alur_nb.runtime.ledger import Ledger
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.settings import LAKE_FOLDER, LOCAL, Environment, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where things are; every operation takes one, so that a test may pass its own parts."""

    settings: Settings
    environment: Environment
    files: Files
    lake: Lake
    ledger: Ledger

    @property
    def lake_root(self) -> Path:
        """The folder of the embedded lake."""
        return self.settings.root / LAKE_FOLDER


def open_workspace(root: Path | None = None, env: str = LOCAL) -> Workspace:
    """Open an environment of the project at or above `root` (default: the working directory).

    An environment on AWS is opened for looking: what writes its tables are its jobs.

    Raises SettingsError for an unknown environment, and without AWS credentials for one on AWS.
    """
    settings = load_settings(root)
    environment = settings.environment(env)
    if not environment.is_local:
        from alur_nb.runtime.deployed import deployment_in, open_parts

        return Workspace(settings, environment, *open_parts(deployment_in(settings, environment)))
    lake_root = settings.root / LAKE_FOLDER
    return Workspace(
        settings=settings,
        environment=environment,
        files=LaptopFiles(
            LocalFiles(Path(environment.landing or settings.root / "data")), environment.region
        ),
        lake=LocalLake(lake_root),
        ledger=SqliteLedger(lake_root / "state.db"),
    )


def open_job(argument: Mapping[str, Any]) -> Workspace:
    """Open the environment that a job's `--alur` argument describes: a job has no `alur.toml`.

    Raises SettingsError where the argument does not describe it.
    """
    from alur_nb.runtime.deployed import deployment_of, open_parts

    deployment = deployment_of(argument)
    name = deployment.environment
    environment = Environment(
        name,
        landing=deployment.landing,
        region=deployment.region,
        rejects_retention_days=int(argument.get("rejects_retention_days") or 0),
        openlineage=argument.get("openlineage"),
    )
    settings = Settings(Path.cwd(), deployment.project, environments={name: environment})
    return Workspace(settings, environment, *open_parts(deployment))

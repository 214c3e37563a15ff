"""One environment of one project, opened: its landing files, its lake and its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alur_nb.runtime.errors import NotYetSupportedError
from alur_nb.runtime.files import Files, LocalFiles
from alur_nb.runtime.lake import Lake, LocalLake
from alur_nb.runtime.ledger import Ledger
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.settings import LOCAL, Environment, Settings, load_settings

LAKE_FOLDER = ".alur"


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

    Raises SettingsError for an unknown environment, NotYetSupportedError for one on AWS.
    """
    settings = load_settings(root)
    environment = settings.environment(env)
    if not environment.is_local:
        raise NotYetSupportedError(
            f"Running on AWS (environment `{env}`) comes with a later release.",
            fix="Run on the embedded lake (leave --env out); `alur export` writes the bundle for AWS now.",
        )
    lake_root = settings.root / LAKE_FOLDER
    return Workspace(
        settings=settings,
        environment=environment,
        files=LocalFiles(Path(environment.landing or settings.root / "data")),
        lake=LocalLake(lake_root),
        ledger=SqliteLedger(lake_root / "state.db"),
    )

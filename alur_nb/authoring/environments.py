"""The environments of a project, and which one is meant where none is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alur_nb.authoring.sheet import Grid, Sheet
from alur_nb.runtime.errors import SettingsError, plural
from alur_nb.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Environments:
    """Each environment with where it is."""

    rows: tuple[tuple[str, ...], ...] = ()
    chosen: str = ""
    """The one that is meant where none is named; empty where one has to be named."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        keys = ("name", "account_id", "region", "landing")
        return {
            "chosen": self.chosen,
            "environments": [dict(zip(keys, row, strict=True)) for row in self.rows],
        }

    @property
    def sheet(self) -> Sheet:
        """The report's parts."""
        head = (
            f"{plural(len(self.rows), 'environment')}; {self.chosen or 'none'} is meant where none is named"
        )
        grid = Grid("environments", ("environment", "account", "region", "landing"), self.rows)
        notes = ("runs and previews stay on this machine, unless --env names another place",)
        return Sheet(head, grids=(grid,), notes=notes)

    def __str__(self) -> str:
        return str(self.sheet)

    def __repr__(self) -> str:
        return str(self)


def environments(settings: Settings, chosen: str | None = None) -> Environments:
    """Return the project's environments; raises SettingsError for a chosen one that is none of them."""
    rows = tuple(
        (name, one.account_id or "", one.region or "", one.landing or "")
        for name, one in settings.environments.items()
        if not one.is_local
    )
    if chosen is None:
        try:
            chosen = settings.environment(None).name
        except SettingsError:
            chosen = ""
    else:
        chosen = settings.environment(chosen).name
    return Environments(rows, chosen)

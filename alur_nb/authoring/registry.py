"""What a clean kernel has declared, handed over in a file: tables, pipelines and what is wrong with them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alur_nb.authoring.notebook import Cell
from alur_nb.runtime.problems import Problem
from alur_nb.runtime.project import Origin, Project, current_project
from alur_nb.runtime.tables import Table


@dataclass(frozen=True, slots=True)
class Registry:
    """The declarations of one notebook; `pipelines` gives the function's name by the pipeline's."""

    tables: tuple[Table, ...]
    pipelines: Mapping[str, str]
    problems: tuple[Problem, ...]

    def project(self) -> Project:
        """Return a registry object with the tables alone, which is what unfolding a query needs."""
        project = Project()
        for table in self.tables:
            project.declare_table(table, Origin(table.qualified_name))
        return project


def saving_cell(path: Path, after: int) -> Cell:
    """Return a cell to run after all others, which saves what they have declared."""
    source = f"from alur_nb.authoring.registry import save\nsave({str(path)!r})"
    return Cell(number=after + 1, source=source)


def save(path: str) -> None:
    """Write the current project's declarations; called inside the clean kernel."""
    project = current_project()
    registry = Registry(
        tables=tuple(project.tables.values()),
        pipelines={name: pipeline.__name__ for name, pipeline in project.pipelines.items()},
        problems=project.problems(),
    )
    Path(path).write_bytes(pickle.dumps(registry))


def load(path: Path) -> Registry:
    """Read what `save` wrote in a kernel that this process has started."""
    registry: Registry = pickle.loads(path.read_bytes())  # the user's own cells made it, in their own kernel
    return registry

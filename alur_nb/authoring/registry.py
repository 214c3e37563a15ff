"""What a clean kernel has declared, handed over in a file: tables, pipelines and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class _Cells:
    """Lets what each cell declares belong to it, as it does in the notebook: two that claim one name are a problem."""

    numbers: Mapping[str, int]
    """A cell's text -> its number in the saved notebook."""
    _open: list[contextlib.ExitStack] = field(default_factory=list)

    def begin(self, info: Any) -> None:
        """Open the cell's block; IPython calls this before each cell, also one that a cell runs."""
        block = contextlib.ExitStack()
        number = self.numbers.get(info.raw_cell)
        if number is not None and not self._open:
            block.enter_context(current_project().declaring(Origin(f"cell {number}")))
        self._open.append(block)

    def end(self, result: Any) -> None:
        """Close the cell's block; one that failed ends the export."""
        # The line that starts this has ended without a beginning.
        if self._open:
            self._open.pop().close()


def following_line(path: Path, cells: Iterable[Cell]) -> str:
    """Return a line to run before all cells, so that their declarations are told apart; it binds no name there."""
    path.write_text(json.dumps({cell.source: cell.number for cell in cells}), encoding="utf-8")
    return f"__import__({__name__!r}, fromlist=['follow']).follow(get_ipython(), {str(path)!r})"


def follow(shell: Any, path: str) -> None:
    """Follow the shell's cells from now on; called inside the clean kernel."""
    cells = _Cells(json.loads(Path(path).read_text(encoding="utf-8")))
    shell.events.register("pre_run_cell", cells.begin)
    shell.events.register("post_run_cell", cells.end)


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

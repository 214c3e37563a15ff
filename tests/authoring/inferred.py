"""Inferring from the landing files of a test, and the table that the written cell declares."""

from __future__ import annotations

from typing import Any

from alur_nb.authoring.infer import infer, list_files
from alur_nb.authoring.infer_facts import ColumnEvidence, Inference, Request
from alur_nb.authoring.unfold import unfold
from alur_nb.runtime.files import SourceFile
from alur_nb.runtime.project import Project, use_project
from alur_nb.runtime.tables import Table
from alur_nb.runtime.workspace import Workspace

ORDERS = "id,amount,created_at\n1,2.50,2024-01-31 10:00:00\n2,13.75,2024-02-01 11:00:00\n"


def inferred(workspace: Workspace, pattern: str, **settings: Any) -> Inference:
    """Infer the table `orders` from the landing folder."""
    request, landing = Request("orders", pattern, **settings), str(workspace.settings.root / "data")
    return infer(request, workspace.files, list_files(request, workspace.files, landing))


def columns(found: Inference) -> dict[str, ColumnEvidence]:
    return {column.name: column for column in found.columns}


def types(found: Inference) -> dict[str, str]:
    return {column.name: column.type_text for column in found.columns}


def declared(cell: str) -> Table:
    """Return the table that a cell declares, in the way of the magic."""
    line, _, body = cell.partition("\n")
    project = Project()
    with use_project(project):
        exec(unfold("alur_table", line.removeprefix("%%alur_table"), body, project), {"__name__": "__main__"})
    (table,) = project.tables.values()
    return table


def landed(workspace: Workspace, pattern: str) -> SourceFile:
    (file,) = workspace.files.list(pattern)
    return file

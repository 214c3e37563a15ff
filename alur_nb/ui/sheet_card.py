"""The card of every report that is a sheet: the same head, lines, tables and notes as its text."""

from __future__ import annotations

from typing import Protocol

from alur_nb.authoring.sheet import Sheet
from alur_nb.ui.html import Html, card, items, paragraph, strong, table

SHEETS = {
    ("alur_nb.authoring.cost", "CostReport"),
    ("alur_nb.authoring.definitions", "Comparison"),
    ("alur_nb.authoring.deploy", "DeployReport"),
    ("alur_nb.authoring.deploy_plan", "DeployPlan"),
    ("alur_nb.authoring.environments", "Environments"),
    ("alur_nb.authoring.job_runs", "DeployedRun"),
    ("alur_nb.authoring.logs", "Logs"),
    ("alur_nb.authoring.schedule_times", "Schedules"),
    ("alur_nb.authoring.status", "Status"),
}
"""By module and name: importing them here would load more than `%load_ext` may."""


class HasSheet(Protocol):
    """A report whose parts are plain values."""

    @property
    def sheet(self) -> Sheet:
        """The parts."""
        ...


def sheet_card(value: HasSheet) -> Html:
    """Show a report."""
    sheet = value.sheet
    tables = [table(grid.caption, grid.headers, grid.rows) for grid in sheet.grids if grid.rows]
    return card(paragraph(strong(sheet.head)), items(sheet.lines), *tables, items(sheet.notes))

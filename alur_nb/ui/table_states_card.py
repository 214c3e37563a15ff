"""The cards of `%alur_diff` and `%alur_maintain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.errors import plural
from alur_nb.ui.html import Content, Html, card, code, items, paragraph, strong, table

if TYPE_CHECKING:
    from alur_nb.authoring.diffing import DiffReport
    from alur_nb.authoring.maintaining import MaintenanceReport


def diff_card(value: DiffReport) -> Html:
    """Show the counts, the columns that differ, and the examples, as the text does."""
    by = f", by {', '.join(value.key)}" if value.key else ""
    counts: list[tuple[Content, ...]] = [
        ("rows", f"{value.rows_before:,} -> {value.rows_after:,}"),
        ("added", value.added),
        ("removed", value.removed),
        *([("changed", value.changed)] if value.key else []),
    ]
    columns = [(code(name), count) for name, count in value.columns.items()]
    return card(
        paragraph(strong(f"{value.table}: {value.before} -> {value.after}{by}")),
        paragraph("the same rows") if value.is_equal else None,
        table(f"what has become of the rows of {value.table}", ("what", "rows"), counts),
        table("in how many rows a column differs", ("column", "rows"), columns) if columns else None,
        items(value.example_lines) if value.examples else None,
        items(f"note: {note}" for note in value.notes) if value.notes else None,
    )


def maintenance_card(value: MaintenanceReport) -> Html:
    """Show what was done to each table, a line a table, as the text does."""
    if not value.done and not value.notes:
        return card(paragraph(str(value)))
    head = f"{plural(len(value.done), 'table')} looked after"
    return card(paragraph(strong(head)), items(str(value).splitlines()))


STATE_CARDS: Mapping[tuple[str, str], Callable[[Any], Html]] = {
    ("alur_nb.authoring.diffing", "DiffReport"): diff_card,
    ("alur_nb.authoring.maintaining", "MaintenanceReport"): maintenance_card,
}
"""By module and name: importing the types would load more than `%load_ext` may."""

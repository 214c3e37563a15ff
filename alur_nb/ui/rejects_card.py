"""The card of `%alur_rejects`: how many rows were rejected by which reason, and the first of them."""

from __future__ import annotations

from alur_nb.authoring.rejects import RejectsReport
from alur_nb.ui.html import Content, Html, card, data_cell, paragraph, strong, table


def rejects_card(value: RejectsReport) -> Html:
    """Show what was rejected, as the text does."""
    if not value.table:
        return card(paragraph(str(value)))
    parts: list[Content] = [paragraph(strong(value.head))]
    if value.aborted:
        parts.append(paragraph(strong("aborted: "), value.aborted.splitlines()[0]))
    if value.by_reason:
        reasons = [(reason, count) for reason, count in value.by_reason.items()]
        parts.append(table(f"rejected rows of {value.table} by reason", ("reason", "rows"), reasons))
    if value.rows:
        rows = [
            (
                data_cell(row["source_file"] or "(made by the pipeline)"),
                row["line_number"],
                row["column"],
                data_cell(row["reason"]),
                data_cell(row["raw"]),
            )
            for row in value.rows
        ]
        headers = ("file", "line", "column", "reason", "raw")
        parts.append(table(f"rejected rows of {value.table}", headers, rows))
    return card(*parts, *(paragraph(text) for text in value.notes))

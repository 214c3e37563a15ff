"""The card of `%alur_lineage`: a column's steps as nested lists, a table's columns as rows."""

from __future__ import annotations

from collections.abc import Sequence

from alur_nb.authoring.lineage import ColumnReport, LineageReport, Step
from alur_nb.authoring.lineage_text import NOTHING, near_text, step_text
from alur_nb.runtime.lineage import ColumnRef
from alur_nb.ui.html import Content, Html, card, items, joined, paragraph, strong, table


def lineage_card(value: LineageReport) -> Html:
    """Show what was asked, as the text does."""
    if not value.table:
        return card(paragraph("Nothing was asked."))
    parts: list[Content] = []
    if value.whole:
        rows = [(one.ref.column, _near(one.feeds) or NOTHING, _near(one.depends)) for one in value.columns]
        parts.append(table(f"{value.table}, column by column", ("column", "made of", "goes into"), rows))
    else:
        parts += [_column(one) for one in value.columns]
    if value.deciding:
        named = [f"{ref} ({kind}, by {pipeline})" for ref, kind, pipeline in value.deciding]
        parts += [paragraph(strong(f"rows of {value.table} are decided by")), items(named)]
    parts += [paragraph(strong("note: "), note) for note in value.notes]
    return card(*parts)


def _near(steps: Sequence[Step]) -> str:
    return ", ".join(near_text(step) for step in steps if step.depth == 1)


def _column(one: ColumnReport) -> Html:
    made = _tree(one.feeds, one.ref)
    goes = _tree(one.depends, one.ref)
    return joined(
        paragraph(strong(str(one.ref))),
        paragraph("is made of") if one.feeds else paragraph(f"is made of {NOTHING}"),
        made,
        paragraph("goes into") if one.depends else None,
        goes,
    )


def _tree(steps: Sequence[Step], via: ColumnRef) -> Html:
    found = [step for step in steps if step.via == via]
    return items(joined(step_text(step), _tree(steps, step.ref)) for step in found)

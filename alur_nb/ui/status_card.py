"""The card of `%alur_status`: the report's own parts, in a notebook."""

from __future__ import annotations

from alur_nb.authoring.report_facts import Status
from alur_nb.authoring.report_html import sections
from alur_nb.ui.html import Html, card, paragraph


def status_card(value: Status) -> Html:
    """Show what the report's file would."""
    if not value.at:
        return card(paragraph("Nothing was looked at."))
    return card(*sections(value))

"""The card of an inference: the facts of its text, the evidence as a table."""

from __future__ import annotations

from alur_nb.authoring.infer_facts import Inference
from alur_nb.authoring.infer_text import (
    HEADERS,
    cells,
    difference_text,
    headline,
    read_text,
    state_text,
)
from alur_nb.ui.html import Html, block, card, items, joined, paragraph, strong, table


def inference_card(value: Inference) -> Html:
    """Show an inference."""
    if not value.table:
        return card(paragraph("Nothing was inferred."))
    options = ", ".join(f"{key}={text}" for key, text in value.options.items())
    differs = difference_text(value)
    return card(
        paragraph(strong(headline(value))),
        paragraph(read_text(value)),
        paragraph(f"options: {options}") if options else None,
        table(f"evidence for the columns of {value.table}", HEADERS, map(cells, value.columns)),
        paragraph(f"candidate keys, on the sample: {', '.join(value.keys) or 'none'}"),
        items(joined(strong("doubt: "), doubt) for doubt in value.doubts),
        paragraph(strong(differs)) if differs else None,
        block(value.difference) if value.difference else None,
        paragraph(strong(state_text(value))),
        block(value.cell.rstrip("\n")),
        paragraph("next: run that cell, then:"),
        block(value.next_step),
    )

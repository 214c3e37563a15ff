"""The card of `%alur_history`: each table's batches as rows, and the rows that each brought as bars."""

from __future__ import annotations

from alur_nb.authoring.batch_bars import HEADERS, bars, batch_row
from alur_nb.authoring.history import History
from alur_nb.runtime.errors import plural
from alur_nb.ui.html import Content, Html, card, paragraph, strong, table


def history_card(value: History) -> Html:
    """Show the batches of each table, the newest first, as the text does."""
    if not value.tables:
        return card(paragraph(str(value)))
    parts: list[Content] = []
    for name, lines in value.tables.items():
        shown = lines[: value.shown]
        head = f"{name}: {plural(len(lines), 'batch')}, {sum(line.live for line in lines):,} live"
        parts.append(paragraph(strong(head if lines else f"{name}: no batch")))
        if not lines:
            continue
        parts += [
            bars(name, shown),
            table(f"batches of {name}, the newest first", HEADERS, map(batch_row, shown)),
        ]
        parts.append(paragraph(f"{len(lines) - len(shown):,} older") if len(lines) > len(shown) else None)
    return card(*parts)

"""A form as an object: what it asks, the cell that it would write, and how that cell is had. No widget is needed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

from alur_nb.ui.form_text import Draft
from alur_nb.ui.html import Content, Html, block, card, items, joined, paragraph, strong

Step = Literal["", "open", "written", "template"]

PIP = 'pip install "ipywidgets>=8.1,<9"'
ASKED = {
    "table": (
        "name",
        "layer",
        "files to look at",
        "columns",
        "primary key",
        "last version by",
        "deletes when",
        "history",
        "partition by",
        "freshness",
        "description",
    ),
    "pipeline": (
        "kind",
        "name",
        "target",
        "sources",
        "query",
        "source system",
        "strict",
        "schedule",
        "time zone",
        "expectations",
    ),
}
_HOW = {
    "": "Nothing was asked.",
    "open": 'Fill the form, press "Write the cell", then run this cell again (Shift+Enter): it is written '
    "below. Its text stands above too, to be copied.",
    "written": "The kept cell, written below this one; where the front end cannot, copy it. Run this cell again for "
    "an empty form.",
    "template": "There are no controls here, so this is the cell to start from; it is written below, or copy it.",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What `%alur_table --new` and `%alur_pipeline --new` return."""

    kind: str = ""
    """`table` or `pipeline`; empty where nothing was asked, as during an export."""
    step: Step = ""
    cell: str = ""
    """The cell that was written; while the form is open, its text stands in the output of its own."""
    missing: str = ""
    """The line that installs what the controls need."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"kind": self.kind, "step": self.step, "cell": self.cell, "missing": self.missing}

    def __str__(self) -> str:
        head, *more = textwrap.wrap(_head(self), 100, subsequent_indent="  ")
        lines = [head, *more]
        for said in _how(self):
            lines += textwrap.wrap(said, 98, initial_indent="  ", subsequent_indent="  ")
        lines += [f"    {line}" for line in self.cell.splitlines()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def form_card(value: Form) -> Html:
    """Show a form that is no controls."""
    head, *lines = [_head(value), *_how(value)]
    shown = block(value.cell.rstrip("\n")) if value.cell else None
    return card(paragraph(strong(head)), *map(paragraph, lines), shown)


def _head(value: Form) -> str:
    if not value.kind:
        return "No form was opened."
    return f"form for a {value.kind}: {', '.join(ASKED[value.kind])}"


def _how(value: Form) -> list[str]:
    said = [_HOW[value.step]] if value.kind else []
    return [*said, f"For the controls: {value.missing}, then restart the kernel."] if value.missing else said


def draft_text(kind: str, draft: Draft, told: str = "") -> str:
    """Return how a form stands: the cell, what is wrong with it, and what was told last."""
    lines = [f"the cell that the form for a {kind} would write:"]
    lines += [f"    {line}" for line in draft.cell.splitlines()]
    lines += _wrapped(f"problem: {draft.problem}" if draft.problem else "no problem found in it")
    first, *rest = draft.fix.splitlines() or [""]
    lines += _wrapped(f"next: {first}") if first else []
    lines += [f"    {line}" for line in rest]
    return "\n".join([*lines, *told.splitlines()])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def draft_card(kind: str, draft: Draft, told: str = "", more: Content = None) -> Html:
    """Show how a form stands; `more` is shown in place of what was told, with the same facts."""
    verdict = joined(strong("problem: "), draft.problem) if draft.problem else "no problem found in it"
    first, _, rest = draft.fix.partition("\n")
    said = more if more is not None else items(told.splitlines())
    return card(
        paragraph(f"the cell that the form for a {kind} would write:"),
        block(draft.cell.rstrip("\n")),
        paragraph(verdict),
        paragraph(joined("next: ", first)) if first else None,
        block(rest) if rest else None,
        said,
    )

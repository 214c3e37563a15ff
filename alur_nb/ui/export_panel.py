"""`%alur_export` alone: what an export would do as a card, then the controls that start one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.display import publish_display_data

from alur_nb.authoring import operate
from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.export_facts import ExportFacts
from alur_nb.authoring.export_survey import survey
from alur_nb.authoring.following import Following
from alur_nb.authoring.saved import refuse_unsaved
from alur_nb.runtime.settings import load_settings
from alur_nb.ui.display import show
from alur_nb.ui.export_panel_card import facts_card
from alur_nb.ui.export_panel_controls import Controls
from alur_nb.ui.export_panel_work import ExportWork
from alur_nb.ui.html import card, code, paragraph
from alur_nb.ui.session import Session


@dataclass(frozen=True, slots=True)
class ExportPanel:
    """What is known of an export before it runs; shown in a notebook, it has controls below its card."""

    facts: ExportFacts = field(default_factory=ExportFacts)
    _session: Session | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return self.facts.to_dict()

    def __str__(self) -> str:
        return str(self.facts)

    def __repr__(self) -> str:
        return str(self)

    def _ipython_display_(self) -> None:
        """Show the card, then the controls in an output of their own: a saved notebook keeps the card."""
        show(str(self.facts), facts_card(self.facts))
        controls = self.controls()
        if controls is not None:
            _show_controls(controls, self.facts)

    def controls(self) -> Controls | None:
        """Return controls for the cell that runs now; None where nobody could click them, or ipywidgets is missing."""
        session = self._session
        if session is None or not self.facts.environments or not _can_click(session):
            return None
        work = ExportWork(session.shell, self._export, self.facts.path.parent)
        try:
            return Controls(self.facts, work)
        except ImportError:
            return None

    def _export(self, environment: str, parameters: Mapping[str, object], following: Following) -> Bundle:
        if self._session is not None:
            # The file and the kernel may have changed since the panel was shown.
            refuse_unsaved(self.facts.path, self._session.ran_cells() or ())
        return operate.export(self.facts.path, environment, parameters=parameters, following=following)


def export_panel(session: Session) -> ExportPanel:
    """Look at what an export of this kernel's notebook would do; nothing is executed.

    Raises SettingsError where it is not clear which notebook is meant, NotebookError where it cannot be read.
    """
    path = operate.find_notebook(load_settings(), cell_ids=session.cell_ids)
    return ExportPanel(survey(path, session.project, session.ran_cells()), session)


def _can_click(session: Session) -> bool:
    """Whether somebody sits before the notebook: a batch run takes no input, a terminal has no widgets."""
    if not hasattr(session.shell, "kernel"):
        return False
    get_parent = getattr(session.shell, "get_parent", None)
    parent: Mapping[str, Any] = (get_parent() if get_parent else None) or {}
    return bool(parent.get("content", {}).get("allow_stdin", True))


def _show_controls(controls: Controls, facts: ExportFacts) -> None:
    names = ["environment", *(one.name for one in facts.parameters), "Export", "Cancel"]
    text = f"controls: {', '.join(names)}; the same by typing: {facts.command}"
    html = card(paragraph(f"controls: {', '.join(names)}; the same by typing: ", code(facts.command)))
    # Where the widget cannot be drawn (a saved page, an untrusted notebook), the command is.
    data = controls.box._repr_mimebundle_() | {"text/plain": text, "text/html": html.text}
    publish_display_data(data)  # type: ignore[no-untyped-call]

"""Publishing an output: HTML with its plain text, by IPython's own display."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from IPython.display import publish_display_data

from alur_nb.ui.html import Html

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def bundle(text: str, html: Html) -> dict[str, str]:
    """Return the two readings of one output."""
    return {"text/plain": text, "text/html": html.text}


def show(text: str, html: Html) -> None:
    """Publish one output in the running cell."""
    publish_display_data(bundle(text, html))  # type: ignore[no-untyped-call]


class Live:
    """One output that is replaced while work goes on; its last state is what a saved notebook holds."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.can_update = hasattr(shell, "kernel")
        """Whether the front end can replace an output; a terminal cannot, and is added to instead."""
        self._id = uuid.uuid4().hex
        self._is_shown = False

    def update(self, text: str, html: Html) -> None:
        """Show a state in place of the one before."""
        # Front ends route an update to its output by this id; it is not saved with the notebook.
        data, transient = bundle(text, html), {"display_id": self._id}
        publish_display_data(data, transient=transient, update=self._is_shown)  # type: ignore[no-untyped-call]
        self._is_shown = True

    def add(self, text: str) -> None:
        """Add lines below those that a terminal shows already."""
        publish_display_data({"text/plain": text})  # type: ignore[no-untyped-call]

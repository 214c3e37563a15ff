"""Following an export from outside: it says where it is, and stops when it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from alur_nb.runtime.errors import RunCancelledError

OnCell = Callable[[int, int, str], None]
"""Told which cell of how many runs, counted from 1, and in words what it is."""
OnStage = Callable[[str], None]
"""Told in words what the export does now."""


def _ignore(*told: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Following:
    """Who is told of an export's steps, and the wish to stop it; the callbacks run in the export's thread."""

    on_cell: OnCell = _ignore
    on_stage: OnStage = _ignore
    cancelled: threading.Event = field(default_factory=threading.Event)

    def stage(self, text: str) -> None:
        """Say what comes now; raises RunCancelledError where nobody wants it any more."""
        self.stop_if_asked()
        self.on_stage(text)

    def stop_if_asked(self) -> None:
        """Raise RunCancelledError where the export is to stop."""
        if self.cancelled.is_set():
            raise RunCancelledError(
                "The export was cancelled; the bundle on disk is as it was.",
                fix="Export again when you like.",
            )

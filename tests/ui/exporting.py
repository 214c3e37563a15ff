"""An export that a test steers: it waits where it is told to, and ends as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.bundle_changes import FileChange
from alur_nb.authoring.following import Following

WAIT_SECONDS = 20.0
BUNDLE = Bundle(
    Path("bundle"),
    "dev",
    ("jobs/ingest_orders.py",),
    ("bronze.orders",),
    ("ingest_orders",),
    changed_files=("jobs/ingest_orders.py",),
    changes=(FileChange("jobs/ingest_orders.py", "added"),),
)


@dataclass
class Steered:
    """The stand-in for an export: `begun` is set in the middle of a cell, and `go_on` lets it end."""

    error: BaseException | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def __call__(self, environment: str, parameters: Mapping[str, object], following: Following) -> Bundle:
        self.calls.append((environment, dict(parameters)))
        self.threads.append(threading.current_thread())
        following.stage("starts a clean kernel")
        following.on_cell(3, 9, "declares <orders>")
        self.begun.set()
        while not self.go_on.wait(0.01):
            following.stop_if_asked()
        if self.error is not None:
            raise self.error
        return replace(BUNDLE, path=BUNDLE.path.resolve())

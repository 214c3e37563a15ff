"""A shell in this process, as a kernel would have it: what cells show, how they end, and which cell they are."""

from __future__ import annotations

import atexit
import gc
import re
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from alur_nb.authoring import local_spark
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui import magics

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Notebook:
    """A shell with `%load_ext alur_nb` done; `run` runs a cell and keeps what it gave."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.publisher = CapturingDisplayPublisher()
        shell.display_pub = self.publisher
        self.error_lines: list[str] = []
        self.error: BaseException | None = None
        shell._showtraceback = self._ended  # type: ignore[method-assign]
        # What a kernel's shell has and a terminal's has not.
        shell.kernel = object()  # type: ignore[attr-defined]
        self.parent: dict[str, Any] = {}
        shell.get_parent = lambda: self.parent  # type: ignore[attr-defined]
        shell.set_parent = lambda parent: None  # type: ignore[attr-defined]

    def _ended(self, kind: type[BaseException], error: BaseException, lines: list[str]) -> None:
        self.error_lines = [_COLOURS.sub("", line) for text in lines for line in text.splitlines()]

    def run(self, source: str, cell_id: str | None = "cell", *, stdin: bool = True) -> Any:
        """Run a cell and return its result; without an id it comes as papermill or a terminal send it."""
        self.parent = {"metadata": {"cellId": cell_id} if cell_id else {}, "content": {"allow_stdin": stdin}}
        self.error_lines, self.error = [], None
        self.publisher.outputs.clear()
        ran = self.shell.run_cell(source, store_history=True)
        self.error = ran.error_before_exec or ran.error_in_exec
        return ran.result

    def ok(self, source: str, cell_id: str | None = "cell", *, stdin: bool = True) -> Any:
        """Run a cell that must succeed."""
        result = self.run(source, cell_id, stdin=stdin)
        assert self.error is None, self.error_lines
        return result

    def shown(self, kind: str = "text/plain") -> list[str]:
        """Return what the last cell published, its result not included."""
        return [output["data"][kind] for output in self.publisher.outputs if kind in output["data"]]

    def formatted(self, value: object) -> dict[str, str]:
        """Return how the shell would show a value."""
        formats, _ = self.shell.display_formatter.format(value)
        return formats


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A fresh shell without a history file."""
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = InteractiveShell.instance(config=config)
    yield made
    magics.unload(made)
    atexit.unregister(made.atexit_operations)
    # A shell asks for a collection of garbage at its end, which would look at all that any test has imported.
    gc.freeze()
    made.atexit_operations()
    gc.unfreeze()
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(
    shell: InteractiveShell, workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> Notebook:
    """A notebook in an empty project; Spark is started by the tests that need it."""
    monkeypatch.setattr(local_spark, "warm_up", lambda: None)
    made = Notebook(shell)
    made.ok("%load_ext alur_nb", "load")
    return made

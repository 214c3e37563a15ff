"""JupyterLab as its user has it: clicks, keys, and what the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, WebSocket

from tests.browser.server import Lab

CELLS = "window.jupyterapp.shell.currentWidget.content.widgets"
KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
# Which cells have ended since then. A number in brackets tells nothing: after a restart it may be the same again.
FOLLOW = f"""() => {{
    const ended = window.endedCells = new Set()
    for (const {{ model }} of {CELLS}) {{
        model.stateChanged.connect((_, change) => {{
            if (change.name === 'executionState' && change.newValue === 'idle') ended.add(model.id)
        }})
    }}
}}"""
ENDED = f"index => window.endedCells.has({CELLS}[index].model.id)"
PICTURES = Path(__file__).resolve().parents[2] / "build" / "browser"
OPEN_MS = 60_000
RUN_MS = 120_000
# Paints what the last change laid out; a picture taken at once may show the state before.
PAINTED_MS = 300
# Lab's own bars above and below a notebook, and some room.
FRAME_PX = 200


class Watch:
    """What a page must not do: ask anything but its server, or end a script with an error."""

    def __init__(self, page: Page, base: str) -> None:
        self._faults: list[str] = []
        self._inside = (f"{base}/", f"{base.replace('http', 'ws', 1)}/", "data:", "blob:")
        page.on("request", self._asked)
        page.on("websocket", self._asked)
        page.on("pageerror", self._ended)
        page.on("console", self._said)

    def _asked(self, what: Request | WebSocket) -> None:
        if not what.url.startswith(self._inside):
            self._faults.append(f"asked {what.url}")

    def _ended(self, error: Error) -> None:
        self._faults.append(f"ended with {error}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._faults.append(f"said {message.text}")

    def check(self) -> None:
        """Raise AssertionError where it has done so since the last check."""
        faults, self._faults = self._faults, []
        if faults:
            raise AssertionError("\n".join(["the page", *faults]))


class Notebook:
    """The open notebook of a page."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.watch = Watch(page, lab.base)

    # Getting there

    def create(self, folder: str) -> None:
        """Open Lab on its launcher in a folder, and click a new notebook."""
        self.page.goto(f"{self.lab.base}/lab/tree/{folder}?token={self.lab.token}&reset")
        self._wait_for_lab()
        self.page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
        self.wait_for_kernel()

    def open(self, name: str) -> None:
        """Open a notebook that is there, in a workspace without other tabs."""
        self.page.goto(f"{self.lab.base}/lab/tree/{name}?token={self.lab.token}&reset")
        self._wait_for_lab()
        self.wait_for_kernel()

    def _wait_for_lab(self) -> None:
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=OPEN_MS)

    def wait_for_kernel(self, status: str = "idle") -> None:
        """Wait until the kernel is in a state, by default ready."""
        self.page.wait_for_function(f"status => {KERNEL}?.status === status", arg=status, timeout=OPEN_MS)

    def save(self) -> None:
        """Save by Ctrl+S."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=OPEN_MS
        )

    # Cells

    def cell(self, index: int) -> Locator:
        """The cell at an index; -1 is the last."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """What a cell has put out."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def count(self) -> int:
        """How many cells there are."""
        return self.page.locator(".jp-Notebook .jp-Cell").count()

    def write(self, index: int, lines: str) -> None:
        """Put the cursor into a cell and write its text anew, key by key."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        for number, line in enumerate(lines.splitlines()):
            if number:
                self.page.keyboard.press("Enter")
            self.page.keyboard.type(line)
        assert self.source(index) == lines

    def paste(self, index: int, text: str) -> None:
        """Put a text into a cell at once, as from the clipboard: the editor indents none of its lines."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)
        assert self.source(index) == text

    def start(self, index: int) -> None:
        """Run a cell by Shift+Enter, and return while it runs."""
        self.cell(index).locator(".cm-content").click()
        self.page.evaluate(FOLLOW)
        self.page.keyboard.press("Shift+Enter")

    def finish(self, index: int) -> None:
        """Wait for the end of a cell that was started."""
        self.page.wait_for_function(ENDED, arg=index, timeout=RUN_MS)

    def run(self, index: int) -> Locator:
        """Run a cell to its end, and return its output."""
        self.start(index)
        self.finish(index)
        return self.output(index)

    def enter(self, lines: str) -> Locator:
        """Write into the last cell, run it, and return its output; Shift+Enter leaves an empty cell below."""
        index = self.count() - 1
        self.write(index, lines)
        return self.run(index)

    def finish_all(self, indices: Sequence[int]) -> None:
        """Wait for the end of several cells."""
        for index in indices:
            self.finish(index)

    def _note_counts(self) -> None:
        self.page.evaluate(f"() => {{ window.ranBefore = {CELLS}.map(cell => cell.model.executionCount) }}")

    # The whole notebook

    def interrupt(self) -> None:
        """Click the toolbar's stop button."""
        self.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()

    def restart_and_run_all(self) -> None:
        """Click the toolbar's button that does so, and its dialog's."""
        self.page.evaluate(FOLLOW)
        self.page.locator('[data-command="notebook:restart-run-all"]').first.click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def source(self, index: int) -> str:
        """The text of a cell."""
        text: str = self.page.evaluate(f"index => {CELLS}.at(index).model.sharedModel.source", index)
        return text

    def is_trusted(self) -> bool:
        """Whether Lab shows what the outputs hold without taking anything away."""
        return all(
            self.page.evaluate(
                f"() => {CELLS}.filter(c => c.model.type === 'code').map(c => c.model.trusted)"
            )
        )

    def is_dirty(self) -> bool:
        """Whether something is not saved."""
        return bool(self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty"))

    # Looks

    def theme(self, name: str) -> None:
        """Change the theme: Light or Dark."""
        theme = f"JupyterLab {name}"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        self.page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")

    def picture(self, path: Path, what: Locator | None = None) -> None:
        """Write a picture of a part of the page, or of what is in view."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Nothing is marked as being under the mouse, and long lines show their beginning.
        self.page.mouse.move(0, 0)
        self.page.evaluate(
            "() => document.querySelectorAll('.cm-scroller').forEach(line => line.scrollTo(0, 0))"
        )
        view = self.page.viewport_size
        box = what.bounding_box() if what else None
        if view and box:
            # What is taller than its window would be covered by the window's frame.
            tall = round(box["height"]) + FRAME_PX
            self.page.set_viewport_size({**view, "height": max(view["height"], tall)})
        self.page.wait_for_timeout(PAINTED_MS)
        (what or self.page).screenshot(path=path)
        if view and box:
            self.page.set_viewport_size(view)

    def ask(self, script: str, argument: Any = None) -> Any:
        """Ask the page a question in its own language."""
        return self.page.evaluate(script, argument)

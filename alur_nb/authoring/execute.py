"""Runs the declaration cells of a notebook in a clean kernel, by papermill."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from alur_nb.authoring.following import Following
from alur_nb.authoring.needs import StarResolver
from alur_nb.authoring.notebook import Cell, Notebook, Unfold, split_cells
from alur_nb.authoring.parameters import typed_parameters
from alur_nb.authoring.registry import following_line
from alur_nb.authoring.statements import statements_of
from alur_nb.runtime.errors import ExportError, MissingExtraError, Place

EXPORTS = Path(".alur", "exports")
MODE = {"ALUR_MODE": "export"}
"""In the kernel's environment: the magics that preview, run, query or export do nothing there."""

_EXTRA = 'pip install "alur-nb[lab]"'
_INJECTED = "injected-parameters"
_ERROR_MARK = "papermill-error-cell-tag"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_POLL_SECONDS = 0.2
_LABEL_LENGTH = 60
_OWN_LINE = re.compile(r"Cell In\s?\[\d+\], line (\d+)")


@dataclass(frozen=True, slots=True)
class Execution:
    """An executed notebook: the file with its outputs, and the cells that ran, numbered as in the saved notebook."""

    path: Path
    cells: tuple[Cell, ...]


def execute(
    notebook: Notebook,
    cells: Sequence[Cell],
    *,
    root: Path,
    parameters: Mapping[str, object] | None = None,
    timeout: float | None = None,
    following: Following | None = None,
    labels: Mapping[int, str] | None = None,
) -> Execution:
    """Run `cells` in a clean kernel of this interpreter, in the notebook's folder.

    The executed notebook is kept below `root` in `.alur/exports/`, also when a cell fails, but not when the kernel ends
    in the middle of one. `following` is told of each cell, in the words that `labels` has for its number; where it is
    cancelled, the kernel is killed.
    Raises ExportError with the number that the failing cell has in the saved notebook; SettingsError for a parameter
    that the notebook does not have; RunCancelledError.
    """
    try:
        import nbformat
        from papermill.exceptions import PapermillExecutionError
    except ImportError as error:
        raise MissingExtraError("Running a notebook needs papermill.", fix=_EXTRA) from error
    given = typed_parameters(notebook, parameters or {})
    kept = _kept_path(notebook, root)
    with tempfile.TemporaryDirectory(prefix="alur-export-") as scratch:
        output = Path(scratch, "executed.ipynb")
        first = following_line(Path(scratch, "cells.json"), cells)
        kernel = _Kernel(Path(scratch), following or Following(), labels or {}, first)
        try:
            _run(_temporary(notebook, cells), output, notebook.path.parent, kernel, given, timeout)
        except PapermillExecutionError as error:
            content: Any = cast("Any", nbformat).read(output, as_version=4)
            raise _failed(notebook, error, _numbers(content)[error.cell_index], _streams(content)) from error
        finally:
            if output.is_file():
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(output, kept)
    return Execution(kept, tuple(cells))


def _kept_path(notebook: Notebook, root: Path) -> Path:
    path, root = notebook.path.resolve(), root.resolve()
    relative = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return root / EXPORTS / relative


def _temporary(notebook: Notebook, cells: Sequence[Cell]) -> Any:
    """Return a notebook of these cells alone; each keeps its number in its metadata."""
    from nbformat import v4

    new: Any = v4
    content = new.new_notebook()
    content.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    for cell in cells:
        metadata = {"tags": list(cell.tags), "alur": {"cell": cell.number, "id": cell.cell_id}}
        content.cells.append(new.new_code_cell(cell.source, metadata=metadata, id=f"cell-{cell.number}"))
    return content


def _run(
    content: Any,
    output: Path,
    folder: Path,
    kernel: _Kernel,
    parameters: Mapping[str, object],
    timeout: float | None,
) -> None:
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    try:
        with kernel.watched():
            papermill.execute_notebook(
                content,
                str(output),
                parameters=dict(parameters),
                progress_bar=False,
                # It would write and check the whole notebook before and behind each cell: of 1,000 cells for 6 minutes.
                # At the end, and where a cell fails, it is written all the same.
                request_save_on_cell_execute=False,
                kernel_manager_class=kernel.manager_class(),
                # Not papermill's `cwd`: that would change the folder of this whole process.
                resources={"metadata": {"path": str(folder.resolve())}},
                execution_timeout=timeout,
                store_widget_state=False,
                # Papermill adds a cell where there are parameters.
                on_cell_start=kernel.telling(len(content.cells) + bool(parameters)),
            )
    except CellTimeoutError as error:
        raise ExportError(
            f"A declaration cell did not end within {timeout} seconds.",
            fix="Move long work out of the cells that declare: they run at every export.",
        ) from error
    # A kernel that is killed while it starts ends in a plain RuntimeError (jupyter_client, wait_for_ready).
    except RuntimeError as error:
        kernel.following.stop_if_asked()
        if not isinstance(error, DeadKernelError):
            raise
        raise ExportError(
            "The kernel died while it ran the notebook's declaration cells.",
            fix="Run the cells one after the other in Jupyter: one of them ends the process or uses up the memory.",
        ) from error


class _Kernel:
    """The clean kernel of one execution: how it starts, what is told of its cells, and how it is stopped."""

    def __init__(self, scratch: Path, following: Following, labels: Mapping[int, str], first: str) -> None:
        self.following = following
        self._first = first
        self._scratch = scratch
        self._labels = labels
        self._managers: list[Any] = []

    def manager_class(self) -> type[Any]:
        """Return a manager that starts this interpreter's kernel, whatever kernels are installed, without startup files."""
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        spec = KernelSpec()
        # Errors alone: the kernel would warn on our stderr that its port on this machine is not encrypted.
        quiet = "--IPKernelApp.log_level=ERROR"
        first = f"--IPKernelApp.exec_lines={self._first}"
        spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", quiet, first]
        spec.env = {**MODE, "IPYTHONDIR": str(self._scratch / "ipython")}
        spec.language = "python"
        managers = self._managers

        class ThisInterpreter(AsyncKernelManager):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                managers.append(self)

            @property
            def kernel_spec(self) -> KernelSpec:
                return spec

        return ThisInterpreter

    def telling(self, total: int) -> Callable[..., None]:
        """Return what nbclient calls before each cell; it stops the execution where nobody wants it any more."""

        def started(cell: Any, cell_index: int) -> None:
            self.following.stop_if_asked()
            number = cell.metadata.get("alur", {}).get("cell")
            label = "sets the given parameters" if number is None else self._labels.get(number)
            self.following.on_cell(cell_index + 1, total, label or _first_line(cell.source))

        return started

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Kill the kernel when the execution is cancelled: a cell in the middle of its work asks nobody."""
        over = threading.Event()
        watch = threading.Thread(target=self._kill_when_cancelled, args=(over,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _kill_when_cancelled(self, over: threading.Event) -> None:
        while not over.wait(_POLL_SECONDS):
            if self.following.cancelled.is_set():
                self._kill()

    def _kill(self) -> None:
        for manager in self._managers:
            group = getattr(manager.provisioner, "pgid", None)
            # The kernel has a process group of its own (jupyter_client, launch_kernel), with what its cells started.
            if group and group != os.getpgrp():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)


def _first_line(source: str) -> str:
    line = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return line if len(line) <= _LABEL_LENGTH else f"{line[: _LABEL_LENGTH - 1]}…"


# A failing cell


def _numbers(content: Any) -> list[int | None]:
    """Return the saved notebook's number of each executed cell; None for the one that papermill added."""
    ran = [cell for cell in content.cells if _ERROR_MARK not in cell.metadata.get("tags", [])]
    return [cell.metadata.get("alur", {}).get("cell") for cell in ran]


def _streams(content: Any) -> str:
    """Return the last line that the cells wrote to stderr: IPython's own usage errors are only there."""
    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    lines = [
        line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()
    ]
    return _COLOURS.sub("", lines[-1]) if lines else ""


def _failed(notebook: Notebook, error: Any, number: int | None, stderr: str) -> ExportError:
    traceback = _COLOURS.sub("", "\n".join(error.traceback))
    line = _OWN_LINE.search(traceback)
    what, step = _reason(error.ename, _COLOURS.sub("", error.evalue) or stderr)
    cell = f"Cell {number}" if number else "The cell with the given parameters"
    return ExportError(
        f"{cell} failed in a clean kernel: {what}",
        place=Place(notebook=notebook.path.name, cell=number, line=int(line[1]) if line else None),
        fix=step
        or "Restart the kernel, run all cells from the top, and save; a cell may need one that declares nothing.",
    )


def _reason(name: str, value: str) -> tuple[str, str | None]:
    """Return an exception as one line; an error of ours brings its own next step."""
    lines = value.splitlines()
    step = next(
        (line.strip().removeprefix("next:").strip() for line in lines if line.startswith("  next:")), None
    )
    first = lines[0] if lines else ""
    return f"{name}: {first}" if first else name, step


# Star imports


def star_resolver(notebook: Notebook, unfold: Unfold) -> StarResolver:
    """Return what each `from module import *` of the notebook binds, found by importing them in a clean process.

    The resolver raises ExportError for a module that cannot be imported.
    """
    statements = statements_of(split_cells(notebook.cells, unfold, notebook.path.name))
    modules = tuple(dict.fromkeys(statement.star for statement in statements if statement.star))
    found = _star_names(modules, notebook.path.parent) if modules else {}

    def resolve(module: str) -> Mapping[str, str]:
        names = found.get(module)
        if isinstance(names, dict):
            return names
        raise ExportError(
            f"`from {module} import *` cannot be resolved: {names or 'it is no import of the notebook'}",
            place=Place(notebook=notebook.path.name),
            fix=f"Install `{module}` in this environment, or import what you use by name.",
        )

    return resolve


_IMPORT_STARS = """
import importlib, json, os, sys
sys.path.insert(0, os.getcwd())
found = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        found[name] = {n: str(id(getattr(module, n))) for n in names}
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
sys.stdout.write("\\n" + json.dumps(found))
"""


def _star_names(modules: Iterable[str], folder: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_STARS, *modules],
        cwd=folder,
        env={**os.environ, **MODE},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        return {}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found

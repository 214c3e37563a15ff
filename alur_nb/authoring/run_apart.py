"""A local run of the saved project in a process of its own: there its parameters can have other values.

The kernel's own names stay as they are: a value that was bound in a cell is what the declarations there were made with.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from alur_nb.runtime.calling import Event
from alur_nb.runtime.errors import AlurError, NotebookError, RunCancelledError
from alur_nb.runtime.report import PipelineRun, RunReport

_POLL_SECONDS = 0.2
_KILL_SECONDS = 30.0
"""How long a cancelled process may take to end its batch."""


def run_apart(
    name: str | Sequence[str],
    parameters: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    cancelled: threading.Event,
    on_event: Callable[[Event], None],
    works_for: str = "",
) -> RunReport:
    """Run pipelines (`all`, or names) in a clean process, with these parameters; `options` are those of `operate.run_here`.

    Raises what loading the project or the run raises there, RunCancelledError, and NotebookError where the process
    ends without a word.
    """
    with tempfile.TemporaryDirectory(prefix="alur-run-") as scratch:
        answer = Path(scratch, "answer")
        request = {
            "name": name if isinstance(name, str) else list(name),
            "parameters": dict(parameters),
            "options": dict(options),
            "answer": str(answer),
            "works_for": works_for,
        }
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from alur_nb.authoring.run_apart import main; main()",
                json.dumps(request),
            ],
            stdout=subprocess.PIPE,
            # What the cells print is no answer; a terminal's Ctrl-C and a kernel's interrupt are ours to pass on.
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != "ALUR_MODE"},
        )
        try:
            _follow(process, cancelled, on_event)
        finally:
            _end(process)
        if cancelled.is_set():
            raise RunCancelledError("The run was cancelled.")
        return _answered(answer, process.returncode)


def _follow(
    process: subprocess.Popen[bytes], cancelled: threading.Event, on_event: Callable[[Event], None]
) -> None:
    """Pass the process's events on until it ends; where it is not wanted any more, ask it to stop."""
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, on_event), daemon=True)
    reader.start()
    while process.poll() is None and not cancelled.wait(_POLL_SECONDS):
        pass
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_SECONDS)
    reader.join(_POLL_SECONDS)


def _read(stream: IO[bytes], on_event: Callable[[Event], None]) -> None:
    for line in stream:
        on_event(Event(**json.loads(line)))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind, neither the process nor its Java."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _answered(answer: Path, code: int | None) -> RunReport:
    if not answer.is_file():
        raise NotebookError(
            f"The process of the run ended without an answer (exit code {code}).",
            fix="Run it in a terminal to see why: alur run NAME -p NAME=VALUE",
        )
    # Written by our own process, into a folder that nobody else reads.
    found = pickle.loads(answer.read_bytes())
    if isinstance(found, BaseException):
        raise found
    assert isinstance(found, RunReport)
    return found


# In the process


def main() -> None:
    """Do what the one argument asks for: events go to stdout, a line each, the report or the error into its file."""
    request = json.loads(sys.argv[1])
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as events:
        # Whatever the notebook's cells print must not be taken for an event.
        os.dup2(2, 1)

        def tell(event: Event) -> None:
            events.write(json.dumps(asdict(event)) + "\n")
            events.flush()

        cancelled = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: _stop(cancelled))
        try:
            found: object = _run(request, tell, cancelled)
        except AlurError as error:
            found = _portable(error)
    target = Path(request["answer"])
    target.with_suffix(".part").write_bytes(pickle.dumps(found))
    target.with_suffix(".part").rename(target)


def _stop(cancelled: threading.Event) -> None:
    """End the run where it stands: the batch is ended in the ledger as one that was cancelled."""
    cancelled.set()
    raise KeyboardInterrupt


def _run(request: Mapping[str, Any], tell: Callable[[Event], None], cancelled: threading.Event) -> RunReport:
    from alur_nb.authoring import operate
    from alur_nb.authoring.loading import load_project
    from alur_nb.runtime import owners
    from alur_nb.runtime.project import use_project
    from alur_nb.runtime.settings import load_settings

    owners.work_for(request["works_for"])
    project = load_project(load_settings(), request["parameters"])
    with use_project(project):
        report = operate.run_here(
            request["name"], project=project, on_event=tell, cancelled=cancelled, **request["options"]
        )
    # What the declarations were made of is not what the kernel's were made of: nothing there is stale for it.
    return replace(report, runs=tuple(map(_portable_run, report.runs)), fingerprints={})


def _portable_run(run: PipelineRun) -> PipelineRun:
    return run if run.error is None else replace(run, error=_portable(run.error))


def _portable(error: BaseException) -> BaseException:
    """Return the error without its frames, and in words where its class is known in this process alone."""
    if isinstance(error, AlurError):
        error.__cause__ = error.__context__ = None
        with contextlib.suppress(Exception):
            return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]
        return type(error)(error.message, place=error.place, fix=error.fix)
    return NotebookError(
        f"{type(error).__name__}: {error}", fix="Run the pipeline without -p to see it fail in this kernel."
    )

"""A notebook's kernel as a front end drives it: cells with ids, their outputs, and the interrupt."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
IPYKERNEL = os.environ.get("ALUR_IPYKERNEL", "")
"""A folder with another ipykernel than the installed one, for the kernels alone: `make test-kernels`."""
PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ran:
    """What one cell gave: the reply's status and its outputs in order."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    payload: list[dict[str, Any]] = field(default_factory=list)
    """What the reply asks the front end to do: a new cell below, for one."""

    def texts(self, kind: str = "text/plain") -> list[str]:
        """Return the outputs of one kind."""
        return [o["data"][kind] for o in self.outputs if kind in o.get("data", {})]

    @property
    def error(self) -> list[str]:
        """The lines that ended the cell."""
        lines = [line for o in self.outputs if o["type"] == "error" for line in o["traceback"]]
        return [_COLOURS.sub("", line) for text in lines for line in text.splitlines()]

    @property
    def streams(self) -> str:
        """What was printed."""
        return "".join(o["text"] for o in self.outputs if o["type"] == "stream")


class ThisInterpreter(KernelManager):
    """Starts the kernel of the interpreter that runs the tests, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The command line."""
        spec = KernelSpec()
        quiet = "--IPKernelApp.log_level=ERROR"
        spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", quiet]
        spec.language = "python"
        return spec


class Kernel:
    """One kernel in a folder; cells are known by the id that the test gives."""

    def __init__(self, folder: Path) -> None:
        paths = [IPYKERNEL, str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.manager = ThisInterpreter()
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self._replies: dict[str, str] = {}
        self._payloads: dict[str, list[dict[str, Any]]] = {}
        self._outputs: dict[str, list[dict[str, Any]]] = {}
        self._idle: set[str] = set()

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(
        self,
        source: str,
        cell_id: str | None = None,
        *,
        during: Callable[[], None] | None = None,
        once_shown: str = "",
    ) -> Ran:
        """Run a cell to its end; `during` is called once an output of the cell has the text `once_shown`."""
        return self.collect(self.send(source, cell_id), during, once_shown)

    def send(self, source: str, cell_id: str | None = None) -> str:
        """Hand a cell to the kernel, and return the request's id."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": cell_id is not None,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        return request

    def tell_widget(self, comm_id: str, data: dict[str, Any]) -> list[dict[str, Any]]:
        """Send a widget what a front end does, a click or a value; return the outputs that come of it."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        self.client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        deadline = time.monotonic() + 60
        while request not in self._idle:
            assert time.monotonic() < deadline, "the widget did not answer"
            self._receive()
        return self._outputs.pop(request, [])

    def unclaimed(self) -> list[dict[str, Any]]:
        """Return the outputs that belong to no cell or widget that was waited for, as those of a thread may."""
        outputs, self._outputs = self._outputs, {}
        return [output for of_one in outputs.values() for output in of_one]

    def collect(
        self,
        request: str,
        during: Callable[[], None] | None = None,
        once_shown: str = "",
        timeout: float = 120,
    ) -> Ran:
        """Wait for the end of a cell; what belongs to other requests is kept for them."""
        ran = Ran()
        deadline = time.monotonic() + timeout
        while not ((request in self._idle and request in self._replies) or ran.status == "aborted"):
            assert time.monotonic() < deadline, f"the cell did not end: {self._outputs.get(request)}"
            self._receive()
            ran.status = self._replies.get(request, "")
            shown = self._outputs.get(request, [])
            if during is not None and any(once_shown in str(output.get("data")) for output in shown):
                during()
                during = None
        ran.status, ran.outputs = self._replies[request], self._outputs.pop(request, [])
        ran.payload = self._payloads.get(request, [])
        return ran

    def complete(self, marked: str) -> tuple[str, list[tuple[str, str]], float]:
        """Complete at the `|`: the characters that are replaced, each match with its type, and the seconds it took."""
        before, _, after = marked.partition("|")
        started = time.monotonic()
        reply = self.client.complete(before + after, len(before), reply=True, timeout=60)["content"]
        taken = time.monotonic() - started
        replaced = (before + after)[reply["cursor_start"] : reply["cursor_end"]]
        assert reply["cursor_end"] == len(before)
        typed = reply["metadata"].get("_jupyter_types_experimental", [])
        return replaced, [(one["text"], one["type"]) for one in typed], taken

    def _receive(self) -> None:
        """Take one message from each channel."""
        with contextlib.suppress(queue.Empty):
            reply = self.client.get_shell_msg(timeout=0.01)
            request = reply["parent_header"].get("msg_id", "")
            self._replies[request] = reply["content"].get("status", "")
            self._payloads[request] = reply["content"].get("payload", [])
        with contextlib.suppress(queue.Empty):
            message = self.client.get_iopub_msg(timeout=0.1)
            request, kind, content = (
                message["parent_header"].get("msg_id", ""),
                message["msg_type"],
                message["content"],
            )
            if kind == "status" and content["execution_state"] == "idle":
                self._idle.add(request)
            elif kind not in ("status", "execute_input"):
                self._outputs.setdefault(request, []).append({"type": kind, **content})

"""A notebook's kernel as a front end drives it: cells with ids, their outputs, and the interrupt."""

from __future__ import annotations

import os
import queue
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ran:
    """What one cell gave: the reply's status and its outputs in order."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)

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


class Kernel:
    """One kernel in a folder; cells are known by the id that the test gives."""

    def __init__(self, folder: Path) -> None:
        paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.manager = KernelManager(
            kernel_cmd=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        )
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

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
        timeout: float = 120,
    ) -> Ran:
        """Run a cell to its end; `during` is called once the cell has shown its first output."""
        message = self.client.session.msg(
            "execute_request",
            {
                "code": source,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": cell_id is not None,
                "stop_on_error": True,
            },
            metadata={"cellId": cell_id} if cell_id else {},
        )
        self.client.shell_channel.send(message)
        return self._collect(message["header"]["msg_id"], during, timeout)

    def _collect(self, request: str, during: Callable[[], None] | None, timeout: float) -> Ran:
        ran = Ran()
        deadline = time.monotonic() + timeout
        is_idle = False
        while not (is_idle and ran.status):
            assert time.monotonic() < deadline, f"the cell did not end: {ran}"
            try:
                reply = self.client.get_shell_msg(timeout=0.01)
                if reply["parent_header"].get("msg_id") == request:
                    ran.status = reply["content"]["status"]
            except queue.Empty:
                pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status":
                is_idle = content["execution_state"] == "idle"
            elif kind != "execute_input":
                ran.outputs.append({"type": kind, **content})
                if during is not None:
                    during()
                    during = None
        return ran

"""A JupyterLab of its own on 127.0.0.1: no user's settings, no news, no extension manager, nothing saved by itself."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60

# Each is a folder below the server's own, so that nothing of the user is read and nothing is left behind.
PRIVATE = (
    "HOME",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)

PAGE_CONFIG = {
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,
        "@jupyterlab/extensionmanager-extension": True,
    }
}

SETTINGS = {
    # Every cell stays in the page, whether it is in view or not.
    "notebook-extension/tracker": {"windowingMode": "none"},
    # A rename on the first save may meet the server as it lists the folder; then it answers 404 for the folder, and
    # Lab says so in a dialog (jupyter_server 2.21, `_dir_model`).
    "docmanager-extension/plugin": {"autosave": False, "renameUntitledFileOnSave": False},
}


@dataclass(frozen=True, slots=True)
class Lab:
    """A running server: its address, its token, and the folder it shows."""

    base: str
    token: str
    folder: Path

    def call(self, method: str, path: str) -> Any:
        """Ask the server's REST API; returns what its JSON says, None where it has nothing to say."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.base}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self) -> None:
        """End every kernel, as a server that is started anew has none."""
        for session in self.call("GET", "sessions"):
            self.call("DELETE", f"sessions/{session['id']}")


@contextlib.contextmanager
def jupyterlab(root: Path, folder: Path) -> Iterator[Lab]:
    """Serve `folder`; everything that the server keeps of itself lies in `root`."""
    private = {name: root / name.lower() for name in PRIVATE}
    for made in private.values():
        made.mkdir(parents=True)
    _write(private["JUPYTER_CONFIG_DIR"] / "labconfig" / "page_config.json", PAGE_CONFIG)
    for name, value in SETTINGS.items():
        path = private["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab" / f"{name}.jupyterlab-settings"
        _write(path, value)
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **{name: str(path) for name, path in private.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    lab = Lab(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16), folder)
    log = root / "lab.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            _command(lab), env=environment, cwd=folder, stdout=written, stderr=subprocess.STDOUT
        )
        try:
            _wait(lab, process, log)
            yield lab
        finally:
            process.terminate()
            process.wait(timeout=30)


def _command(lab: Lab) -> list[str]:
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={lab.base.rpartition(':')[2]}",
        "--ServerApp.port_retries=0",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={lab.folder}",
        f"--IdentityProvider.token={lab.token}",
        # `window.jupyterapp`, by which the tests see what state a cell is in.
        "--LabApp.expose_app_in_browser=True",
    ]


def _wait(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            lab.call("GET", "status")
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')}")


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port

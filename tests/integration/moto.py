"""A Glue catalog over HTTP: moto's server (PyPI `moto[server,glue]`), which keeps what it is told and refuses little."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.servers import free_port, serving
from tests.require import require_program


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Run the server for the block and yield its URL."""
    program = require_program("moto_server", 'pip install "moto[glue,server]>=5.1,<6"')
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-H", "127.0.0.1", "-p", str(port)]
    with serving(command, folder / "log", ready=lambda: _answers(url), env=os.environ):
        yield url


def _answers(url: str) -> bool:
    urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
    return True

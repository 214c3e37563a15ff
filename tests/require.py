"""What a test needs from the machine: there, or the test is skipped with the line that installs it.

Under `ALUR_REQUIRE=all`, as in CI, what is missing is a failure: a skipped test proves nothing.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

VARIABLE = "ALUR_REQUIRE"


def require_program(name: str, install: str) -> Path:
    """Return the program's path, from beside Python or from the PATH; `install` is the command that brings it."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        _missing(f"the program `{name}`", install)
    return Path(found)


def require_any_program(names: tuple[str, ...], install: str) -> Path:
    """Return the first of several programs that do the same, such as terraform and tofu."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    _missing(f"one of the programs {', '.join(names)}", install)


def require_module(name: str, install: str) -> ModuleType:
    """Return the imported module; `install` is the pip line that brings it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the module itself may be missing: one that is there and broken is an error in any case.
        if error.name is None or name.split(".")[0] != error.name.split(".")[0]:
            raise
        _missing(f"the module `{name}`", install)


def require_path(path: Path, install: str) -> Path:
    """Return a path that must exist; `install` is the command that makes it."""
    if not path.exists():
        _missing(f"{path.name}", install)
    return path


def _missing(what: str, install: str) -> NoReturn:
    reason = f"{what} is not here; install: {install}"
    if os.environ.get(VARIABLE) == "all":
        pytest.fail(f"{VARIABLE}=all, and {reason}", pytrace=False)
    pytest.skip(reason)

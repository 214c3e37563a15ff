"""The user's own cache folder: what is fetched or made once for all projects of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's own cache folder of alur-nb; it need not be there."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "alur-nb"
    home = Path(os.environ.get("HOME") or "~").expanduser()
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "alur-nb"

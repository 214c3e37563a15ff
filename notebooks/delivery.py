"""What the landing scripts of the stories share: where a package keeps its data, and how files are laid.

A story comes in two posts: what lies in `data/` from the start, and what waits in `later/` until a cell of the
notebook copies it into `data/`, as the next post would.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

FIRST, LATER = "data", "later"


def data_folder(package: str, folder: str, install: str) -> Path:
    """Return the data folder of an installed package, found without importing it.

    Raises FileNotFoundError where the package is not there; `install` is the line that brings it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The story's data is not installed: {install}")
    return Path(spec.origin).parent / folder


def lay_posts(folder: Path, first: Mapping[str, bytes], later: Mapping[str, bytes]) -> list[Path]:
    """Write both posts below a project's folder and return the files that were written.

    A file that is there with the same bytes is left alone, its time too; so is a file of the first post that the
    later one has replaced already. Other files are not touched.
    """
    written = []
    for post, contents in ((FIRST, first), (LATER, later)):
        for name, content in contents.items():
            target = folder / post / name
            right = {content, later[name]} if name in later else {content}
            if not (target.is_file() and target.read_bytes() in right):
                put(target, content)
                written.append(target)
    return written


def put(target: Path, content: bytes) -> None:
    """Write beside the target, under a name that no listing takes, then rename: never half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    os.replace(part, target)

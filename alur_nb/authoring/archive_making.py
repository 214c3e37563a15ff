"""Makes the archive of Java classes: a process of its own that rehearses a day's work and lists what Java loads.

`python -m alur_nb.authoring.archive_making ARCHIVE`, started by the first session that finds none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring import class_archive, first_day
from alur_nb.authoring.class_archive import Archive
from alur_nb.authoring.local_spark import end
from alur_nb.runtime.context import JavaHome, get_spark_session, java_home, launch_by
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.settings import Settings

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)


def make(archive: Archive) -> bool:
    """Make the archive unless another process does so already; whether it is there now. Why not is noted beside it."""
    with class_archive.alone(archive) as is_alone:
        if is_alone and archive.is_worth_making:
            _clear(archive.path.parent)
            try:
                _make(archive)
            except (AlurError, OSError, subprocess.SubprocessError) as error:
                archive.refuse(f"it could not be made: {error}")
    return archive.is_good


def _clear(folder: Path) -> None:
    """Remove what a process left that was killed while it made one: nobody else makes one now."""
    for left in folder.glob("making-*"):
        shutil.rmtree(left, ignore_errors=True)


def _make(archive: Archive) -> None:
    # Beside the archive: a rename there is atomic, and a full disk is noticed before anything is in place.
    with tempfile.TemporaryDirectory(prefix="making-", dir=archive.path.parent) as name:
        folder = Path(name)
        classes = folder / "classes"
        class_path = _rehearse(folder)
        classes.write_text(_joined(folder / "driver", folder / "launcher"), encoding="utf-8")
        made = folder / "made.jsa"
        class_archive.dump(java_home(), classes, class_path, made)
        archive.keep(made)


def _joined(*lists: Path) -> str:
    lines = [line for path in lists for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _rehearse(folder: Path) -> str:
    """Do a day's work in an empty project, and return the class path of the Java that listed its classes."""

    @contextlib.contextmanager
    def listing(settings: Settings, java: JavaHome) -> Iterator[Sequence[str]]:
        os.environ["SPARK_LAUNCHER_OPTS"] = f"-XX:DumpLoadedClassList={folder / 'launcher'}"
        yield (f"-XX:DumpLoadedClassList={folder / 'driver'}",)

    root = first_day.lay(folder / "project")
    os.chdir(root)
    launch_by(listing)
    spark = get_spark_session()
    java: Any = spark._jvm
    try:
        class_path: str = java.java.lang.System.getProperty("java.class.path")
        first_day.work(root)
    finally:
        end(spark)
    return class_path


if __name__ == "__main__":
    os.nice(
        19
    )  # here, for code of Python's between fork and exec is not safe in a process with threads (subprocess)
    sys.exit(not make(Archive(Path(sys.argv[1]))))

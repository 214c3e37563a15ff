"""The archive of Java classes that the laptop's Spark starts from: where it is, when it is good, how it is made.

Java maps an archive of parsed and verified classes (class data sharing, JEP 310 and 350) in place of reading some
12,000 classes from 250 jars. One fits exactly one Java and one class path; everything here may fail without harm:
then Spark starts as always.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alur_nb.runtime.context import JavaHome
from alur_nb.runtime.settings import DRIVER_MEMORY
from alur_nb.runtime.user_cache import cache_folder

log = logging.getLogger(__name__)

KEPT = 2
"""So many archives, those used last, stay: two virtual environments do not take each other's away."""
RETRY_SECONDS = 86_400
"""An archive that could not be made, or that Java refused, is tried again after a day."""
MAKING_SECONDS = 600
_NO_WORD = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off")
# What else decides the class path (Spark's bin/spark-class and its AbstractCommandBuilder).
_VARIABLES = (
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "SPARK_DIST_CLASSPATH",
    "HADOOP_CONF_DIR",
    "YARN_CONF_DIR",
    "PYSPARK_SUBMIT_ARGS",
)


@dataclass(frozen=True, slots=True)
class Archive:
    """The place of one Java's and one class path's archive; `facts` beside it says which file was made."""

    path: Path

    @property
    def facts(self) -> Path:
        """The file with the archive's size and time; its own time is when the archive was used last."""
        return self.path.with_suffix(".json")

    @property
    def failure(self) -> Path:
        """The file that says why the archive could not be made or used."""
        return self.path.with_suffix(".failed")

    @property
    def is_good(self) -> bool:
        """Whether the file is the one that was made: complete, and not touched since."""
        try:
            return bool(json.loads(self.facts.read_text(encoding="utf-8")) == _identity(self.path))
        except (OSError, ValueError):
            return False

    @property
    def is_worth_making(self) -> bool:
        """Whether there is no good one, and none failed within the last day."""
        try:
            failed = time.time() - self.failure.stat().st_mtime < RETRY_SECONDS
        except OSError:
            failed = False
        return not failed and not self.is_good

    def options(self) -> tuple[str, ...]:
        """Return Java's options for a start from the archive; `auto` starts without it where it does not fit."""
        return (f"-XX:SharedArchiveFile={self.path}", "-Xshare:auto", *_NO_WORD)

    def used(self) -> None:
        """Note that a session has started from it: the ones used last are kept."""
        with contextlib.suppress(OSError):
            os.utime(self.facts)

    def refuse(self, reason: str) -> None:
        """Throw the archive away and note why."""
        log.info("The archive of Spark's classes is not used: %s", reason)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.facts.unlink(missing_ok=True)
            self.failure.write_text(f"{reason}\n", encoding="utf-8")

    def keep(self, made: Path) -> None:
        """Put a file that was made in its place, whole or not at all, and clear away what is old; raises OSError."""
        facts = made.with_suffix(".json")
        facts.write_text(json.dumps(_identity(made)), encoding="utf-8")
        # Between the two the facts do not fit, and Spark starts without the archive.
        made.replace(self.path)
        facts.replace(self.facts)
        self.failure.unlink(missing_ok=True)
        prune(self.path.parent)


def _identity(path: Path) -> dict[str, int]:
    found = path.stat()
    return {"bytes": found.st_size, "modified": found.st_mtime_ns}


def archive_for(java: JavaHome, spark_home: Path) -> Archive:
    """Return the place of the archive for this Java and these jars: another version, or another file, has another."""
    facts: list[object] = [str(java.path), str(spark_home), *map(os.environ.get, _VARIABLES)]
    parts = ("release", "lib/modules", "lib/server/libjvm.so", "lib/server/libjvm.dylib")
    facts += [_stamp(java.path / name) for name in parts]
    jars = sorted((spark_home / "jars").glob("*.jar"))
    facts += [(jar.name, _stamp(jar)) for jar in jars]
    added = os.environ.get("SPARK_DIST_CLASSPATH", "").split(os.pathsep)
    facts += [(name, _stamp(Path(name))) for name in added if name]
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    spark = next(
        (one for jar in jars if (one := _version(r"spark-core_[\d.]+-(.+)\.jar", jar.name))), "unknown"
    )
    return Archive(cache_folder() / f"spark-{spark}-java-{_java_version(java)}-{digest}.jsa")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _java_version(java: JavaHome) -> str:
    try:
        release = (java.path / "release").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "17"
    return _version(r'(?m)^JAVA_VERSION="([\w.+-]+)"', release) or "17"


def _version(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def prune(folder: Path) -> None:
    """Remove the archives that were used longest ago, and what never became one."""

    def last_used(path: Path) -> float:
        return path.stat().st_mtime

    found = sorted(folder.glob("spark-*.json"), key=last_used, reverse=True)
    kept = {path.stem for path in found[:KEPT]}
    for path in folder.glob("spark-*"):
        if path.suffix in (".jsa", ".json", ".failed") and path.stem not in kept:
            path.unlink(missing_ok=True)


_making: list[subprocess.Popen[bytes]] = []
"""Nobody waits for them; but Python warns of a process that is let go of while it runs."""


def make_in_background(archive: Archive) -> None:
    """Have a process of the lowest priority make the archive; it outlives this one, and two never make the same."""
    package = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "alur_nb.authoring.archive_making", str(archive.path)],
            cwd=tempfile.gettempdir(),
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        log.info("The archive of Spark's classes is not made: %s", error)
    else:
        _making.append(process)


@contextlib.contextmanager
def alone(archive: Archive) -> Iterator[bool]:
    """Tell whether this is the only process that makes an archive; the lock goes with the process."""
    archive.path.parent.mkdir(parents=True, exist_ok=True)
    with (archive.path.parent / "making.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def dump(java: JavaHome, classes: Path, class_path: str, made: Path) -> None:
    """Write the archive of the listed classes, and try it; raises OSError or subprocess.SubprocessError."""
    list_option = f"-XX:SharedClassListFile={classes}"
    _run(java, made, class_path, "-Xshare:dump", list_option).check_returncode()
    if not fits(java, made, class_path):
        raise OSError("Java does not take the archive that it wrote.")


def fits(java: JavaHome, archive: Path, class_path: str) -> bool:
    """Whether Java takes the archive with this class path; raises OSError or subprocess.SubprocessError.

    Asked of a second Java, which ends at once: a running one does not tell through py4j.
    """
    return _run(java, archive, class_path, "-Xshare:on", "-version").returncode == 0


def _run(
    java: JavaHome, archive: Path, class_path: str, share: str, last: str
) -> subprocess.CompletedProcess[bytes]:
    options = (
        share,
        f"-XX:SharedArchiveFile={archive}",
        f"-Xmx{DRIVER_MEMORY}",
        *_NO_WORD,
        "-cp",
        class_path,
    )
    return subprocess.run(
        [str(java.path / "bin" / "java"), *options, last],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=MAKING_SECONDS,
    )

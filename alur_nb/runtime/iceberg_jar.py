"""The jar that brings Iceberg to the laptop's Spark: which one fits, and whether the one in the cache is whole.

On Glue it is there by `--datalake-formats iceberg`; nothing here is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.user_cache import cache_folder

SETUP = "alur setup"
"""The command that fetches the jar."""
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Jar:
    """One released jar, by what it must be: its size and SHA-512 are those of Maven Central."""

    spark: str
    scala: str
    version: str
    size: int
    sha512: str

    @property
    def artifact(self) -> str:
        """Its name in a Maven repository."""
        return f"iceberg-spark-runtime-{self.spark}_{self.scala}"

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def repository_path(self) -> str:
        """Where a Maven repository has it, relative to its root."""
        return f"org/apache/iceberg/{self.artifact}/{self.version}/{self.name}"

    @property
    def size_text(self) -> str:
        """The size in words: `47 MB`."""
        return f"{self.size / _MEGABYTE:.0f} MB"

    def __str__(self) -> str:
        return f"Apache Iceberg {self.version} for Spark {self.spark} and Scala {self.scala}"


# The versions that Glue 5.1 and 6.0 run (AWS, "Using the Iceberg framework in AWS Glue").
JARS = (
    Jar(
        "3.5",
        "2.12",
        "1.10.0",
        47_130_096,
        "2ce6c02c8104a8ca2412a261abba7413964677db74ad96d25bd58e25abb7c27c"
        "bf94c7dc4cfa33eb12d05a2df04cb0074344983b09abbc43e4a1b4e4abf2b5e1",
    ),
    Jar(
        "3.5",
        "2.13",
        "1.10.0",
        47_139_672,
        "35cb2ead1887fab66b9b6ead3d4d515adce74c099590d14827a7d9449cdf5507"
        "ca951fe86008382c4b17b1dbe51f3cb62d24ee3ac788a4022024f7dc68673581",
    ),
    Jar(
        "4.1",
        "2.13",
        "1.11.0",
        47_959_591,
        "f4620bb2d20777146a769a8a939a5bed658e1d5708b6a5155e1f6e831c0bfd29"
        "bd1f82618dc59bc0f30399ffcb03add3e66656286692dc6c2be94e4e1f4e7479",
    ),
)


@dataclass(frozen=True, slots=True)
class Cached:
    """What the cache holds of one jar: `path` only where it is whole, else `problem` says what is wrong."""

    jar: Jar
    path: Path | None = None
    problem: str = ""

    def required(self) -> Path:
        """Return the path; raises SettingsError with the command that fetches the jar."""
        if self.path is not None:
            return self.path
        raise SettingsError(
            self.problem
            or f"{self.jar} is not on this machine, and silver, gold and Iceberg tables need it.",
            fix=f"Fetch it once ({self.jar.size_text}), in a terminal: {SETUP}. Then restart the kernel.",
        )


def jar_for(spark_home: Path) -> Jar:
    """Return the jar that fits this Spark, by the Scala and the version in the names of its own jars.

    Raises SettingsError for a Spark that no pinned jar is for.
    """
    names = [path.name for path in (spark_home / "jars").glob("spark-core_*.jar")]
    found = next(filter(None, (re.match(r"spark-core_([\d.]+)-(\d+\.\d+)", name) for name in names)), None)
    scala, spark = found.groups() if found else ("unknown", "unknown")
    for jar in JARS:
        if (jar.spark, jar.scala) == (spark, scala):
            return jar
    known = ", ".join(f"{jar.spark} with Scala {jar.scala}" for jar in JARS)
    raise SettingsError(
        f"Silver, gold and Iceberg tables need another Spark: {spark_home} is Spark {spark} with Scala {scala}.",
        fix=f'Iceberg is known for Spark {known}: pip install "pyspark>=3.5.4,<3.6", and unset SPARK_HOME.',
    )


def jar_path(jar: Jar) -> Path:
    """Return the place of a jar in the user's cache."""
    return cache_folder() / jar.name


def look(jar: Jar) -> Cached:
    """Look what the cache holds; a file is read whole only where it is not the one that was looked at before."""
    path = jar_path(jar)
    try:
        if _noted(path) == _stamp(path):
            return Cached(jar, path)
    except OSError:
        return Cached(jar, problem=_neighbour(jar))
    problem = defect(jar, path)
    if problem:
        return Cached(jar, problem=problem)
    note(path)
    return Cached(jar, path)


def defect(jar: Jar, path: Path) -> str:
    """Return what is wrong with a file that is to be the jar; an empty text where nothing is. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").hexdigest()
    if digest == jar.sha512:
        return ""
    other = next((one for one in JARS if one.sha512 == digest), None)
    if other is not None:
        return f"{path} is {other}, and this Spark needs {jar}."
    if size < jar.size:
        return f"{path} is cut off: it has {size:,} of {jar.size:,} bytes."
    return f"{path} is not {jar}: its SHA-512 differs from the released file's."


def note(path: Path) -> None:
    """Remember that the file has been looked at whole; where nothing can be written it is looked at again."""
    with contextlib.suppress(OSError):
        _facts(path).write_text(json.dumps(_stamp(path)), encoding="utf-8")


def _facts(path: Path) -> Path:
    return path.with_suffix(".json")


def _noted(path: Path) -> list[int] | None:
    try:
        noted = json.loads(_facts(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, list) else None


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _neighbour(jar: Jar) -> str:
    """Say where another jar of Iceberg is in the cache, one that this Spark cannot load."""
    others = [
        path.name for path in cache_folder().glob("iceberg-spark-runtime-*.jar") if path.name != jar.name
    ]
    if not others:
        return ""
    return f"{cache_folder()} holds {', '.join(sorted(others))}, and this Spark needs {jar.name}."

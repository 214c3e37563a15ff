"""`alur setup`: what a machine needs once, beyond what pip brings; a notebook does the same when it first needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alur_nb.authoring import iceberg_fetch
from alur_nb.runtime.context import JavaHome, java_home
from alur_nb.runtime.iceberg_jar import Jar, jar_for, look


@dataclass(frozen=True, slots=True)
class Setup:
    """What a machine has now."""

    java: JavaHome
    jar: Jar
    path: Path
    was_there: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "java": str(self.java.path),
            "iceberg": {"version": self.jar.version, "jar": str(self.path), "was_there": self.was_there},
        }

    def __str__(self) -> str:
        fetched = "is there" if self.was_there else "is there now"
        return f"{self.java}\n{self.jar} {fetched}: {self.path}"

    def __repr__(self) -> str:
        return str(self)


def needed_jar() -> Jar:
    """Return Iceberg's jar for the Spark of this Python; raises SettingsError for a Spark that none is known for."""
    from pyspark.find_spark_home import _find_spark_home

    return jar_for(Path(_find_spark_home()))


def setup(
    file: Path | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
    on_progress: Callable[[int, int], None] = lambda there, size: None,
) -> Setup:
    """Bring what silver, gold and Iceberg tables need, from the user's Maven repository or from a `file`.

    `tell` is given the announcement before anything is fetched, `on_progress` the bytes that are there and their number
    in all. Raises SettingsError with the next step.
    """
    java, jar = java_home(), needed_jar()
    found = look(jar)
    if found.path is not None:
        return Setup(java, jar, found.path, was_there=True)
    if file is not None:
        return Setup(java, jar, iceberg_fetch.install(jar, file), was_there=False)
    if found.problem:
        tell(found.problem)
    tell(iceberg_fetch.announcement(jar))
    return Setup(
        java,
        jar,
        iceberg_fetch.fetch(jar, on_progress=lambda there: on_progress(there, jar.size)),
        was_there=False,
    )

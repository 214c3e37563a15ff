"""Where the user fetches from: by their own settings of Maven, else from Maven Central."""

from __future__ import annotations

from pathlib import Path

import pytest

from alur_nb.authoring.maven import CENTRAL, VARIABLE, repository

MIRROR = "<mirror><id>m</id><mirrorOf>{of}</mirrorOf><url> https://maven.acme.example/repo/ </url></mirror>"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the user's own settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / ".m2").mkdir()
    return tmp_path / ".m2" / "settings.xml"


def written(*mirror_of: str, namespace: str = "") -> str:
    return f"<settings{namespace}><mirrors>{''.join(MIRROR.format(of=of) for of in mirror_of)}</mirrors></settings>"


@pytest.mark.parametrize("of", ["central", "*", "external:*", "snapshots, central", "*,!snapshots"])
def test_a_mirror_of_central_is_taken(settings: Path, of: str) -> None:
    settings.write_text(written("elsewhere", of))
    assert repository() == "https://maven.acme.example/repo"


def test_settings_have_a_namespace_or_none(settings: Path) -> None:
    settings.write_text(written("*", namespace=' xmlns="http://maven.apache.org/SETTINGS/1.2.0"'))
    assert repository() == "https://maven.acme.example/repo"


@pytest.mark.parametrize(
    "text", [written("elsewhere"), written("*,!central"), written(), "<settings>", "no XML"]
)
def test_settings_that_name_none_leave_central(settings: Path, text: str) -> None:
    settings.write_text(text)
    assert repository() == CENTRAL


def test_without_settings_it_is_central(settings: Path) -> None:
    assert repository() == CENTRAL


def test_the_variable_is_before_all_settings(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.write_text(written("*"))
    monkeypatch.setenv(VARIABLE, "https://other.example/maven/")
    assert repository() == "https://other.example/maven"

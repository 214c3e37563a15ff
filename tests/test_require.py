"""A test that lacks something says how to get it, and in CI it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.require import require_any_program, require_module, require_path, require_program


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["skip", "fail"])
def refusal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    if request.param == "skip":
        monkeypatch.delenv("ALUR_REQUIRE", raising=False)
        return pytest.skip.Exception
    monkeypatch.setenv("ALUR_REQUIRE", "all")
    return pytest.fail.Exception


@pytest.mark.usefixtures("empty_path")
def test_a_missing_program_names_its_install_line(refusal: type[BaseException]) -> None:
    with pytest.raises(refusal, match="`weaver` is not here; install: apt-get install weaver"):
        require_program("weaver", "apt-get install weaver")
    with pytest.raises(refusal, match="weaver, loom is not here; install: apt-get install loom"):
        require_any_program(("weaver", "loom"), "apt-get install loom")


def test_a_missing_path_names_the_command_that_makes_it(refusal: type[BaseException], tmp_path: Path) -> None:
    assert require_path(tmp_path, "make loom") == tmp_path
    with pytest.raises(refusal, match="loom is not here; install: make loom"):
        require_path(tmp_path / "loom", "make loom")


def test_a_missing_module_names_its_install_line(refusal: type[BaseException]) -> None:
    with pytest.raises(refusal, match="`weaver_and_loom` is not here; install: pip install weaver"):
        require_module("weaver_and_loom", "pip install weaver")


def test_what_is_there_is_returned(empty_path: Path) -> None:
    program = empty_path / "loom"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert require_program("loom", "never") == program
    assert require_any_program(("weaver", "loom"), "never") == program
    assert require_module("json", "never").dumps([]) == "[]"


def test_a_module_that_is_there_and_broken_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_loom.py").write_text("import thread_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="thread_that_is_not_there"):
        require_module("broken_loom", "never")
    assert "broken_loom" not in sys.modules

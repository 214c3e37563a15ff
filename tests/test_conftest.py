"""The browser's tests run where they are named, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conftest import BROWSER_TESTS, pytest_ignore_collect

ROOT = BROWSER_TESTS.parent.parent


@pytest.mark.parametrize(
    ("arguments", "start", "is_left_out"),
    [
        ([], ROOT, True),
        (["tests"], ROOT, True),
        (["tests/runtime/test_csv.py", "tests/ui"], ROOT, True),
        (["tests/browser"], ROOT, False),
        (["browser/test_cells.py::test_one[a::b]"], ROOT / "tests", False),
        (["tests/ui", str(BROWSER_TESTS)], Path("/"), False),
    ],
)
def test_only_their_name_brings_the_browsers_tests(
    arguments: list[str], start: Path, is_left_out: bool
) -> None:
    config = SimpleNamespace(args=arguments, invocation_params=SimpleNamespace(dir=start))
    assert pytest_ignore_collect(BROWSER_TESTS, cast(Any, config)) is (True if is_left_out else None)
    assert pytest_ignore_collect(ROOT / "tests" / "ui", cast(Any, config)) is None

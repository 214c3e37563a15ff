"""The tail that separates a house from a heap: no long file, no long function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("alur_nb", "tests", "notebooks", "benchmarks")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Every source but the golden tables: those are data, a case a row, read from top to bottom."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "golden" not in path.relative_to(ROOT).parts]


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Count a function's lines from its `def` to its end, the docstring left out."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def long_functions(text: str) -> list[str]:
    found = functions(ast.parse(text))
    return [f"{f.name}: {body_lines(f)} lines" for f in found if body_lines(f) > LONGEST_FUNCTION]


def test_the_sources_are_found() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in sources()}
    assert folders == set(FOLDERS)


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    found = {
        str(path.relative_to(ROOT)): long_functions(path.read_text(encoding="utf-8")) for path in sources()
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(("statements", "too_long"), [(49, False), (50, True)])
def test_a_docstring_does_not_count(statements: int, too_long: bool) -> None:
    docstring = '    """One.\n\n    Two.\n    """\n'
    text = "def f():\n" + docstring + "    x = 1\n" * statements
    assert bool(long_functions(text)) is too_long

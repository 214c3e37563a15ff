"""The secrets that a script names in plain sight, also on ways that its trace does not take."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def secrets_in(script: str) -> set[str]:
    """Return the names in calls of `secret` from alur_nb; a name that is made at run time is found by the trace."""
    tree = ast.parse(script)
    names, modules = set(_bound(tree, "secret")), set(_modules(tree))
    calls = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_secret(node, names, modules)
    )
    given = (_name(call) for call in calls)
    return {name for name in given if name is not None}


def _bound(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "alur_nb":
            yield from (alias.asname or alias.name for alias in node.names if alias.name == name)


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name for alias in node.names if alias.name == "alur_nb")


def _is_secret(call: ast.Call, names: set[str], modules: set[str]) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute):
        return (
            function.attr == "secret"
            and isinstance(function.value, ast.Name)
            and function.value.id in modules
        )
    return isinstance(function, ast.Name) and function.id in names


def _name(call: ast.Call) -> str | None:
    given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
    value = given[0] if given else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

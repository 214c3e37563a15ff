"""The modules that a slice imports, and which of them are files beside the notebook that must travel along."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alur_nb.runtime.errors import ExportError, Place


def imported_modules(nodes: Iterable[ast.AST]) -> tuple[str, ...]:
    """Return the dotted modules that statements import, at once or inside of a function, sorted.

    For `from a import b` both `a` and `a.b` are in it: `b` may be a module.
    """
    found = set[str]()
    for node in nodes:
        for child in ast.walk(node):
            match child:
                case ast.Import():
                    found |= {alias.name for alias in child.names}
                case ast.ImportFrom(module=str(module), level=0):
                    found |= {module, *(f"{module}.{alias.name}" for alias in child.names)}
                case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                    if ast.unparse(child.func).endswith(("import_module", "__import__")):
                        found.add(name)
    return tuple(sorted(found))


def local_files(folder: Path, modules: Sequence[str]) -> tuple[str, ...]:
    """Return the `.py` files below `folder` that the modules are, and what these import from there in turn.

    A package travels whole. Paths are relative to `folder`, which is where a kernel imports from.
    Raises ExportError for a local module that is not valid Python.
    """
    found = set[Path]()
    waiting = list(modules)
    seen = set[str]()
    while waiting:
        top = waiting.pop().partition(".")[0]
        if top in seen:
            continue
        seen.add(top)
        for path in _files(folder, top):
            found.add(path)
            waiting += imported_modules([_tree(path)])
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


def _files(folder: Path, top: str) -> Iterator[Path]:
    package = folder / top
    if (package / "__init__.py").is_file():
        yield from (
            path for path in sorted(package.rglob("*.py")) if _is_importable(path.relative_to(folder))
        )
    elif (folder / f"{top}.py").is_file():
        yield folder / f"{top}.py"
    elif package.is_dir() and any(package.glob("*.py")):
        # A folder without `__init__.py` is a package too.
        yield from (
            path for path in sorted(package.rglob("*.py")) if _is_importable(path.relative_to(folder))
        )


def _is_importable(path: Path) -> bool:
    return all(part.isidentifier() for part in (*path.parts[:-1], path.stem))


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise ExportError(
            f"the local module `{path.name}` is not valid Python: {error}",
            place=Place(file=path.name, line=getattr(error, "lineno", None)),
            fix="Mend the module: it travels with the job.",
        ) from error

"""Where a job's modules come from: pinned `%pip install` lines are its packages too, what lies elsewhere is refused."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from alur_nb.authoring.notebook import LineMagic, SplitCell
from alur_nb.authoring.program import Program
from alur_nb.runtime.errors import ExportError, Place

_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(\[[\w,. -]+\])?==[^=*][^*]*")
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*")
# What every Glue job has, this package's runtime among it.
_ON_GLUE = frozenset(
    [
        "alur_nb",
        "boto3",
        "botocore",
        "dateutil",
        "jmespath",
        "numpy",
        "pandas",
        "py4j",
        "pyarrow",
        "pyspark",
        "requests",
    ]
)
# Where pip puts packages; Debian has a name of its own for it.
_INSTALLED = frozenset(["site-packages", "dist-packages"])
_WITH_VALUE = frozenset(
    ["-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target", "-c", "--constraint"]
)


def pinned_packages(program: Program, modules: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the packages that the notebook installs with an exact version, and notices about the others.

    Raises ExportError where a pipeline imports a package that is installed without one.
    """
    pinned, notices = list[str](), list[str]()
    for cell, magic in _installs(program.cells):
        for requirement in _requirements(magic.text):
            if _PINNED.fullmatch(requirement):
                pinned.append(requirement)
                continue
            place = Place(notebook=program.label, cell=cell.cell.number, line=magic.line)
            name = _NAMED.match(requirement)
            if name and _is_imported(name[0], modules):
                raise ExportError(
                    f"cell {place.cell} installs `{requirement}` without an exact version",
                    place=place,
                    fix=f"Pin it, so that the job gets the same: %pip install {name[0]}=={_version(name[0])}",
                )
            notices.append(
                f"cell {place.cell}, line {place.line}: `{requirement}` has no exact version: not installed"
            )
    return tuple(dict.fromkeys(pinned)), tuple(dict.fromkeys(notices))


def foreign_modules(
    program: Program, modules: Sequence[str], pinned: Sequence[str], local: Sequence[str]
) -> tuple[str, ...]:
    """Return a notice for each imported package that neither the notebook installs nor Glue is known to have.

    `local` are the files that travel along. Raises ExportError for a module that lies outside of the notebook's folder
    and of the installed packages: an editable install, a folder on PYTHONPATH.
    """
    travelling = {path.partition("/")[0].removesuffix(".py") for path in local}
    tops = {module.partition(".")[0] for module in modules}
    notices = []
    for top in sorted(tops - travelling - sys.stdlib_module_names - _ON_GLUE):
        places = _places(top)
        if not places or any(_is_imported(re.split(r"[\[=]", package)[0], [top]) for package in pinned):
            continue
        if not any(_INSTALLED & set(path.parts) for path in places):
            raise ExportError(
                f"the module `{top}` comes from {places[0].parent}, which does not go with the job",
                place=Place(notebook=program.label),
                fix="Put the module beside the notebook, or install its package with %pip install NAME==VERSION.",
            )
        version = _version_of_module(top)
        notices.append(f"`{top}` may be missing in the job: %pip install {version} gives it the same version")
    return tuple(notices)


def _places(top: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None or (spec.origin in (None, "built-in", "frozen") and not spec.submodule_search_locations):
        return []
    found = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return [Path(path).resolve() for path in found]


def _version_of_module(top: str) -> str:
    names = metadata.packages_distributions().get(top, [top])
    return f"{names[0]}=={_version(names[0])}"


def _installs(cells: Sequence[SplitCell]) -> Iterator[tuple[SplitCell, LineMagic]]:
    for cell in cells:
        for magic in cell.magics:
            text = magic.text.strip()
            if magic.name == "pip" and text.startswith("install"):
                yield cell, LineMagic("pip", text.removeprefix("install"), magic.line)
            shell = re.match(r"(python3? -m )?pip3? install\b(.*)", text) if magic.name == "!" else None
            if shell:
                yield cell, LineMagic("pip", shell[2], magic.line)


def _requirements(text: str) -> Iterator[str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            # The file of `-r` is named, so that somebody reads that it is not installed.
            skip = word in _WITH_VALUE
            continue
        yield word


def _is_imported(package: str, modules: Sequence[str]) -> bool:
    tops = {module.partition(".")[0] for module in modules}
    if _normal(package) in {_normal(top) for top in tops}:
        return True
    installed = metadata.packages_distributions()
    return any(_normal(name) == _normal(package) for top in tops for name in installed.get(top, ()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "VERSION"

"""What `%pip install` lines mean for a job: pinned packages are installed there too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from importlib import metadata

from alur_nb.authoring.notebook import LineMagic, SplitCell
from alur_nb.authoring.program import Program
from alur_nb.runtime.errors import ExportError, Place

_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(\[[\w,. -]+\])?==[^=*][^*]*")
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*")
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

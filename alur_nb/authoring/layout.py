"""`alur init`: a project that runs as it is laid out, with a test of its own and what a CI needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from alur_nb import __version__
from alur_nb.authoring.templates import deploy_templates
from alur_nb.authoring.which_notebook import project_notebooks
from alur_nb.runtime.errors import SettingsError, StorageError
from alur_nb.runtime.settings import LAKE_FOLDER, SETTINGS_FILE, Settings, load_settings

# Where a template's own name would be in the way: git would read it, or every project's notebook would be `notebook`.
_NAMES = {
    "gitignore": ".gitignore",
    "github/workflows/alur.yml": ".github/workflows/alur.yml",
    "notebooks/notebook.ipynb": "notebooks/$name.ipynb",
    "tests/test_notebook.py": "tests/test_$module.py",
}
_FILLED = (".toml", ".ipynb", ".py", ".yml")
# The first notebook with its landing file and test: a project that has declarations needs none.
_FIRST_NOTEBOOK = ("data/", "notebooks/", "tests/test_")


@dataclass(frozen=True, slots=True)
class Laid:
    """What was laid out where; paths are relative to `root`."""

    root: Path
    name: str
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Files that were there already, and are as they were."""

    @property
    def notebook(self) -> Path | None:
        """The first notebook, where it was written."""
        return next((path for path in self.written if path.suffix == ".ipynb"), None)

    def __str__(self) -> str:
        lines = [f"  {path.as_posix()}" for path in self.written]
        lines += [f"  {path.as_posix()}   (kept as it was)" for path in self.kept]
        ignored = self.root / ".gitignore"
        if Path(".gitignore") in self.kept and LAKE_FOLDER not in ignored.read_text(encoding="utf-8"):
            lines.append(f"\nAdd {LAKE_FOLDER}/ to your .gitignore: the embedded lake is in it.")
        return "\n".join(lines)


def lay_out(folder: Path) -> Laid:
    """Lay a project out in a folder, which is made where it is not there; no file that is there is changed.

    The project is named as the folder. Where it has notebooks or modules already, the first notebook, its landing
    file and its test are left out. Raises SettingsError for a folder whose name cannot name a project, StorageError
    where the disk refuses.
    """
    root = folder.resolve()
    name = _name(root)
    filling = {"name": name, "module": name.replace("-", "_"), "version": __version__}
    templates = deploy_templates() / "project"
    is_begun = _declares(root)
    written: list[Path] = []
    kept: list[Path] = []
    for template in sorted(path for path in templates.rglob("*") if path.is_file()):
        inside = template.relative_to(templates).as_posix()
        if "__pycache__" in inside or (is_begun and inside.startswith(_FIRST_NOTEBOOK)):
            continue
        target = root / Template(_NAMES.get(inside, inside)).substitute(filling)
        text = template.read_text(encoding="utf-8")
        filled = Template(text).safe_substitute(filling) if template.suffix in _FILLED else text
        (written if _write(target, filled) else kept).append(target.relative_to(root))
    return Laid(root, name, tuple(written), tuple(kept))


def _name(root: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", root.name)
    if not re.match(r"[A-Za-z]", name):
        raise SettingsError(
            f"The folder `{root.name}` cannot name a project.",
            fix="Its name must begin with a letter from a to z: alur init shop",
        )
    return name


def _declares(root: Path) -> bool:
    """Whether the folder is a project with declarations."""
    settings = load_settings(root) if (root / SETTINGS_FILE).is_file() else Settings(root, root.name)
    return bool(settings.modules or project_notebooks(settings))


def _write(path: Path, text: str) -> bool:
    """Write a new file; False where there is one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return False
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.",
            fix="Choose another folder: alur init shop",
        ) from error
    return True

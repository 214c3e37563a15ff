"""Where the deploy templates are: beside the package in a checkout, inside of it in the installed wheel."""

from __future__ import annotations

from pathlib import Path

import alur_nb
from alur_nb.runtime.errors import StorageError

FOLDER = "deploy_templates"


def deploy_templates() -> Path:
    """Return the folder of the templates; StorageError where the installation carries none."""
    package = Path(alur_nb.__file__).parent
    for folder in (package / FOLDER, package.parent / FOLDER):
        if (folder / "terraform").is_dir():
            return folder
    raise StorageError(
        f"The deploy templates are missing from {package}.",
        fix='Install alur-nb again: pip install --force-reinstall "alur-nb[deploy]".',
    )

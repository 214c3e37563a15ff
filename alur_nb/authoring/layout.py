"""`alur init`: a new project that runs as it is laid out."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from alur_nb.authoring.templates import deploy_templates
from alur_nb.runtime.errors import SettingsError

# Where a template's own name would be in the way: git would read it, or every project's notebook would be `notebook`.
_NAMES = {"gitignore": ".gitignore", "notebooks/notebook.ipynb": "notebooks/$name.ipynb"}
_FILLED = (".toml", ".ipynb")


def lay_out(folder: Path, name: str) -> tuple[Path, ...]:
    """Write a new project into `folder/name` and return its files, relative to `folder`.

    Raises SettingsError for a name that is no plain word, and where the folder is there already.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise SettingsError(
            f"`{name}` cannot name a project.",
            fix="Use letters, digits, - and _, beginning with a letter: alur init shop",
        )
    root = folder / name
    if root.exists():
        raise SettingsError(f"{root} is there already.", fix="Choose another name, or work in that folder.")
    templates = deploy_templates() / "project"
    written = []
    for template in sorted(path for path in templates.rglob("*") if path.is_file()):
        inside = template.relative_to(templates).as_posix()
        target = root / Template(_NAMES.get(inside, inside)).substitute(name=name)
        text = template.read_text(encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        filled = Template(text).safe_substitute(name=name) if template.suffix in _FILLED else text
        target.write_text(filled, encoding="utf-8")
        written.append(target.relative_to(folder))
    return tuple(written)

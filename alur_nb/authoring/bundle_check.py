"""What `alur export --check` says: how the bundle on disk differs from what the notebook gives, and what to do."""

from __future__ import annotations

from alur_nb import __version__
from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.bundle_changes import FileChange
from alur_nb.authoring.manifest import FILE


def check_text(found: Bundle) -> str:
    """Return the verdict on a bundle that was made beside the one on disk, each script's difference with it."""
    inside = found.path.is_relative_to(found.root)
    where = found.path.relative_to(found.root).as_posix() if inside else str(found.path)
    if not found.changes:
        return f"The bundle in {where} is what the notebook gives."
    again = f"Next: alur export --env {found.environment}"
    if any(change.name == FILE and change.state == "added" for change in found.changes):
        return f"There is no bundle in {where}, or one without its {FILE}.\n{again}, and commit it."
    lines = [f"The bundle in {where} is not what the notebook gives:"]
    for change in found.changes:
        lines += [f"  {change}", *(f"    {line}" for line in change.diff_text().splitlines())]
    if any(_is_library(change) for change in found.changes):
        lines.append(
            f"It was made with another alur-nb; this is {__version__}. Use the same one here and there."
        )
    return "\n".join([*lines, f"{again}, and commit what it writes."])


def _is_library(change: FileChange) -> bool:
    return change.name.startswith("lib/alur_nb") and change.name.endswith(".whl")

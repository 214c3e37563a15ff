"""Writing the report where it is wanted."""

from __future__ import annotations

from pathlib import Path

from alur_nb.authoring.report_facts import Status
from alur_nb.authoring.report_html import to_page
from alur_nb.runtime.errors import StorageError


def write_report(status: Status, path: Path) -> Path:
    """Write the report as one HTML file, in place of an earlier one; raises StorageError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A reader who has it open sees the old one or the new one.
        part = path.with_name(f".{path.name}.part")
        part.write_text(to_page(status), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"The report cannot be written to {path}: {error.strerror}.", fix="Name another file: --out FILE."
        ) from error
    return path

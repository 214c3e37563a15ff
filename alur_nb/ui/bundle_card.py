"""What an export wrote, as a card: its files with their state, the scripts' changed lines, and what comes next."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.bundle_changes import FileChange
from alur_nb.runtime.errors import plural
from alur_nb.ui.html import Content, Html, block, card, code, details, items, joined, paragraph, strong, tag


def bundle_card(value: Bundle, beside: Path | None = None) -> Html:
    """Show what an export wrote; with the notebook's folder its files are links that JupyterLab opens."""
    if not value.environment:
        return card(paragraph("Nothing was exported."))
    changed = [change.name for change in value.changes] or list(value.changed_files)
    return card(
        paragraph(strong(_head(value, beside))),
        details(
            plural(len(value.scripts), "job script"),
            items(_file(value, name, beside) for name in value.scripts),
        ),
        details(
            f"changed: {plural(len(changed), 'file')}",
            items(_changed(value, change, beside) for change in value.changes)
            if value.changes
            else items(code(name) for name in changed),
            is_open=beside is not None,
        )
        if changed
        else paragraph("nothing changed"),
        *(_difference(change) for change in value.changes),
        items(f"warning: {text}" for text in value.warnings),
        paragraph(strong("next: "), code(next_command(value))) if beside else None,
    )


def bundle_text(value: Bundle, beside: Path) -> str:
    """Return what an export wrote as text, with the scripts' changed lines: the facts of its card."""
    lines = [_head(value, beside), *(f"  {name}" for name in value.scripts)]
    lines += [f"  {change}" for change in value.changes] or ["  nothing changed"]
    for change in value.changes:
        lines += [f"    {line}" for line in change.diff_text().splitlines()]
    lines += [f"  warning: {text}" for text in value.warnings]
    return "\n".join([*lines, f"  next: {next_command(value)}"])


def next_command(value: Bundle) -> str:
    """Return what to type to see what the bundle would make in its account."""
    return f"alur deploy --env {value.environment} --plan"


def _head(value: Bundle, beside: Path | None) -> str:
    return f"{value.written}, in {_relative(value.path, beside)}" if beside else value.head


def _file(value: Bundle, name: str, beside: Path | None) -> Html:
    if beside is None:
        return code(name)
    # Front ends resolve it against the notebook's own place, as those of IPython's FileLink.
    return tag("a", code(name), href=quote(_relative(value.path / name, beside)), target="_blank")


def _changed(value: Bundle, change: FileChange, beside: Path | None) -> Html:
    file: Content = code(change.name) if change.state == "removed" else _file(value, change.name, beside)
    return joined(f"{change.state}: ", file)


def _difference(change: FileChange) -> Html | None:
    if not change.diff:
        return None
    return details(f"what changed in {change.name}", block(change.diff_text()))


def _relative(path: Path, beside: Path) -> str:
    return Path(os.path.relpath(path, beside)).as_posix()

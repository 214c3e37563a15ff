"""`alur clean`: a saved notebook without what differs from run to run, so that git shows only what was changed."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alur_nb.runtime.errors import NotebookError, Place

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
"""An output that is a widget; it names a model of a kernel that is gone, by a new id each time."""
_WIDGET_STATE = "widgets"
# Times of the runs: JupyterLab's `recordTiming` writes the one, papermill the other, into cells and the notebook.
_TIMES = ("execution", "papermill")
# The line that our outputs mark as the one that differs; a long one goes on further in. Only the next step stands below.
_NEXT_STEP = r"\nnext, to [^\n]*(?:\n  %[^\n]*)?"
_ELAPSED_TEXT = (
    rf"(?:\A|\n) *elapsed: [\d.]+ s(?:, the longest: [^\n]*(?:\n    [^\n]*)*)?(?=(?:{_NEXT_STEP})?\Z)"
)
_ELAPSED_HTML = r"<p>elapsed: [\d.]+ s(?:, the longest: [^<]*)?</p>"
# The progress of work that is over has it at the end of its head, which stays; a long head is wrapped.
_OVER = r":\s+(?:done|failed|cancelled)),\s+elapsed:\s+[\d.]+\s+s"
_OVER_TEXT = rf"(\A[^\n]*(?:\n +[^\n]*){{0,3}}?{_OVER}(?=\n|\Z)"
_OVER_HTML = rf"(<(?:p|summary)>[^<]*{_OVER}(?=</(?:p|summary)>)"
_ELAPSED = {
    "text/plain": re.compile(f"{_OVER_TEXT}|{_ELAPSED_TEXT}"),
    "text/html": re.compile(f"{_OVER_HTML}|{_ELAPSED_HTML}"),
}


def clean_text(text: str, name: str = "the notebook") -> str:
    """Return a notebook's JSON less execution counts, marked durations, run times and widgets, as Jupyter writes it.

    Cells, their ids and all other outputs stay. Not by nbformat: that would give cells without an id new ones, others
    each time. Raises NotebookError where the text is no notebook of format 4.
    """
    try:
        content = json.loads(text)
        if content["nbformat"] != 4:
            raise _unreadable(name, f"its format is {content['nbformat']}, not 4")
        content["metadata"] = _metadata(content["metadata"], _WIDGET_STATE, *_TIMES)
        content["cells"] = [_cell(cell) for cell in content["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(name, "it is not a Jupyter notebook") from error
    # As nbformat writes it (nbformat/v4/nbjson.py): an unchanged notebook stays the same to the byte.
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, separators=(",", ": ")) + "\n"


def clean_files(paths: Iterable[Path], *, check: bool = False) -> list[Path]:
    """Clean notebooks, those of a folder too, and return the ones that were not clean; `check` changes nothing.

    Raises NotebookError for what is missing or is no notebook; those before it are clean by then.
    """
    changed = []
    for path in _notebooks(paths):
        try:
            before = path.read_bytes()
        except OSError as error:
            raise _unreadable(str(path), error.strerror or "it cannot be opened") from error
        after = clean_bytes(before, str(path))
        if after == before:
            continue
        changed.append(path)
        if not check:
            _write(path, after)
    return changed


def clean_bytes(content: bytes, name: str = "the notebook") -> bytes:
    """Return a notebook's file cleaned: `clean_text` in UTF-8, whatever the encoding of this machine is."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(name, "it is not a Jupyter notebook") from error
    return clean_text(text, name).encode()


def _notebooks(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(path.rglob("*.ipynb"))
        # Checkpoints and environments: a folder that hides itself holds nobody's own notebooks.
        yield from (one for one in inside if not _is_hidden(one.relative_to(path)))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _write(path: Path, content: bytes) -> None:
    """Replace the file at once, so that an interrupt leaves the old notebook or the new one; a link stays a link."""
    path = path.resolve()
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        new.write(content)
    os.chmod(new.name, path.stat().st_mode)
    os.replace(new.name, path)


def _metadata(metadata: dict[str, Any], *without: str) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in without}


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    cleaned = {**cell, "metadata": _metadata(cell["metadata"], *_TIMES)}
    if cell["cell_type"] == "code":
        cleaned["execution_count"] = None
        cleaned["outputs"] = [new for new in map(_output, cell["outputs"]) if new is not None]
    return cleaned


def _output(output: dict[str, Any]) -> dict[str, Any] | None:
    """Return an output cleaned; None where it was a widget alone."""
    cleaned = {**output, "execution_count": None} if "execution_count" in output else dict(output)
    data = output.get("data")
    if data is None:
        return cleaned
    left = {kind: value for kind, value in data.items() if kind != WIDGET_VIEW}
    if len(left) < len(data) and left.keys() <= {"text/plain"}:
        # The text of a widget is `VBox(children=...)`.
        return None
    cleaned["data"] = {kind: _without_durations(kind, value) for kind, value in left.items()}
    return cleaned


def _without_durations(kind: str, value: Any) -> Any:
    """Return a text without its marked duration, as the text or the list of lines that it was."""
    marked = _ELAPSED.get(kind)
    if marked is None:
        return value
    text = value if isinstance(value, str) else "".join(value)
    cut = marked.sub(r"\1", text)
    if cut == text:
        return value
    return cut if isinstance(value, str) else cut.splitlines(keepends=True)


def _unreadable(name: str, reason: str) -> NotebookError:
    return NotebookError(
        f"`{name}` cannot be cleaned: {reason}.",
        place=Place(file=name),
        fix="Open it in Jupyter and save it again, or leave it out.",
    )

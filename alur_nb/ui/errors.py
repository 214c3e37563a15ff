"""How an error ends a cell: a few lines in place of a traceback, and none of our frames.

IPython calls `_render_traceback_` of an exception that has one. Ours have it by class, so plain cells that declare
are covered too; a user's own exception gets it for this one raise, with the user's frames.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from alur_nb.runtime.errors import AlurError, Place
from alur_nb.ui.html import Html, block, card, code, joined, paragraph, strong, tag

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

MAX_LINES = 6


_HERE = Path(__file__).resolve().parents[1]
# Packages whose frames the user neither wrote nor called.
_MACHINERY = ("IPython", "ipykernel", "pyspark", "py4j")
_STDLIB = Path(os.__file__).parent


def error_lines(
    error: AlurError, source: str | None = None, *, rest: str = "`%alur --debug` and the same cell again show"
) -> list[str]:
    """Return what ends a cell, six lines at most: what is wrong, where, the line with its mark, the next step.

    Of what is too long the beginning is shown, and always the first line of the next step. `rest` begins the sentence
    that says where the lines are which are left out.
    """
    lines, steps = _said(error, source), _steps(error)
    if len(lines) + len(steps) <= MAX_LINES:
        return [*lines, *steps]
    cut = f"  ... {rest} all of it"
    shown = lines[: MAX_LINES - 1 - len(steps[:1])]
    steps = steps[: MAX_LINES - 1 - len(shown)]
    # The mark stands where the first lines are missing.
    return [*shown, *([cut, *steps] if len(shown) < len(lines) else [*steps, cut])]


def whole_lines(error: AlurError, source: str | None = None) -> list[str]:
    """Return all that there is to say of an error, however long."""
    return [*_said(error, source), *_steps(error)]


def _said(error: AlurError, source: str | None) -> list[str]:
    lines = f"{type(error).__name__}: {error.message}".splitlines()
    if error.place is not None and str(error.place):
        lines.append(f"  where: {error.place}")
    return [*lines, *_marked_line(error.place, source)]


def _steps(error: AlurError) -> list[str]:
    return [
        f"  {'next: ' if number == 0 else ' ' * 6} {line}"
        for number, line in enumerate((error.fix or "").splitlines())
    ]


def error_card(error: AlurError, source: str | None = None) -> Html:
    """Return the error as a card: the same facts as the lines, with all of the next step."""
    facts = []
    if error.place is not None and str(error.place):
        facts += [tag("dt", "where"), tag("dd", str(error.place))]
    marked = _marked_line(error.place, source)
    if marked:
        facts += [tag("dt", "line"), tag("dd", block("\n".join(line[4:] for line in marked)))]
    if error.fix:
        facts += [tag("dt", "next"), tag("dd", _next_step(error.fix))]
    first, *rest = error.message.splitlines()
    head = joined(strong(f"{type(error).__name__}: {first}"), *([block("\n".join(rest))] if rest else []))
    return card(paragraph(head), tag("dl", *facts)) if facts else card(paragraph(head))


# What is typed as it stands: a command, a call, an assignment, a decorator, a quoted text, a class.
_CODE = re.compile(r"""[%@"'\[{]|(?:alur|pip|class|from|import)\s|[\w.]+\s?[(=]""")


def _next_step(fix: str) -> Html:
    """Return code as code, and a sentence as a sentence with the code that it quotes."""
    if "\n" in fix:
        return block(fix)
    if _CODE.match(fix):
        return code(fix)
    return joined(*(code(part) if index % 2 else part for index, part in enumerate(fix.split("`"))))


def _marked_line(place: Place | None, source: str | None) -> list[str]:
    """Return the cell's line with a mark under the column, where both are known."""
    if place is None or source is None or place.line is None or place.column is None:
        return []
    lines = source.splitlines()
    if not 1 <= place.line <= len(lines):
        return []
    line = lines[place.line - 1].replace("\t", " ")
    return [f"    {line}", f"    {' ' * (place.column - 1)}^"]


def render_as(error: BaseException, lines: list[str]) -> None:
    """Let IPython show these lines for this exception, in place of its traceback."""
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


def render_ours(rendered: Callable[[AlurError], list[str]]) -> None:
    """Let every error of ours, raised anywhere in the notebook, end its cell with the lines of `rendered`."""

    def render_traceback(error: AlurError) -> list[str]:
        return rendered(error)

    AlurError._render_traceback_ = render_traceback  # type: ignore[attr-defined]


def render_ours_no_more() -> None:
    """Give our errors their tracebacks back."""
    if hasattr(AlurError, "_render_traceback_"):
        del AlurError._render_traceback_


def full_traceback(shell: InteractiveShell, error: BaseException) -> list[str]:
    """Return IPython's own rendering, every frame of it."""
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    return lines


def users_traceback(shell: InteractiveShell, error: BaseException) -> list[str]:
    """Return the rendering of a user's exception with the user's frames alone."""
    kept = users_frames(error.__traceback__)
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, kept, tb_offset=0)
    return lines


def users_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that is the user's: below our last frame, without the engine's own."""
    chain = [item for item in _chain(traceback) if not _is_machinery(item.tb_frame)]
    kept: TracebackType | None = None
    for item in reversed(chain):
        kept = TracebackType(kept, item.tb_frame, item.tb_lasti, item.tb_lineno)
    return kept


def is_users(error: BaseException) -> bool:
    """Whether the user's own code is among the frames of an exception."""
    return any(not _is_machinery(item.tb_frame) for item in _chain(error.__traceback__))


def traceback_frames(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    """Return the frames of a traceback with their lines, the outermost first."""
    return [(item.tb_frame, item.tb_lineno) for item in _chain(traceback)]


def calling_frames() -> list[tuple[FrameType, int]]:
    """Return the frames that we are called from, the outermost first."""
    frames: list[tuple[FrameType, int]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return frames[::-1]


def cell_line(frames: list[tuple[FrameType, int]], shell: InteractiveShell) -> int | None:
    """Return the line of the running cell, where one of its own statements is among the frames."""
    lines = [line for frame, line in frames if _is_cell(frame, shell)]
    return lines[-1] if lines else None


def located(error: AlurError, label: str, line: int | None) -> None:
    """Add to an error's place which cell it is in, and the line where the place has none."""
    place = error.place or Place()
    if place.file is None and place.cell is None and place.notebook is None:
        error.place = replace(place, notebook=label, line=place.line or line)


def _is_cell(frame: FrameType, shell: InteractiveShell) -> bool:
    return frame.f_globals is shell.user_global_ns and frame.f_code.co_name == "<module>"


def _chain(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_machinery(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    path = Path(name)
    if name.startswith("<frozen ") or path.is_relative_to(_HERE):
        return True
    for folder, package in pairwise(path.parts):
        if folder in ("site-packages", "dist-packages"):
            return package in _MACHINERY
    return path.is_relative_to(_STDLIB)

"""One short next step below what a magic did: said a few times, and no more once it was taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alur_nb.runtime.project import Project
from alur_nb.ui.html import Html, code, paragraph, strong
from alur_nb.ui.plain import COLUMNS

_TIMES = 2
"""How often a session says one kind of step."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to type, and what that is good for."""

    typed: str
    words: str

    def __str__(self) -> str:
        # What is to be copied is never cut.
        line = f"next, to {self.words}: {self.typed}"
        return line if len(line) <= COLUMNS else f"next, to {self.words}:\n  {self.typed}"

    @property
    def html(self) -> Html:
        """The step as a paragraph."""
        return paragraph(strong("next"), f", to {self.words}: ", code(self.typed))


class Advice:
    """One session's steps: which were said, and which the user has taken."""

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._current: tuple[int, NextStep] | None = None

    def consider(self, value: Any, project: Project) -> None:
        """Choose the step below a value that a magic returns now; the one before is said no more."""
        kind = type(value).__name__
        self._current = None
        self._taken |= {name for name in (_TAKES.get(kind),) if name}
        if kind == "Declaration" and value.pipelines:
            self._taken.add("fill")
        follow = _FOLLOWS.get(kind)
        found = follow(value, project) if follow else None
        if found is None:
            return
        name, step = found
        if name not in self._taken and self._said[name] < _TIMES:
            self._said[name] += 1
            self._current = id(value), step

    def forget(self) -> None:
        """Say nothing below what is shown from now on: another cell has begun."""
        self._current = None

    def below(self, value: object) -> NextStep | None:
        """Return the step below a value; None where it has been said, or there is none."""
        return self._current[1] if self._current and self._current[0] == id(value) else None


_Found = tuple[str, NextStep] | None


def _after_declaring(value: Any, project: Project) -> _Found:
    if value.pipelines:
        name = value.pipelines[0].name
        return "preview", NextStep(f"%alur_preview {name}", "see what a run would do")
    fed = {one.target.qualified_name for one in project.pipelines.values()}
    empty = next((one for one in value.tables if one.qualified_name not in fed), None)
    if empty is None or empty.layer != "bronze":
        return None
    typed = f"%alur_pipeline ingest_{empty.name} --from '{empty.name}/*.csv' --target {empty.class_name}"
    return "fill", NextStep(typed, "fill it from files")


def _after_preview(value: Any, project: Project) -> _Found:
    if value.verdict != "would load":
        return None
    return "run", NextStep(f"%alur_run {value.pipeline}", "load it")


def _after_run(value: Any, project: Project) -> _Found:
    loaded = [run for run in value.runs if run.state == "loaded"]
    if not value.ok or not loaded:
        return None
    rejecting = next((run for run in loaded if run.rejected), None)
    if rejecting is not None:
        return "rejects", NextStep(f"%alur_rejects {rejecting.name}", "see the rejected rows, and why")
    ran = {run.name for run in value.runs}
    last = loaded[-1]
    if set(project.downstream(last.name)) - ran:
        return "downstream", NextStep(f"%alur_run {last.name} --downstream", "run what it feeds")
    return "look", NextStep(f"%alur_sql select * from {last.table}", "see its rows")


# By the class's name: importing the classes here would load more than `%load_ext` may.
_FOLLOWS: dict[str, Callable[[Any, Project], _Found]] = {
    "Declaration": _after_declaring,
    "Preview": _after_preview,
    "RunReport": _after_run,
}
_TAKES = {"Preview": "preview", "RunReport": "run", "RejectsReport": "rejects", "QueryResult": "look"}

"""What one notebook session has looked at and run, and what has changed since: stale is said, not guessed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from alur_nb.authoring.bindings import bindings_of
from alur_nb.authoring.fingerprint import Parts, changed, fingerprint
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Project
from alur_nb.runtime.report import RunReport
from alur_nb.ui.next_steps import Advice

if TYPE_CHECKING:
    from alur_nb.authoring.preview_facts import Preview

What = Literal["preview", "run"]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last preview or run of a pipeline: how it ended, and the hashes of what it was made of."""

    state: str
    parts: Parts
    """Empty where it was never begun: then nothing can be stale."""


class Memory:
    """One session's memory; it holds hashes and words, never rows."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, What], _Seen] = {}
        self._cells: dict[str, str] = {}
        self.advice = Advice()
        """What to do next, below what was done."""

    def note(self, value: object) -> None:
        """Remember a preview or a run; any other value is none of ours."""
        for name, what, state, parts in _outcomes(value):
            earlier = self._seen.get((name, what))
            begun = state not in _NOT_BEGUN
            self._seen[name, what] = _Seen(state, parts if begun else earlier.parts if earlier else {})

    def bound(self, source: str, cell: str) -> None:
        """Remember which names a cell bound; what is not Python binds none."""
        try:
            statements = ast.parse(source).body
        except (SyntaxError, ValueError):
            return
        self._cells |= {name: cell for statement in statements for name in bindings_of(statement).binds}

    def state(self, pipeline: str) -> str:
        """Return how the pipeline's last run in this session ended; an empty text where it was not run."""
        seen = self._seen.get((pipeline, "run"))
        return seen.state if seen else ""

    def stale(self, pipeline: Pipeline, project: Project) -> tuple[str, ...]:
        """Return in words what has changed since the pipeline's last preview and since its last run."""
        seen = {what: self._seen.get((pipeline.name, what)) for what in _WHATS}
        last = {what: one.parts for what, one in seen.items() if one is not None and one.parts}
        if not last:
            return ()
        current = fingerprint(pipeline)
        since: dict[str, tuple[str, ...]] = {what: changed(parts, current) for what, parts in last.items()}
        if len(since) == 2 and len(set(since.values())) == 1:
            since = {"preview and its last run": since["preview"]}
        return tuple(
            f"declared again since its last {what}: {self._places(parts, project)}"
            for what, parts in since.items()
            if parts
        )

    def since(self, value: object, project: Project) -> tuple[str, ...]:
        """Return in words what has changed since this preview or this run was made."""
        known = project.pipelines
        found = []
        for name, what, state, parts in _outcomes(value):
            if state in _NOT_BEGUN:
                continue
            differing = changed(parts, fingerprint(known[name])) if name in known else ()
            if parts and differing:
                found.append(
                    f"{name} was declared again since this {what}: {self._places(differing, project)}"
                )
        return tuple(found)

    def _places(self, parts: Iterable[str], project: Project) -> str:
        """Return changed parts, each with the cell that changed it where that is known."""
        origins = project.origins()
        named = []
        for part in parts:
            is_name = " " not in part
            where = self._cells.get(part) if is_name else str(origins.get(part, ""))
            what = f"`{part}`" if is_name else part
            named.append(f"{what} in {where}" if where else what)
        return ", ".join(named)


_NOT_BEGUN = ("skipped", "cancelled")
_WHATS: tuple[What, ...] = ("preview", "run")


def _outcomes(value: object) -> Iterator[tuple[str, What, str, Parts]]:
    """Yield the pipelines that a value tells of: name, how it was looked at, how it ended, and its parts."""
    if isinstance(value, RunReport):
        for run in value.runs:
            yield run.name, "run", run.state, value.fingerprints.get(run.name, {})
    elif (preview := _preview_of(value)) is not None:
        yield preview.pipeline, "preview", preview.verdict, preview.fingerprint


def _preview_of(value: object) -> Preview | None:
    # Whoever holds a preview has imported its module; nobody else should have to.
    module = sys.modules.get("alur_nb.authoring.preview_facts")
    return value if module is not None and isinstance(value, module.Preview) and value.pipeline else None


_current: Memory | None = None


def use(memory: Memory | None) -> None:
    """Let cards say what the running session knows; None where there is no session."""
    global _current
    _current = memory


def current() -> Memory | None:
    """Return the running session's memory."""
    return _current

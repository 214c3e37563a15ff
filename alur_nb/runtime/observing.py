"""Who looks on while pipelines run: told of each begin, each call of a function, and each end; it changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.report import PipelineRun
from alur_nb.runtime.sources import FileSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a pipeline's function: what it was given, what it loaded by itself, and what it returned."""

    frames: Mapping[str, DataFrame]
    loads: Mapping[str, FileSource]
    """By the name that the load's frame has in `frames`."""
    result: DataFrame


class Observer(Protocol):
    """What is told of a run; of a pipeline that is not run, because another failed, nothing is."""

    def started(self, pipeline: Pipeline) -> None:
        """Hear that a pipeline begins."""

    def called(self, pipeline: Pipeline, called: Called) -> None:
        """Hear what the function was given and returned; nothing is computed yet."""

    def ended(self, pipeline: Pipeline, run: PipelineRun) -> None:
        """Hear how it ended."""


@dataclass(slots=True)
class Watched:
    """The observers of a run; where one of them fails, the run goes on, and its report says so once."""

    observers: tuple[Observer, ...] = ()
    _failed: list[str] = field(default_factory=list)

    def started(self, pipeline: Pipeline) -> None:
        """Tell that a pipeline begins."""
        self._tell(lambda one: one.started(pipeline))

    def called(self, pipeline: Pipeline, called: Callable[[], Called]) -> None:
        """Tell what a function was given and returned."""
        self._tell(lambda one: one.called(pipeline, called()))

    def ended(self, pipeline: Pipeline, run: PipelineRun) -> PipelineRun:
        """Tell how a pipeline ended, and return its report with a warning for what could not be told."""
        self._tell(lambda one: one.ended(pipeline, run))
        warnings, self._failed = tuple(dict.fromkeys(self._failed)), []
        return replace(run, warnings=(*run.warnings, *warnings)) if warnings else run

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for one in self.observers:
            try:
                tell(one)
            # The run is what counts: whatever its observers meet, full disks and our own mistakes, must not end it.
            except Exception as error:
                log.info("A run could not be told of.", exc_info=True)
                text = str(error).strip().partition("\n")[0] or type(error).__name__
                self._failed.append(f"OpenLineage: {text}")

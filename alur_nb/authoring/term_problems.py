"""What is wrong with the row rules and profiles of declared pipelines: a check in Python says it before Spark would."""

from __future__ import annotations

from collections.abc import Iterator

from alur_nb.authoring.profiles import check_profile
from alur_nb.runtime.checks import Check
from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.project import Problem, Project
from alur_nb.runtime.settings import Settings
from alur_nb.runtime.sources import FileSource


def term_problems(project: Project, settings: Settings) -> Iterator[Problem]:
    """Yield an error for each rule that cannot be read or names no column, and for each profile that is not there."""
    origins = project.origins()
    for pipeline in project.pipelines.values():
        place = str(origins.get(f"pipeline {pipeline.name}", ""))
        for message, fix in (*_rules(pipeline), *_profile(pipeline, settings)):
            yield Problem("error", f"{pipeline.name}: {message}", fix, place, pipeline.name)


def _rules(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    rules = [
        str(one.check.arguments[0])
        for one in pipeline.expectations
        if isinstance(one.check, Check) and one.check.rule == "row"
    ]
    if not rules:
        return
    # The parser is loaded where there is something to parse: a check of anything else is at once.
    from alur_nb.authoring.parse_rule import fault_of

    sources = pipeline.sources.values()
    may_grow = not sources or any(
        isinstance(one, FileSource) and one.schema_mode == "evolve" for one in sources
    )
    for rule in rules:
        fault = fault_of(rule, pipeline.target, may_grow=may_grow)
        if fault is not None:
            yield fault.message, fault.fix


def _profile(pipeline: Pipeline, settings: Settings) -> Iterator[tuple[str, str]]:
    if pipeline.resource_profile is not None:
        try:
            check_profile(pipeline.resource_profile, settings)
        except SettingsError as error:
            yield error.message, error.fix or ""

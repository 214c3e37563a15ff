"""What is known of an export before anything runs: where it can go, what it writes, and what stands in its way."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alur_nb.runtime.errors import plural

COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What cannot be exported, where that is, and what to do about it."""

    message: str
    place: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return what JSON can hold."""
        return {"message": self.message, "place": self.place, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class EnvironmentFact:
    """An environment that can be chosen: whether it has what a bundle needs, and what it was given last."""

    name: str
    landing: str = ""
    region: str = ""
    problems: tuple[Hindrance, ...] = ()
    last: str = "none"
    """Whether the bundle on disk is this environment's."""
    differs: tuple[str, ...] | None = None
    """The scripts that an export would change, with their state; None where the bundle is not this environment's."""

    @property
    def state(self) -> str:
        """Whether it can be exported to, in one word or a few."""
        return "ready" if not self.problems else plural(len(self.problems), "problem")

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name,
            "state": self.state,
            "landing": self.landing,
            "region": self.region,
            "problems": [problem.to_dict() for problem in self.problems],
            "last": self.last,
            "differs": None if self.differs is None else list(self.differs),
        }


@dataclass(frozen=True, slots=True)
class ParameterFact:
    """A parameter of the notebook: its default, and the values that environments give it."""

    name: str
    default: object
    values: Mapping[str, object] = field(default_factory=dict)

    def value_in(self, environment: str | None) -> object:
        """Return what an export to the environment takes where nothing else is given."""
        return self.values.get(environment or "", self.default)

    def __str__(self) -> str:
        own = [f"{value!r} in {environment}" for environment, value in self.values.items()]
        return f"{self.name} = {', '.join([repr(self.default), *own])}"


@dataclass(frozen=True, slots=True)
class JobFact:
    """One job that is written, with an IAM role of its own."""

    pipeline: str
    script: str
    writes: str
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """All that the export panel knows; nothing was executed for it."""

    notebook: str = ""
    path: Path = field(default_factory=Path)
    """The saved notebook."""
    folder: str = ""
    """The bundle's folder, beside `alur.toml`."""
    environments: tuple[EnvironmentFact, ...] = ()
    chosen: str | None = None
    """The environment that is meant where none is named; None where that is not clear."""
    parameters: tuple[ParameterFact, ...] = ()
    jobs: tuple[JobFact, ...] = ()
    tables: tuple[str, ...] = ()
    problems: tuple[Hindrance, ...] = ()
    notes: tuple[str, ...] = ()
    saved: str = ""
    """Whether the file is what ran in this kernel, in words."""
    unsaved: tuple[str, ...] = ()
    next_step: str = ""

    @property
    def command(self) -> str:
        """The magic that exports at once; its parameters are examples with their defaults."""
        environment = self.chosen or (self.environments[0].name if self.environments else "dev")
        given = [
            f" -p {one.name}={_typed(one.value_in(environment))}"
            for one in self.parameters[:1]
            if isinstance(one.default, str | int | float)
        ]
        return f"%alur_export --env {environment}{''.join(given)}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, without this machine's paths."""
        return {
            "notebook": self.notebook,
            "folder": self.folder,
            "environments": [one.to_dict() for one in self.environments],
            "chosen": self.chosen,
            "parameters": [
                {"name": one.name, "default": one.default, "values": dict(one.values)}
                for one in self.parameters
            ],
            "jobs": [
                {"pipeline": j.pipeline, "script": j.script, "writes": j.writes, "schedule": j.schedule}
                for j in self.jobs
            ],
            "tables": list(self.tables),
            "problems": [problem.to_dict() for problem in self.problems],
            "notes": list(self.notes),
            "saved": self.saved,
            "unsaved": list(self.unsaved),
            "command": self.command,
            "next_step": self.next_step,
        }

    def __str__(self) -> str:
        if not self.notebook:
            return "Nothing was looked at."
        return "\n".join(_wrapped(line) for line in self._lines())

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> Iterator[str]:
        yield f"export of {self.notebook} to {self.folder}/: {verdict(self)}"
        yield f"  saved: {self.saved}"
        yield from (f"    {text}" for text in self.unsaved)
        for problem in self.problems:
            yield from _problem_lines(problem, "  ")
        for environment in self.environments:
            yield f"  environment {environment_text(environment, self.chosen)}"
            for problem in environment.problems:
                yield from _problem_lines(problem, "    ")
            yield f"    last export: {last_text(environment)}"
        yield from (f"  parameter {parameter}" for parameter in self.parameters)
        yield f"  writes {written_text(self)}"
        yield from (f"    {job_text(job)}" for job in self.jobs)
        yield from (f"    table {name}" for name in self.tables)
        yield from (f"  note: {note}" for note in self.notes)
        yield f"  next: {self.next_step}"


def verdict(facts: ExportFacts) -> str:
    """Return in a few words whether an export can be started."""
    if facts.problems or facts.unsaved:
        return "cannot be exported yet"
    if not any(not environment.problems for environment in facts.environments):
        return "no environment is ready"
    return "ready"


def environment_text(fact: EnvironmentFact, chosen: str | None) -> str:
    """Return an environment as one line."""
    words = [fact.state, *(["the default"] if fact.name == chosen else [])]
    words += [f"landing {fact.landing}"] if fact.landing else []
    words += [f"region {fact.region}"] if fact.region else []
    return f"{fact.name}: {', '.join(words)}"


def last_text(fact: EnvironmentFact) -> str:
    """Return what is known of an environment's last export."""
    if fact.differs is None:
        return fact.last
    return f"{fact.last}; {', '.join(fact.differs) or 'its scripts are what the saved notebook gives'}"


def written_text(facts: ExportFacts) -> str:
    """Return how much an export writes."""
    timed = sum(1 for job in facts.jobs if job.schedule)
    return (
        f"{plural(len(facts.jobs), 'job script')}, each with an IAM role of its own; "
        f"{plural(len(facts.tables), 'table')}; {plural(timed, 'schedule')}"
    )


def job_text(job: JobFact) -> str:
    """Return a job as one line."""
    return f"{job.script} -> {job.writes}" + (f", at {job.schedule}" if job.schedule else "")


def _problem_lines(problem: Hindrance, indent: str) -> Iterator[str]:
    yield f"{indent}problem: {problem.message}"
    if problem.place:
        yield f"{indent}  where: {problem.place}"
    yield from (
        f"{indent}  {'next:  ' if number == 0 else '       '}{line}"
        for number, line in enumerate(problem.fix.splitlines())
    )


def _typed(value: object) -> str:
    """Return a value as it is typed behind `-p name=`."""
    text = str(value)
    return text if text and not any(sign in text for sign in " '\"\\{}") else f"'{text}'"


def _wrapped(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    if len(line) <= COLUMNS:
        return line
    return "\n".join(
        textwrap.wrap(line, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )

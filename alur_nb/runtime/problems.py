"""What is wrong with the declarations as a whole; each alone was checked when it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from alur_nb.runtime import dag
from alur_nb.runtime.errors import DeclarationError, suggest
from alur_nb.runtime.flow import Pipeline, check_pipeline
from alur_nb.runtime.sources import NewSource
from alur_nb.runtime.tables import Table

ProblemSeverity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where, and what to do."""

    severity: ProblemSeverity
    message: str
    fix: str
    place: str
    subject: str

    def __str__(self) -> str:
        next_step = f"\n  next:  {self.fix}" if self.fix else ""
        return f"{self.severity}: {self.message}\n  where: {self.place}{next_step}"


@dataclass(frozen=True, slots=True)
class Declared:
    """All declarations at one moment; `places` says where each pipeline is, `conflicts` who else claims a name."""

    tables: Mapping[str, Table]
    pipelines: Mapping[str, Pipeline]
    edges: tuple[tuple[str, str], ...]
    conflicts: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]


def find_problems(declared: Declared) -> tuple[Problem, ...]:
    """Return everything that is wrong, errors first, then by the subject's name."""
    found = [problem for find in _FINDERS for problem in find(declared)]
    ranks: tuple[ProblemSeverity, ...] = ("error", "warning")
    return tuple(sorted(found, key=lambda problem: (ranks.index(problem.severity), problem.subject)))


def _conflicts(declared: Declared) -> Iterator[Problem]:
    for subject, origins in declared.conflicts.items():
        places = list(dict.fromkeys(origins))
        where = (
            f"in {places[0]}, {len(origins)} times" if len(places) == 1 else f"in {' and in '.join(places)}"
        )
        yield Problem(
            "error",
            f"The {subject} is declared {where}; the last one counts in the kernel.",
            f"Rename it, or delete it, in {places[0]} or {places[-1]}."
            if len(places) > 1
            else "Rename one of them.",
            ", ".join(places),
            subject.partition(" ")[2],
        )


def _shared_targets(declared: Declared) -> Iterator[Problem]:
    for first, second in combinations(declared.pipelines.values(), 2):
        if first.target.qualified_name == second.target.qualified_name:
            yield Problem(
                "error",
                f"{first.name} and {second.name} both write {first.target.qualified_name}.",
                "Give one of them a table of its own, or make them one pipeline with several sources.",
                f"{declared.places[first.name]}, {declared.places[second.name]}",
                second.name,
            )


def _cycles(declared: Declared) -> Iterator[Problem]:
    ring = dag.cycle(declared.pipelines, declared.edges)
    if ring:
        yield Problem(
            "error",
            f"Pipelines feed each other in a cycle: {' -> '.join(ring)}.",
            "Let one of them write another table, or read an earlier one.",
            ", ".join(dict.fromkeys(declared.places[name] for name in ring)),
            ring[0],
        )


def _undeclared_tables(declared: Declared) -> Iterator[Problem]:
    known = declared.tables
    for pipeline in declared.pipelines.values():
        read = dict.fromkeys(sorted(pipeline.upstream_tables), "reads")
        for name, verb in ({pipeline.target.qualified_name: "writes"} | read).items():
            if name not in known:
                yield Problem(
                    "error",
                    f"{pipeline.name} {verb} {name}, which nothing declares any more{suggest(name, known)}.",
                    f"Run the table's cell, then {declared.places[pipeline.name]} again.",
                    declared.places[pipeline.name],
                    pipeline.name,
                )


def _broken_rules(declared: Declared) -> Iterator[Problem]:
    """Check again what held when it was declared: a table may have been changed since."""
    for pipeline in declared.pipelines.values():
        try:
            check_pipeline(pipeline)
        except DeclarationError as error:
            place = declared.places[pipeline.name]
            yield Problem("error", error.message, error.fix or "", place, pipeline.name)


def _new_joined_with_new(declared: Declared) -> Iterator[Problem]:
    for pipeline in declared.pipelines.values():
        fresh = [name for name, source in pipeline.sources.items() if isinstance(source, NewSource)]
        if len(fresh) > 1:
            yield Problem(
                "warning",
                f"{pipeline.name} has {len(fresh)} new(..) sources ({', '.join(fresh)}): they advance together, and "
                "rows that should meet may come in different runs.",
                "Where they are joined, read all but one as a plain table; where they are united, all is well.",
                declared.places[pipeline.name],
                pipeline.name,
            )


_FINDERS: tuple[Callable[[Declared], Iterator[Problem]], ...] = (
    _conflicts,
    _shared_targets,
    _cycles,
    _undeclared_tables,
    _broken_rules,
    _new_joined_with_new,
)

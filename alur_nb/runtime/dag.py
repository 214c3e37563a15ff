"""The graph of pipelines: who feeds whom, and in which order they run."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping

from alur_nb.runtime.errors import DeclarationError

Edges = Iterable[tuple[str, str]]


def ordered(names: Collection[str], edges: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names, sources first and alphabetical among equals, also where only others connect them.

    Raises
    ------
    DeclarationError
        They, or what feeds them, form a cycle; the message names it.
    """
    ring = cycle(names, edges)
    if ring:
        raise DeclarationError(
            f"Pipelines feed each other in a cycle: {' -> '.join(ring)}.",
            fix="Let one of them write another table, or read an earlier one.",
        )
    sorter = graphlib.TopologicalSorter(_feeds(names, edges))
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return tuple(name for name in found if name in names)


def reached(start: str, edges: Edges) -> set[str]:
    """Return what can be reached from a name along the edges, itself only through a cycle."""
    return _reached([start], _ends(edges))


def cycle(names: Collection[str], edges: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return one cycle as `(a, b, a)`, from its alphabetically first name on; empty where there is none."""
    try:
        graphlib.TopologicalSorter(_feeds(names, edges)).prepare()
    except graphlib.CycleError as error:
        ring: list[str] = error.args[1][:-1]
        start = ring.index(min(ring))
        return (*ring[start:], *ring[:start], ring[start])
    return ()


def _feeds(names: Collection[str], edges: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    """Return who feeds each of the names, and each of those that feed them from further up."""
    writers = _ends((reader, writer) for writer, reader in edges)
    needed = set(names) | _reached(names, writers)
    return {name: writers.get(name, set()) for name in sorted(needed)}


def _ends(edges: Edges) -> dict[str, set[str]]:
    """Return the edges by where they begin."""
    found: dict[str, set[str]] = {}
    for begin, end in edges:
        found.setdefault(begin, set()).add(end)
    return found


def _reached(starts: Iterable[str], ends: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        fresh = ends.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found

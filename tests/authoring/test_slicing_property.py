"""Random notebooks: what the slice computes is what the whole notebook computes, or slicing refuses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alur_nb.authoring.notebook import Cell, Notebook
from alur_nb.authoring.slicing import slice_pipelines
from alur_nb.runtime.errors import ExportError

# `{v}` and `{w}` are names of numbers, `{l}` and `{m}` of lists, `{f}` of a function; `{V}`, `{L}`, `{F}` are new.
BINDING = [
    "{V} = {v} + 1",
    "{V} = len({l})",
    "{V} = {f}()",
    "for {V} in (5, 6):\n    pass",
    "if {v} > 1:\n    {V} = 7\nelse:\n    {V} = 8",
    "try:\n    {V} = {w} // ({w} - 1)\nexcept ZeroDivisionError as error:\n    {V} = 0",
    "with open('/dev/null') as stream:\n    {V} = 2",
    "({V} := 12)",
    "import math\n{V} = math.floor(2.5)",
    "match {v}:\n    case 1:\n        {V} = 1\n    case {V}:\n        pass",
    "class {V}Box:\n    size = {v}\n    if size > 1:\n        size = {w}\n{V} = {V}Box.size",
    "{L} = [1, 2]",
    "{L} = {l}",
    "{L} = {l} + [{v}]",
    "{L} = [{v} for {v} in {l}]",
    "{L} = list({l})",
    "{L} = sorted({l})",
    "first, *{L} = {l}",
    "def same(target):\n    return target\n{L} = same({l})",
    "table = {{'k': {l}}}\n{L} = table['k']",
    "pair = ({l}, {m})\n_, {L} = pair",
    "{L} = {l} if {v} > 1 else {m}",
    "{L} = ({L}_table := {{'k': {l}}}).get('k')",
    "def {F}():\n    return {v}",
    "def {F}():\n    return {f}() + {v}",
    "def {F}(x={v}):\n    return x + len({l})",
    "def {F}():\n    {v} = 10\n    return {v} + {w}",
    "def {F}():\n    {l}.append(1)\n    return len({l})",
    "def {F}():\n    part = {l}\n    part.append(2)\n    return sum(part)",
    "def {F}():\n    def inner(x):\n        return x + {v}\n    return inner({w})",
    "{F} = lambda: {v} + len({l})",
    "{F} = {f}",
    "def twice(function):\n    def wrapper():\n        return function() * 2 + {v}\n    return wrapper\n"
    "@twice\ndef {F}():\n    return {w}",
    "class {F}Box:\n    def __init__(self, held):\n        self.held = held\n    def put(self):\n"
    "        self.held.append({v})\n        return len(self.held)\n{F}_box = {F}Box({l})\n"
    "def {F}():\n    return {F}_box.put()",
]
CHANGING = [
    "{l}.append({v})",
    "{l}[:] = [{v}]",
    "{l} += [{v}]",
    "{l}.sort(); print({v})",
    "for part in [{l}, {m}]:\n    part.append(6)",
    "while len({l}) < 3:\n    {l}.append({v})",
    "[part.append(1) for part in ({l}, {m})]",
    "part = {l}\npart.append(8)",
    "part = {l}\npart += [9]",
    "{{'k': {l}}}['k'].append(1)",
    "table = dict(k={l}, n={m})\ntable.get('k').append(7)",
    "def fill(target, value):\n    target.append(value)\nfill({l}, 3)",
    "def deep(target):\n    fill(target, 1)\ndef fill(target, value):\n    target.append(value)\ndeep({l})",
    "class Held:\n    def __init__(self, held):\n        self.held = held\nheld = Held({l})\nheld.held.append(5)",
    "setattr({f}, 'x', {v})",
    "{f}()",
    "{v} = 2",
    "{v} += {w}",
    "{l} = [3]",
    "{f} = lambda: 1",
    "def {f}():\n    return {v}",
    "def {F}():\n    global {v}\n    {v} = 11\n    return {v}\n{F}()",
    "for {v} in {l}:\n    pass",
]


def fill_in(random_: random.Random, known: dict[str, list[str]], number: int) -> str:
    """Return a random statement; names that it binds become known."""
    template = random_.choice(BINDING if random_.random() < 0.8 else CHANGING)
    new = {"V": f"v{number}", "L": f"l{number}", "F": f"f{number}"}
    v, w = random_.sample(known["V"], 2)
    l, m = random_.sample(known["L"], 2)  # noqa: E741 - short names keep the templates readable
    text = template.format(v=v, w=w, l=l, m=m, f=random_.choice(known["F"]), **new)
    for kind, name in new.items():
        if "{" + kind + "}" in template:
            known[kind].append(name)
    return text


def random_cells(random_: random.Random, size: int) -> list[str]:
    """Return cells that run in this order; the last one is the pipeline's function `h`."""
    known = {"V": ["a", "b"], "L": ["rows", "names"], "F": ["f"]}
    cells = ["a = 1\nb = 2", "rows = [1]\nnames = [2]", "def f():\n    return a"]
    for number in range(size):
        before = {kind: list(names) for kind, names in known.items()}
        statement = fill_in(random_, known, number)
        place = random_.randint(1, len(cells))
        longer = [*cells[:place], statement, *cells[place:]]
        if random_.random() < 0.4:
            # In the same cell changes are allowed: they must be kept.
            longer = [*cells[: place - 1], f"{cells[place - 1]}\n{statement}", *cells[place:]]
        cells, known = (longer, known) if runs(longer) else (cells, before)
    parts = [
        random_.choice(known["V"]),
        f"list({random_.choice(known['L'])})",
        f"{random_.choice(known['F'])}()",
    ]
    return [*cells, f"def h():\n    return {', '.join(random_.sample(parts, random_.randint(1, 3)))}"]


def runs(cells: list[str]) -> bool:
    names: dict[str, Any] = {"__name__": "cells", "print": lambda *_: None}
    try:
        for cell in cells:
            exec(compile(cell, "cell", "exec"), names)
    except Exception:  # noqa: BLE001 - a random statement may fail in any way
        return False
    return True


def outcome(source: list[str] | str) -> Any:
    """Run the cells and then the pipeline's function, twice: state that it keeps counts too."""
    names: dict[str, Any] = {"__name__": "cells", "print": lambda *_: None}
    for cell in [source] if isinstance(source, str) else source:
        exec(compile(cell, "cell", "exec"), names)
    try:
        return names["h"](), names["h"]()
    except Exception as error:  # noqa: BLE001 - whatever the notebook raises, the slice must raise too
        return type(error).__name__


def sliced(cells: list[str]) -> str:
    notebook = Notebook(Path("random.ipynb"), tuple(Cell(n, cell) for n, cell in enumerate(cells, start=1)))
    return slice_pipelines(notebook, {"h": "h"}, lambda magic: magic.body or "")["h"].source()


def check(cells: list[str]) -> str:
    """Compare the notebook with its slice; tell how it ended."""
    try:
        whole = outcome(cells)
    except Exception:  # noqa: BLE001 - a notebook that does not run is no notebook to export
        return "does not run"
    try:
        source = sliced(cells)
    except ExportError:
        return "refused"
    assert outcome(source) == whole, "\n# ----\n".join(cells) + "\n# ==== slice\n" + source
    return "equal"


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=1, max_value=12))
def test_a_slice_computes_what_the_notebook_computes_or_is_refused(seed: int, size: int) -> None:
    check(random_cells(random.Random(seed), size))


@pytest.mark.slow
def test_many_of_the_notebooks_are_not_refused() -> None:
    ends = [check(random_cells(random.Random(seed), 5)) for seed in range(200)]
    assert ends.count("equal") > 100, {end: ends.count(end) for end in set(ends)}


@pytest.mark.parametrize(
    "statement", ["rows.append(1)", "a = 5", "a += 1", "rows[:] = []", "rows += [1]", "del a"]
)
def test_a_change_in_another_cell_is_refused(statement: str) -> None:
    assert check(["a = 1\nrows = []", statement, "def h():\n    return a + len(rows)"]) in (
        "refused",
        "does not run",
    )
    with pytest.raises(ExportError):
        sliced(["a = 1\nrows = []", statement, "def h():\n    return a + len(rows)"])

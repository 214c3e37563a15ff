from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from alur_nb.authoring.conflicts import NameConflict
from alur_nb.runtime.errors import ExportError, Place
from tests.authoring.notebooks import Source, slice_of
from tests.authoring.refused import ERRORS, LOAD


@pytest.mark.parametrize("name", ERRORS)
def test_it_is_refused_with_cell_line_and_fix(name: str, tmp_path: Path) -> None:
    cells, (cell, line), message = ERRORS[name]
    with pytest.raises(ExportError) as caught:
        slice_of(tmp_path, *cells)
    error = caught.value
    assert message in error.message
    assert error.place == Place("work.ipynb", cell, line=line)
    assert error.fix
    assert name == "pyspark patched" or error.message.startswith("Pipeline `orders`: ")


@pytest.mark.parametrize("name", [name for name, case in ERRORS.items() if "again in cell" in case[2]])
def test_a_name_bound_twice_names_both_cells(name: str, tmp_path: Path) -> None:
    cells, (cell, _), _ = ERRORS[name]
    with pytest.raises(NameConflict) as caught:
        slice_of(tmp_path, *cells)
    assert caught.value.cells == (1, cell)
    assert caught.value.name in ("need", "load")


@pytest.mark.parametrize(
    "cells",
    [
        ["need = []", LOAD, "print(need)\nlen(need)\nneed\nneed.index(1)\nsorted(need)"],
        ["need = []", LOAD, "copy = list(need)\ncopy.append(1)"],
        ["need = []", LOAD, "both = [need]\nboth.append(1)"],
        ["need = 1", LOAD, "other = need\nother += 1"],
        ["need = 1", LOAD, "def f():\n    need = 2\n    need += 1\nf()\n[need for need in 'ab']"],
        ["class need: ...", LOAD, "need.describe()"],
        ["def need(x): return x", LOAD, "y = need([])\ny.append(1)"],
        ["import logging\nneed = logging.getLogger()", LOAD, "need.info('x')"],
        ["import pandas as need", LOAD, "need.options.display.max_rows = 5\nneed.set_option('x', 1)"],
        ["import sys as need", LOAD, "need.path.append('x')"],
        ["def wrap(f):\n    def inner(): return open(f())\n    return inner", "@wrap\ndef need(): ...", LOAD],
        ["from pyspark.sql import functions as F\n@F.udf('string')\ndef need(x): return x", LOAD],
        ["class R:\n    def read(self): return open('x')\nneed = R()", LOAD],
        ["x = eval('1')\nneed = 1\ny = open('x')\nz = input()", LOAD],
        [
            "def need():\n    import os\n    return os.environ['A'], open('x'), spark\nspark = 1",
            LOAD,
        ],
        ["need = None", LOAD, "for i in range(3):\n    try: x = i\n    except E as e: raise"],
        ["def need(_): return [_ for _ in _]", LOAD],
        [("need = 1\nimport os", "parameters"), LOAD],
    ],
)
def test_it_is_allowed(cells: list[Source], tmp_path: Path) -> None:
    assert "def load(): return need" in slice_of(tmp_path, *cells).source()


STARS: Mapping[str, Mapping[str, str]] = {
    "one": {"need": "1", "x": "2"},
    "two": {"need": "3"},
    "same": {"need": "1"},
}


@pytest.mark.parametrize(
    ("cells", "place", "message"),
    [
        (
            ["from one import *", "from two import *", LOAD],
            (2, 1),
            "two star imports: one (cell 1) and two (cell 2)",
        ),
        (
            ["need = 1", "from two import *", LOAD],
            (2, 1),
            "bound in cell 1, and `from two import *` in cell 2 binds it too",
        ),
        (["y = x\nfrom one import *\ndef load(): return y"], (1, 1), "below its use in cell 1"),
    ],
)
def test_star_imports_must_agree(
    cells: list[Source], place: tuple[int, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        slice_of(tmp_path, *cells, resolve_star=STARS.__getitem__)
    assert message in caught.value.message
    assert caught.value.place == Place("work.ipynb", place[0], line=place[1])


def test_two_stars_of_one_object_are_one(tmp_path: Path) -> None:
    found = slice_of(
        tmp_path, "from one import *", "from same import *", LOAD, resolve_star=STARS.__getitem__
    )
    assert found.source("plain") == f"from one import need\n\n\n{LOAD}\n"


def test_a_star_that_nobody_resolves_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="hides which names it binds"):
        slice_of(tmp_path, "from one import *", LOAD)


@pytest.mark.parametrize(
    ("cells", "function", "message"),
    [
        (["def lod(): ..."], "load", "no cell binds its function `load` (did you mean `lod`?)"),
        (
            [
                "from alur_nb import pipeline",
                "def make(t):\n    @pipeline(target=t)\n    def inner(): ...",
                "make(1)",
                "make(2)",
            ],
            "inner",
            "its function `inner` is made in cell 3 and cell 4",
        ),
    ],
)
def test_a_pipeline_that_is_not_found_is_refused(
    cells: list[Source], function: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        slice_of(tmp_path, *cells, function=function)
    assert message in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    ("cells", "fix"),
    [
        (["%run other.ipynb", LOAD], "Cell 1 runs `other.ipynb`"),
        (["%%timeit\nneed = 1", LOAD], "Cell 1 is `%%timeit`, which binds nothing"),
        (["def load(): return spark"], "spark = get_spark_session()"),
        (["def load(): return files"], "from alur_nb import files"),
        ([LOAD], "Bind `need` in a cell of its own"),
    ],
)
def test_the_next_step_for_a_name_that_is_not_there(cells: list[Source], fix: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        slice_of(tmp_path, *cells)
    assert fix in (caught.value.fix or "")


def test_a_local_module_with_a_mistake_is_refused(tmp_path: Path) -> None:
    (tmp_path / "need.py").write_text("x = (\n")
    with pytest.raises(ExportError, match=r"the local module `need.py` is not valid Python"):
        slice_of(tmp_path, "import need", LOAD)

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from textwrap import dedent

import pytest

from alur_nb.authoring.notebook import MagicCell
from alur_nb.authoring.slicing import name_conflicts, slice_pipelines
from alur_nb.runtime.errors import ExportError
from tests.authoring.notebooks import as_python, make, slice_of
from tests.authoring.sliced import SLICES, TABLE
from tests.authoring.sliced_text import TEXTS


@pytest.mark.parametrize("name", [*SLICES, *TEXTS])
def test_the_slice_is(name: str, tmp_path: Path) -> None:
    cells, expected = {**SLICES, **TEXTS}[name]
    assert slice_of(tmp_path, *cells).source() == dedent(expected).lstrip("\n")


def test_a_slice_knows_where_its_pieces_come_from(tmp_path: Path) -> None:
    notebook = make(tmp_path, "#md title", "import re", "\n\n@staticmethod\ndef load(): return re")
    found = slice_pipelines(notebook, {"orders": "load"}, as_python)["orders"]
    ids = [cell.cell_id for cell in notebook.cells]
    assert [(p.cell, p.cell_id, p.line) for p in found.pieces] == [(2, ids[1], 1), (3, ids[2], 4)]
    assert found.cells == (2, 3)
    assert found.source("plain") == "import re\n\n\n@staticmethod\ndef load(): return re\n"


def test_each_pipeline_has_its_own_slice(tmp_path: Path) -> None:
    notebook = make(tmp_path, "a = 1\nb = 2", "def one(): return a", "def two(): return b")
    found = slice_pipelines(notebook, {"first": "one", "second": "two"}, as_python)
    assert {name: part.source("plain") for name, part in found.items()} == {
        "first": "a = 1\n\n\ndef one(): return a\n",
        "second": "b = 2\n\n\ndef two(): return b\n",
    }


def test_pipelines_of_a_loop_keep_the_loop(tmp_path: Path) -> None:
    loop = "for table in (Orders,):\n    @pipeline(sources={'o': files('o/*')}, target=table, name='orders')\n    def load(o):\n        return o"
    assert slice_of(tmp_path, TABLE, loop).source("plain").endswith(f"\n\n{loop}\n")


def test_pipelines_of_a_factory_keep_its_call(tmp_path: Path) -> None:
    factory = "def declare(table):\n    @pipeline(sources={'o': files('o/*')}, target=table, name='orders')\n    def inner(o):\n        return o"
    found = slice_of(
        tmp_path, TABLE, factory, "x = 1\nfor table in [Orders]:\n    declare(table)", function="inner"
    )
    assert found.cells == (1, 2, 3)
    assert found.pieces[-1].text == "for table in [Orders]:\n    declare(table)"


def test_generated_text_is_sliced_like_a_cell(tmp_path: Path) -> None:
    def unfold(magic: MagicCell) -> str:
        if magic.name == "alur_table":
            return "import alur_nb\n\n\nclass OrdersBronze(alur_nb.BronzeTable):\n    id = alur_nb.StringField()\n"
        return "import alur_nb\n\n\n@alur_nb.pipeline(target=OrdersBronze)\ndef load(o):\n    return o\n"

    notebook = make(
        tmp_path,
        "%%alur_table orders\nid string",
        "x = 1\n%alur_pipeline load --from 'o/*' --target OrdersBronze",
    )
    assert slice_pipelines(notebook, {"orders": "load"}, unfold)["orders"].source() == (
        "# cell 1\nimport alur_nb\n\n\nclass OrdersBronze(alur_nb.BronzeTable):\n    id = alur_nb.StringField()\n\n\n"
        "# cell 2\n@alur_nb.pipeline(target=OrdersBronze)\ndef load(o):\n    return o\n"
    )


def test_star_imports_are_written_out(tmp_path: Path) -> None:
    found = slice_of(
        tmp_path,
        "from pyspark.sql.functions import *",
        "from other import *",
        "def load(o): return o.select(upper(col('x')), sum('y'), len(o.columns))",
        resolve_star=lambda module: (
            {"col": "1", "upper": "2", "sum": "3"} if "spark" in module else {"col": "1"}
        ),
    )
    assert found.source("plain").startswith("from pyspark.sql.functions import col, sum, upper\n\n\ndef load")


def test_parameters_are_the_literals_that_are_used(tmp_path: Path) -> None:
    cell = ("# at most\nlimit: int = 10\nday = '2024-01-01'\nunused = None\nnegative = -1.5", "parameters")
    found = slice_of(tmp_path, cell, "def load(): return limit, day, negative")
    assert found.parameters == {"limit": 10, "day": "2024-01-01", "negative": -1.5}
    assert found.source("plain").startswith(
        "# at most\nlimit: int = 10\nday = '2024-01-01'\n\nnegative = -1.5\n"
    )


def test_local_modules_travel_with_what_they_import(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("import shared.dates\nimport json\n")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "late.py").write_text("")
    for name in ("__init__.py", "dates.py", "deep/__init__.py", "deep/x.py"):
        path = tmp_path / "shared" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = slice_of(
        tmp_path, "import helpers, unused", "def load():\n    from late import x\n    return helpers, x"
    )
    assert found.modules == (
        "helpers.py",
        "late.py",
        "shared/__init__.py",
        "shared/dates.py",
        "shared/deep/__init__.py",
        "shared/deep/x.py",
    )


def test_pinned_packages_go_with_the_job(tmp_path: Path) -> None:
    found = slice_of(
        tmp_path,
        "%pip install -q polars==1.2.3 'fsspec[s3]==2024.1.0' --index-url https://example.com/simple\n!pip install orjson==3.0",
        "%pip install rich",
        "def load(): return 1",
    )
    assert found.pip == ("polars==1.2.3", "fsspec[s3]==2024.1.0", "orjson==3.0")
    assert found.notices == ("cell 2, line 1: `rich` has no exact version: not installed",)


def test_a_setting_that_is_dropped_is_told(tmp_path: Path) -> None:
    found = slice_of(
        tmp_path,
        "import warnings, os",
        "warnings.simplefilter('ignore')\nos.environ['A'] = '1'",
        "def load(): return 1",
    )
    assert found.notices == (
        "cell 2, line 1: `warnings.simplefilter('ignore')` is not in the job; tag the cell `setup`",
        "cell 2, line 2: `os.environ['A'] = '1'` is not in the job; tag the cell `setup`",
    )


def test_conflicts_are_listed_for_the_live_notebook(tmp_path: Path) -> None:
    declared = "@pipeline(sources={'o': files('o/*')}, target=Orders)\ndef load(o):\n    return clean(o, LIMIT, WORDS)"
    notebook = make(
        tmp_path,
        TABLE,
        "LIMIT = 1\nWORDS = []\ndef clean(*x): return x",
        declared,
        "LIMIT = 2",
        "free = 1",
        "free = 2",
        "broken = (",
        "WORDS.append(missing)",
    )
    assert [(c.name, c.cells, c.message) for c in name_conflicts(notebook.cells, as_python)] == [
        ("LIMIT", (2, 4), "`LIMIT` is bound in cell 2 and again in cell 4"),
        (
            "WORDS",
            (2, 8),
            "`WORDS` is bound in cell 2, and cell 8 calls a method that changes it: `WORDS.append(missing)`",
        ),
    ]
    assert name_conflicts(notebook.cells[:3], as_python) == []


def test_a_package_that_only_this_machine_may_have_is_told(tmp_path: Path) -> None:
    cells = [
        "import hypothesis, json, pandas, no_such_module",
        "def load(): return hypothesis, json, pandas, no_such_module",
    ]
    version = metadata.version("hypothesis")
    assert slice_of(tmp_path, *cells).notices == (
        f"`hypothesis` may be missing in the job: %pip install hypothesis=={version} gives it the same version",
    )
    assert slice_of(tmp_path, f"%pip install hypothesis=={version}", *cells).notices == ()


def test_a_module_from_outside_of_the_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "shared_by_path.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    with pytest.raises(
        ExportError, match=r"`shared_by_path` comes from .*elsewhere, which does not go with the job"
    ):
        slice_of(tmp_path, "import shared_by_path", "def load(): return shared_by_path")

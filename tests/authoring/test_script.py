from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alur_nb import __version__
from alur_nb.authoring.script import JobSource, write_scripts
from alur_nb.runtime.errors import ExportError

HEAD = """\
from alur_nb import BronzeTable, StringField, files, pipeline


class OrdersBronze(BronzeTable):
    order_id = StringField()


"""
PIPELINE = """\
@pipeline(sources={"orders": files("orders/*.csv")}, target=OrdersBronze)
def ingest_orders(orders):
    return orders
"""
GOLDEN = Path(__file__).parent.parent / "golden" / "bundle" / "ingest_orders.py.txt"


def script(
    folder: Path,
    source: str = HEAD + PIPELINE,
    *,
    name: str = "ingest_orders",
    parameters: tuple[str, ...] = (),
    notebook: str = "shop.ipynb",
    glue_version: str = "5.1",
) -> str:
    job = JobSource(name, source, notebook, parameters)
    (path,) = write_scripts(folder / "jobs", [job], glue_version=glue_version)
    return path.read_text(encoding="utf-8")


def values(text: str, *arguments: str) -> list[str]:
    """What the script binds to `limit`, `names`, ... when it is started with these arguments."""
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_script_reads_like_the_notebook(tmp_path: Path) -> None:
    source = (
        '# Only the newest orders are interesting.\nlimit = 10\n\n' + HEAD + "# How many days count as late.\ndays: int = 7\n\n"
        + PIPELINE.replace("return orders", "return orders.limit(limit)  # the newest")
    )  # fmt: skip
    text = script(tmp_path, source, parameters=("limit", "days"))
    assert text.replace(__version__, "VERSION") == GOLDEN.read_text(encoding="utf-8")


def test_two_writings_are_byte_identical(tmp_path: Path) -> None:
    assert script(tmp_path / "a") == script(tmp_path / "b")


def test_a_name_of_a_notebook_cannot_break_the_docstring(tmp_path: Path) -> None:
    text = script(tmp_path, notebook='a"""b\\x.ipynb')
    assert 'a"""b\\x.ipynb' in (ast.get_docstring(ast.parse(text)) or "")


def test_a_loop_or_a_factory_is_selected_by_name(tmp_path: Path) -> None:
    source = HEAD + (
        "for country in ['de', 'fr']:\n"
        "    @pipeline(sources={'orders': files(f'{country}/*.csv')}, target=OrdersBronze, name=f'ingest_{country}')\n"
        "    def ingest(orders):\n        return orders\n"
    )
    text = script(tmp_path, source, name="ingest_de")
    assert 'main(current_project().pipeline("ingest_de"))' in text


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ('name="ingest_orders", ', "main(load)"),
        ("name=NAME, ", 'main(current_project().pipeline("ingest_orders"))'),
        ("", 'main(current_project().pipeline("ingest_orders"))'),
    ],
)
def test_main_gets_the_function_that_declares_the_pipeline(
    tmp_path: Path, decorator: str, expected: str
) -> None:
    declaration = PIPELINE.replace("@pipeline(", f"@pipeline({decorator}").replace(
        "def ingest_orders", "def load"
    )
    source = HEAD + 'NAME = "ingest_orders"\n\n\n' + declaration
    assert expected in script(tmp_path, source)


def test_the_name_of_a_check_is_not_the_name_of_the_pipeline(tmp_path: Path) -> None:
    source = HEAD.replace("import ", "import expect, not_empty, ") + (
        '@expect(name="load", check_fn=not_empty())\n' + PIPELINE
    )
    assert "main(ingest_orders)" in script(tmp_path, source)


def test_a_helper_called_main_keeps_its_name(tmp_path: Path) -> None:
    source = (
        HEAD
        + "def main(frame):\n    return frame\n\n\n"
        + PIPELINE.replace("return orders", "return main(orders)")
    )
    text = script(tmp_path, source)
    assert "import main as alur_main" in text
    assert "alur_main(ingest_orders)" in text


def test_future_imports_come_first(tmp_path: Path) -> None:
    text = script(tmp_path, HEAD + "from __future__ import annotations\n" + PIPELINE)
    first = ast.parse(text).body[1]
    assert isinstance(first, ast.ImportFrom)
    assert first.module == "__future__"
    assert text.count("__future__") == 1


PARAMETERS = """\
limit = 10
share = 0.5
name, other = "x", 1
names: list[str] = [
    "ä",
    "b",
]; after = limit
nothing = None
"""


def printed(source: str, *names: str) -> str:
    return source + "".join(f"print(repr({name}))\n" for name in names)


def test_parameters_are_the_notebooks_values_unless_the_argument_says_else(tmp_path: Path) -> None:
    names = ("limit", "share", "names", "nothing")
    source = printed(PARAMETERS, "limit", "share", "names", "nothing", "after")
    text = script(tmp_path, source, parameters=names).split("\n\nif __name__")[0]

    assert "limit = parameter" in text
    assert values(text) == ["10", "0.5", "['ä', 'b']", "None", "10"]
    given = '{"parameters": {"limit": 3, "share": 2, "names": ["c"], "nothing": [1], "unknown": 1}}'
    assert values(text, "--JOB_NAME", "x", "--alur", given) == ["3", "2.0", "['c']", "[1]", "3"]


@pytest.mark.parametrize(
    "statement",
    ["limit = other * 2", "limit, x = 1, 2", "limit = x = 1", "limit = {1, 2}", "limit = b'x'", "limit += 1", "limit = open('x')"],
)  # fmt: skip
def test_a_parameter_that_is_no_literal_is_refused(tmp_path: Path, statement: str) -> None:
    with pytest.raises(ExportError, match="`limit` must be one literal") as caught:
        script(tmp_path, f"other = x = 1\n{statement}\n", parameters=("limit",))
    assert "`parameters`" in str(caught.value.fix)


def test_a_parameter_that_the_pipeline_does_not_use_is_not_there(tmp_path: Path) -> None:
    assert "import parameter" not in script(tmp_path, parameters=("limit",))


def test_a_name_that_nothing_binds_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Undefined name `holidays`, in `return holidays`") as caught:
        script(tmp_path, HEAD + PIPELINE.replace("return orders", "return holidays"))
    place = caught.value.place
    assert place is not None
    assert str(place) == "shop.ipynb, jobs/ingest_orders.py"
    assert caught.value.fix


def test_newer_syntax_of_the_same_parser_is_refused_for_an_older_target(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"would not run|not valid Python"):
        script(tmp_path, HEAD + "type Name = str\n\n\n" + PIPELINE)


def test_imports_of_alur_stand_together_at_the_top_and_all_others_stay(tmp_path: Path) -> None:
    source = (
        "import sys\nsys.path.append('x')\nfrom json import loads\n"
        + HEAD
        + "from alur_nb import (\n    row as check,\n)\n"
        + PIPELINE.replace("return orders", "return loads(orders)")
    )
    body = script(tmp_path, source).splitlines()
    assert [line for line in body[5:] if line][:6] == [
        "import sys",
        "from alur_nb import BronzeTable, StringField, files, pipeline",
        "from alur_nb import row as check",
        'sys.path.append("x")',
        "from json import loads",
        "class OrdersBronze(BronzeTable):",
    ]


def test_what_lies_in_the_working_directory_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from rules import A\nfrom holidays import B\n"
        + HEAD
        + PIPELINE.replace("return orders", "return A, B")
    )
    plain = script(tmp_path / "a", source)
    (tmp_path / "rules.py").write_text("A = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert script(tmp_path / "b", source) == plain


def test_a_project_file_of_ruff_changes_nothing(tmp_path: Path) -> None:
    plain = script(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "ruff.toml").write_text(
        'line-length = 20\nformat.quote-style = "single"\n', encoding="utf-8"
    )
    assert script(tmp_path / "b") == plain

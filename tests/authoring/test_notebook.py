from __future__ import annotations

import json
from pathlib import Path

import pytest

from alur_nb.authoring.notebook import Cell, MagicCell, SplitCell, read_notebook, split_cell
from alur_nb.runtime.errors import ExportError, NotebookError, Place
from tests.authoring.notebooks import as_python, write


def split(source: str) -> SplitCell:
    return split_cell(Cell(4, source), as_python, "work.ipynb")


def statements(source: str) -> list[tuple[int, str]]:
    """Each statement's first line with the line number that the notebook shows."""
    return [
        (code.shown(node.lineno), code.text.split("\n")[node.lineno - 1])
        for code in split(source).codes
        for node in code.tree.body
    ]


def magics(source: str) -> list[tuple[str, str, int]]:
    return [(magic.name, magic.text, magic.line) for magic in split(source).magics]


def test_cells_are_numbered_over_code_and_markdown(tmp_path: Path) -> None:
    path = write(tmp_path, "#md title", ("limit = 1", "parameters"), "x = 1")
    notebook = read_notebook(path)
    assert [(cell.number, cell.kind, cell.tags) for cell in notebook.cells] == [
        (1, "markdown", ()),
        (2, "code", ("parameters",)),
        (3, "code", ()),
    ]
    assert [cell.number for cell in notebook.code] == [2, 3]
    assert [cell.number for cell in notebook.tagged("parameters")] == [2]
    assert notebook.cells[1].cell_id == json.loads(path.read_text())["cells"][1]["id"]


def test_raw_cells_have_no_number(tmp_path: Path) -> None:
    path = write(tmp_path, "a = 1", "b = 2")
    content = json.loads(path.read_text())
    content["cells"][0] = {"cell_type": "raw", "id": "raw", "metadata": {}, "source": "no code"}
    path.write_text(json.dumps(content))
    assert [(cell.number, cell.source) for cell in read_notebook(path).cells] == [(1, "b = 2")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("", "not a Jupyter notebook"),
        ("import x\n", "not a Jupyter notebook"),
        ("[1, 2]", "not a Jupyter notebook"),
        ("{}", "not a Jupyter notebook"),
        (
            '{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}',
            "language is R",
        ),
    ],
)
def test_what_is_no_python_notebook_is_refused(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "work.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert reason in caught.value.message
    assert caught.value.fix


def test_an_old_notebook_without_cell_ids_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    cell = {"cell_type": "code", "metadata": {}, "source": ["a = 1"], "outputs": [], "execution_count": None}
    path.write_text(json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 2, "metadata": {}}))
    assert [cell.source for cell in read_notebook(path).cells] == ["a = 1"]


def test_a_notebook_of_format_3_is_read(tmp_path: Path) -> None:
    path = tmp_path / "older.ipynb"
    cell = {"cell_type": "code", "language": "python", "input": "a = 1", "outputs": [], "metadata": {}}
    sheets = [{"cells": [cell], "metadata": {}}]
    path.write_text(json.dumps({"worksheets": sheets, "nbformat": 3, "nbformat_minor": 0, "metadata": {}}))
    assert [cell.source for cell in read_notebook(path).cells] == ["a = 1"]


def test_of_two_cells_with_one_id_the_first_keeps_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a = 1", "b = 2")
    content = json.loads(path.read_text())
    content["cells"][1]["id"] = first = content["cells"][0]["id"]
    path.write_text(json.dumps(content))
    assert [cell.cell_id for cell in read_notebook(path).cells] == [first, None]


def test_statements_keep_the_line_that_the_notebook_shows() -> None:
    source = "\n\n%load_ext alur_nb\n%alur_run orders \\\n    --env dev\nx = 1\n!ls\ny = 2"
    assert statements(source) == [(6, "x = 1"), (8, "y = 2")]
    assert magics(source) == [
        ("load_ext", "alur_nb", 3),
        ("alur_run", "orders      --env dev", 4),
        ("!", "ls", 7),
    ]


def test_what_looks_like_a_magic_inside_of_a_string_stays() -> None:
    assert statements('text = """\n%time\n!ls\n"""\nx = 5 % 2') == [(1, 'text = """'), (5, "x = 5 % 2")]
    assert magics('text = """\n%time\n!ls\n"""') == []


def test_help_and_shell_lines_are_no_statements() -> None:
    assert statements("orders?\nx = 1\n!pip install y\nrows??") == [(2, "x = 1")]


def test_a_magic_that_gives_a_value_stays_a_statement() -> None:
    assert statements("p = %alur_preview orders")[0][0] == 1
    assert statements("names = !ls")[0][1] == "names = get_ipython().getoutput('ls')"


def test_prompts_and_one_indentation_are_stripped_as_in_the_notebook() -> None:
    assert statements(">>> x = 1\n>>> y = 2") == [(1, "x = 1"), (2, "y = 2")]
    assert statements("    x = 1\n    y = 2") == [(1, "x = 1"), (2, "y = 2")]


@pytest.mark.parametrize("first", ["%%time", "%%capture", "%%capture out --no-stderr", "%%time\n%%capture"])
def test_wrapping_magics_are_unwrapped(first: str) -> None:
    wrappers = first.count("%%")
    assert statements(f"{first}\nx = 1\n\ny = 2") == [(wrappers + 1, "x = 1"), (wrappers + 3, "y = 2")]


def test_a_timed_statement_is_unwrapped() -> None:
    assert statements("a = 1\n%time x = f(a)\nb = 2") == [(1, "a = 1"), (2, "x = f(a)"), (3, "b = 2")]


@pytest.mark.parametrize("magic", ["timeit", "bash", "html", "writefile x.py", "sql", "alur_sql"])
def test_other_cell_magics_hide_their_body(magic: str) -> None:
    found = split(f"%%{magic}\nx = 1")
    assert (found.codes, found.opaque) == ((), True)


def test_a_python_body_keeps_its_lines() -> None:
    assert statements("\n%%alur_table\n# orders\nclass Orders: ...") == [(4, "class Orders: ...")]


def test_a_generated_body_points_to_its_magic() -> None:
    found = split_cell(
        Cell(2, "\n%%alur_table orders\nid string"), lambda magic: "import x\n\n\nclass Orders: ...\n"
    )
    (code,) = found.codes
    assert code.generated
    assert [code.shown(node.lineno) for node in code.tree.body] == [2, 2]


def test_unfolding_is_given_line_body_and_place() -> None:
    given: list[MagicCell] = []

    def unfold(magic: MagicCell) -> str:
        given.append(magic)
        return "x = 1"

    split_cell(Cell(7, "%%alur_pipeline daily --target Revenue\nselect 1\n"), unfold, "work.ipynb")
    split_cell(
        Cell(8, "a = 1\n%alur_pipeline load --from 'x/*.csv'\n%alur_pipeline load"), unfold, "work.ipynb"
    )
    assert given == [
        MagicCell("alur_pipeline", "daily --target Revenue", "select 1\n", Place("work.ipynb", 7)),
        MagicCell("alur_pipeline", "load --from 'x/*.csv'", None, Place("work.ipynb", 8)),
    ]


def test_an_error_while_unfolding_gets_its_cell() -> None:
    def unfold(magic: MagicCell) -> str:
        raise NotebookError("No such column type.", place=Place(line=3, column=5), fix="Write string.")

    with pytest.raises(NotebookError) as caught:
        split_cell(Cell(7, "%%alur_table orders\nid strng"), unfold, "work.ipynb")
    assert caught.value.place == Place("work.ipynb", 7, line=3, column=5)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\ny = (", 2),
        ("return 1", 1),
        ("%%time\n\nx = = 1", 3),
        ("\n\nfor x in y:\n", 3),
        ("x = '\0'", 1),
    ],
)
def test_a_cell_that_is_not_python_is_refused_with_its_line(source: str, line: int | None) -> None:
    with pytest.raises(ExportError, match="not valid Python") as caught:
        split(source)
    assert caught.value.place == Place("work.ipynb", 4, line=line)


def test_top_level_await_is_python() -> None:
    assert statements("x = await fetch()\nasync with a as b:\n    pass") == [
        (1, "x = await fetch()"),
        (2, "async with a as b:"),
    ]


def test_empty_cells_have_nothing() -> None:
    for source in ("", "\n \n", "# only a comment"):
        assert statements(source) == []

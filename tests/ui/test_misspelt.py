"""A magic that is not there: the nearest of ours, at its line; what is anybody else's is left to IPython."""

from __future__ import annotations

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from alur_nb.runtime.errors import NotebookError
from alur_nb.ui import magics
from alur_nb.ui.misspelt import Misspelt
from tests.ui.conftest import Notebook

MISSPELT = [
    ("%alur_prewiev orders -n 5", "There is no magic `%alur_prewiev` (did you mean `%alur_preview`?).", 1),
    ("%alurr", "There is no magic `%alurr` (did you mean `%alur`?).", 1),
    ("%%alur_tabel orders\nid int", "no magic `%%alur_tabel` (did you mean `%%alur_table`?).", 1),
    ("%%alur_preview orders\nid int", "%alur_preview takes no body.", 1),
    ("x = 1\n\np = %alur_rnu --all", "no magic `%alur_rnu` (did you mean `%alur_run`?).", 3),
    ("%alur_zzzzzzzzzz", "There is no magic `%alur_zzzzzzzzzz`.", 1),
]


def test_a_misspelt_magic_is_answered_with_the_nearest(notebook: Notebook) -> None:
    for number, (cell, said, line) in enumerate(MISSPELT, start=2):
        notebook.run(cell)
        assert isinstance(notebook.error, NotebookError), cell
        assert said in notebook.error_lines[0]
        assert notebook.error_lines[1] == f"  where: cell [{number}], line {line}"
        assert notebook.error_lines[2].startswith("  next:  ")
        assert len(notebook.error_lines) == 3


def test_what_stands_before_it_has_run(notebook: Notebook) -> None:
    notebook.run("before = 1\n%alur_chekc\nafter = 1")
    assert notebook.shell.user_ns["before"] == 1
    assert "after" not in notebook.shell.user_ns


def test_others_magics_are_left_alone(notebook: Notebook) -> None:
    notebook.run("%prewiev")
    assert isinstance(notebook.error, UsageError)
    notebook.ok("get_ipython().run_line_magic('alur', 'help')")


def test_a_magic_that_comes_later_is_known_then(notebook: Notebook) -> None:
    def alur_mine(line: str) -> str:
        return line

    notebook.shell.register_magic_function(alur_mine)
    assert notebook.ok("%alur_mine x") == "x"


def test_loading_twice_leaves_one_and_unloading_none(notebook: Notebook, shell: InteractiveShell) -> None:
    notebook.ok("%reload_ext alur_nb", "load")
    assert sum(isinstance(one, Misspelt) for one in shell.ast_transformers) == 1
    magics.unload(shell)
    assert not shell.ast_transformers

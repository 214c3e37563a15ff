"""The line editor as a whole: what is ours, never an error, and what IPython makes of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter

from alur_nb.runtime import settings as settings_file
from alur_nb.ui import completions, magics
from alur_nb.ui.completions import complete
from tests.ui.completing import KNOWN, at, shop_folder
from tests.ui.conftest import Notebook
from tests.ui.test_completions_body import COLUMNS, SQL
from tests.ui.test_completions_line import LINE

__all__ = ["shop_folder"]

NOT_OURS = [
    "plain|",
    "%time al|",
    "%%bash\nalur run in|",
    "%%alur_unknown x|",
    "a = 5\n%%alur|",
    "%%alur_table x\nid|",
    "%%alur_table x\nid int comment 'with |",
    "%%alur_table x\namount decimal(|",
    "%%alur_table x\nclass A(alur_nb.|",
    "%%alur_pipeline p\nimport alur_nb\nalur_nb.|",
    "%%alur_sql\nselect 'from |",
    "%%alur_sql\nselect 1 -- from |",
    "%%alur_sql\nselect 1 /* from |",
    "%%alur_sql\nselect 1|",
    "|%%alur_sql\nselect 1",
    "%alur_run a\\ b|",
    "|\n%%alur_sql\nselect 1",
]


@pytest.mark.parametrize("cell", NOT_OURS)
def test_elsewhere_nothing_is_said(cell: str) -> None:
    assert at(cell) is None


KINDS = {
    "%alur_pr|": "magic",
    "%alur_preview --|": "option",
    "%alur_preview in|": "pipeline",
    "%alur_run --env d|": "environment",
    "%alur_pipeline p --target Cus|": "class",
    "%alur_table cus|": "table",
    "%alur_pipeline p --from or|": "path",
    "%%alur_table x --layer b|": "value",
    "%%alur_table x --primary-key i|\nid int": "column",
    "%%alur_table x --partition-by d|\nid int": "function",
    "%%alur_table x\nid s|": "type",
    "%%alur_table x\nid int n|": "keyword",
    "%%alur_sql\nselect n| from customers": "column",
}


@pytest.mark.parametrize("cell", KINDS)
def test_each_offer_says_what_it_is(cell: str) -> None:
    found = at(cell)
    assert found is not None
    assert found.offers[0].kind == KINDS[cell]


CELLS = [cell.replace("|", "") for cell, _, _ in LINE]
CELLS += [f"%%alur_table x\n{body}".replace("|", "") for body, _, _ in COLUMNS]
CELLS += [f"%%alur_sql\n{query}".replace("|", "") for query, _, _ in SQL]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(CELLS),
    st.text("'\"\\`<>(),.:={}%-\n\t \0ßabn*/", max_size=4),
    st.integers(0),
    st.integers(0),
)
def test_at_any_cursor_in_any_text_what_is_replaced_stands_before_the_cursor(
    cell: str, noise: str, where: int, cursor: int
) -> None:
    where %= len(cell) + 1
    text = cell[:where] + noise + cell[where:]
    before = text[: cursor % (len(text) + 1)]
    found = complete(text, before.count("\n"), len(before.rpartition("\n")[2]), KNOWN)
    assert found is None or before.endswith(found.fragment)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The folders that are listed from now on; whatever else may reach the outside fails."""
    seen: list[Any] = []
    real = os.scandir

    def scandir(path: Any) -> Any:
        seen.append(path)
        return real(path)

    def forbidden(*_: object, **__: object) -> Any:
        raise AssertionError("a completion reached outside")

    monkeypatch.setattr(os, "scandir", scandir)
    for target in (
        "os.listdir",
        "os.walk",
        "glob.glob",
        "socket.socket.connect",
        "subprocess.Popen.__init__",
    ):
        monkeypatch.setattr(target, forbidden)
    return seen


def test_no_completion_lists_more_than_one_folder(listed: list[Any]) -> None:
    for cell, _, _ in LINE + [(f"%%alur_table x\n{b}", f, w) for b, f, w in COLUMNS]:
        listed.clear()
        at(cell)
        assert len(listed) <= 1, cell


def test_alur_toml_is_read_once_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    real: Callable[..., str] = Path.read_text

    def read_text(path: Path, *arguments: Any, **named: Any) -> str:
        reads.append(path)
        return real(path, *arguments, **named)

    monkeypatch.setattr(settings_file.Path, "read_text", read_text)
    for cell, _, _ in LINE:
        reads.clear()
        at(cell)
        assert [path.name for path in reads] in ([], ["alur.toml"]), cell


def completed(notebook: Notebook, marked: str) -> list[tuple[str, str, str]]:
    """Return what IPython's completer gives at the `|`: the text replaced, the new one and its type."""
    before, _, after = marked.partition("|")
    with provisionalcompleter(), warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        found = notebook.shell.Completer.completions(before + after, len(before))
        return [((before + after)[one.start : one.end], one.text, one.type) for one in found]


@pytest.fixture
def declared(notebook: Notebook) -> Notebook:
    """A notebook with two tables and an ingestion."""
    notebook.ok("%%alur_table orders\nid int not null\namount decimal(10,2)", "a")
    notebook.ok("%%alur_table customers\nid int\nname string", "b")
    notebook.ok("%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze", "c")
    return notebook


def test_ipython_gives_ours_alone_on_our_lines(declared: Notebook) -> None:
    assert completed(declared, "%alur_preview in|") == [("in", "ingest_orders", "pipeline")]
    assert completed(declared, "x = %alur_run --env=lo|") == [("lo", "local", "environment")]
    assert completed(declared, "%%alur_sql\nselect o.a| from orders o") == [("a", "amount", "column")]
    assert completed(declared, "%%alur_table x\nid in|") == [("in", "int", "type"), ("in", "integer", "type")]


def test_other_magics_are_offered_until_only_ours_are_left(declared: Notebook) -> None:
    both = completed(declared, "%al|")
    assert ("%al", "%alur_table", "magic") in both
    assert ("%al", "%alias", "magic") in both
    assert [text for _, text, _ in both].count("%alur_table") == 1
    assert {kind for _, _, kind in completed(declared, "%alu|")} == {"magic"}
    assert all(text.startswith("%alur") for _, text, _ in completed(declared, "%alu|"))


def test_python_is_left_to_ipython(declared: Notebook) -> None:
    assert ("Orders", "OrdersBronze") in {found[:2] for found in completed(declared, "Orders|")}
    body = "%%alur_pipeline p\nimport alur_nb\nalur_nb.get_spark_ses|"
    assert all(kind != "keyword" for _, _, kind in completed(declared, body))


def test_loading_again_keeps_one_matcher_and_unloading_none(declared: Notebook) -> None:
    declared.ok("%reload_ext alur_nb", "load")
    matchers = declared.shell.Completer.custom_matchers
    assert len([one for one in matchers if one.matcher_identifier == completions.IDENTIFIER]) == 1
    magics.unload(declared.shell)
    assert declared.shell.Completer.custom_matchers == []


def test_a_fault_of_ours_is_kept_from_the_notebook(
    declared: Notebook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(completions, "complete", broken)
    assert all(kind != "pipeline" for _, _, kind in completed(declared, "%alur_preview in|"))
    assert "broken" not in "".join(capsys.readouterr())

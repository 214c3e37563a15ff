"""The same cells in seven places: what each front end has, what is lost without it, and that nothing else is.

A front end is faked by what it lacks: ids of cells, controls, cells below, updates of an output, HTML, a kernel.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from types import SimpleNamespace

import pytest

from alur_nb.runtime.errors import SettingsError
from alur_nb.runtime.project import Project
from alur_nb.ui import operating, work
from alur_nb.ui.display import Live
from alur_nb.ui.form_facts import Form
from alur_nb.ui.html import Html
from alur_nb.ui.work import Task, in_background
from tests.conftest import Land
from tests.ui.conftest import Notebook
from tests.ui.test_readings import Sanitized

ORDERS = "%%alur_table orders\nid int"
INFER = "%alur_table seen --from 'orders/*.csv'"


@dataclass(frozen=True, slots=True)
class Place:
    """A front end, by what reaches the kernel from it and what it does with what the kernel sends."""

    cell_ids: bool = True
    takes_input: bool = True
    kernel: bool = True
    ipywidgets: bool = True
    is_trusted: bool = True
    """Where not, a sanitizer takes style, script, svg and roles out of the HTML."""


PLACES = {
    "JupyterLab": Place(),
    "Notebook 7": Place(),
    "VS Code": Place(),
    "Colab-like": Place(cell_ids=False),
    "nbclient": Place(cell_ids=False, takes_input=False),
    "terminal IPython": Place(cell_ids=False, kernel=False),
    "untrusted": Place(is_trusted=False),
    "no ipywidgets": Place(ipywidgets=False),
}
"""The seventh, plain Python, is a process of its own below."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a place degrades to; what is not named here is the same everywhere."""

    twice: str
    """A name that another cell declares again: `warns`, or where cells cannot be told apart `replaces`."""
    form: str
    """`open` controls, or the `template` of the cell."""
    progress: str
    """One output that is replaced by an `update`, or `lines` that are added."""
    error: str
    """A `card` and the lines that end the cell, or the `lines` alone."""
    writes_below: bool = True


FULL = Expected("warns", "open", "update", "card")
EXPECTED = {
    "JupyterLab": FULL,
    "Notebook 7": FULL,
    "VS Code": FULL,
    "Colab-like": Expected("replaces", "open", "update", "card"),
    "nbclient": Expected("warns", "template", "update", "card", writes_below=False),
    "terminal IPython": Expected("replaces", "template", "lines", "lines"),
    "untrusted": FULL,
    "no ipywidgets": Expected("warns", "template", "update", "card"),
}


@dataclass(slots=True)
class FrontEnd:
    """A notebook in one of the places."""

    notebook: Notebook
    place: Place
    written: list[str]

    def run(self, source: str, cell: str = "one") -> object:
        """Run a cell as the place sends it."""
        self.written.clear()
        cell_id = cell if self.place.cell_ids else None
        return self.notebook.run(source, cell_id, stdin=self.place.takes_input)

    def read(self, markup: str) -> str:
        """Return the words of HTML as the place shows them."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.sent(markup))).split())

    def sent(self, markup: str) -> str:
        """Return the HTML that the place puts on its page."""
        return markup if self.place.is_trusted else escape(Sanitized(markup).text)

    def ok(self, source: str, cell: str = "one") -> object:
        """Run a cell that must succeed."""
        result = self.run(source, cell)
        assert self.notebook.error is None, self.notebook.error_lines
        return result


@pytest.fixture(params=PLACES)
def name(request: pytest.FixtureRequest) -> str:
    """A place."""
    return str(request.param)


@pytest.fixture
def front_end(
    notebook: Notebook, project: Project, land: Land, name: str, monkeypatch: pytest.MonkeyPatch
) -> FrontEnd:
    """A notebook as the place would drive it, with a file that has landed."""
    land("orders/1.csv", "id,amount\n1,2.50\n")
    place, written = PLACES[name], list[str]()
    if not place.kernel:
        del notebook.shell.kernel  # type: ignore[attr-defined]
        del notebook.shell.get_parent  # type: ignore[attr-defined]
    if not place.ipywidgets:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(notebook.shell, "set_next_input", lambda text, replace=False: written.append(text))
    return FrontEnd(notebook, place, written)


@pytest.fixture
def expected(name: str) -> Expected:
    """What the place degrades to."""
    return EXPECTED[name]


def test_every_place_has_its_expectation() -> None:
    assert list(PLACES) == list(EXPECTED)


def test_the_result_reads_the_same_everywhere(front_end: FrontEnd) -> None:
    formats = front_end.notebook.formatted(front_end.ok(ORDERS))
    assert formats["text/plain"] == (
        "declared table bronze.orders (OrdersBronze): 1 column\n"
        "next, to fill it from files:\n  %alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
    )
    assert "declared table bronze.orders (OrdersBronze): 1 column" in front_end.read(formats["text/html"])
    glance = front_end.notebook.formatted(front_end.ok("%alur", "two"))
    assert "bronze.orders: 1 column, never loaded" in glance["text/plain"]
    assert "bronze.orders" in front_end.read(glance["text/html"])


def test_a_cell_again_replaces_and_another_cell_warns_where_cells_are_told_apart(
    front_end: FrontEnd, expected: Expected, project: Project
) -> None:
    front_end.ok(ORDERS)
    front_end.ok(ORDERS)
    assert front_end.notebook.shown() == []
    front_end.ok(f"{ORDERS}\nname string", "another")
    warned = [text for text in front_end.notebook.shown() if text.startswith("Warning: ")]
    assert len(warned) == (expected.twice == "warns")
    assert len(project.table("orders").columns) == 2


def test_a_cell_below_is_written_and_its_text_is_in_the_card_as_well(
    front_end: FrontEnd, expected: Expected
) -> None:
    inferred = front_end.ok(INFER)
    assert bool(front_end.written) is expected.writes_below
    formats = front_end.notebook.formatted(inferred)
    for text in (formats["text/plain"], front_end.read(formats["text/html"])):
        assert "%%alur_table seen --layer bronze" in text


def test_a_form_has_controls_or_is_the_cell_to_start_from(front_end: FrontEnd, expected: Expected) -> None:
    form = front_end.ok("%alur_table late --new")
    assert isinstance(form, Form)
    assert form.step == expected.form
    assert front_end.notebook.error is None
    shown = "\n".join([str(form), *front_end.notebook.shown()])
    assert "%%alur_table late --layer bronze" in shown


def test_a_mistake_ends_the_cell_everywhere(
    front_end: FrontEnd, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end.run("%alur_run")
    assert front_end.notebook.error is not None
    assert front_end.notebook.error_lines[0] == "NotebookError: %alur_run: name pipelines, or --all."
    assert not front_end.notebook.shown("text/html"), "the lines hold all of it"

    def refuse(line: str) -> None:
        raise SettingsError("Some keys are wrong.", fix="\n".join(f"key_{number} = 1" for number in range(9)))

    monkeypatch.setattr(operating, "check_command", lambda: SimpleNamespace(parse=refuse))
    front_end.run("%alur_check")
    assert front_end.notebook.error_lines[0] == "SettingsError: Some keys are wrong."
    assert any("key_8" in html for html in front_end.notebook.shown("text/html")) is (
        expected.error == "card"
    )


def test_long_work_shows_where_it_is_and_how_it_ended(
    front_end: FrontEnd, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(task: Task[int]) -> int:
        task.tell("orders", "started")
        task.cancelled.wait(0.5)
        task.tell("orders", "ended")
        return 1

    monkeypatch.setattr(work, "FIRST_SIGN_SECONDS", 0.05)
    front_end.notebook.publisher.outputs.clear()
    assert in_background(front_end.notebook.shell, Task("run of orders", count)) == 1
    outputs = front_end.notebook.publisher.outputs
    assert [bool(output["update"]) for output in outputs[1:]] == [expected.progress == "update"] * (
        len(outputs) - 1
    )
    shown = outputs[-1]["data"]["text/plain"]
    assert "run of orders: done" in shown
    assert "orders: ended" in shown


def test_an_update_that_a_front_end_cannot_make_is_added(front_end: FrontEnd, expected: Expected) -> None:
    live = Live(front_end.notebook.shell)
    assert live.can_update is (expected.progress == "update")
    live.update("text", Html("<p>text</p>"))
    assert front_end.notebook.shown()[-1] == "text"


# The places that are processes of their own.

PLAIN = """
import alur_nb

class OrdersBronze(alur_nb.BronzeTable):
    id = alur_nb.IntegerField()

@alur_nb.pipeline(sources={"orders": alur_nb.files("orders/*.csv")}, target=OrdersBronze)
def ingest_orders(orders):
    return orders

print(alur_nb.check())
try:
    alur_nb.preview("ingest_order")
except Exception as error:
    print(error)
"""


def run(program: str, *argv: str, given: str | None = None) -> str:
    """Run Python in the project's folder and return what it printed; it must end well and say nothing else."""
    done = subprocess.run(
        [sys.executable, *argv, "-c", program] if given is None else [sys.executable, *argv],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_python_declares_and_is_told_in_words(land: Land) -> None:
    land("orders/1.csv", "id\n1\n")
    said = run(PLAIN)
    assert "There is no pipeline `ingest_order` (did you mean `ingest_orders`?)." in said
    assert "  next:  Declared: ingest_orders." in said


@pytest.mark.slow
def test_plain_python_previews_and_runs(land: Land) -> None:
    land("orders/1.csv", "id\n1\n2\n")
    said = run(f"{PLAIN}\nprint(alur_nb.preview('ingest_orders'))\nprint(alur_nb.run('ingest_orders'))")
    assert "preview of ingest_orders -> bronze.orders: would load" in said
    assert "ingest_orders -> bronze.orders: loaded, 2 rows from 1 file" in said


@pytest.mark.slow
def test_a_real_terminal_shows_text_and_one_error(land: Land, tmp_path: Path) -> None:
    land("orders/1.csv", "id\n1\n")
    (tmp_path / "ipython").mkdir()
    # Without a terminal behind it IPython reads each line as a cell.
    declare = "get_ipython().run_cell_magic('alur_table', 'orders', 'id int')"
    cells = ["%load_ext alur_nb", declare, "%alur", "%alur_run", "print('after')"]
    argv = [
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-banner",
        "--colors=nocolor",
        f"--ipython-dir={tmp_path / 'ipython'}",
    ]
    said = run("", *argv, given="\n".join(cells) + "\n")
    assert "declared table bronze.orders (OrdersBronze): 1 column" in said
    assert "bronze.orders: 1 column, never loaded" in said
    assert said.count("NotebookError: %alur_run: name pipelines, or --all.") == 1
    assert "Traceback" not in said
    assert "after" in said

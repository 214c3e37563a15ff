"""Each public object has its readings: plain text on a page, and HTML that says as much when a sanitizer is through."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui.cards import CARDS, LATE_CARDS, to_html
from alur_nb.ui.export_panel import ExportPanel
from alur_nb.ui.form_facts import Form
from alur_nb.ui.help import help_page
from tests.conftest import Land
from tests.ui.conftest import Notebook
from tests.ui.ledgers import note_batch
from tests.ui.sheets import SHEETS
from tests.ui.test_cards import BUNDLE, CHECK, DECLARE, GLANCE, PREVIEW, QUERY, RUN
from tests.ui.test_export_panel_card import FACTS
from tests.ui.test_preview_card import FULL
from tests.ui.test_rejects_card import REJECTS
from tests.ui.test_table_states import DIFF, MAINTAINED

TAKEN_WITH_WHAT_THEY_HOLD = ("style", "script", "svg")
"""By JupyterLab's sanitizer of untrusted outputs (apputils/src/sanitizer.ts); `aria-*` and `role` are not kept either."""


class Sanitized(HTMLParser):
    """What an untrusted notebook shows of markup: no style, svg or script, no aria, no role."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within = 0
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within += tag in TAKEN_WITH_WHAT_THEY_HOLD

    def handle_endtag(self, tag: str) -> None:
        self._within -= tag in TAKEN_WITH_WHAT_THEY_HOLD

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """The words that are left."""
        return " ".join(" ".join(self.texts).split())


STATES = frozenset(
    """loaded failed skipped cancelled rejected passed ok error warning problem refused differs surplus missing
    new bad done changed aborted superseded declared never""".split()  # noqa: SIM905 - read as words
)


def named(text: str) -> set[str]:
    """Return the numbers, names and states of a plain text: digits, names with a mark inside, words in capitals."""
    # A row's `id=-1` is a cell below its header in a table.
    words = {word.strip(".,:;()[]`'\"") for word in re.split(r"\s+|(?<=\w)=", text)}
    marked = {word for word in words if re.search(r"\d|\w[_./=*-]\w|^[A-Z]{3,}$|^<.*>$", word)}
    return marked | {word for word in words if word in STATES}


def says(shown: str, fact: str) -> bool:
    """Whether a text has the fact as a word: the `1` of `11` is another number."""
    return re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", shown, re.IGNORECASE) is not None


@pytest.fixture
def values(notebook: Notebook, project: Project, workspace: Workspace, land: Land) -> Callable[[str], object]:
    """Return an object by the name of its type, with as much in it as it can hold."""
    land("orders/1.csv", "id,amount,day\n1,2.50,2026-01-02\n007,x,01/02/2024\n")
    notebook.ok(DECLARE)
    note_batch(workspace.ledger, "bronze.orders", counts={"rows": 1_000, "files": 3, "rejected": 7})
    note_batch(workspace.ledger, "bronze.orders", aborted="A reason. orders/1.csv, line 3")
    found = {
        "Table": lambda: project.table("orders"),
        "TableType": lambda: notebook.shell.user_ns["OrdersBronze"],
        "Pipeline": lambda: project.pipeline("ingest_orders"),
        "RunReport": lambda: RUN,
        "QueryResult": lambda: QUERY,
        "Declaration": lambda: notebook.ok("%%alur_table late\nid int comment 'a <b>'", "b"),
        "Glance": lambda: GLANCE,
        "History": lambda: notebook.ok("%alur_history orders", "c"),
        "RejectsReport": lambda: REJECTS,
        "Help": help_page,
        "LineageReport": lambda: notebook.ok("%alur_lineage orders.id --no-call", "l"),
        "Status": lambda: notebook.ok("%alur_status", "s"),
        "Form": lambda: Form("table", "template", "%%alur_table orders\nid int", 'pip install "x>=8.1"'),
        "Preview": lambda: FULL,
        "Inference": lambda: notebook.ok("%alur_table seen --from 'orders/*.csv'", "d"),
        "CheckReport": lambda: CHECK,
        "Bundle": lambda: BUNDLE,
        "DiffReport": lambda: DIFF,
        "MaintenanceReport": lambda: MAINTAINED,
        "ExportPanel": lambda: ExportPanel(FACTS),
        "live Glance": lambda: notebook.ok("%alur", "e"),
        "Preview of a sample": lambda: PREVIEW,
        **{name: (lambda value=value: value) for name, value in SHEETS.items()},
    }
    return lambda name: found[name]()


KINDS = sorted({kind.__name__ for kind in CARDS} | {name for _, name in LATE_CARDS})
NAMES = [*KINDS, "live Glance", "Preview of a sample"]


@pytest.mark.parametrize("name", NAMES)
def test_an_object_has_its_readings_and_they_say_the_same(
    notebook: Notebook, values: Callable[[str], object], name: str
) -> None:
    value = values(name)
    assert name not in KINDS or type(value).__name__ == name
    # A panel shows itself: its card, and then controls.
    formats = notebook.formatted(value) or {"text/plain": str(value), "text/html": to_html(value).text}
    assert {"text/plain", "text/html"} <= set(formats)
    assert max(map(len, formats["text/plain"].splitlines())) <= 100
    facts = named(formats["text/plain"])
    shown = Sanitized(formats["text/html"]).text
    assert facts
    assert {fact for fact in facts if not says(shown, fact)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_reading_names_no_address_and_is_the_same_twice(
    notebook: Notebook, values: Callable[[str], object], workspace: Workspace, name: str
) -> None:
    value = values(name)
    first, second = notebook.formatted(value), notebook.formatted(value)
    assert first == second
    for text in first.values():
        assert not re.search(r"\b0x[0-9a-f]{6,}|[0-9a-f]{8}-[0-9a-f]{4}-", text)
        assert str(workspace.settings.root) not in text


def test_the_model_of_the_sanitizer_takes_what_lab_takes() -> None:
    markup = '<p role="x" aria-label="a" title="t">b<svg><title>c</title></svg><style>d</style><b>e</b></p>'
    assert Sanitized(markup).text == "b e"

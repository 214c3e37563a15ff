"""Cards: each object in plain text and in HTML, with the same facts, readable without style or script."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.dag_picture import Graph, Node
from alur_nb.authoring.diffing import DiffReport
from alur_nb.authoring.infer_facts import Inference
from alur_nb.authoring.lineage import LineageReport
from alur_nb.authoring.maintaining import MaintenanceReport
from alur_nb.authoring.operate import CheckReport
from alur_nb.authoring.preview_facts import (
    CheckPreview,
    ContractColumn,
    FileFact,
    Obstacle,
    Preview,
    RejectedRow,
    ResultColumn,
    Sampled,
    SourcePreview,
    Step,
)
from alur_nb.authoring.query import QueryResult
from alur_nb.authoring.rejects import RejectsReport
from alur_nb.authoring.report_facts import Status
from alur_nb.runtime.checks import Severity
from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.problems import Problem
from alur_nb.runtime.project import Project
from alur_nb.runtime.quality import CheckResult
from alur_nb.runtime.report import PipelineRun, RunReport
from alur_nb.runtime.tables import BaseTable
from alur_nb.ui import html
from alur_nb.ui.cards import CARDS, LATE_CARDS, to_html, to_text
from alur_nb.ui.export_panel import ExportPanel
from alur_nb.ui.glance import Glance, PipelineLine, TableLine
from alur_nb.ui.help import help_page
from tests.ui.conftest import Notebook
from tests.ui.sheets import SHEETS

DECLARE = """
import alur_nb

class OrdersBronze(alur_nb.BronzeTable):
    '''What the shop <sold>.'''
    id = alur_nb.IntegerField(nullable=False, description="the shop's number")
    created_at = alur_nb.TimestampField()
    class Meta:
        partition_by = [alur_nb.day("created_at")]
        primary_key = ["id"]

@alur_nb.schedule("0 6 * * ? *", timezone="Europe/Berlin")
@alur_nb.expect(check_fn=alur_nb.row("id > 0"))
@alur_nb.pipeline(sources={"orders": alur_nb.files("orders/*.csv", source_system="shop", strict=False,
    reject_limit=0.2, options={"nullValue": "NA"})}, target=OrdersBronze)
def ingest_orders(orders):
    '''Takes the shop's files in.'''
    return orders
"""

RUN = RunReport(
    "run-1",
    (
        PipelineRun(
            "ingest_orders",
            "bronze.orders",
            "loaded",
            batch_id="00000001-0001",
            rows=12_345,
            rejected=20,
            files=11,
            skipped_files=("orders/x.csv: the header lacks `id`",),
            reject_reasons={"amount: not a number": 19, "id: null": 1},
            checks=(CheckResult("positive", Severity.WARN, False, "3 of 12,345 rows", "3 rows break it"),),
            warnings=("orders/2.csv is orders/1.csv again",),
            duration_seconds=1.25,
        ),
        PipelineRun(
            "find_late",
            "bronze.late",
            "failed",
            error=SourceError("No such folder <late>.", fix="Make it."),
        ),
    ),
)
GLANCE = Glance(
    tables=(
        TableLine(
            "bronze.orders",
            2,
            "12,345 rows in 2 batches",
            "What the shop <script>sold</script>.",
            "00000002-0001 loaded, 3 rows, 1 rejected, 2026-01-02 03:04:05 UTC",
        ),
    ),
    pipelines=(
        PipelineLine(
            "ingest_orders",
            ("files(orders/*.csv)",),
            "bronze.orders",
            (),
            "0 6 * * ? * UTC",
            1,
            "loaded, 2026-01-02 03:04:05 UTC",
            ("declared again since its last run: `clean` in cell [7]",),
        ),
        PipelineLine("find_late", ("new(bronze.orders)",), "bronze.late", ("ingest_orders",), "", 0),
    ),
    problems=("two of <them>",),
    notes=(
        "cell [4] was run but is not saved: it is in the kernel, not in the notebook, and declares bronze.late",
    ),
    graph=Graph((Node("orders/*.csv", "files"), Node("ingest_orders", "pipeline")), ((0, 1),), "cut <here>"),
    next_steps=("%alur_run --all",),
)
CHECK = CheckReport(
    ("ingest_orders",),
    ("bronze.orders",),
    (Problem("error", "a and b both write bronze.orders.", "Give one another table.", "cell [3]", "b"),),
)
BUNDLE = Bundle(
    Path("bundle"),
    "dev",
    ("jobs/ingest_orders.py",),
    ("bronze.orders",),
    ("ingest_orders",),
    ("a notice",),
    ("jobs/ingest_orders.py", "manifest.json"),
)
QUERY = QueryResult(("id", "name"), ("int", "string"), ((1, "<b>"), (None, "x" * 80)), is_complete=False)
VALUES = {"run": RUN, "glance": GLANCE, "check": CHECK, "bundle": BUNDLE, "query": QUERY, "help": help_page()}


def test_where_a_bundle_is_reads_the_same_in_every_folder() -> None:
    told = {
        (str(one), str(to_html(one)))
        for root in (Path("/home/ann/shop"), Path("/srv/shop"))
        for one in [replace(BUNDLE, path=root / "out/bundle", root=root)]
    }
    ((text, markup),) = told
    assert text.startswith("Bundle for dev: 1 job, 1 table, in out/bundle\n")
    assert "Bundle for dev: 1 job, 1 table, in out/bundle<" in markup and ">1 job script<" in markup
    elsewhere = replace(BUNDLE, path=Path("/mnt/bundle"), root=Path("/srv/shop"))
    assert "in /mnt/bundle" in str(elsewhere) and "in /mnt/bundle" in str(to_html(elsewhere))


class _Reader(HTMLParser):
    """Reads what a strict sanitizer leaves: the text between tags, without style, svg and script."""

    ALLOWED = frozenset(
        [
            "section",
            "div",
            "span",
            "p",
            "strong",
            "code",
            "pre",
            "details",
            "summary",
            "ul",
            "ol",
            "li",
            "dl",
            "dt",
            "dd",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.in_svg = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.in_svg or tag == "svg":
            # A sanitizer takes the whole picture away.
            self.in_svg += 1
            return
        assert tag in self.ALLOWED
        assert set(dict(attrs)) <= {"scope", "open", "style"}
        styles = (
            "",
            "text-align:left",
            "text-align:right",
            "text-align:left;padding:0.5em 0",
            "white-space:nowrap",
        )
        assert dict(attrs).get("style", "") in styles
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.in_svg:
            self.in_svg -= 1
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.in_svg:
            self.words.append(data)


def read(markup: str) -> str:
    """Return the text of a card, and check that it is well formed and bare."""
    reader = _Reader()
    reader.feed(markup)
    assert not reader.open
    return " ".join(" ".join(reader.words).split())


def facts(text: str) -> set[str]:
    """Return the words and numbers of a plain text that carry meaning."""
    return {word.strip(".,:;()") for word in text.split() if re.search(r"\w\w|\d", word)}


@pytest.mark.parametrize("name", VALUES)
def test_the_card_has_every_fact_of_the_text(name: str) -> None:
    value = VALUES[name]
    text, card = to_text(value), to_html(value)
    assert card is not None
    shown = read(str(card))
    # Words that only join facts may differ between a sentence and a table.
    joining = {
        "where",
        "next",
        "after",
        "from",
        "rows",
        "batch",
        "checks",
        "check",
        "in",
        "problem",
        "usage",
        "----",
    }
    missing = {fact for fact in facts(text.lower()) if fact not in shown.lower()} - joining
    assert not {word for word in missing if not set(word) <= {"-"}}


@pytest.mark.parametrize("name", ["table", "class", "pipeline", "declaration"])
def test_declarations_have_a_card_and_a_text(notebook: Notebook, project: Project, name: str) -> None:
    notebook.ok(DECLARE)
    value = {
        "table": project.table("orders"),
        "class": notebook.shell.user_ns["OrdersBronze"],
        "pipeline": project.pipeline("ingest_orders"),
        "declaration": notebook.ok("%%alur_table late\nid int comment 'a <b>'", "b"),
    }[name]
    formats = notebook.formatted(value)
    shown = read(formats["text/html"])
    assert not {fact for fact in facts(formats["text/plain"]) if fact not in shown} - {
        "source",
        "check",
        "not",
    }
    assert max(map(len, formats["text/plain"].splitlines())) <= 100


def test_the_texts_of_declarations(notebook: Notebook, project: Project) -> None:
    notebook.ok(DECLARE)
    assert to_text(project.table("orders")) == (
        "table bronze.orders (OrdersBronze): 2 columns\n"
        "  What the shop <sold>.\n"
        "  primary key: id\n"
        '  partitioned by: day("created_at")\n'
        "  format: parquet\n"
        "  written by: ingest_orders\n"
        "  id          int not null  the shop's number\n"
        "  created_at  timestamp"
    )
    assert to_text(project.pipeline("ingest_orders")) == (
        "pipeline ingest_orders: files(orders/*.csv) -> bronze.orders\n"
        "  Takes the shop's files in.\n"
        "  schedule: 0 6 * * ? * Europe/Berlin\n"
        "  source orders: files(orders/*.csv) (source_system shop, not strict, reject_limit 0.2,\n"
        "    nullValue='NA')\n"
        "  check row(id > 0): ERROR"
    )


def test_a_class_without_a_table_is_shown_as_python_shows_it() -> None:
    assert to_html(BaseTable) is None
    assert to_text(BaseTable) == "<BaseTable: no table>"


def test_no_card_ever_raises(monkeypatch: pytest.MonkeyPatch, notebook: Notebook) -> None:
    def broken(value: object) -> html.Html:
        raise RuntimeError("a card")

    monkeypatch.setitem(CARDS, RunReport, broken)
    formats = notebook.formatted(RUN)
    assert "text/html" not in formats
    assert "12,345 rows" in formats["text/plain"]


def test_the_late_types_are_where_the_cards_look_for_them() -> None:
    states = (DiffReport("", "", "", (), 0, 0, 0, 0), MaintenanceReport(), Status(), *SHEETS.values())
    reports = (RejectsReport("", 0, {}), LineageReport(), Inference("", ""))
    values = (CHECK, BUNDLE, PREVIEW, ExportPanel(), *states, *reports)
    known = {(type(value).__module__, type(value).__qualname__) for value in values}
    assert known == set(LATE_CARDS)


@pytest.mark.parametrize("name", ["run", "check", "bundle"])
def test_ipython_shows_the_cards(notebook: Notebook, name: str) -> None:
    assert notebook.formatted(VALUES[name])["text/html"] == str(to_html(VALUES[name]))


def test_a_query_says_that_there_are_more_rows() -> None:
    assert str(QUERY).endswith("the first 2 rows; there are more (-n shows more)")
    assert "the first 2 rows; there are more (-n shows more)" in read(str(to_html(QUERY)))
    assert "NULL" in str(QUERY)
    assert "…" in str(QUERY)


SAMPLED = Sampled(2, 12, 2_000, 1_200_000, 150, 3, complete=False, bytes_covered=2_000)
PREVIEW = Preview(
    "ingest_orders",
    "bronze.orders",
    "would fail",
    sources=(
        SourcePreview(
            "orders",
            "files",
            "orders/*.csv",
            "new",
            counts={"new": 11, "bad": 1},
            files=(FileFact("orders/1.csv", "bad", 1_234, "no header", "Add one.", opened=True),),
            bytes=1_200_000,
            sampled=SAMPLED,
            columns=(ContractColumn("id", "int", "refused", 1, 2, "Order No."),),
        ),
        SourcePreview(
            "late", "new", "bronze.late", "new", batches=3, batch_rows=4_000, pending=("find_late",)
        ),
    ),
    columns=("id", "name"),
    types=("int", "string"),
    rows=((1, "<b>"), (2, None)),
    sample_rows=147,
    exact=False,
    rejected=(RejectedRow("orders/2.csv", 7, "id", "not a number", "x,y"),),
    rejected_rows=3,
    reject_reasons={"id: not a number": 3},
    result_columns=(ResultColumn("id", "int", "string", "differs"),),
    checks=(
        CheckPreview(
            CheckResult("positive", Severity.ERROR, False, "1 of 147 rows", "1 row breaks it", ({"id": -1},)),
            "failed",
            on_sample=True,
        ),
    ),
    lineage=(Step("ingest_orders", ("files(orders/*.csv)",), "bronze.orders"),),
    problems=(Obstacle("orders/1.csv has no header", "Add one."),),
    warnings=("a warning",),
    notes=("10 files were not opened",),
)


def test_a_preview_says_what_it_found_and_what_it_did_not_see() -> None:
    shown = read(str(to_html(PREVIEW)))
    for fact in (
        "preview of ingest_orders -> bronze.orders: would fail",
        "orders/1.csv has no header Next: Add one.",
        "not seen: 10 files were not opened",
        "the first 2 of a sample of 147 rows",
        "id int string differs",
        "orders/2.csv 7 id not a number x,y",
        "positive failed 1 of 147 rows 1 row breaks it judged on a sample ERROR: nothing is published",
        "rows that fail positive",
    ):
        assert fact in shown


def test_a_previews_card_has_every_fact_of_its_text() -> None:
    shown = read(str(to_html(PREVIEW)))
    words = set(re.findall(r"[\w./*-]*\w", str(PREVIEW)))
    assert not {word for word in words if word not in shown} - {"next", "by", "given", "fails", "opened"}


def test_an_empty_preview_says_so() -> None:
    assert read(str(to_html(Preview("", "", "nothing new")))) == "Nothing was previewed."

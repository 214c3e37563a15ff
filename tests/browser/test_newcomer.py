"""From an empty notebook to files for AWS, by clicks and keys; then the notebook as others get it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.lab import PICTURES, Notebook
from tests.browser.project import BAD_LINE, PIPELINE, TABLE
from tests.browser.server import Lab

LOAD, DECLARE, INGEST, RUN, EXPORT, COUNT = range(6)

# What a reader of any copy has: the texts, and the tables with their captions and headers.
READ = """() => [...document.querySelectorAll('.jp-CodeCell')].map(cell => {
    const outputs = [...cell.querySelectorAll('.jp-OutputArea-output')]
    return {
        texts: outputs.map(output => output.textContent.trim()),
        tables: outputs.flatMap(output => [...output.querySelectorAll('table')].map(table => ({
            caption: table.caption?.textContent,
            columns: table.querySelectorAll('th[scope=col]').length,
            rows: table.querySelectorAll('th[scope=row]').length,
        }))),
        folded: cell.querySelectorAll('details > summary').length,
    }
})"""


@dataclass(frozen=True, slots=True)
class Story:
    """The newcomer's notebook after the last step, still open."""

    notebook: Notebook
    folder: Path

    @property
    def bundle(self) -> Path:
        """What was exported."""
        return self.folder / "bundle"


@pytest.fixture(scope="module")
def story(open_page: OpenPage, lab: Lab) -> Story:
    """A notebook from Lab's launcher, six cells typed into it and run, saved as Lab names it."""
    notebook = open_page()
    notebook.create("shop")
    for lines in ("%load_ext alur_nb", TABLE, f"%{PIPELINE} --preview", "%alur_run ingest_orders"):
        notebook.enter(lines)
    notebook.save()
    notebook.enter("%alur_export --env dev")
    notebook.enter("%alur_sql select count(*) as orders, sum(amount) as total from orders")
    return Story(notebook, lab.folder / "shop")


def counted(notebook: Notebook) -> list[str]:
    """Return the number of orders and their total, as the last cell shows them."""
    return notebook.output(COUNT).locator("tbody tr").locator("th, td").all_inner_texts()


def test_each_step_says_what_it_did(story: Story) -> None:
    notebook = story.notebook
    expect(notebook.output(LOAD)).to_have_text("")
    expect(notebook.output(DECLARE)).to_contain_text("declared table bronze.orders (OrdersBronze): 4 columns")
    preview = notebook.output(INGEST)
    expect(preview).to_contain_text("preview of ingest_orders -> bronze.orders: would load")
    ran = notebook.output(RUN).locator("table").first
    expect(ran.locator("tbody tr")).to_have_count(1)
    assert ran.locator("tbody tr").locator("th, td").all_inner_texts()[:6] == [
        *("ingest_orders", "bronze.orders", "loaded"),
        *("5", "3", "2"),
    ]
    expect(notebook.output(EXPORT)).to_contain_text("Bundle for dev: 1 job")
    assert counted(notebook) == ["5", "757.59"]
    notebook.picture(PICTURES / "run.png", notebook.cell(RUN))
    notebook.picture(PICTURES / "preview.png", notebook.cell(INGEST))
    notebook.cell(LOAD).scroll_into_view_if_needed()
    notebook.picture(PICTURES / "notebook.png")


def test_the_preview_shows_rows_and_why_others_are_rejected(story: Story) -> None:
    preview = story.notebook.output(INGEST)
    rows = preview.get_by_role("table", name="the first 5 of 5 rows").locator("tbody tr")
    expect(rows).to_have_count(5)
    # What a file holds is text, whatever it looks like.
    expect(rows.last).to_contain_text("<b>Radia</b> & Perlman")
    reasons = preview.get_by_role("table", name="3 rejected rows by reason")
    expect(reasons.locator("tbody tr")).to_have_count(3)
    rejected = preview.get_by_role("table", name="rejected rows", exact=True)
    expect(rejected).to_be_hidden()
    preview.get_by_text("the first 3 rejected rows").click()
    expect(rejected).to_be_visible()
    bad = rejected.locator("tbody tr", has_text=BAD_LINE)
    expect(bad).to_contain_text("orders/2026-03-02.csv")
    expect(bad).to_contain_text("is not a number")
    story.notebook.picture(PICTURES / "rejects.png", preview.locator("details", has_text="rejected rows"))


def test_what_is_folded_opens_by_keys_alone(story: Story) -> None:
    preview = story.notebook.output(INGEST)
    files = preview.locator("details", has_text="2 files of orders")
    files.locator("summary").focus()
    story.notebook.page.keyboard.press("Space")
    expect(files.get_by_role("table", name="files of orders")).to_be_visible()


def test_the_files_of_the_export_are_there(story: Story) -> None:
    manifest = json.loads((story.bundle / "manifest.json").read_text())
    assert "ingest_orders" in json.dumps(manifest)
    script = (story.bundle / "jobs" / "ingest_orders.py").read_text()
    assert "class OrdersBronze(alur_nb.BronzeTable):" in script
    assert "%" not in script
    assert list((story.bundle / "lib").glob("*.whl"))
    assert list(story.bundle.rglob("*.tf"))
    batches = list((story.folder / ".alur" / "warehouse").rglob("orders/batch_id=*"))
    assert len(batches) == 1


def test_a_restart_and_all_cells_again_load_nothing_twice(story: Story) -> None:
    notebook = story.notebook
    notebook.restart_and_run_all()
    notebook.finish_all(range(6))
    expect(notebook.output(RUN).locator("table").first).to_contain_text("nothing new")
    assert counted(notebook) == ["5", "757.59"]
    expect(notebook.output(EXPORT)).to_contain_text("nothing changed")
    assert len(list((story.folder / ".alur" / "warehouse").rglob("orders/batch_id=*"))) == 1


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_saved_notebook_reads_the_same_without_its_kernel(
    story: Story, open_page: OpenPage, lab: Lab, is_trusted: bool
) -> None:
    shown = story.notebook.ask(READ)
    assert sum(len(cell["tables"]) for cell in shown) >= 8
    story.notebook.save()
    copy = story.folder / f"received-{is_trusted}.ipynb"
    saved = nbformat.read(story.folder / "Untitled.ipynb", as_version=4)
    assert "widgets" not in saved.metadata
    if not is_trusted:
        # Another text has another signature: Lab takes the notebook for a stranger's.
        saved.cells.insert(0, nbformat.v4.new_markdown_cell("Look at this."))
    nbformat.write(saved, copy)
    lab.end_kernels()
    reopened = open_page()
    reopened.open(f"shop/{copy.name}")
    assert reopened.is_trusted() is is_trusted
    assert reopened.ask(READ) == shown
    expect(reopened.page.get_by_text("model not found")).to_have_count(0)
    reopened.page.context.close()

"""Every card in a light and a dark theme: its words stand out, and a screen reader has no reason to complain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.lab import PICTURES, Notebook
from tests.require import require_path

HERE = Path(__file__).resolve().parent
AXE = HERE.parents[1] / ".tools" / "axe-core" / "package" / "axe.min.js"
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
OURS = ".jp-OutputArea-output.jp-RenderedHTMLCommon"
# WCAG 2.2, 1.4.3 (AA), for text of any size.
ENOUGH = 4.5

CARDS = {
    "table": ("%alur_table orders", "columns of bronze.orders"),
    "pipeline": ("%alur_pipeline ingest_orders", "sources of ingest_orders"),
    "preview": ("%alur_preview ingest_orders", "preview of ingest_orders"),
    "query": ("%alur_sql select 1 as one", "one"),
    "glance": ("%alur", "in the order of a run"),
    "help": ("%alur help", "%alur_preview"),
    "error": ("%%alur_table wrong\nid int\nname strng", "did you mean"),
}


def grave_faults(notebook: Notebook, selector: str) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds serious or critical below a selector: its rule, and where."""
    program = require_path(AXE, "make axe")
    notebook.page.add_script_tag(content=program.read_text(encoding="utf-8"))
    found = notebook.ask("selector => axe.run({ include: [selector] })", selector)
    assert found["passes"]
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]


@pytest.fixture(scope="module")
def gallery(workshop: Notebook) -> Iterator[Notebook]:
    """The workshop's notebook with one more cell for each kind of card, all of them unfolded."""
    for name, (lines, text) in CARDS.items():
        index = workshop.count() - 1
        output = workshop.enter(lines)
        assert text in output.inner_text()
        workshop.picture(PICTURES / f"card-{name}.png", workshop.cell(index))
    workshop.ask("() => document.querySelectorAll('details').forEach(part => { part.open = true })")
    yield workshop
    workshop.theme("Light")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_words_stand_out(gallery: Notebook, theme: str) -> None:
    gallery.theme(theme)
    gallery.page.get_by_role("table", name="columns of bronze.orders").last.scroll_into_view_if_needed()
    gallery.picture(PICTURES / f"{theme.lower()}.png")
    found = gallery.ask(CONTRAST, OURS)
    assert {"th", "td", "caption", "code", "summary", "strong", "p"} <= {one["tag"] for one in found}
    assert len(found) > 100
    assert [one for one in found if one["ratio"] < ENOUGH] == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_serious(gallery: Notebook, theme: str) -> None:
    gallery.theme(theme)
    assert grave_faults(gallery, OURS) == []

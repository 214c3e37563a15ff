"""The export by one click: the panel says what will be written, its button writes it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.lab import PICTURES, Notebook


def test_the_panels_button_writes_the_bundle(workshop: Notebook) -> None:
    index = workshop.count() - 1
    workshop.write(index, "%alur_export")
    workshop.save()
    panel = workshop.run(index)
    expect(panel).to_contain_text("ingest_orders")
    bundle = workshop.lab.folder / "workshop" / "bundle"
    assert not bundle.exists(), "the panel writes nothing by itself"
    panel.get_by_role("button", name="Export").click()
    expect(panel).to_contain_text(re.compile(r"cell \d+ of \d+"), timeout=30_000)
    expect(panel).to_contain_text("export to dev: done", timeout=90_000)
    workshop.picture(PICTURES / "export.png", workshop.cell(index))
    assert (bundle / "jobs" / "ingest_orders.py").is_file()
    assert (bundle / "terraform" / "alur.auto.tfvars.json").is_file()

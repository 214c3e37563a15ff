"""Cells that are run again, changed, doubled or stopped half way."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.lab import PICTURES, Notebook

WARNING = re.compile(r"Warning: the table bronze\.drafts is declared in cell \[\d+\] and cell \[\d+\]")


def test_a_changed_cell_replaces_and_another_cell_warns(workshop: Notebook) -> None:
    mine = workshop.count() - 1
    expect(workshop.enter("%%alur_table drafts\nid int")).to_contain_text("(DraftsBronze): 1 column")
    workshop.write(mine, "%%alur_table drafts\nid int\nname string")
    again = workshop.run(mine)
    expect(again).to_contain_text("(DraftsBronze): 2 columns")
    expect(again).not_to_contain_text("Warning")
    other = mine + 1
    workshop.write(other, "%%alur_table drafts\nid int\nname string\nnote string")
    expect(workshop.run(other)).to_contain_text(WARNING)
    # The way out that the warning names.
    workshop.write(other, "%alur_table drafts")
    shown = workshop.run(other)
    expect(shown).not_to_contain_text("Warning")
    workshop.run(mine)
    assert workshop.run(other).locator("tbody tr").count() == 2
    expect(workshop.enter("%alur_check")).to_contain_text(": ok")


def test_the_stop_button_ends_a_spark_job_and_the_next_run_is_right(workshop: Notebook) -> None:
    index = workshop.count() - 1
    workshop.write(index, "%alur_run slow")
    workshop.start(index)
    output = workshop.output(index)
    expect(output).to_contain_text(
        re.compile(r"Spark: job \d+, stages .*\d+ of \d+ tasks done"), timeout=60_000
    )
    workshop.picture(PICTURES / "progress.png", workshop.cell(index))
    workshop.interrupt()
    workshop.finish(index)
    expect(output).to_contain_text("cancelled: run of slow")
    expect(output).to_contain_text("run of slow: cancelled")
    expect(output).not_to_contain_text("Traceback")
    workshop.write(index, "%alur_run ingest_orders")
    ran = workshop.run(index).locator("table").first.locator("tbody tr")
    expect(ran).to_have_count(1)
    assert ran.locator("th, td").all_inner_texts()[2:5] == ["loaded", "5", "3"]
    expect(workshop.output(index)).not_to_contain_text("cancelled")

"""Help with the next line: what Tab offers, a contract made from files, and the form that writes a cell."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import PICTURES, Notebook


def complete(workshop: Notebook, begun: str, wanted: str) -> None:
    """Type the beginning of a line, press Tab, and take what is wanted from what Lab offers."""
    index = workshop.count() - 1
    workshop.write(index, begun)
    workshop.page.keyboard.press("Tab")
    item = workshop.page.locator(f'.jp-Completer-item[data-value="{wanted}"]')
    expect(item).to_be_visible()
    workshop.picture(PICTURES / "completion.png")
    item.click()


def test_tab_offers_options_and_tables(workshop: Notebook) -> None:
    index = workshop.count() - 1
    complete(workshop, "%alur_run ingest_orders --", "--downstream")
    assert workshop.source(index) == "%alur_run ingest_orders --downstream"
    complete(workshop, "%alur_pipeline other --from 'orders/*.csv' --target=", "orders")
    assert workshop.source(index) == "%alur_pipeline other --from 'orders/*.csv' --target=orders"


def test_a_table_inferred_from_files_is_written_below_once(workshop: Notebook) -> None:
    line = workshop.count() - 1
    workshop.write(line, "%alur_table visits --from 'visits/*.csv'")
    shown = workshop.run(line)
    expect(shown).to_contain_text("00017")  # why the number stays a text
    below = line + 1
    assert workshop.source(below).startswith("%%alur_table visits")
    expect(workshop.run(below)).to_contain_text("(VisitsBronze): 3 columns")
    cells = workshop.count()
    expect(workshop.run(line)).to_contain_text("no difference")
    assert workshop.count() == cells


def test_the_form_writes_the_cell_that_it_shows(workshop: Notebook) -> None:
    form = workshop.count() - 1
    workshop.write(form, "%alur_table --new")
    shown = workshop.run(form)
    shown.get_by_label("name", exact=True).fill("guests")
    shown.get_by_label("columns", exact=True).fill("name string not null\nage int")
    expect(shown).to_contain_text("%%alur_table guests")
    workshop.picture(PICTURES / "form.png", workshop.cell(form))
    shown.get_by_role("button", name="Write the cell").click()
    expect(shown).to_contain_text("Kept. Run this cell again")
    workshop.run(form)
    assert workshop.source(form + 1).startswith("%%alur_table guests")
    expect(workshop.run(form + 1)).to_contain_text("(GuestsBronze): 2 columns")

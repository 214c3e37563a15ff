"""`%alur_export` alone: the card, the controls, and what a click on them does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from alur_nb.authoring import operate
from alur_nb.authoring.bundle import Bundle
from alur_nb.authoring.following import Following
from alur_nb.ui import cards
from alur_nb.ui.export_panel import ExportPanel
from alur_nb.ui.export_panel_controls import Controls
from tests.ui.conftest import Notebook
from tests.ui.exporting import WAIT_SECONDS, Steered

SETTINGS = """
[project]
name = "shop"
[env.dev]
landing = "s3://acme-landing-dev/"
[env.dev.parameters]
limit = 7
[env.prod]
landing = "s3://acme-landing/"
"""
PARAMETERS = "limit = 10\nrate = 0.5\nday = '2026-01-01'\nfast = True\nnames = ['a', 'b']\nbig = 2**3\n"
CELLS = {
    "load": "%load_ext alur_nb",
    "parameters": PARAMETERS.replace("2**3", "9007199254740993"),
    "table": "%%alur_table orders\nid int not null\namount decimal(10,2)",
    "ingest": "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze",
}
WIDGET = "application/vnd.jupyter.widget-view+json"


def save(cells: dict[str, str]) -> None:
    """Save a notebook whose cells have these ids."""
    code = [v4.new_code_cell(source, id=cell_id) for cell_id, source in cells.items()]
    for cell in code:
        cell.metadata["tags"] = ["parameters"] if cell.id == "parameters" else []
    nbformat.write(v4.new_notebook(cells=code), "shop.ipynb")


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """A saved notebook whose cells have run."""
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    for cell_id in ("table", "ingest"):
        notebook.ok(CELLS[cell_id], cell_id)
    save(CELLS)
    return notebook


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steered]:
    """An export that the test steers, in place of the real one."""
    made = Steered()

    def export(path: Path, env: str, *, parameters: dict[str, object], following: Following) -> Bundle:
        assert path.name == "shop.ipynb"
        return made(env, parameters, following)

    monkeypatch.setattr(operate, "export", export)
    yield made
    made.go_on.set()


def controls(shop: Notebook) -> Controls:
    """Return the controls that a panel shows."""
    made = shop.ok("panel = %alur_export\npanel", "panel").controls()
    shop.publisher.outputs.clear()
    return made  # type: ignore[no-any-return]


def last_texts(shop: Notebook) -> list[str]:
    last: dict[str, str] = {}
    for output in shop.publisher.outputs:
        last[output["transient"]["display_id"]] = output["data"]["text/plain"]
    return list(last.values())


def test_the_card_comes_first_and_the_controls_in_an_output_of_their_own(shop: Notebook) -> None:
    panel = shop.ok("%alur_export", "panel")
    assert isinstance(panel, ExportPanel)
    card, below = (output["data"] for output in shop.publisher.outputs)
    assert card["text/plain"] == str(panel)
    assert card["text/html"] == str(cards.to_html(panel))
    assert WIDGET not in card
    assert WIDGET in below
    assert below["text/plain"] == (
        "controls: environment, limit, rate, day, fast, names, big, Export, Cancel; "
        "the same by typing: %alur_export --env dev -p limit=7"
    )
    assert "%alur_export --env dev" in below["text/html"]
    assert "saved: yes" in str(panel)
    assert json.loads(json.dumps(panel.to_dict()))["saved"].startswith("yes")


def test_the_card_holds_every_fact_of_the_text_and_nothing_of_this_machine(shop: Notebook) -> None:
    save({**CELLS, "table": "%%alur_table orders\nid int"})
    panel = shop.ok("%alur_export", "panel")
    html = str(cards.to_html(panel))
    for fact in (
        *panel.facts.unsaved,
        *(job.script for job in panel.facts.jobs),
        *panel.facts.tables,
        *(one.name for one in panel.facts.environments),
        panel.facts.saved,
        panel.facts.next_step,
    ):
        assert fact in str(panel).replace("\n    ", " ").replace("\n      ", " ")
        assert fact in html
    assert str(Path.cwd()) not in html + str(panel)


def test_names_of_the_project_are_escaped(shop: Notebook) -> None:
    Path("alur.toml").write_text(
        SETTINGS.replace("[env.prod]", '[env."<b>"]\nregion = "<script>"'), encoding="utf-8"
    )
    shop.ok("%alur_export", "panel")
    html = shop.shown("text/html")[0]
    assert "&lt;b&gt;" in html
    assert "<script>" not in html
    assert "<b>" not in html


def test_two_looks_give_the_same_bytes(shop: Notebook) -> None:
    first, second = shop.ok("%alur_export", "panel"), shop.ok("%alur_export", "panel")
    assert (str(first), str(cards.to_html(first))) == (str(second), str(cards.to_html(second)))


def test_an_unsaved_cell_is_named(shop: Notebook) -> None:
    shop.ok("%%alur_table visits\nid int", "visits")
    panel = shop.ok("%alur_export", "panel")
    assert panel.facts.unsaved == (
        "cell [4] was run but is not saved: it is in the kernel, not in the notebook, and declares bronze.visits",
    )


def test_a_batch_run_knows_its_cells_by_their_text_and_gets_no_controls(notebook: Notebook) -> None:
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    for cell_id in ("table", "ingest"):
        notebook.ok(CELLS[cell_id], None, stdin=False)
    save(CELLS)
    panel = notebook.ok("%alur_export", None, stdin=False)
    assert panel.facts.saved.startswith("yes")
    assert len(notebook.publisher.outputs) == 1


def test_a_terminal_gets_the_card_with_the_command_to_type(notebook: Notebook) -> None:
    Path("alur.toml").write_text(SETTINGS, encoding="utf-8")
    del notebook.shell.kernel  # type: ignore[attr-defined]
    for cell_id in ("table", "ingest"):
        notebook.ok(CELLS[cell_id], None)
    save(CELLS)
    panel = notebook.ok("%alur_export", None)
    assert panel.facts.saved.startswith("not known")
    (only,) = notebook.shown()
    assert only.splitlines()[-1] == "  next: %alur_export --env dev -p limit=7"


def test_without_ipywidgets_the_card_stands_alone(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    shop.ok("%alur_export", "panel")
    (only,) = shop.shown()
    assert "next: %alur_export --env dev" in only


def test_in_export_mode_it_is_empty(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    panel = shop.ok("%alur_export", "panel")
    assert panel == ExportPanel()
    assert shop.shown() == ["Nothing was looked at."]
    assert json.dumps(panel.to_dict())


def test_where_no_notebook_is_there_the_error_says_what_to_do(notebook: Notebook) -> None:
    notebook.run("%alur_export", "panel")
    assert notebook.error_lines[0].startswith("SettingsError: The project has no saved notebook.")


def test_every_control_has_visible_text_and_a_tooltip(shop: Notebook) -> None:
    made = controls(shop)
    for control in (made.environment, *made.fields.values(), made.export, made.cancel):
        assert control.description
        assert control.tooltip
    assert {name: type(field).__name__ for name, field in made.fields.items()} == {
        "limit": "IntText",
        "rate": "FloatText",
        "day": "Text",
        "fast": "Checkbox",
        "names": "Text",
        "big": "Text",
    }
    assert made.fields["names"].value == '["a", "b"]'
    assert made.fields["big"].value == "9007199254740993"


def test_fields_follow_the_environment_until_they_are_touched(shop: Notebook) -> None:
    made = controls(shop)
    made.environment.value = "dev"
    assert made.fields["limit"].value == 7
    made.environment.value = "prod"
    assert made.fields["limit"].value == 10
    assert made.given() == {}
    made.fields["limit"].value = 3
    made.environment.value = "dev"
    assert made.fields["limit"].value == 3
    assert made.given() == {"limit": 3}


def click(made: Controls, steered: Steered) -> None:
    made.export.click()
    assert steered.begun.wait(WAIT_SECONDS)


def ended(made: Controls) -> None:
    assert made._work.wait(WAIT_SECONDS)


def test_a_click_exports_with_what_the_fields_say(shop: Notebook, steered: Steered) -> None:
    made = controls(shop)
    made.environment.value = "prod"
    made.fields["day"].value = "2026-02-01"
    click(made, steered)
    steered.go_on.set()
    ended(made)
    assert steered.calls == [("prod", {"day": "2026-02-01"})]
    progress, result = last_texts(shop)
    assert progress.startswith("export to prod: done\n")
    assert result.startswith("Bundle for dev: 1 job")
    assert not made.export.disabled
    assert made.cancel.disabled


def test_cancel_in_the_middle_and_a_second_click(shop: Notebook, steered: Steered) -> None:
    made = controls(shop)
    click(made, steered)
    made.export.click()
    made.cancel.click()
    ended(made)
    assert len(steered.calls) == 1
    (progress,) = last_texts(shop)
    assert progress.startswith("export to dev: cancelled\n")
    assert not made.export.disabled


def test_what_was_changed_after_the_panel_was_shown_is_seen_at_the_click(
    shop: Notebook, steered: Steered
) -> None:
    made = controls(shop)
    shop.ok("%%alur_table orders\nid int not null", "table")
    shop.publisher.outputs.clear()
    made.export.click()
    ended(made)
    assert not steered.calls
    result = last_texts(shop)[1]
    assert result.startswith("ExportError: Cell 3 was run but is not saved as it ran")
    assert "next:  Save the notebook (Ctrl-S), then export again; " in result


def test_without_an_environment_there_is_nothing_to_click(shop: Notebook) -> None:
    Path("alur.toml").unlink()
    panel = shop.ok("%alur_export", "panel")
    assert panel.controls() is None
    assert "add [env.dev]" in str(panel)


def test_a_value_of_another_type_is_told_at_the_click(shop: Notebook) -> None:
    """The real export reads the parameters before it starts a kernel."""
    made = controls(shop)
    made.fields["names"].value = "no list"
    made.export.click()
    ended(made)
    result: Any = last_texts(shop)[1]
    assert result.startswith(
        "SettingsError: The parameter `names` is list by its default, and 'no list' is not."
    )

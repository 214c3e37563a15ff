"""The forms, driven by their traits: they write text, keep it for the next run, and look in a thread of their own."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from alur_nb.ui.cards import to_html, to_text
from alur_nb.ui.form_facts import Form
from alur_nb.ui.form_text import KINDS
from alur_nb.ui.forms import OpenForm, PipelineForm, TableForm
from tests.conftest import Land
from tests.ui.conftest import Notebook
from tests.ui.test_cards import read
from tests.ui.test_inferring import written


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[OpenForm]:
    """The forms that were shown, in order."""
    found: list[OpenForm] = []
    show = OpenForm.show

    def noted(form: OpenForm) -> None:
        found.append(form)
        show(form)

    monkeypatch.setattr(OpenForm, "show", noted)
    return found


def stands(notebook: Notebook) -> str:
    """Return the last state of the output that shows how the form stands."""
    return notebook.shown()[-1]


def test_a_table_is_made_with_the_form(notebook: Notebook, opened: list[OpenForm]) -> None:
    shown = notebook.ok("%alur_table --new", "form")
    assert isinstance(shown, Form)
    assert (shown.step, shown.cell, written(notebook)) == ("open", "", None)
    (form,) = opened
    assert "the cell has no body" in stands(notebook)
    form.controls["name"].value = "orders"
    form.controls["columns"].value = "id int not null"
    form.controls["primary_key"].value = "id"
    assert "%%alur_table orders --layer bronze --primary-key id" in stands(notebook)
    assert "no problem found in it" in stands(notebook)
    form.keep.click()
    assert "Kept. Run this cell again" in stands(notebook)
    # A callback puts no cell into the notebook: it would leak into whatever runs next.
    assert written(notebook) is None
    assert notebook.ok("1 + 1", "other") == 2
    assert written(notebook) is None
    done = notebook.ok("%alur_table --new", "form")
    assert done.step == "written"
    assert written(notebook) == "%%alur_table orders --layer bronze --primary-key id\nid int not null"
    assert len(opened) == 1
    assert notebook.ok("%alur_table --new", "form").step == "open"


def test_a_text_with_a_problem_is_not_kept(notebook: Notebook, opened: list[OpenForm]) -> None:
    notebook.ok("%alur_table orders --new", "form")
    opened[0].keep.click()
    assert "Not kept: correct the problem first." in stands(notebook)
    opened[0].controls["columns"].value = "id strng"
    assert "next: Known types: string, int" in stands(notebook)
    assert max(map(len, stands(notebook).splitlines())) <= 100
    assert notebook.ok("%alur_table --new", "form").step == "open"


def test_a_change_after_keeping_is_kept_no_more(notebook: Notebook, opened: list[OpenForm]) -> None:
    notebook.ok("%alur_table orders --new", "form")
    opened[0].controls["columns"].value = "id int"
    opened[0].keep.click()
    opened[0].controls["columns"].value = "id bigint"
    assert "Kept" not in stands(notebook)
    assert notebook.ok("%alur_table --new", "form").step == "open"


def test_the_line_fills_the_form(notebook: Notebook, opened: list[OpenForm]) -> None:
    notebook.ok(
        "%alur_table orders --new --layer silver --primary-key id --from 'x/*.csv' --description D "
        "--sequence-by at --scd-type 2 --freshness '2 days'",
        "t",
    )
    notebook.ok("%alur_pipeline load --new --from 'x/*.csv' --target T --expect 'a > 0' --no-strict", "p")
    table, pipeline = opened
    values = {name: control.value for name, control in table.controls.items()}
    assert values == {
        "name": "orders",
        "layer": "silver",
        "pattern": "x/*.csv",
        "columns": "",
        "primary_key": "id",
        "sequence_by": "at",
        "delete_when": "",
        "history": True,
        "partition_by": "",
        "freshness": "2 days",
        "description": "D",
    }
    assert pipeline.value("sources") == "x/*.csv"
    assert pipeline.value("expectations") == "a > 0"
    assert not pipeline.value("strict")


def test_what_only_a_merge_is_asked_is_enabled_for_one(notebook: Notebook, opened: list[OpenForm]) -> None:
    notebook.ok("%alur_table orders --new", "form")
    controls = opened[0].controls
    merge = [controls[name] for name in ("sequence_by", "delete_when", "history")]
    assert all(control.disabled for control in merge)
    controls["columns"].value = "id int not null, at timestamp"
    controls["layer"].value, controls["primary_key"].value = "silver", "id"
    assert not any(control.disabled for control in merge)
    controls["sequence_by"].value, controls["history"].value = "at", True
    assert "--primary-key id --sequence-by at --scd-type 2" in stands(notebook)
    controls["layer"].value = "gold"
    assert all(control.disabled for control in merge) and "--scd-type" not in stands(notebook)


def test_looking_fills_in_the_columns_and_shows_the_evidence(
    notebook: Notebook, opened: list[OpenForm], land: Land
) -> None:
    land("orders/1.csv", "id,amount\n1,2.50\n2,3.75\n")
    notebook.ok("%alur_table orders --new --from 'orders/*.csv'", "form")
    form = opened[0]
    assert isinstance(form, TableForm)
    form.look.click()
    assert form.thread is not None
    form.thread.join(20)
    assert form.value("columns") == "id     int not null\namount decimal(10,2) not null\n"
    assert (form.look.disabled, form.look.description) == (False, "Look")
    assert "candidate keys, on the sample: id" in stands(notebook)
    assert max(map(len, stands(notebook).splitlines())) <= 100
    assert "evidence for the columns" in notebook.shown("text/html")[-1]
    form.controls["pattern"].value = "order/*.csv"
    assert "candidate keys" not in stands(notebook)
    form.looked()
    form.thread.join(20)
    assert "does not exist" in stands(notebook)
    assert "Did you mean `orders/*.csv`" in stands(notebook)


def test_a_look_that_fails_says_so_in_the_form(
    notebook: Notebook, opened: list[OpenForm], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("alur_nb.authoring.infer.list_files", gone)
    notebook.ok("%alur_table orders --new --from 'orders/*.csv'", "form")
    form = opened[0]
    assert isinstance(form, TableForm)
    form.look.click()
    assert form.thread is not None
    form.thread.join(20)
    assert stands(notebook).endswith("The look ended with OSError: the disk is gone")
    assert (form.look.disabled, form.look.description) == (False, "Look")


def test_each_kind_of_pipeline_asks_for_what_it_needs(notebook: Notebook, opened: list[OpenForm]) -> None:
    notebook.ok("%%alur_table orders\nid int", "orders")
    notebook.ok("%alur_pipeline --new", "form")
    form = opened[0]
    assert isinstance(form, PipelineForm)
    assert form.value("target") == "bronze.orders"

    def asked() -> set[str]:
        return {
            name
            for name in ("sources", "query", "source_system", "strict")
            if not form.controls[name].disabled
        }

    assert asked() == {"sources", "source_system", "strict"}
    form.controls["kind"].value = KINDS[1]
    assert asked() == {"query"}
    form.controls["kind"].value = KINDS[2]
    assert asked() == {"sources"}
    form.controls["kind"].value = KINDS[0]
    form.controls["name"].value = "ingest_orders"
    form.controls["sources"].value = "orders/*.csv"
    form.keep.click()
    assert notebook.ok("%alur_pipeline --new", "form").step == "written"
    assert written(notebook) == "%alur_pipeline ingest_orders --from 'orders/*.csv' --target bronze.orders"


@pytest.mark.parametrize("line", ["%alur_table --new", "%alur_pipeline --new"])
def test_every_control_has_words(notebook: Notebook, opened: list[OpenForm], line: str) -> None:
    notebook.ok(line, "form")
    form = opened[0]
    buttons = [form.look, form.keep] if isinstance(form, TableForm) else [form.keep]
    for control in (*form.controls.values(), *buttons):
        assert control.description.strip()
        assert control.tooltip.strip()


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("%alur_table --new", "%%alur_table orders --layer bronze\norder_id string not null"),
        ("%alur_pipeline --new", "%alur_pipeline ingest_orders --from 'orders/*.csv' --target bronze.orders"),
    ],
)
def test_without_ipywidgets_there_is_a_cell_to_start_from(
    notebook: Notebook, opened: list[OpenForm], monkeypatch: pytest.MonkeyPatch, line: str, begins: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ipywidgets" else find(name, *more)
    )
    form = notebook.ok(line, "form")
    assert (form.step, opened) == ("template", [])
    assert (written(notebook) or "").startswith(begins)
    assert 'pip install "ipywidgets>=8.1,<9"' in str(form)


def test_a_terminal_and_a_batch_run_have_no_controls(notebook: Notebook, opened: list[OpenForm]) -> None:
    assert notebook.ok("%alur_table --new", None, stdin=False).step == "template"
    assert written(notebook) is None
    del notebook.shell.kernel  # type: ignore[attr-defined]
    assert notebook.ok("%alur_table --new", None).step == "template"
    assert (written(notebook) or "").startswith("%%alur_table orders")
    assert not opened


def test_during_an_export_no_form_opens(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    for line in ("%alur_table --new", "%alur_pipeline --new"):
        assert notebook.ok(line) == Form()


@pytest.mark.parametrize("cell", ["%%alur_table --new\nid int", "%%alur_pipeline --new\nselect 1"])
def test_a_form_has_no_body(notebook: Notebook, cell: str) -> None:
    notebook.run(cell)
    assert "--new shows the form, and this cell has a body" in notebook.error_lines[0]


FORMS: list[Any] = [
    Form(),
    Form("table", "open"),
    Form("pipeline", "written", "%alur_pipeline x --from '<y>' --target z"),
    Form("table", "template", "%%alur_table orders\nid int", 'pip install "x"'),
]


@pytest.mark.parametrize("form", FORMS, ids=["none", "open", "written", "template"])
def test_a_form_has_three_readings(form: Form) -> None:
    text, shown = to_text(form), read(str(to_html(form)))
    assert max(map(len, text.splitlines())) <= 100
    assert not {word for word in text.split() if word not in shown}
    assert json.loads(json.dumps(form.to_dict()))["step"] == form.step

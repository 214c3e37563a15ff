"""In a real kernel: what a line writes below itself, once; and a form whose button is pressed by the front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.kernel import Kernel, Ran

pytestmark = pytest.mark.slow

LINE = "%alur_table orders --from 'orders/*.csv'"
CELL = "%%alur_table orders --layer bronze\nid     int not null\namount decimal(10,2) not null"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in a project with one landing file."""
    folder: Path = tmp_path_factory.mktemp("shop")
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "data" / "orders" / "1.csv").write_text("id,amount\n1,2.50\n2,3.50\n")
    made = Kernel(folder)
    try:
        assert made.run("%load_ext alur_nb", "load").status == "ok"
        yield made
    finally:
        made.close()


def below(ran: Ran) -> list[str]:
    """Return the cells that a reply asks the front end to write below."""
    assert all(one["source"] == "set_next_input" and not one["replace"] for one in ran.payload)
    return [one["text"] for one in ran.payload]


def test_a_line_writes_its_cell_below_once_and_then_shows_the_difference(kernel: Kernel) -> None:
    first = kernel.run(LINE, "infer")
    assert (first.status, below(first)) == ("ok", [CELL])
    assert "candidate keys, on the sample: id" in first.texts()[0]
    assert ">evidence for the columns of bronze.orders</caption>" in first.texts("text/html")[0]
    again = kernel.run(LINE, "infer")
    assert (again.status, below(again)) == ("ok", [])
    assert "it is not written again" in again.texts()[0]
    assert kernel.run("%%alur_table orders\nid bigint", "declared").status == "ok"
    compared = kernel.run(LINE, "infer")
    assert below(compared) == []
    assert "-id bigint" in compared.texts()[0]
    assert "+amount decimal(10,2) not null" in compared.texts()[0]


def test_the_same_line_gives_the_same_bytes(kernel: Kernel) -> None:
    shown = [kernel.run(LINE, "bytes").outputs[0]["data"] for _ in range(2)]
    assert shown[0] == shown[1]


def models(ran: Ran) -> dict[str, str]:
    """Return the comm of each control by its label."""
    opened = [output for output in ran.outputs if output["type"] == "comm_open"]
    states = {output["comm_id"]: output["data"]["state"] for output in opened}
    return {state["description"]: comm for comm, state in states.items() if state.get("description")}


def press(kernel: Kernel, comm: str) -> list[dict[str, Any]]:
    """Press a button as a front end does."""
    return kernel.tell_widget(comm, {"method": "custom", "content": {"event": "click"}})


def fill(kernel: Kernel, comm: str, value: str) -> list[dict[str, Any]]:
    """Type into a control as a front end does."""
    return kernel.tell_widget(comm, {"method": "update", "state": {"value": value}, "buffer_paths": []})


def test_a_form_keeps_its_cell_for_the_next_run_of_its_line(kernel: Kernel) -> None:
    form = kernel.run("%alur_table --new", "form")
    assert (form.status, below(form)) == ("ok", [])
    controls = models(form)
    fill(kernel, controls["name"], "late")
    updates = fill(kernel, controls["columns"], "id int")
    texts = [one["data"]["text/plain"] for one in updates if one["type"] == "update_display_data"]
    assert "no problem found in it" in texts[-1]
    pressed = press(kernel, controls["Write the cell"])
    assert any("Kept. Run this cell again" in str(one.get("data")) for one in pressed)
    assert below(kernel.run("1 + 1", "other")) == []
    done = kernel.run("%alur_table --new", "form")
    assert below(done) == ["%%alur_table late --layer bronze\nid int"]
    assert below(kernel.run("%alur_table --new", "form")) == []


def test_a_look_in_a_thread_reaches_the_forms_output(kernel: Kernel) -> None:
    form = kernel.run("%alur_table sales --new --from 'orders/*.csv'", "look")
    shown = [output for output in form.outputs if "display_id" in output.get("transient", {})]
    press(kernel, models(form)["Look"])
    join = "import threading\nfor t in threading.enumerate():\n    t.name == 'alur-look' and t.join()"
    outputs = [*kernel.run(join, "join").outputs, *kernel.unclaimed()]
    updates = [one for one in outputs if one["type"] == "update_display_data"]
    assert {one["transient"]["display_id"] for one in updates} == {shown[0]["transient"]["display_id"]}
    assert "candidate keys, on the sample: id" in updates[-1]["data"]["text/plain"]
    assert "%%alur_table sales --layer bronze\n    id     int not null" in updates[-1]["data"]["text/plain"]

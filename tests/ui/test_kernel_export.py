"""The export panel in a real kernel: its buttons clicked by the messages that a front end sends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from tests.ui.kernel import Kernel, Ran

pytestmark = pytest.mark.slow

CELLS = {
    "load": "%load_ext alur_nb",
    "parameters": "limit = 10",
    "orders": "%%alur_table orders\nid int not null\namount decimal(10,2)",
    "ingest": (
        "from alur_nb import files, pipeline\n\n"
        "@pipeline(sources={'orders': files('orders/*.csv')}, target=OrdersBronze)\n"
        "def ingest_orders(orders):\n    return orders.limit(limit)"
    ),
}
SECONDS = 180.0


class Panel:
    """A shown panel: its outputs, those that come later included, and its buttons."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.request = kernel.send("%alur_export", "panel")
        self.ran: Ran = kernel.collect(self.request)
        self.buttons = {
            output["data"]["state"]["description"]: output["comm_id"]
            for output in self.ran.outputs
            if output["type"] == "comm_open" and output["data"]["state"].get("_model_name") == "ButtonModel"
        }

    def click(self, description: str) -> None:
        """Send what a front end sends for a click."""
        session = self.kernel.client.session
        data = {"method": "custom", "content": {"event": "click"}}
        message = session.msg("comm_msg", {"comm_id": self.buttons[description], "data": data})
        self.kernel.client.shell_channel.send(message)

    @property
    def later(self) -> list[str]:
        """The texts that have come to the panel's cell since it ended."""
        outputs: list[dict[str, Any]] = self.kernel._outputs.get(self.request, [])
        return [output["data"]["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]

    def wait_for(self, text: str) -> str:
        """Return the first text since the cell's end that has this in it."""
        deadline = time.monotonic() + SECONDS
        while not (found := [one for one in self.later if text in one]):
            assert time.monotonic() < deadline, self.later
            self.kernel._receive()
        return found[0]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one saved notebook."""
    made = tmp_path_factory.mktemp("shop")
    (made / "alur.toml").write_text('[project]\nname = "shop"\n[env.dev]\nlanding = "s3://acme-landing/"\n')
    cells = [v4.new_code_cell(source, id=cell_id) for cell_id, source in CELLS.items()]
    cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(v4.new_notebook(cells=cells), made / "shop.ipynb")
    return made


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """The notebook's kernel, every cell run."""
    made = Kernel(folder)
    try:
        for cell_id, source in CELLS.items():
            ran = made.run(source, cell_id)
            assert ran.status == "ok", ran.error
        yield made
    finally:
        made.close()


def test_a_click_writes_what_the_typed_export_writes(kernel: Kernel, folder: Path) -> None:
    panel = Panel(kernel)
    card, controls = panel.ran.texts()
    assert card.startswith("export of shop.ipynb to bundle/: ready\n  saved: yes")
    assert controls.startswith("controls: environment, limit, Export, Cancel;")
    panel.click("Export")
    panel.wait_for("export to dev: running\n  cell ")
    # Another cell runs meanwhile, and each keeps its own outputs.
    other = kernel.run("print('mine'); 6 * 7", "other")
    assert other.texts() == ["42"]
    assert other.streams == "mine\n"
    result = panel.wait_for("Bundle for dev: 1 job, 1 table, in bundle")
    assert "added: jobs/ingest_orders.py" in result
    assert any(text.startswith("export to dev: done") for text in panel.later)

    typed = kernel.run("%alur_export --env dev --out typed", "typed")
    assert typed.status == "ok", typed.error
    assert tree(folder / "bundle") == tree(folder / "typed")
    assert kernel.run("%alur_export", "panel").texts()[0].count("its scripts are what the saved") == 1


def test_cancel_stops_the_running_export_and_leaves_the_last_one(kernel: Kernel, folder: Path) -> None:
    if not (folder / "bundle").exists():
        assert kernel.run("%alur_export --env dev", "typed").status == "ok"
    script = folder / "bundle" / "jobs" / "ingest_orders.py"
    script.write_text("edited")
    panel = Panel(kernel)
    # The line is long, and wrapped.
    words = " ".join(panel.ran.texts()[0].split())
    assert "edited since: jobs/ingest_orders.py; changed: jobs/ingest_orders.py" in words
    panel.click("Export")
    panel.wait_for("export to dev: running\n  cell ")
    panel.click("Cancel")
    assert "the bundle on disk is as it was" in panel.wait_for("export to dev: cancelled")
    assert script.read_text() == "edited"
    assert not list(folder.glob(".bundle*"))

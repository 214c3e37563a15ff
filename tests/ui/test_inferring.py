"""`%alur_table NAME --from`: the evidence is shown, the cell is written once, and then only the difference."""

from __future__ import annotations

import json
import threading

import pytest
from pyspark.sql import SparkSession

from alur_nb.authoring.infer_facts import Inference
from alur_nb.runtime.errors import NotebookError, SourceError
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace
from alur_nb.ui import inferring
from alur_nb.ui.cards import to_html, to_text
from tests.conftest import Land
from tests.ui.conftest import Notebook
from tests.ui.test_cards import read

LINE = "%alur_table orders --from 'orders/*.csv'"
CELL = "%%alur_table orders --layer bronze\nid     int not null\namount decimal(10,2) not null"


@pytest.fixture
def shop(notebook: Notebook, land: Land) -> Notebook:
    """A notebook with one landing file."""
    land("orders/1.csv", "id,amount\n1,2.50\n2,3.75\n")
    return notebook


def written(notebook: Notebook) -> str | None:
    """Return the cell that the last one wrote below itself, and forget it, as a front end does."""
    text: str | None = vars(notebook.shell).pop("rl_next_input", None)
    return text


def test_the_cell_is_written_below_once(shop: Notebook, project: Project) -> None:
    found = shop.ok(LINE, "a")
    assert isinstance(found, Inference)
    assert (found.state, written(shop)) == ("written", CELL)
    assert shop.ok(LINE, "a").state == "written before"
    assert written(shop) is None
    assert CELL.splitlines()[1] in str(shop.ok(LINE, "a"))
    # Another cell has written nothing yet.
    assert shop.ok(LINE, "b").state == "written"
    assert not project.tables


def test_what_was_written_declares_the_table(shop: Notebook, project: Project) -> None:
    shop.ok(LINE, "a")
    shop.ok(written(shop) or "", "b")
    assert project.table("orders").columns["amount"].ddl == "decimal(10,2)"
    again = shop.ok(LINE, "a")
    assert (again.state, again.difference, written(shop)) == ("declared", "", None)
    assert "no difference: the sample says the same" in str(again)


def test_the_options_pass_into_the_cell(shop: Notebook) -> None:
    shop.ok(f"{LINE} --layer silver --primary-key id --description 'What the shop''s till said'", "a")
    assert (written(shop) or "").startswith(
        "%%alur_table orders --layer silver --primary-key id --description 'What the shops till said'\n"
    )


def test_files_that_say_something_else_now_are_shown_as_a_difference(shop: Notebook, land: Land) -> None:
    shop.ok(LINE, "a")
    written(shop)
    land("orders/2.csv", "id,amount\n,4.00\n")
    again = shop.ok(LINE, "a")
    assert (again.state, written(shop)) == ("differs", None)
    assert "-id     int not null\n+id     int" in again.difference


def test_a_declared_table_is_compared_and_keeps_what_a_sample_cannot_know(shop: Notebook) -> None:
    shop.ok(
        "%%alur_table orders --primary-key id --freshness '26 hours' --description 'Sold'\n"
        "amount double comment 'in euros', gone int, id int not null",
        "declared",
    )
    found = shop.ok(LINE, "a")
    assert (found.state, written(shop)) == ("declared", None)
    assert [
        line for line in found.difference.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")
    ] == [
        "-amount double comment 'in euros'",
        "-gone   int",
        "+amount decimal(10,2) comment 'in euros'",
    ]
    assert "--primary-key id --freshness '26 hours' --description Sold" in found.cell
    assert found.cell.index("amount") < found.cell.index("id     int")


CLASS = """%%alur_table orders
import alur_nb


class Sales(alur_nb.BronzeTable):
    address = alur_nb.StructField(
        {
            "street": alur_nb.StringField(description="with its number"),
            "post_code": alur_nb.StringField(nullable=False, source="zip"),
        },
    )
    lines = alur_nb.ArrayField(
        alur_nb.StructField({"sku": alur_nb.StringField(description="of the maker")}),
    )
    sizes = alur_nb.MapField(
        alur_nb.StringField(),
        alur_nb.IntegerField(description="in cm"),
    )

    class Meta:
        name = "orders"
"""


def test_a_class_keeps_its_name_and_what_it_says_of_members(shop: Notebook, land: Land) -> None:
    record = {"address": {"zip": "01", "street": "a"}, "lines": [{"sku": "a"}], "sizes": {"1": 1}}
    land("sales.jsonl", json.dumps(record) + "\n")
    shop.ok(CLASS, "declared")
    same = shop.ok("%alur_table orders --from sales.jsonl", "a")
    assert (same.difference, same.cell) == ("", CLASS)
    land("sales.jsonl", json.dumps(record | {"address": {"zip": 1, "street": "a", "town": "b"}}) + "\n")
    found = shop.ok("%alur_table orders --from sales.jsonl", "a")
    assert [line.strip() for line in found.difference.splitlines()[2:] if line[0] in "+-"] == [
        '-            "post_code": alur_nb.StringField(nullable=False, source="zip"),',
        '+            "post_code": alur_nb.IntegerField(nullable=False, source="zip"),',
        '+            "town": alur_nb.StringField(),',
    ]


def test_a_key_whose_column_is_gone_is_part_of_the_difference(shop: Notebook) -> None:
    shop.ok(
        "%%alur_table orders --primary-key gone --partition-by 'day(at)'\ngone int, at timestamp, id int",
        "declared",
    )
    found = shop.ok(LINE, "a")
    assert (
        "-%%alur_table orders --layer bronze --primary-key gone --partition-by 'day(at)'" in found.difference
    )
    assert "+%%alur_table orders --layer bronze\n" in found.difference


def test_a_declared_source_is_found_under_its_own_name(shop: Notebook, land: Land) -> None:
    land("orders/1.csv", "Order No.\n1\n")
    shop.ok(
        "%%alur_table\nimport alur_nb\nclass OrdersBronze(alur_nb.BronzeTable):\n"
        '    number = alur_nb.IntegerField(nullable=False, source="Order No.")\n',
        "declared",
    )
    assert shop.ok(LINE, "a").difference == ""


def test_after_a_restart_the_saved_notebook_has_the_cell(
    shop: Notebook, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [
        {
            "cell_type": "code",
            "source": text,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "id": str(n),
        }
        for n, text in enumerate(
            [LINE, "%%alur_table orders\nid bigint not null\namount decimal(10,2) not null"]
        )
    ]
    path = land(
        "../shop.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    monkeypatch.setenv("JPY_SESSION_NAME", str(path.resolve()))
    found = shop.ok(LINE, "0")
    assert (found.state, written(shop)) == ("saved", None)
    assert "-id bigint not null" in found.difference
    assert shop.ok(LINE.replace("orders ", "sales "), "0").state == "written"
    # A table of that name in another layer is another table.
    assert shop.ok(f"{LINE} --layer silver --primary-key id", "0").state == "written"


@pytest.mark.parametrize(
    ("cell", "layer"),
    [
        ("%%alur_table orders\nid int", "bronze"),
        ("%%alur_table orders --layer silver\nid int", "silver"),
        ("%%alur_table orders --layer='gold'\nid int", "gold"),
        ("%%alur_table orders\nimport alur_nb\nclass Orders(alur_nb.SilverTable):\n    pass", "silver"),
    ],
)
def test_a_saved_cell_says_its_layer(cell: str, layer: str) -> None:
    assert inferring._layer_of(cell) == layer


@pytest.mark.parametrize(
    ("name", "is_in_background"), [("1.csv", False), ("1.csv.zst", True), ("1.jsonl.zstd", True)]
)
def test_what_starts_spark_is_read_in_the_background(
    shop: Notebook, land: Land, monkeypatch: pytest.MonkeyPatch, name: str, is_in_background: bool
) -> None:
    ran_in: list[threading.Thread] = []

    def noted(*arguments: object) -> Inference:
        ran_in.append(threading.current_thread())
        return Inference("bronze.orders", "")

    monkeypatch.setattr("alur_nb.authoring.infer.infer", noted)
    monkeypatch.setattr("alur_nb.ui.operating.in_job_group", lambda task: None)
    land(f"packed/{name}", "")
    shop.ok("%alur_table orders --from 'packed/*'")
    assert (ran_in[0] is not threading.main_thread()) == is_in_background


def test_a_batch_run_has_nobody_to_write_a_cell_for(shop: Notebook) -> None:
    found = shop.ok(LINE, None, stdin=False)
    assert (found.state, written(shop)) == ("", None)
    assert CELL.splitlines()[1] in str(found)


def test_during_an_export_nothing_is_looked_at(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUR_MODE", "export")
    found = shop.ok("%alur_table orders --from 'nothing/*.csv'")
    assert found == Inference("", "")
    assert (str(found), written(shop)) == ("Nothing was inferred.", None)


def test_names_of_the_notebook_may_stand_in_the_pattern(shop: Notebook) -> None:
    shop.ok("folder = 'orders'")
    found = shop.ok("%alur_table orders --from '{folder}/*.csv'", "a")
    assert found.pattern == "orders/*.csv"
    assert "--from '{folder}/*.csv'" in found.next_step
    shop.run("%alur_table orders --from '{folders}/*.csv'", "a")
    assert "the notebook has no name `folders` (did you mean `folder`?)" in shop.error_lines[0]


@pytest.mark.parametrize(
    ("cell", "error", "said"),
    [
        ("%alur_table --from 'orders/*.csv'", NotebookError, "the table's name is missing"),
        ("%alur_table orders --from 'order/*.csv'", SourceError, "does not exist"),
        (
            "%alur_table orders --from 'orders/*.csv' --primary-key no",
            NotebookError,
            "declares no column `no`",
        ),
        ("%alur_table Orders! --from 'orders/*.csv'", NotebookError, "cannot be a table's name"),
        ("%%alur_table orders --from 'orders/*.csv'\nid int", NotebookError, "--from infers the columns"),
        ("%%alur_table orders --option sep=;\nid int", NotebookError, "--from infers the columns"),
        ("%alur_table orders --from 'orders/*.csv' --option seq=;", Exception, "`seq` is no option"),
    ],
)
def test_a_mistake_ends_the_cell_with_the_next_step(
    shop: Notebook, cell: str, error: type[Exception], said: str
) -> None:
    shop.run(cell)
    assert isinstance(shop.error, error)
    assert said in shop.error_lines[0]
    assert any(line.startswith("  next:") for line in shop.error_lines)
    assert written(shop) is None


def test_a_cell_magic_without_a_body_is_the_line(shop: Notebook) -> None:
    assert shop.ok(f"%{LINE}\n", "a").state == "written"


def test_an_interrupt_is_one_line(shop: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alur_nb.authoring.infer.list_files", interrupted)
    shop.run(LINE)
    assert shop.error_lines == ["cancelled: inference of orders"]


def test_the_card_has_the_facts_of_the_text(shop: Notebook, land: Land) -> None:
    land("orders/2.csv", "id;amount\n" + "".join(f"{n};<b>{n}</b>\n" for n in range(300)) + "n/a;x\n")
    shop.ok("%%alur_table orders\nid bigint", "declared")
    found = shop.ok("%alur_table orders --from orders/2.csv", "a")
    text, shown = to_text(found), read(str(to_html(found)))
    assert max(map(len, text.splitlines())) <= 100
    words = {word.strip(".,:;()") for word in text.split() if word.isalnum()}
    assert not {word for word in words if word not in shown}
    assert "<b>" not in str(to_html(found))
    assert json.loads(json.dumps(found.to_dict()))["columns"][0]["misfits"] == {"n/a": 1}


@pytest.mark.slow
def test_parquet_is_looked_at_in_the_background(
    shop: Notebook, workspace: Workspace, spark: SparkSession
) -> None:
    # Spark's own working directory is not the test's.
    target = workspace.settings.root / "data" / "numbers"
    spark.range(3).coalesce(1).write.parquet(str(target))
    found = shop.ok("%alur_table numbers --from 'numbers/*.parquet'", "a")
    assert (found.state, found.format) == ("written", "parquet")
    assert (written(shop) or "").endswith("id bigint not null")
